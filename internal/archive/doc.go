// Package archive reads what EHRs pack the files of a historical load into: zip
// archives and gzip streams. What is not plain is refused whole, with a sentence
// that names no file: bombs (counted while unpacking, never believed), archives
// in archives, names that leave the folder or hide something, links, encrypted
// and damaged entries.
//
// It must not write anything, and must not know what the files mean.
package archive
