package conformance

import (
	"errors"
	"io"

	"immtrail/hl7"
	"immtrail/registry"
)

// batch is a block of the file with what a worker found in it. Places count
// lines and messages from the beginning of the block. Its memory is used again
// for later blocks.
type batch struct {
	block hl7.Block
	done  chan struct{} // holds one value when the block has been judged
	panic any           // what a worker's panic said

	units []unitResult
	hits  []hit
	doses []doseKey
	facts []MessageFact // one for each message, where they are wanted
	sites []siteCount

	counts    []int // of each rule
	told      []int // hits of each rule
	everybody everybody
	nDoses    int
	notes     hl7.Notes
	lines     int
	messages  int
	limit     error // the reader's limit that ended it, if any
}

// unitResult is what became of one unit.
type unitResult struct {
	kind   hl7.Kind
	offset int64
	line   int
	// value is MSH-10 of a message, or the count in a trailer. It lies in the
	// block.
	value []byte
	// oddDelims is whether a batch header has other than the usual delimiters.
	oddDelims bool

	idKey        uint64 // digest of MSH-10; 0 where it is empty
	hits, doses  int    // where those of the next unit begin
	errors       int
	warnings     int
	outcome      int // index into outcomes
	held, broken bool
}

// hit is a broken rule and its place, before it is put into words.
type hit struct {
	rule                       *Rule
	name                       string // of the segment; "" for a line that is none
	missing                    string // a segment that is not there
	occ                        int
	field, rep, component, sub int
	offset                     int64
	line                       int
	path                       string // in words already, where it is not ""
}

// doseKey is the digest of a dose and where it stands.
type doseKey struct {
	key    uint64
	occ    int // of RXA
	offset int64
	line   int
}

type siteCount struct {
	site string
	n    int
}

func newBatch() *batch {
	return &batch{
		done: make(chan struct{}, 1), counts: make([]int, len(declared)), told: make([]int, len(declared)),
	}
}

func (b *batch) reset() {
	b.units, b.hits, b.doses, b.facts, b.sites = b.units[:0], b.hits[:0], b.doses[:0], b.facts[:0], b.sites[:0]
	clear(b.counts)
	clear(b.told)
	b.everybody = everybody{}
	b.nDoses, b.messages, b.lines, b.limit = 0, 0, 0, nil
}

// judge takes a block apart and judges its messages.
func (c *checker) judge(b *batch) {
	b.reset()
	c.b = b
	c.parse.Reset(&b.block, 0, 0)
	for {
		u, err := c.parse.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				b.limit = err
			}
			break
		}
		c.unit(u)
	}
	b.notes, b.lines, b.messages = c.parse.Notes(), c.parse.Lines(), c.parse.Messages()
}

func (c *checker) unit(u *hl7.Unit) {
	b := c.b
	b.units = append(b.units, unitResult{kind: u.Kind, offset: u.Offset, line: u.Line})
	r := &b.units[len(b.units)-1]
	switch u.Kind {
	case hl7.KindMessage:
		if !c.sameHeader(u) {
			c.message(u)
			c.header.remember(u, &c.m)
		}
		c.close(u, r)
	case hl7.KindFileHeader, hl7.KindBatchHeader:
		r.oddDelims = u.Delims.Field != '|' || !same(u.Segments[0].Field(2), `^~\&`)
	case hl7.KindBatchTrailer, hl7.KindFileTrailer:
		r.value = u.Segments[0].Field(1)
	case hl7.KindStray:
	}
	r.hits, r.doses = len(b.hits), len(b.doses)
}

// close draws the consequences of what was found in a message.
func (c *checker) close(u *hl7.Unit, r *unitResult) {
	m, b := &c.m, c.b
	c.digests(r)
	b.nDoses += len(m.orders)
	b.everybody.observe(m)
	r.value = m.msh.Field(10)
	r.errors, r.warnings, r.held, r.broken = m.errors, m.warnings, m.held, m.broken
	r.outcome = m.outcome()
	b.countSite(m.site)
	if c.in.OnMessage != nil {
		b.facts = append(b.facts, c.fact(u, r))
	}
}

func (b *batch) countSite(site string) {
	for i := range b.sites {
		if b.sites[i].site == site {
			b.sites[i].n++
			return
		}
	}
	b.sites = append(b.sites, siteCount{site, 1})
}

// merge takes in the next batch of the file.
func (c *fileChecker) merge(b *batch) error {
	hits, doses, message := 0, 0, 0
	for i := range b.units {
		r := &b.units[i]
		switch r.kind {
		case hl7.KindMessage:
			message++
			c.mergeMessage(b, r, message, b.hits[hits:r.hits], b.doses[doses:r.doses])
		case hl7.KindStray:
			c.atFile(ruleStray, "file", r.offset, c.lines+r.line)
		case hl7.KindFileHeader, hl7.KindBatchHeader, hl7.KindBatchTrailer, hl7.KindFileTrailer:
			c.envelope(r, c.lines+r.line)
		}
		hits, doses = r.hits, r.doses
	}
	for i, n := range b.counts {
		c.count(declared[i], n)
	}
	c.summary.Doses += b.nDoses
	for _, s := range b.sites {
		c.perSite[s.site] += s.n
	}
	b.everybody.moveLines(c.lines)
	c.everybody.merge(&b.everybody)
	c.notes.Add(b.notes)
	c.lines += b.lines
	if b.limit != nil {
		var limit *hl7.LimitError
		if errors.As(b.limit, &limit) {
			limit.Line += c.lines - b.lines
		}
	}
	if c.seen.err != nil {
		return registry.Errorf(registry.Transient, "check", "remembering what is in the file: %w", c.seen.err)
	}
	return b.limit
}

// count adds findings that workers have counted.
func (c *fileChecker) count(r *Rule, n int) {
	if n == 0 {
		return
	}
	switch c.weigh[r.n] {
	case errorGrade:
		c.summary.Errors += n
	case warningGrade:
		c.summary.Warnings += n
	case infoGrade:
		c.summary.Infos += n
	default:
		return
	}
	c.counts[r.n] += n
}

func (c *fileChecker) mergeMessage(b *batch, r *unitResult, n int, hits []hit, doses []doseKey) {
	c.summary.Messages++
	c.envelopeMessage(r, c.lines+r.line)
	for i := range hits {
		if h := &hits[i]; c.mayTell(h.rule) {
			c.tell(r, h, c.weigh[h.rule.n])
		}
	}
	c.duplicates(r, doses)
	c.outcomes[r.outcome]++
	c.broken = c.broken || r.broken
	if r.held {
		c.summary.Held++
	}
	if c.in.OnMessage != nil {
		f := &b.facts[n-1]
		f.Ordinal, f.Line = c.summary.Messages, c.lines+r.line
		f.Errors, f.Warnings, f.Outcome, f.Held = r.errors, r.warnings, outcomes[r.outcome], r.held
		c.in.OnMessage(*f)
	}
}

// duplicates looks whether the control ID or a dose was in the file before.
func (c *fileChecker) duplicates(r *unitResult, doses []doseKey) {
	if r.idKey != 0 && c.seen.add(r.idKey) {
		c.again(r, &hit{rule: ruleControlIDTwice, name: "MSH", field: 10, rep: 1, offset: r.offset, line: r.line})
	}
	for i := range doses {
		if d := &doses[i]; c.seen.add(d.key) {
			c.again(r, &hit{rule: ruleDoseTwice, name: "RXA", occ: d.occ, rep: 1, offset: d.offset, line: d.line})
		}
	}
}

// again tells of a duplicate and draws the consequences for its message.
func (c *fileChecker) again(r *unitResult, h *hit) {
	weight, tell := c.fire(h.rule)
	switch weight {
	case errorGrade:
		r.errors++
		r.held = r.held || c.holds[h.rule.n]
	case warningGrade:
		r.warnings++
	case infoGrade:
	}
	if r.outcome == 0 && r.errors+r.warnings > 0 {
		r.outcome = 1
	}
	if tell {
		c.tell(r, h, weight)
	}
}

func (c *fileChecker) tell(r *unitResult, h *hit, weight registry.Severity) {
	c.in.OnFinding(registry.Finding{
		Rule: h.rule.ID, Severity: weight,
		Place: registry.Place{
			Message: c.summary.Messages, ControlID: text(r.value, 199),
			Path: h.where(), Offset: h.offset, Line: c.lines + h.line,
		},
	})
}
