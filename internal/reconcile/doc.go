// Package reconcile finds what Temporal has done and the database does not
// know, as it is after a backup of the database was restored: files that
// travelled in the hours that are missing.
//
// It reads what workflows wrote down of themselves: who started, which steps
// ended. It must not change anything, at Temporal or in the database: what is
// done about a difference is decided in package cli by a named person.
package reconcile
