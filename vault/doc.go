// Package vault is the file store: every file that comes in or goes out lies
// here, encrypted, under the digest of its content. The rest of the system
// passes keys around (the claim check), never bytes.
//
// # What it promises
//
//   - An object is under its name whole or not at all. A put that is interrupted
//     at any byte, by an error, by the context or by a kill, leaves nothing
//     there.
//   - The name is the SHA-256 of the plain bytes: the same bytes come to the
//     same object, however often and by however many at once they are put.
//   - What is read was proven: decryption is authenticated chunk by chunk, and
//     at the end the digest is compared with the name. A reader that got io.EOF
//     has the file as it was put; any other end is an error.
//   - Memory does not grow with the file.
//
// Files are encrypted with age to one or more recipients. To rotate a key, add
// the new recipient and its identity, and drop the old recipient: old files
// stay readable as long as the old identity is kept.
//
// # What it must not do
//
// It does not know what a file is, keeps no index beside the folder, writes no
// plain byte to any disk, and never puts a secret or a byte of a file into an
// error.
package vault
