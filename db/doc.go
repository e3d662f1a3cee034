// Package db is every SQL statement of immtrail. [Store] has one method per
// thing that the process does to its facts, and each of them may be repeated:
// keys, unique constraints and "on conflict" make the second time harmless, so
// that a lost acknowledgement of a commit is answered by doing it again.
//
// Rows that must not exist cannot exist: states are checked, moves follow the
// diagrams of package registry (kept as rows, compared by a test), a practice
// moves only together with its audit event, the audit cannot be changed, and
// no production file is begun before the practice is in production.
//
// Who may find a patient is decided elsewhere; here patient references are
// sealed ([Sealer]) before they are written, records are found again by keyed
// digests, and no error text holds a value ([registry.Error], fault.go).
//
// The package must not read a clock for decisions ("at" always comes in), must
// not know Temporal, and must not do anything to files.
package db
