package conformance

import "immtrail/hl7"

// Seen is a value and who had it, as digests.
type Seen struct{ Value, Who uint64 }

// Everybody notes blocks of values one by one and merges them in order.
func Everybody(blocks ...[]Seen) (differs bool, seen, crowd int, firstLine int) {
	var all watch
	line := 0
	for _, block := range blocks {
		var w watch
		for _, s := range block {
			line++
			w.note(s.Value, s.Who, &segment{Segment: &hl7.Segment{Line: line}})
		}
		all.merge(&w)
	}
	return all.differs, all.seen, all.n, all.first.line
}

// Blocks judged apart are merged in their order.
var _ = (*everybody).merge
