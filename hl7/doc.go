// Package hl7 reads and writes HL7 v2 batch files as streams: envelope
// segments (FHS, BHS, BTS, FTS) and messages come out in order, fields are
// slices of the bytes that came in, and nothing is copied or built into a tree.
//
// It knows the grammar of HL7 and nothing of immunizations. It must not judge a
// message, must not read a clock, and imports the standard library only. Memory
// is bounded by [Limits], whatever the size of the file.
//
//	r := hl7.NewReader(src, hl7.Limits{})
//	for {
//		u, err := r.Next()
//		if err == io.EOF {
//			break
//		}
//		...
//		if u.Kind == hl7.KindMessage {
//			pid := u.Segment("PID")
//			birth, ok := hl7.ParseDate(pid.Field(7))
//		}
//	}
package hl7
