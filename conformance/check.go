package conformance

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"immtrail/conformance/codes"
	"immtrail/hl7"
	"immtrail/registry"
)

// Options are what a check needs besides the file.
type Options struct {
	Lane registry.Lane
	// Now is the moment of judgement: what is "in the future" and "too late".
	Now time.Time
	// Profile gives message and file settings and the grades of rules. Nil:
	// rules at their own grades, no settings.
	Profile *registry.Profile
	// Practice gives sites, facilities and prescribers. Nil: the rules that
	// need them are silent.
	Practice *registry.Practice
	// Codes are the code tables. Nil: those that this build carries.
	Codes *codes.Tables
	// Limits bound the reader; zero values are the defaults.
	Limits hl7.Limits
	// MaxFindings is how many findings of one rule are handed out; 1,000 where
	// it is 0. Counts stay exact.
	MaxFindings int
	// OnFinding is called for each finding in the order of the file. May be nil.
	OnFinding func(registry.Finding)
	// OnMessage is called for each message after its findings. May be nil.
	OnMessage func(MessageFact)
}

// Summary is what a check comes to.
type Summary struct {
	registry.CheckSummary
	// Sites counts messages per site ID; "" counts those of no known site.
	Sites map[string]int
	// Counts are the rules that fired with exact counts, sorted by ID.
	Counts []registry.RuleCount
	// Outcomes counts messages by what becomes of them.
	Outcomes map[registry.Outcome]int
	// Covered counts, by rule ID, the findings on single messages that a finding
	// on the whole file says at once ([Rule.Covers]).
	Covered map[string]int
}

// Check judges the file that src gives. A file with wrong contents, or one
// that is not HL7 at all, is a Summary and not an error. Errors are of kind
// [registry.Invalid] for options without lane or time, and otherwise what src
// or ctx said, with src's own kind where it has one.
func Check(ctx context.Context, src io.Reader, in Options) (Summary, error) {
	if !in.Lane.Valid() || in.Now.IsZero() {
		return Summary{}, registry.Errorf(registry.Invalid, "check", "lane and time are needed")
	}
	c := newChecker(in)
	r := hl7.NewReader(src, in.Limits)
	for n := 0; ; n++ {
		if n%64 == 0 && ctx.Err() != nil {
			return Summary{}, ctx.Err()
		}
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if c.unreadable(err) {
				break
			}
			return Summary{}, registry.Errorf(registry.KindOf(err), "check", "reading the file: %w", err)
		}
		c.unit(u)
	}
	c.endOfFile(r.Notes())
	return c.result(), nil
}

// checker is the state of one check.
type checker struct {
	in     Options
	weigh  []registry.Severity
	holds  []bool
	counts []int
	max    int
	today  hl7.Date
	codes  *codes.Tables
	// yearAgo is today less 365 days.
	yearAgo hl7.Date
	sites   siteFinder
	file    fileState
	// everybody, covered and outcomes: see Summary and rules_everybody.go.
	everybody everybody
	covered   map[string]int
	outcomes  map[registry.Outcome]int
	summary   registry.CheckSummary
	perSite   map[string]int
	worst     registry.Outcome
	broken    bool // a rule that drops the file fired

	m message // the message at hand
}

func newChecker(in Options) *checker {
	c := &checker{
		in: in, counts: make([]int, len(declared)), max: in.MaxFindings,
		perSite: map[string]int{}, outcomes: map[registry.Outcome]int{}, worst: registry.OutcomeAccepted,
		today: hl7.DateOf(in.Now),
	}
	if c.max <= 0 {
		c.max = 1000
	}
	holds := heldByDefault
	var grades map[string]string
	if p := in.Profile; p != nil {
		grades = p.Rules.Grades
		holds = p.Rules.Held
	}
	if p := in.Practice; p != nil {
		if zone, err := time.LoadLocation(p.Zone); err == nil && p.Zone != "" {
			c.today = hl7.DateOf(in.Now.In(zone))
		}
	}
	c.yearAgo = c.today.AddDays(-365)
	if c.codes = in.Codes; c.codes == nil {
		c.codes = codes.Embedded()
	}
	c.weigh = severities(in.Lane, grades)
	c.holds = held(in.Lane, holds)
	c.sites = newSiteFinder(in.Practice)
	c.file = newFileState()
	return c
}

// unreadable turns what the reader says of the file's form into findings.
func (c *checker) unreadable(err error) bool {
	var format *hl7.FormatError
	var limit *hl7.LimitError
	switch {
	case errors.Is(err, hl7.ErrEmpty):
		c.atFile(ruleEmpty, "file", 0, 1)
	case errors.As(err, &format):
		c.atFile(ruleNotHL7, "file", 0, 1)
	case errors.As(err, &limit):
		c.atFile(ruleTooLong, "file", limit.Offset, limit.Line)
	default:
		return false
	}
	c.file.unreadable = true
	return true
}

func (c *checker) unit(u *hl7.Unit) {
	switch u.Kind {
	case hl7.KindMessage:
		c.envelopeMessage(u)
		c.message(u)
	case hl7.KindStray:
		c.atFile(ruleStray, "file", u.Offset, u.Line)
	case hl7.KindFileHeader, hl7.KindBatchHeader, hl7.KindBatchTrailer, hl7.KindFileTrailer:
		c.envelope(u)
	}
}

// fire counts a broken rule and says whether and with what weight it is to be
// told.
func (c *checker) fire(r *Rule) (weight registry.Severity, tell bool) {
	weight = c.weigh[r.n]
	switch weight {
	case errorGrade:
		c.summary.Errors++
	case warningGrade:
		c.summary.Warnings++
	case infoGrade:
		c.summary.Infos++
	default:
		return "", false
	}
	c.counts[r.n]++
	return weight, c.in.OnFinding != nil && c.counts[r.n] <= c.max
}

// atFile tells of something outside any message.
func (c *checker) atFile(r *Rule, path string, offset int64, line int) {
	weight, tell := c.fire(r)
	if weight == errorGrade && r.Drops == DropsFile {
		c.broken = true
	}
	if tell {
		c.in.OnFinding(registry.Finding{
			Rule: r.ID, Severity: weight,
			Place: registry.Place{Path: path, Offset: offset, Line: line},
		})
	}
}

func (c *checker) result() Summary {
	s := c.summary
	s.RuleSet = Version(c.codes)
	s.ErrorFree = s.Errors == 0
	s.HoldFile = c.broken || (s.Messages > 0 && s.Held == s.Messages) ||
		(c.in.Lane == registry.LaneTest && !s.ErrorFree)
	s.Outcome = c.worst
	switch {
	case c.broken:
		s.Outcome = registry.OutcomeFileRejected
	case s.Outcome == registry.OutcomeAccepted && s.Errors+s.Warnings > 0:
		s.Outcome = registry.OutcomeWarned
	}
	var counts []registry.RuleCount
	for i, n := range c.counts {
		if n > 0 {
			counts = append(counts, registry.RuleCount{Rule: declared[i].ID, Severity: c.weigh[i], Count: n})
		}
	}
	slices.SortFunc(counts, func(a, b registry.RuleCount) int { return strings.Compare(a.Rule, b.Rule) })
	s.Top = top(counts, 10)
	return Summary{
		CheckSummary: s, Sites: c.perSite, Counts: counts,
		Outcomes: c.outcomes, Covered: c.covered,
	}
}

// top are the n rules that fired most; errors come before warnings.
func top(counts []registry.RuleCount, n int) []registry.RuleCount {
	sorted := slices.Clone(counts)
	slices.SortStableFunc(sorted, func(a, b registry.RuleCount) int {
		if d := severityRank(a.Severity) - severityRank(b.Severity); d != 0 {
			return d
		}
		return b.Count - a.Count
	})
	return sorted[:min(n, len(sorted))]
}

func severityRank(s registry.Severity) int {
	switch s {
	case registry.SeverityError:
		return 0
	case registry.SeverityWarning:
		return 1
	case registry.SeverityInfo:
	}
	return 2
}

// worse is the graver of two outcomes of messages.
func worse(a, b registry.Outcome) registry.Outcome {
	order := [...]registry.Outcome{
		registry.OutcomeAccepted, registry.OutcomeWarned,
		registry.OutcomeDoseRejected, registry.OutcomeMessageRejected,
	}
	if slices.Index(order[:], b) > slices.Index(order[:], a) {
		return b
	}
	return a
}
