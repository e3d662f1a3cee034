// Package notify brings letters and alerts to people by mail, and the subjects of
// alerts into chat rooms.
//
// A letter is rendered from a template and typed data, gets a Message-ID that
// depends on its event alone, and is sent. When nobody can tell whether a mail
// server took a letter, sending it again repeats the same Message-ID, so that
// the reader's mailbox can tell that it is one letter.
//
// The package must not decide who is told what and when, must not remember
// what was sent (the caller records it), and attaches nothing but a table that
// the caller wrote of the same typed data as the letter: letters carry no
// patient data.
package notify
