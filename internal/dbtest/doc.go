// Package dbtest gives every test a database of its own, migrated and empty.
//
// The databases live on the server that TEST_DATABASE_URL names, else on a
// private cluster that is started once per test process and ends with it. The
// migrations run once, into a template; a test's database is a copy of it,
// which takes milliseconds.
//
// Where there is no PostgreSQL at all, tests are skipped with the reason
// printed, and fail when CI is set to true: a build that tests nothing must not
// pass. The package must not be imported by anything but tests and the sandbox.
package dbtest
