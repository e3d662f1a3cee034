// Package codes holds the code tables that the checker judges by: vaccines
// (CVX), manufacturers (MVX), products, drug codes (NDC), procedures (CPT),
// vaccine information statements (VIS) and vaccine groups as CDC publishes
// them, and four small tables of this project's own: when a vaccine was in use
// and for which age, who stands behind a labeler code, and shapes of lot
// numbers.
//
// A [Table] is text: a header with its kind, edition and origin, and sorted
// rows of values between bars. The embedded ones hold facts only (codes,
// statuses, dates, which goes with which); conformance/codes/gen makes them
// from CDC's files. A [Set] is one table of each kind, and [Tables] is a set
// made ready for looking up: immutable, safe for any number of goroutines, and
// without allocation per lookup, since every vaccination of every file asks
// several times.
//
// Newer tables lie in a folder ([Folder]), written by `starter codes import`.
// It must not know HL7 messages, rules or severities, ask a clock, or reach
// out to CDC: files come in from whoever downloaded them.
package codes
