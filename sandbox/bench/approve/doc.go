// Command approve measures how long a coordinator waits after relaying a Production
// email: from the update approve-production until it is answered and the practice is
// live; and the same for the command `starter production approve`, from the start of
// its process to its end. It starts the embedded Temporal server, a worker and a
// private PostgreSQL, brings 1,000 practices into review, approves a hundred in each
// way, and prints rows for docs/benchmarks.md. Back to back, each approval meets what
// the one before set off: letter, schedules, historical load.
//
//	go run ./sandbox/bench/approve
//	go run ./sandbox/bench/approve -practices 30 -n 10 -pause 500ms     to see that it works
//
// Run it on an idle machine; it takes some minutes. It is a measurement and not a
// test: nothing fails when it is slow. Letters are written and not sent.
package main
