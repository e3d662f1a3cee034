// Package z22 is profile Z22 of the CDC guide r1.5 as data: segments, fields,
// components and subcomponents with usage, cardinality, length, data type and
// table; the conditions of conditional elements; NIST's numbered constraints;
// and the small code tables.
//
// The table z22.txt is written by gen from the files that NIST publishes with
// its immunization test suite, and holds facts only. One line is one element:
//
//	n usage max length type table condition name
//
// where "-" stands for nothing and max "*" for any number. A conditional usage
// is C(A/B): A where the condition holds, B otherwise. Conditions name
// siblings: "4" is valued, "!2.1&!3" neither is, "2=NET", "20=CP,PA", "6!=999";
// one looks from ORC into the RXA of its group. "case 5 TS TS" gives the data
// type of OBX-5 by OBX-2.
//
// The package says what the profile says. It must not judge a message, and
// must not know severities: those are conformance's.
package z22
