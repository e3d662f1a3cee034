// Package cells makes texts safe to stand in a spreadsheet: what a sender or a
// person typed must not be run as a formula by the program that opens the
// export (OWASP, CSV injection).
//
// It must not decide what may be exported.
package cells
