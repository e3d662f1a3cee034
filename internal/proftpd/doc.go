// Package proftpd starts a real ProFTPD for tests: implicit FTPS (mod_tls) and
// SFTP (mod_sftp), each on a free loopback port, for the user that runs the
// tests. Debian packages: proftpd-core and proftpd-mod-crypto.
//
// It must not touch the machine's own configuration, and nothing of it stays
// when the test ends. Several may run beside each other.
package proftpd
