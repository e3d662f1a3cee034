// Package mailcatcher is the mail server of the sandbox and of the end-to-end
// tests: it takes every mail on loopback, keeps it as a file, and shows it on a
// small web page. Nothing is ever sent on.
//
// On demand it takes a mail and hangs up before it says so, which is how a
// sender comes to send twice.
package mailcatcher
