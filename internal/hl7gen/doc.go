// Package hl7gen writes realistic batch files of immunization messages about
// invented people, for tests, benchmarks and rehearsals. The same seed gives
// the same bytes.
//
// A batch without defects passes the checker without an error. Defects are
// planted on request, one message each, and named, so that a test can ask for
// exactly one thing to be wrong.
//
// Names, streets and chart numbers are made of random syllables and letters in
// a form that no other text has (see [Word]), so that a scan for leaked patient
// data can look for them anywhere. Nobody in here exists. The package must not
// be linked into the worker.
package hl7gen
