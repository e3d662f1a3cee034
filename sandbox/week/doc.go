// Package week reads docs/week.md, a coordinator's week as commands with what
// they print, and plays it: every command is run and what it prints is compared
// with the text, so that the page cannot fall behind the program.
//
// # What the page looks like
//
// A heading of the second level ("## Monday") begins a day. A fenced block with
// the info string "console" holds commands and what they print:
//
//	```console
//	$ starter status
//	sunrise-plano    testing: 0 of 3 error-free test files
//	…
//	```
//
// A line that is only … stands for any number of lines, also none; … inside a
// line for any text, also none. Runs of blanks count as one, since columns move
// with what stands in them. ‹name› stands for one word that is different in
// each rehearsal: the first time it is learned, later it must be the same, and a
// command may use what was learned. "(exit code 1)" as the last line of an
// answer says that the command ends with that code; without it, with 0.
//
// The info string "console wait" says that the coordinator comes back later:
// the command is repeated until it prints what stands there. Only commands that
// change nothing belong into such a block.
//
// The package must not run anything itself: the caller hands in a [Runner].
package week
