// Package e2e tests the sandbox as a person runs it: the built binary as a
// process of its own, with everything it starts. It looks at what the process
// prints, at its exit code, and at what is left when it has ended.
//
// The tests run one after the other: each boots a whole stage. Nothing here may
// reach into the stage from inside; what the oracle sees is the oracle's matter.
package e2e
