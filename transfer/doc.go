// Package transfer is the registry's drop point: the small port ([Remote])
// through which files go out and reports come in. Drivers live below it
// (transfer/sftp); each passes the suite in transfer/remotetest.
//
// # What a driver promises
//
//   - An upload that returns no error was acknowledged by the server to the
//     last step. Whatever is less than that is an error; a failure is never a
//     success.
//   - Nothing partial ever lies under a final name (where the server allows a
//     rename), and nothing that lies there is ever overwritten.
//   - A file of ours that is there already, byte for byte, is a delivery, not
//     an error: every act may be repeated.
//   - Every wait is bounded, by the connection's settings and by the context.
//   - Nothing is sent to a server whose host key is not pinned; no switch turns
//     that off.
//   - Names from a listing are data of a stranger: base names only.
//
// # What it must not do
//
// It does not retry (that is the caller's business), does not know what a file
// means, keeps no state between connections, and does not decide whether a
// delivery is done: that is said by a second connection that looks for the
// file.
package transfer
