// Package stage builds the stage of a rehearsal in one folder and on loopback:
// PostgreSQL, an embedded Temporal server with its Web UI, a registry at the
// other end of an SSH connection, a mail catcher, and the worker. Registry and
// worker are processes of their own, started from the same binary.
//
// Everything that is worth keeping lies in the folder: kill the process group
// at any moment, build the stage again in the same folder, and the rehearsal
// goes on. The time in between does not count: the calendar is moved by it.
//
// The stage must not know what is played on it; that is package journey.
package stage
