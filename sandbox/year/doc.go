// Package year proves the loop of errors over a long time: a group of five
// sites sends files for twelve months, the registry objects to records that it
// alone can object to, some are corrected, rightly or wrongly or in part, some
// come back, some are given up or mended at the registry. At the end every
// objection must stand where its own script says, none lost, none closed
// without proof.
//
// It has tests only. Their ledger of objections is made before anything is
// sent and knows nothing of the product; what plays are the product's
// activities on a real PostgreSQL and SFTP server, with the date as an input.
package year
