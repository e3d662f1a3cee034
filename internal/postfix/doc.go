// Package postfix starts a real Postfix for tests: a mail server on a free loopback
// port that offers STARTTLS, knows some mailboxes, refuses all others (550), can
// greylist (451), takes mail that it bounces later, and delivers into mailboxes (Maildir) that tests read. Debian
// package: postfix. Postfix wants to be started by root.
//
// It must not touch the machine's own mail: configuration, queue and mailboxes lie
// in a folder of their own, mail never leaves the machine, and nothing of it stays
// when the test ends. Several may run beside each other.
package postfix
