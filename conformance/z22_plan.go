package conformance

import (
	"math"
	"slices"
	"strconv"

	"immtrail/conformance/z22"
	"immtrail/hl7"
)

// The general rules: one for each thing that profile Z22 asks of an element
// and that no rule written by hand looks after. They are made from the table
// of package z22 when the program starts, and walked by z22_walk.go.

// facet is what can be wrong with an element; its word ends the rule's ID.
type facet uint16

const (
	facetMissing facet = 1 << iota
	facetEmpty
	facetExtra
	facetRepeat
	facetLength
	facetType
	facetCode
	facetSystem
	facetValue
)

var facetWords = []struct {
	facet
	word string
}{
	{facetMissing, "missing"},
	{facetEmpty, "empty"},
	{facetExtra, "extra"},
	{facetRepeat, "repeat"},
	{facetLength, "length"},
	{facetType, "type"},
	{facetCode, "code"},
	{facetSystem, "system"},
	{facetValue, "value"},
}

func (f facet) word() string {
	for _, w := range facetWords {
		if w.facet == f {
			return w.word
		}
	}
	return ""
}

// node is an element made ready for the walk. A rule that is nil is not looked
// at: the profile does not ask, or a rule written by hand does.
type node struct {
	n                  int
	usage, then, else_ z22.Usage //nolint:revive // "else" is a keyword
	cond               []z22.Term
	max                int // repetitions, 0 any number
	low, high          int // characters
	form               form
	set                *codeTable
	parts              []node
	id                 int   // of a field, for the memory of clean values
	byHand             facet // what a rule written by hand sees in the first repetition
	// whenAbsent and whenThere have a bit for each part of which something is
	// asked where it is absent, and where it is there, besides that it be no
	// longer than longest, in bytes.
	whenAbsent, whenThere uint32
	longest               []int32
	// apart says that other fields decide whether the field may be there.
	apart bool

	missing, empty, extra, repeat, length, kind, code, system, value *Rule
}

// segmentPlan is a segment made ready: fields by number, and a bit for each
// that has to be looked at where it is empty, and where it is filled.
type segmentPlan struct {
	fields []*node // fields[n-1]; nil where nothing is asked
	must   uint64
	asked  uint64
	cases  map[string]*node // OBX-5 by OBX-2
	repeat *Rule            // of the segment itself
	none   *Rule
}

// plans are by the rank of a segment: see [profiled].
var (
	plans     [32]*segmentPlan
	planNodes int // how many fields have an id
)

// around is what is known of the elements around the one being declared.
type around struct {
	path     string
	optional bool // a segment or field that the profile leaves to the sender
	chain    bool // required at every level so far
	level    int  // 0 field, 1 component, 2 subcomponent
	whole    string
	lenient  *lenient // the rules of all parts weigh the same
	siblings []z22.Element
}

// lenient is for the parts of a field that may be left out as a whole (O), and of
// one whose type varies (OBX-5).
type lenient struct {
	weight Lanes
	skip   facet // looked after by hand
	// byType are the rules of a field whose type varies, by ID: one for each
	// place and word, whatever the type.
	byType map[string]*Rule
}

func init() {
	b := planner{profile: z22.Get(), covers: parseCovers(covers), tables: map[string]*codeTable{}, traces: map[string][]string{}}
	for _, s := range b.profile.Segments {
		_, rank := lookup(hl7.TagOf(s.Name))
		plans[rank] = b.segment(s)
	}
	planNodes, predicateRules = b.ids, b.traces
	markSilencers()
}

type planner struct {
	profile *z22.Profile
	covers  map[string]cover
	tables  map[string]*codeTable
	ids     int
	traces  map[string][]string // NIST's predicates, with the rules that keep them
}

func (b *planner) segment(s z22.Segment) *segmentPlan {
	p := &segmentPlan{fields: make([]*node, len(s.Fields))}
	optional := s.Usage != z22.Required && s.Usage != z22.MayBeEmpty
	for i, e := range s.Fields {
		c := around{
			path: s.Name + "-" + strconv.Itoa(e.N), chain: e.Usage == z22.Required && !optional,
			optional: optional || e.Usage == z22.Optional,
		}
		f := b.node(e, c)
		if s.Name == "OBX" && e.N == 5 {
			p.cases = b.cases(s.Cases, c.path, &f)
		}
		if f.idle() {
			continue
		}
		b.ids++
		f.id = b.ids
		f.settle()
		p.fields[i] = &f
		p.asked |= 1 << e.N
		if f.missing != nil || f.empty != nil {
			p.must |= 1 << e.N
		}
	}
	for _, cased := range p.cases {
		b.ids++
		cased.id = b.ids
		cased.settle()
	}
	switch s.Name {
	case "PD1", "PV1", "RXR":
		p.repeat = declareGeneral(s.Name, facetRepeat, isWarning, DropsNothing, 0, nil)
	}
	if s.Name == "PD1" {
		p.none = declareGeneral(s.Name, facetEmpty, isInfo, DropsNothing, 0, nil)
	}
	return p
}

// cases are the types that OBX-5 takes. Its form is B-02's.
func (b *planner) cases(cases []z22.Case, path string, own *node) map[string]*node {
	m := map[string]*node{}
	all := &lenient{weight: isWarning, skip: facetType, byType: map[string]*Rule{}}
	if own.length != nil {
		all.byType[own.length.ID] = own.length
	}
	if own.repeat != nil {
		all.byType[own.repeat.ID] = own.repeat
	}
	for _, k := range cases {
		e := z22.Element{N: 5, Usage: z22.Required, Max: 1, Type: k.Type}
		n := b.node(e, around{path: path, lenient: all})
		n.missing, n.repeat = nil, nil // the field's own node has them
		if k.Type == "CE_IZ" || k.Type == "CWE" || k.Type == "CE" {
			n.parts[0].missing, n.parts[2].missing = nil, nil // B-02
		}
		if !n.idle() {
			m[k.Value] = &n
		}
	}
	return m
}

// node makes an element ready and declares its rules.
func (b *planner) node(e z22.Element, c around) node {
	n := node{
		n: e.N, usage: e.Usage, then: e.Then, else_: e.Else, cond: e.Condition,
		max: e.Max, low: e.MinLength, high: e.MaxLength,
	}
	parts := b.profile.Types[e.Type]
	if e.Usage != z22.Forbidden {
		if c.level == 0 && e.Max == 1 {
			n.repeat = b.rule(facetRepeat, c, &n)
		}
		n.set = b.table(e)
		if len(parts) > 0 {
			b.parts(&n, parts, e, c)
		} else {
			b.leaf(&n, e, c)
		}
	}
	if e.Usage == z22.Conditional {
		b.trace(e, c)
	}
	may := func(u z22.Usage) bool { return e.Usage == u || e.Then == u || e.Else == u }
	if may(z22.Required) && !twins[c.whole+"."+strconv.Itoa(e.N)] && !c.alone(e) {
		n.missing = b.rule(facetMissing, c, &n)
	}
	if may(z22.MayBeEmpty) {
		n.empty = b.rule(facetEmpty, c, &n)
	}
	if may(z22.Forbidden) && !c.followsRequired(e) {
		n.extra = b.rule(facetExtra, c, &n)
	}
	return n
}

// alone reports whether all siblings of a part are forbidden: what is there
// without it is told of them.
func (c *around) alone(e z22.Element) bool {
	return len(c.siblings) > 1 && !slices.ContainsFunc(c.siblings, func(s z22.Element) bool {
		return s.N != e.N && s.Usage != z22.Forbidden
	})
}

// followsRequired reports whether a part is forbidden only where a sibling is
// missing that is required: the missing one is told.
func (c *around) followsRequired(e z22.Element) bool {
	return e.Usage == z22.Conditional && len(c.siblings) > 0 && len(e.Condition) == 1 && !e.Condition[0].Not &&
		len(e.Condition[0].OneOf) == 0 && c.siblings[e.Condition[0].Field-1].Usage == z22.Required
}

// parts makes the components of n ready.
func (b *planner) parts(n *node, parts []z22.Element, e z22.Element, c around) {
	n.high = 0
	if c.lenient == nil && e.Usage == z22.Optional {
		c.lenient = &lenient{weight: isInfo}
	}
	if most, bounded := b.longest(parts); c.level == 0 && c.lenient == nil && e.MaxLength > 0 && (!bounded || most > e.MaxLength) {
		n.high = e.MaxLength
		n.length = b.rule(facetLength, c, n)
		n.length.Severity = isInfo // of all parts together: nobody cuts there
	}
	inner := around{
		optional: c.optional, level: c.level + 1, whole: e.Type, lenient: c.lenient, siblings: parts,
	}
	if n.set != nil && b.table(parts[0]) == nil { // otherwise it is the part's
		n.code = b.rule(facetCode, c, n)
		if len(parts) > 2 {
			n.system = b.rule(facetSystem, c, n)
		}
	}
	if c.level == 2 {
		return // nothing is divided further
	}
	for _, part := range parts {
		inner.path = c.path + "." + strconv.Itoa(part.N)
		// The first of two twins tells that both are missing.
		inner.chain = c.chain && (part.Usage == z22.Required || twins[e.Type+"."+strconv.Itoa(part.N+1)])
		inner.optional = c.optional || part.Usage == z22.Optional
		n.parts = append(n.parts, b.node(part, inner))
	}
}

// leaf makes an element without components ready.
func (b *planner) leaf(n *node, e z22.Element, c around) {
	n.form = formOf(e.Type, c.whole)
	if c.path == "IN1-1" {
		n.form = formOne
		n.value = b.rule(facetValue, c, n)
	} else if n.form != anyForm {
		n.kind = b.rule(facetType, c, n)
	}
	if n.set != nil {
		n.code = b.rule(facetCode, c, n)
	}
	if (c.whole == "EI_IZ" && e.N == 3) || (c.whole == "HD_IZ" && e.N == 2) {
		n.form = formOID
		n.value = b.rule(facetValue, c, n)
	}
	// A code of a table is never too long, and neither is a date: one cause,
	// one rule.
	if e.MaxLength > 0 && n.set == nil && (n.form <= formCount || n.form == formOID || n.form == formPositive) {
		n.length = b.rule(facetLength, c, n)
	}
}

func (b *planner) table(e z22.Element) *codeTable {
	if len(e.Tables) != 1 {
		return nil
	}
	s, ok := b.profile.Sets[e.Tables[0]]
	if !ok || s.Open {
		return nil
	}
	if b.tables[s.Name] == nil {
		b.tables[s.Name] = newCodeTable(s)
	}
	return b.tables[s.Name]
}

// rule declares the rule of a facet, or returns nil where one written by hand
// looks after it.
func (b *planner) rule(f facet, c around, n *node) *Rule {
	by, covered := b.covers[c.path+"."+f.word()]
	if covered && !by.first {
		return nil
	}
	if covered {
		n.byHand |= f
	}
	if l := c.lenient; l != nil && l.skip&f != 0 {
		return nil
	} else if l != nil && l.byType != nil {
		r := l.byType["Z-"+c.path+"."+f.word()]
		if r == nil {
			r = declareGeneral(c.path, f, lenientGrade(f, l), DropsNothing, c.level, n)
			r.about.varies = true
			l.byType[r.ID] = r
		}
		return r
	} else if l != nil {
		return declareGeneral(c.path, f, lenientGrade(f, l), DropsNothing, c.level, n)
	}
	weight, drops := generalGrade(f, c, n)
	if covered && weight == isError {
		weight, drops = isWarning, DropsNothing
	}
	r := declareGeneral(c.path, f, weight, drops, c.level, n)
	r.about.further = covered
	return r
}

// whileTesting is the weight of what a sender should fill where it can: worth a
// note while an interface is set up, and noise ever after.
var whileTesting = Lanes{Test: infoGrade}

// worthANote are fields that may be empty and that a registry matches, reaches
// or shares patients by, or traces a dose by: their absence is worth a note in
// production, too.
var worthANote = map[string]bool{
	"MSH-22": true, "PID-13": true, "PID-24": true, "PD1-11": true, "PD1-12": true, "PD1-16": true,
	"NK1-4": true, "NK1-5": true, "ORC-2": true, "ORC-10": true, "ORC-17": true,
}

// lenientGrade weighs a facet of a part.
func lenientGrade(f facet, l *lenient) Lanes {
	if f == facetEmpty {
		return Lanes{} // nobody knows whether there is one
	}
	return l.weight
}

// longest is the length of the longest value that no part makes too long;
// bounded is false where there is none.
func (b *planner) longest(parts []z22.Element) (most int, bounded bool) {
	for _, p := range parts {
		n := p.MaxLength
		switch set := b.table(p); {
		case p.Usage == z22.Forbidden:
			continue
		case set != nil:
			n = set.longest
		case n == 0:
			return 0, false
		}
		if inner := b.profile.Types[p.Type]; len(inner) > 0 {
			if sum, ok := b.longest(inner); ok {
				n = min(n, sum)
			}
		}
		most += n
	}
	return most + len(parts) - 1, true
}

// generalGrade weighs a facet by table 3-1 of the guide. A value that is
// missing or unreadable costs the segment where it is required at every level:
// an error. Otherwise the receiver treats the field as empty, which it may be:
// a warning. What a receiver ignores is a note.
func generalGrade(f facet, c around, n *node) (Lanes, Drops) {
	switch f {
	case facetEmpty:
		if c.level > 0 {
			return Lanes{}, DropsNothing // nobody knows whether there is a middle name
		}
		if worthANote[c.path] {
			return isInfo, DropsNothing
		}
		return whileTesting, DropsNothing
	case facetSystem:
		return isInfo, DropsNothing
	case facetExtra:
		if c.level > 0 {
			return isInfo, DropsNothing
		}
		return isWarning, DropsNothing
	case facetLength:
		if c.optional {
			return isInfo, DropsNothing
		}
		return isWarning, DropsNothing
	case facetMissing, facetType, facetCode, facetValue, facetRepeat:
	}
	switch {
	case c.optional && f != facetMissing:
		return isInfo, DropsNothing
	case !c.chain, f == facetRepeat, f == facetValue, n.set != nil && n.set.local:
		return isWarning, DropsNothing
	}
	return isError, dropsWith(c.path)
}

// dropsWith is what goes with a segment that counts as empty.
func dropsWith(path string) Drops {
	switch path[:3] {
	case "MSH", "PID":
		return DropsMessage
	case "ORC", "RXA":
		return DropsDose
	}
	return DropsNothing
}

// idle reports whether nothing is asked of an element.
func (n *node) idle() bool {
	for _, r := range []*Rule{n.missing, n.empty, n.extra, n.repeat, n.length, n.kind, n.code, n.system, n.value} {
		if r != nil {
			return false
		}
	}
	for i := range n.parts {
		if !n.parts[i].idle() {
			return false
		}
	}
	return true
}

// settle finds out when the walk has to look at a part.
func (n *node) settle() {
	n.apart = n.usage == z22.Forbidden || n.else_ == z22.Forbidden
	n.longest = make([]int32, len(n.parts))
	for i := range n.parts {
		p := &n.parts[i]
		p.settle()
		if p.missing != nil || p.empty != nil {
			n.whenAbsent |= 1 << i
		}
		onlyLength := *p
		onlyLength.missing, onlyLength.empty, onlyLength.length = nil, nil, nil
		switch {
		case !onlyLength.idle():
			n.whenThere |= 1 << i
			fallthrough
		case p.length == nil:
			n.longest[i] = math.MaxInt32
		case p.low > 1:
			n.longest[i] = 0
		default:
			n.longest[i] = int32(p.high) //nolint:gosec // of a profile
		}
	}
}
