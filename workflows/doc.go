// Package workflows is the process of immtrail: deterministic code only. It
// asks activities for everything that touches the world, and package registry
// for what is allowed.
//
// # The journey of a practice
//
//	Onboarding  onboarding/<practice>           weeks to months
//	┌────────────┐   ┌──────────┐   ┌───────────┐   ┌────────────┐
//	│ registered │──►│ testing  │──►│ in review │──►│ production │──► first file,
//	└────────────┘   └────▲─────┘   └─────┬─────┘   └─────┬──────┘    evidence
//	 prerequisites   3 to 5 error-free    │changes        │
//	                 test files    ◄──────┘needed         ├─► HistoricalLoad
//	                                                      └─► daily submission
//
//	SubmissionCycle  cycle/<practice>-<time>    minutes; started by a Schedule
//	    empties the outbox of the phase's lane, one FileSubmission a file
//	OutboxQuestion   outbox/<practice>/<token>  until a person answers
//	    about files with a wrong checksum, or of nobody in a shared folder
//	FileSubmission   file/<file>                minutes to days
//	    check → prepare → upload → confirm → report
//	ReportCollection reports/<connection>-<time> minutes; started by a Schedule
//	    list → fetch → import → tell the files → settle errors
//	ReportQuestion   report/<report>            until a person answers
//	    about a report that nothing understands, so that the others go on
//	RegistryHost     host/<host>                for ever
//	    who may log in at a registry's server, in turns; holds a connection once
//	HistoricalLoad   history/<practice>         days to weeks; once
//	    ask → plan → dry run → approval → parts → reconcile, again for each
//	    supplement, until a named person closes it
//	Watch            watch/<practice>           for ever
//	    each morning: 30-day floor, quiet sites, missing reports, old errors
//	Reminders        reminders                  for ever; one of it
//	    each morning of each of our people: one letter of all that waits
//
// # What is authoritative
//
// Bytes lie in the vault, facts in PostgreSQL, and what happens next lies
// here. A workflow that needs a count asks an activity for it; a signal is a
// nudge to look, and a lost or doubled nudge changes nothing.
//
// # Invariants
//
//   - No production or historical file before the Production email: the lane
//     follows the phase ([registry.LaneOf]), preparing and uploading ask again,
//     and the database refuses the row.
//   - A file that is wrong is a result. A machine that is wrong is an error,
//     retried by policy. What only a person can settle is a hold: the workflow
//     waits for the update resolve-hold and never decides by itself.
//   - Silence is never a decision. Every wait for a person or for the registry
//     has a line with its owner, its begin and its due day, and no end; Reminders
//     reads the lines.
//   - A workflow fails only on a bug or on malformed input (kind invalid).
//   - Messages may come at any time: early ones are kept and applied when their
//     time comes, late and repeated ones change nothing and say so.
//   - State that outlives a run is one exported struct in the input; every run
//     ends through process.finish, which waits for running handlers.
//
// This package must not import os, io, net, clocks, randomness, or any room
// but registry, activities (to name methods and reuse their structs) and the
// payload tripwire; the linter holds it to that.
package workflows
