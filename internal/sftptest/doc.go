// Package sftptest is an SFTP server in the process, for tests and for
// rehearsals: real SSH, real files on disk, one folder per user.
//
// It misbehaves on demand ([Faults]), because what a client does while things
// go well proves little. Nothing a client names can reach outside the user's
// folder (os.Root).
//
// It must not be used for anything but tests and rehearsals: it keeps no audit
// trail and knows no quota. It knows nothing of registries; what a registry
// does with a file hangs on the hooks.
package sftptest
