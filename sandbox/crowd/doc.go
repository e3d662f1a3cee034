// Package crowd holds tests: 50 practices at one registry, of which 5 are
// broken, on a real Temporal server with two workers, a real PostgreSQL and real
// SFTP servers; and the saved views of docs/operations.md, tried against that
// Temporal server. It has no code of its own and must not get any.
package crowd
