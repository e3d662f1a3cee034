// Package registry holds the nouns of data exchange with an immunization
// registry: practice, site, phase, lane, file, verdict, finding, delivery,
// report item, hold, and the kinds of things that go wrong.
//
// It is the one package that every room may know. It must not do I/O, must not
// read a clock ("now" always comes in), and imports the standard library only.
//
// # Phases
//
//	             prerequisites-done        review-requested
//	registered ───────────────────► testing ─────────────► in_review
//	                                   ▲                      │  │
//	                                   └──── changes-needed ──┘  │ approved
//	                                                             ▼
//	     withdrawn ◄──── withdrawn (from any phase) ──────── production
//
// Production means that the connection is live. Historical load and ongoing
// submission are states beside the phase (HistoryState, SubmissionState), not
// phases: a practice in production may load history while it submits daily.
//
// [Next] is that diagram as a table; workflows ask it, the database repeats it
// as a constraint, and a test walks every pair.
package registry
