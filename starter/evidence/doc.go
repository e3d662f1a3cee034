// Package evidence writes what a practice keeps for DSHS, for its EHR vendor and
// for Promoting Interoperability: a ZIP with a summary to read and the tables
// and letters that it rests on, without patient data.
//
// The same facts give the same bytes. The package must not read a database or
// the clock, and must not judge: it says what was recorded, and by whom.
package evidence
