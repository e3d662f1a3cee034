package conformance

import (
	"bytes"
	"slices"

	"immtrail/hl7"
)

// segment is a segment with its name and its occurrence in the message.
type segment struct {
	*hl7.Segment
	name string // "" for a line that is no segment
	occ  int    // from 1
	rank int    // see profiled
	// group is the number of its order group from 1; 0 stands outside of them,
	// and -1 is for what the registry ignores: out of order, or one too many.
	group int
}

// order is an order group: ORC, RXA and what belongs to them.
type order struct {
	orc, rxa, rxr *segment
	obx           []*segment
	sets          []int // OBX-1 of each; 0 where it is no number
	dropped       bool
	dose          dose
}

// message is the message at hand, cut into its groups.
type message struct {
	unit     *hl7.Unit
	segs     []segment
	msh      *segment
	pid, pd1 *segment
	nk1      []*segment
	orders   []order
	order    *order // the group at hand, nil outside

	sent  hl7.Date // MSH-7
	birth hl7.Date
	death hl7.Date
	age   int // at MSH-7, or today; -1 unknown
	chart hl7.Rep
	ssn   []byte // the first social security number
	site  string

	spoken []spoken // rules that silence others

	headerOnly bool    // it is MSH and nothing else
	fired      []*Rule // then: the rules broken, but for those that are off

	errors, warnings int
	hits             int // rules broken, also those that are off
	rejected, held   bool
	broken           bool // a rule that drops the file fired
}

// profiled are the segments of Z22 in their order; a lower rank after a higher
// one, within the same part of the message, is out of order. Segments of an
// order group start again at ORC. The names are constants, so that no name
// that is a patient's can slip into a path.
var profiled = [...]struct {
	name string
	rank int
}{
	{"MSH", 1},
	{"SFT", 2},
	{"PID", 3},
	{"PD1", 4},
	{"NK1", 5},
	{"PV1", 6},
	{"PV2", 7},
	{"GT1", 8},
	{"IN1", 9},
	{"IN2", 10},
	{"IN3", 11},
	{"ORC", 20},
	{"TQ1", 21},
	{"TQ2", 22},
	{"RXA", 23},
	{"RXR", 24},
	{"OBX", 25},
	{"NTE", 26},
}

// byTag finds a segment in profiled by a digest of its tag that no two share;
// the value is one more than the index.
var byTag = func() (t [64]struct {
	tag hl7.Tag
	at  uint8
},
) {
	for i, p := range profiled {
		e := &t[tagSlot(hl7.TagOf(p.name))]
		if e.at != 0 {
			panic("two segments share a slot: choose another digest")
		}
		e.tag, e.at = hl7.TagOf(p.name), uint8(i+1)
	}
	return t
}()

func tagSlot(t hl7.Tag) int { return int(t*tagFactor>>24) & 63 }

// lookup gives name and rank of a segment of the profile; "" for another.
func lookup(t hl7.Tag) (name string, rank int) {
	if e := &byTag[tagSlot(t)]; e.tag == t && t != 0 {
		p := &profiled[e.at-1]
		return p.name, p.rank
	}
	return "", 0
}

const (
	rankMSH       = 1
	rankPID       = 3
	rankPD1       = 4
	rankNK1       = 5
	rankInsurance = 9
	rankORC       = 20
	rankOrder     = rankORC // and above: segments of an order group
	rankRXA       = 23
	rankRXR       = 24
	rankOBX       = 25
	rankNTE       = 26
	tagFactor     = 0x35bf992f
)

var (
	ruleFirst = declare(Rule{
		ID: "M-01", Where: "PID", Severity: isError, Drops: DropsMessage, Code: 100,
		Says:   "The message has no patient segment (PID).",
		Remedy: "Ask the EHR vendor; without a patient the registry refuses the message.",
		Source: "Z22 PID R",
	})
	ruleOrder = declare(Rule{
		ID: "M-01.order", Where: "message", Severity: isError, Code: 100,
		Says:   "A segment stands where it does not belong, so the registry will ignore it.",
		Remedy: "Ask the EHR vendor to send segments in the order of the guide.",
		Source: "Z22 structure; table 3-1",
	})
	ruleTwoPatients = declare(Rule{
		ID: "P-01", Where: "PID", Severity: isError, Drops: DropsMessage, Code: 100,
		Says:   "The message has more than one patient segment (PID).",
		Remedy: "Ask the EHR vendor to send one message per patient.",
		Source: "Z22 PID [1..1]",
	})
	ruleNoDose = declare(Rule{
		ID: "R-01", Where: "RXA", Severity: isError, Drops: DropsMessage, Code: 100,
		Says:   "The message reports no vaccination.",
		Remedy: "Send only patients with a vaccination to report.",
		Source: "CDC certification K.01.07",
	})
	ruleOrphanRXA = declare(Rule{
		ID: "O-01", Where: "ORC", Severity: isError, Drops: DropsDose, Code: 100,
		Says:   "A vaccination has no order segment (ORC) before it.",
		Remedy: "Ask the EHR vendor to send ORC before each RXA.",
		Source: "Z22 ORC R",
	})
	ruleOrphanORC = declare(Rule{
		ID: "R-01.group", Where: "RXA", Severity: isError, Drops: DropsDose, Code: 100,
		Says:   "An order segment (ORC) is not followed by a vaccination (RXA).",
		Remedy: "Ask the EHR vendor to send RXA after each ORC.",
		Source: "Z22 RXA R",
	})
)

// message judges one message.
func (c *checker) message(u *hl7.Unit) {
	c.usual = u.Delims == hl7.StandardDelims
	c.group(u)
	m := &c.m
	c.bytesOf(u)
	c.checkMSH(m.msh)
	if m.pid == nil {
		c.hitNone(ruleFirst, "PID")
	} else {
		c.checkPID(m.pid)
	}
	c.checkPD1(m.pd1)
	c.checkNK1s()
	if len(m.orders) == 0 {
		c.hitNone(ruleNoDose, "RXA")
	}
	for i := range m.orders {
		m.order = &m.orders[i]
		c.checkOrder(m.order)
	}
	m.order = nil
	c.checkConsent()
	c.checkOBXSequence()
	c.checkSite()
	c.walkAll()
}

// group cuts the message into groups and reports what is out of place.
func (c *checker) group(u *hl7.Unit) {
	m := &c.m
	*m = message{
		unit: u, segs: m.segs[:0], nk1: m.nk1[:0], orders: m.orders[:0], spoken: m.spoken[:0], age: -1,
		headerOnly: len(u.Segments) == 1, fired: m.fired[:0],
	}
	m.segs = slices.Grow(m.segs, len(u.Segments))[:len(u.Segments)]
	m.msh = &m.segs[0]
	var count [32]int
	rank := 1
	for i := range m.segs {
		s := &m.segs[i]
		*s = segment{Segment: &u.Segments[i]}
		if s.name, s.rank = lookup(s.Tag()); i == 0 {
			s.name, s.rank = "MSH", rankMSH
		}
		if s.name == "" {
			if s.Name() == nil {
				c.hit(ruleLine, s)
			}
			continue // a segment of another profile, or a Z segment: ignored
		}
		r := s.rank
		count[r]++
		s.occ = count[r]
		if !m.place(s, r, &rank) {
			s.group = -1
			c.hit(ruleOrder, s)
		} else if r >= rankOrder {
			s.group = len(m.orders)
		}
		if r == rankPID && s.occ > 1 {
			s.group = -1
			if s.occ == 2 {
				c.hit(ruleTwoPatients, s)
			}
		}
		c.oneTooMany(s)
	}
}

// oneTooMany tells of a second segment where the profile has room for one.
func (c *checker) oneTooMany(s *segment) {
	m := &c.m
	p := plans[s.rank]
	if p == nil || p.repeat == nil || s.group < 0 {
		return
	}
	extra := s.occ > 1
	if s.group > 0 {
		extra = m.orders[s.group-1].rxr != s
	}
	if extra {
		c.walker.at = whereabouts{s: s}
		c.general(p.repeat)
		s.group = -1
	}
}

// walkAll judges every segment that the registry reads by the general rules.
func (c *checker) walkAll() {
	m := &c.m
	for i := range m.segs {
		s := &m.segs[i]
		if s.name == "" || s.group < 0 || s.rank == rankOBX {
			continue // observations are walked where they are judged
		}
		if s.group > 0 {
			m.order = &m.orders[s.group-1]
		}
		if s.rank == rankPD1 || s.rank == rankRXR {
			c.walkOnce(s)
		} else {
			c.walk(s)
		}
	}
	m.order = nil
	if m.pd1 == nil && !m.has("PD1") {
		if r := plans[rankPD1].none; c.weigh[r.n] != "" {
			c.hitNone(r, "PD1")
		}
	}
}

// place puts a segment into its group; false means that it is out of order.
func (m *message) place(s *segment, r int, rank *int) bool {
	last := *rank
	switch {
	case r == rankORC:
		*rank = r
		m.newOrder().orc = s
		return true
	case r == rankRXA:
		*rank = r
		if n := len(m.orders); n == 0 || m.orders[n-1].rxa != nil {
			m.newOrder()
		}
		m.orders[len(m.orders)-1].rxa = s
		return true
	case r >= rankOrder:
		if r != rankNTE && r != rankOBX && r < last {
			return false
		}
		if len(m.orders) == 0 {
			return r == rankNTE
		}
		*rank = r
		o := &m.orders[len(m.orders)-1]
		if r == rankRXR && o.rxr == nil && o.rxa != nil {
			o.rxr = s
		}
		if r == rankOBX {
			if o.rxa == nil {
				return false
			}
			o.obx = append(o.obx, s)
		}
		return true
	case r < last && (r < rankInsurance || last < rankInsurance || last >= rankOrder):
		return false // IN1, IN2 and IN3 repeat as a group
	}
	*rank = r
	switch r {
	case rankPID:
		if m.pid == nil {
			m.pid = s
		}
	case rankPD1:
		if m.pd1 == nil {
			m.pd1 = s
		}
	case rankNK1:
		m.nk1 = append(m.nk1, s)
	}
	return true
}

// newOrder opens an order group, reusing the memory of an earlier message's.
func (m *message) newOrder() *order {
	n := len(m.orders)
	if n < cap(m.orders) {
		m.orders = m.orders[:n+1]
		m.orders[n] = order{obx: m.orders[n].obx[:0], sets: m.orders[n].sets[:0]}
	} else {
		m.orders = append(m.orders, order{})
	}
	return &m.orders[n]
}

// has reports whether a segment is anywhere in the message.
func (m *message) has(name string) bool {
	return slices.ContainsFunc(m.segs, func(s segment) bool { return s.name == name })
}

// bytesOf looks for what no field should hold.
func (c *checker) bytesOf(u *hl7.Unit) {
	c.checkCharset(u)
	if u.Plain() {
		return
	}
	for i := range c.m.segs {
		s := &c.m.segs[i]
		if s.Plain() {
			continue
		}
		if _, clean := plain(s.Bytes()); clean {
			continue
		}
		if bytes.IndexByte(s.Bytes(), 0) >= 0 {
			c.hit(ruleNUL, s)
		} else {
			c.hit(ruleControl, s)
		}
	}
}

// plain reports whether b is ASCII, and whether it is free of control
// characters other than tabs.
func plain(b []byte) (ascii, clean bool) {
	ascii, clean = true, true
	for _, x := range b {
		if x < ' ' && x != '\t' || x == 0x7f {
			clean = false
		}
		if x >= 0x80 {
			ascii = false
		}
	}
	return ascii, clean
}

// outcome is an index into outcomes.
func (m *message) outcome() int {
	if m.rejected {
		return 3
	}
	for i := range m.orders {
		if m.orders[i].dropped {
			return 2
		}
	}
	if m.errors+m.warnings > 0 {
		return 1
	}
	return 0
}
