// Command serve runs a Temporal server alone, on loopback, for programs that
// measure immtrail: it says its address on standard output and ends when its
// standard input does.
//
//	serve DIR
//
// It must not be used for anything else: there is no Web UI and no authorisation.
package main
