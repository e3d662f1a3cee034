// Package journey plays the people of a rehearsal: the EHR vendor who drops
// files, the coordinator who requests reviews, relays the Production email and
// approves plans, and the registry's staff who answer letters. They use what
// real people have: the outbox folder, the starter, the Web UI's signals, mail.
//
// A journal of what was done lies in the stage's folder, so that a rehearsal
// that was killed goes on. Playing the same step twice is harmless, because the
// product takes care of that; the journal only keeps the dates.
//
// The journey must not judge: whether the invariants held is for package
// oracle to say.
package journey
