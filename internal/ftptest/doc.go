// Package ftptest is an FTPS server in the test's own process (implicit TLS,
// passive mode) that misbehaves on demand, for what real servers do not do when
// asked. Whether a client agrees with real servers is for internal/proftpd.
//
// It must not be used outside of tests: it knows no permissions.
package ftptest
