// Command fleet measures many practices that submit daily: how many submissions
// a minute come through, how long after its time each is confirmed, what a year
// of a practice costs in the database and in Temporal, and which process bends
// first. Practices are live, each with a login of its own at the fake registry,
// reached over SFTP on loopback; Temporal server (embedded, one SQLite file),
// PostgreSQL, worker and registry are processes of their own, whose CPU time is
// told apart. In the same run, on the same server, workflows of five activities
// that do nothing give the speed that is possible at all.
//
//	go run ./sandbox/bench/fleet
//	go run ./sandbox/bench/fleet -practices 50 -pace 1m      to see that it works
//
// Run it on an idle machine; 2,000 practices take about an hour. It is a
// measurement and not a test: nothing fails when it is slow. Letters are not sent.
package main
