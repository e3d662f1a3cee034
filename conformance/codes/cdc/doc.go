// Package cdc reads the code tables that CDC publishes for immunization
// information systems, as XML and as lines of values between bars, and turns
// them into this project's [codes.Table]. What a file is about is told by what
// stands in it, not by its name.
//
// Files are downloads and are not trusted: size, depth and the length of every
// value are bounded, nothing is fetched, document types and entities are
// refused, and a file that is cut short or not what it should be is refused
// with its line and a remedy. It must not write anything or judge a message.
package cdc
