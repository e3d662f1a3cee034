// Package cli is the command line of immtrail as a function: [Run] takes what
// a process has (arguments, streams, environment, login, clock) and returns
// the exit code, so that tests and the sandbox run exactly what users run.
//
// # Promises
//
//   - Exit codes: 0 done; 1 refused, or errors found; 2 wrong usage; 3 could
//     not (unreachable, unreadable).
//   - --output json prints one JSON document on standard output, with the same
//     keys from release to release. Sentences for people go to standard error.
//   - Whoever changes something is a named person: the login at this computer,
//     looked up in the settings (people). A login that is not listed there, and
//     root, may look and not change. See person.go for --as.
//   - No patient data is printed, but by the one command that asks for it and
//     leaves an audit row, and by `check --reveal` on a terminal, from a file
//     that the user has anyway.
//   - Every error says what to do.
//
// The package reads settings through package config, facts from package db,
// and changes what happens next through Temporal only: updates and signals of
// package workflows. It must not contain SQL and must not decide anything that
// a workflow decides.
package cli
