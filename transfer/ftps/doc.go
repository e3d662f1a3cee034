// Package ftps reaches a registry's drop point over FTP with implicit TLS
// (port 990), as DSHS describes it for ImmTrac2 (Stock No. 11-15236, Rev.
// 09/2019): passive mode, data ports in a range, binary always.
//
// The library below (jlaffaye/ftp) sends commands and reads replies. What it
// leaves out is done here:
//
//   - It knows no deadline per read and write: [link] gives each wait one, and a
//     least rate to each transfer.
//   - Its uploads close the data connection with the server's last TLS records
//     unread, which resets it and may cost the file's end, and end a source that
//     failed as if it were whole: [data] reads to the end, or resets.
//   - Its listings leave out lines that it cannot read and take links for files:
//     MLSD and MLST are read here again, from the bytes that came.
//   - It loses the code of a reply to USER: the last reply is kept by [control].
//   - crypto/tls takes an end of the connection between two records for a proper
//     end: [wire] notices that TLS's own end mark is missing.
//
// Servers demand that data connections use the TLS session of the login again;
// one cache serves both. Over TLS 1.2 crypto/tls knows session tickets only: a
// server with TLS 1.2, the demand and no tickets cannot be used, and is told so.
//
// A reply 226 is not believed alone: the size under the temporary name is
// compared before the rename. FTP has no exclusive open and servers differ in
// what a rename onto an existing name does, so both names are looked at right
// before; what lies there is never replaced.
//
// It must not send a byte of a login before the certificate is proven, must not
// connect anywhere but to the control connection's host, and must not resume.
package ftps
