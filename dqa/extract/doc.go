// Package extract takes the text out of reports that are no text: XLSX
// spreadsheets and PDF documents. Both formats can be made to cost any time and
// memory, so the work is done in a child process with limits on both; what
// goes wrong there is a refusal here and nothing worse.
//
// The child is this program again. A main (or TestMain) calls [Serve] first; in
// the child it does the work and never returns.
//
// What passes between the two are the report and its cells, through pipes
// only: nothing is written to disk, not even to a temporary folder, since
// reports name patients. The package must not interpret what it reads, must
// not log, and must not put anything of a report into an error.
package extract
