// Package reportgen writes a table as registries might send it: XLSX, a web
// page under the name of a spreadsheet, PDF. Tests and the sandbox's registry
// use it. It must not read anything, and must know nothing of what the cells
// mean.
package reportgen
