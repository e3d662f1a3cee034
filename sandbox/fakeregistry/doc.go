// Package fakeregistry is the Texas registry of the sandbox: a program of its
// own at the other end of an SSH connection, run as a child process by [Main].
//
// It takes files from the folders of its accounts, judges them by rules of its
// own, keeps a ledger of everything that it ever received, and answers with
// reports. It misbehaves on demand (see [Misbehaviour]).
//
// It must not use the project's checker (conformance), its HL7 reader (hl7) or
// its report reader (dqa): it is there to disagree with them. Its parser is
// deliberately plain, its rules are few, and of the ImmTrac2 codes it uses
// those whose sense is public; codes numbered 900 and above are its own, since
// nobody outside the registry knows the real numbers.
//
// # What lies in its folder
//
//	accounts.json   who may log in and how the registry behaves towards them
//	control.json    the misbehaviour asked for, see [Misbehave]
//	ledger.jsonl    one line for each file received, see [ReadLedger]
//	homes/ACCOUNT   what an account sees: inbound folders and reports
//	spool/          taken from an account, not judged yet
//	archive/        judged
//	answers/        written, not due yet
//	notes/          judged, for the report of its day or week
//	periods/        which reports of days and weeks were written
//	doses/          which doses each file brought in
//
// The line in the ledger is what makes a file judged. Everything before it is
// repeated after a kill and comes out the same; everything after it is a rename.
package fakeregistry
