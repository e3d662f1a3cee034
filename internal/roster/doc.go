// Package roster is the list of practices as a spreadsheet: a row for each site,
// rows with the same practice belonging together. It reads what Excel writes
// (semicolons, tabs, a byte order mark, Windows-1252), tells every fault with its
// line, its column and what to do, and writes the template and the export.
//
// It must not open files, know a database, or take a secret: columns that name
// one are refused.
package roster
