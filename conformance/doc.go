// Package conformance judges immunization messages (VXU^V04, profile Z22 of
// the CDC guide r1.5) and the batch files they travel in, before a registry
// does: what would be accepted, what would be refused, and why.
//
// It reads a stream once, keeps little of it, and gives back findings that
// name a place and a rule and never quote a value. "Now" comes in with the
// input. It must not touch the database, the network or a clock, and must not
// log. The one thing that it writes are keyed digests in temporary files, where
// a file has too many control IDs and doses to remember ([Options.SpillDir]).
//
// # How a file is judged
//
// One goroutine reads blocks of whole messages, workers ([Options.Workers])
// judge a block each, and the caller's goroutine takes their results in the
// order of the file, looks for duplicates and calls back. Rules on one message
// are methods of checker and see that message alone; rules on the whole file
// are methods of fileChecker. Whatever can be said of a segment or field from
// its bytes alone is remembered for the next one with the same bytes.
//
// # Rules
//
// A rule is one declared thing ([Rule]): an ID, a place, a severity for each
// lane, the numbers an HL7 acknowledgement would use, a sentence for a person,
// a sentence of remedy, and its source. The ID is a family ("R-03", the dose's
// date) with, where a family says more than one thing, a word for which
// ("R-03.future"). A profile's grades and its list of held rules may name
// either: a family counts for all its rules (among the held, for those that
// cost the message), a full ID for one.
//
// # Outcomes
//
// What becomes of a message follows table 3-1 of the CDC guide. An error drops
// the smallest thing that cannot do without the bad value: nothing, the dose,
// or the message ([Drops]). A rule that a profile grades down to a warning
// drops nothing.
//
// # Code tables
//
// Vaccines, makers, drug codes and information statements are judged by the
// tables of package codes, which come in with the options; without any, by
// those that the build carries. Their version stands in every verdict, and a
// rule that judges by a table names it ([Rule.Table], [Rule.Sentence]). A code
// that may be newer than the table is a warning.
//
// # Sources
//
// "IZ-nn" are conformance statements of the CDC guide r1.5, "Z22 MSH-7 R" is a
// usage of its profile, "Texas" is what ImmTrac2's own messages are known to
// say; see each rule.
package conformance
