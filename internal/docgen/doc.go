// Package docgen writes the pages of docs/ that are made from code, and its
// tests hold the pages that people write to what the code can do: every hold
// reason, incident and letter has its section in the runbook, every direct
// dependency its line, every link its target.
//
// To write the generated pages anew:
//
//	go test ./internal/docgen -update
//
// The package must not be linked into worker or starter.
package docgen
