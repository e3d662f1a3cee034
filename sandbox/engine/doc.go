// Package engine runs a Temporal server and the Temporal Web UI inside this
// process, on loopback, with everything they know in one SQLite file. It is the
// sandbox's stand-in for a cluster: a kill at any moment loses nothing, and a
// start on the same folder goes on where it stopped.
//
// It must not be used for real practices: there is no authorisation, one
// machine, and the limits that protect a shared cluster are lifted.
package engine
