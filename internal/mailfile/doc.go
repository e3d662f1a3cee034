// Package mailfile reads what an email that a person saved says of itself: who
// sent it, when, which email it answers, and its words, to see whom it names.
//
// It reads .eml (RFC 5322) and Outlook's .msg (MS-OXMSG). Anything else, such as
// a PDF of an email, is known by its form only.
//
// The package must not keep, log or print what an email says, and must not
// decide anything: a sender is whoever the email claims.
package mailfile
