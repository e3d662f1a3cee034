package hl7

import "math/bits"

// maxSeps is how many field separators of a segment are remembered. No segment
// of HL7 has so many fields; those beyond are found by looking.
const maxSeps = 64

// beforeHeader is what stands before the separators of a header.
const beforeHeader = 2

// unindexed forgets where the fields of the unit before were.
func (p *Parser) unindexed() {
	p.seps, p.comps = p.seps[:0], p.comps[:0]
	d := &p.unit.Delims
	p.by = patterns{uint64(d.Field) * ones, uint64(d.Component) * ones, uint64(d.Repetition) * ones}
}

// index finds out where the fields and components of a segment lie, once: 64
// bytes at a time are turned into one bit each for the separators of fields, of
// components and of repetitions. The positions of the first are written down.
func (s *Segment) index() {
	p := s.parser
	if s.seps != nil || p == nil {
		return
	}
	first, firstComps := len(p.seps), len(p.comps)
	if s.header {
		p.seps = append(p.seps, beforeHeader)
	}
	begins := len(p.data) - cap(s.data)
	var repeats uint64
	for at := 0; at < len(s.data); at += 64 {
		seps, comps, reps := separators((*[64]byte)(p.padded[begins+at:begins+at+64]), &p.by)
		if rest := len(s.data) - at; rest < 64 {
			within := uint64(1)<<rest - 1
			seps, comps, reps = seps&within, comps&within, reps&within
		}
		if at == 0 && s.header {
			reps &^= 1<<9 - 1 // MSH-2 holds every delimiter
		}
		repeats |= reps
		p.comps = append(p.comps, comps)
		p.seps = appendPositions(p.seps, seps, int32(at)) //nolint:gosec // a segment is far shorter than 2 GB
		if s.more = len(p.seps)-first > maxSeps; s.more {
			p.seps = p.seps[:first+maxSeps]
			break // nobody knows what comes there
		}
	}
	if !s.more {
		p.seps = append(p.seps, int32(len(s.data))) //nolint:gosec // see above
	}
	s.single = repeats == 0 && !s.more
	s.seps = p.seps[first:len(p.seps):len(p.seps)]
	s.comps = p.comps[firstComps:]
}

// appendPositions writes down where the bits of found are, counted from at.
func appendPositions(to []int32, found uint64, at int32) []int32 {
	n := len(to)
	if cap(to)-n < 64 {
		grown := make([]int32, n, 2*cap(to)+1024)
		copy(grown, to)
		to = grown
	}
	room := (*[64]int32)(to[n : n+64])
	count := bits.OnesCount64(found)
	for i := 0; i < count; i += 4 { // four at a time: what is too much is overwritten
		four := room[i&60:][:4]
		four[0] = at + int32(bits.TrailingZeros64(found))
		found &= found - 1
		four[1] = at + int32(bits.TrailingZeros64(found))
		found &= found - 1
		four[2] = at + int32(bits.TrailingZeros64(found))
		found &= found - 1
		four[3] = at + int32(bits.TrailingZeros64(found))
		found &= found - 1
	}
	return to[:n+count]
}

// delims are those of the segment's unit.
func (s *Segment) delims() *Delims { return &s.parser.unit.Delims }
