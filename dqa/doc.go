// Package dqa reads what comes back from the registry: acknowledgements in HL7
// and delimited DQA reports. Both become report items and, for every record,
// one verdict.
//
// A record is judged by the catalogue first, then by the family of the code
// and by ERR-4; never by MSA-1 alone, because ImmTrac2 answers AE for a mere
// warning. What nobody understands becomes an item of unknown outcome and is
// never dropped.
//
// The package must not match items with what was sent, must not open or close
// errors and must not store anything: the caller does that with what is
// emitted. Texts of the registry may name patients; they leave this package in
// ReportItem.Text only, which the caller seals, and never in an error.
package dqa
