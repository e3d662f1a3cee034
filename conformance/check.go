package conformance

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"sync/atomic"
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
	// FirstSingle says that the file has to be one message with one vaccination, as
	// some registries want of the first test file.
	FirstSingle bool
	// Codes are the code tables. Nil: those that this build carries.
	Codes *codes.Tables
	// Limits bound the reader; zero values are the defaults.
	Limits hl7.Limits
	// Workers is how many goroutines judge messages; 0 is one for each CPU that
	// Go may use. Nothing of the result depends on it. With 1, everything runs on
	// the caller's goroutine.
	Workers int
	// SpillDir is where numbers that tell duplicates apart go once a file has
	// too many of them for memory: the folder for temporary files where it is
	// empty. They are digests under a key that is never written down.
	SpillDir string
	// MaxFindings is how many findings of one rule are handed out; 1,000 where
	// it is 0. Counts stay exact.
	MaxFindings int
	// OnFinding is called for each finding in the order of the file, always on
	// the caller's goroutine. May be nil.
	OnFinding func(registry.Finding)
	// Run is what several checks share: what holds for all of them is told once
	// and not once a file. Nil: this check is alone.
	Run *Run
	// Contents asks for the digests of messages ([MessageFact.Content]).
	Contents bool
	// OnMessage is called for each message after its findings, on the caller's
	// goroutine. May be nil.
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
	// Unreadable says that the file could not be read to its end: what was counted
	// is a part of it.
	Unreadable bool
	// Found says what a file seems to be that is not HL7, such as "a gzip
	// archive".
	Found string
}

// Run is one run over several files, possibly at once. Its zero value is ready.
type Run struct{ consentTold atomic.Bool }

// tellConsent reports whether nobody of the run has told yet that consent is
// not checked.
func (r *Run) tellConsent() bool { return r == nil || !r.consentTold.Swap(true) }

// Check judges the file that src gives. A file with wrong contents, or one
// that is not HL7 at all, is a Summary and not an error. Errors are of kind
// [registry.Invalid] for options without lane or time or with a field of consent
// that is none, and otherwise what src
// or ctx said, with src's own kind where it has one.
func Check(ctx context.Context, src io.Reader, in Options) (Summary, error) {
	if !in.Lane.Valid() || in.Now.IsZero() {
		return Summary{}, registry.Errorf(registry.Invalid, "check", "lane and time are needed")
	}
	where, err := newConsent(in.Profile)
	if err != nil {
		return Summary{}, err
	}
	c := newFileChecker(in)
	c.consent = where
	defer c.close()
	if err := c.run(ctx, src); err != nil {
		return Summary{}, err
	}
	c.endOfFile()
	return c.result(), nil
}

// given is what a check is given, made ready: shared and never changed.
type given struct {
	in    Options
	weigh []registry.Severity
	holds []bool
	// policy marks held rules that hold as warnings.
	policy []bool
	max    int
	today  hl7.Date
	// monthAgo and yearAgo are 30 and 365 days before today.
	monthAgo, yearAgo hl7.Date
	tomorrow          hl7.Date
	codes             *codes.Tables
	sites             siteFinder
	consent           consent
	key               maphash.Seed // of the digests that tell duplicates apart
	// full are the rules of which nobody wants another finding.
	full []atomic.Bool
}

func newGiven(in Options) *given {
	g := &given{
		in: in, max: in.MaxFindings, today: hl7.DateOf(in.Now),
		key: maphash.MakeSeed(), full: make([]atomic.Bool, len(declared)),
	}
	if g.max <= 0 {
		g.max = 1000
	}
	holds := heldByDefault
	var grades map[string]string
	if p := in.Profile; p != nil {
		grades = p.Rules.Grades
		holds = p.Rules.Held
	}
	if p := in.Practice; p != nil {
		if zone, err := time.LoadLocation(p.Zone); err == nil && p.Zone != "" {
			g.today = hl7.DateOf(in.Now.In(zone))
		}
	}
	if g.codes = in.Codes; g.codes == nil {
		g.codes = codes.Embedded()
	}
	g.monthAgo, g.yearAgo, g.tomorrow = g.today.AddDays(-30), g.today.AddDays(-365), g.today.AddDays(1)
	g.weigh = severities(in.Lane, grades)
	g.holds = held(in.Lane, holds)
	g.policy = policy(in.Lane, g.holds, grades)
	g.sites = newSiteFinder(in.Practice)
	return g
}

// checker judges messages. Each worker has its own; what it finds goes into
// the batch at hand.
type checker struct {
	*given
	parse  *hl7.Parser
	m      message // the message at hand
	usual  bool    // it has the usual delimiters: only then may equal bytes be taken for equal values
	b      *batch
	lines  lineMemo
	walker walker
	header lastHeader
}

func newChecker(g *given) *checker {
	return &checker{
		given: g, parse: hl7.NewParser(g.in.Limits),
		walker: walker{clean: make([]memory, planNodes+1)},
	}
}

// fileChecker puts together what the workers found, in the order of the file,
// and judges what only the whole file shows.
type fileChecker struct {
	*given
	counts []int
	told   []int
	file   fileState
	seen   seenSet
	notes  hl7.Notes
	lines  int // of the batches before
	// everybody and covered: see Summary and rules_everybody.go.
	everybody everybody
	covered   map[string]int
	outcomes  [len(outcomes)]int
	summary   registry.CheckSummary
	found     string
	perSite   map[string]int
	broken    bool // a rule that drops the file fired
}

func newFileChecker(in Options) *fileChecker {
	return &fileChecker{
		given: newGiven(in), counts: make([]int, len(declared)), told: make([]int, len(declared)),
		seen: newSeenSet(in.SpillDir), perSite: map[string]int{},
	}
}

// close forgets what was kept on disk.
func (c *fileChecker) close() { c.seen.close() }

// unreadable turns what the reader says of the file's form into findings.
func (c *fileChecker) unreadable(err error) bool {
	var format *hl7.FormatError
	var limit *hl7.LimitError
	switch {
	case errors.Is(err, hl7.ErrEmpty):
		c.atFile(ruleEmpty, "file", 0, 1)
	case errors.As(err, &format):
		c.found = format.Found
		c.atFile(notHL7(format.Found), "file", 0, 1)
	case errors.As(err, &limit):
		c.atFile(ruleTooLong, "file", limit.Offset, limit.Line)
	default:
		return false
	}
	c.file.unreadable = true
	return true
}

// fire counts a broken rule and says with what weight it is to be told.
func (c *fileChecker) fire(r *Rule) (weight registry.Severity, tell bool) {
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
	return weight, c.mayTell(r)
}

// mayTell counts a finding that is to be handed out, up to the most of a rule.
func (c *fileChecker) mayTell(r *Rule) bool {
	if c.in.OnFinding == nil || c.told[r.n] >= c.max {
		return false
	}
	if c.told[r.n]++; c.told[r.n] == c.max {
		c.full[r.n].Store(true)
	}
	return true
}

// atFile tells of something outside any message.
func (c *fileChecker) atFile(r *Rule, path string, offset int64, line int) {
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

func (c *fileChecker) result() Summary {
	s := c.summary
	s.RuleSet = Version(c.codes)
	s.ErrorFree = s.Errors == 0
	s.HoldFile = c.broken || (s.Messages > 0 && s.Held == s.Messages) ||
		(c.in.Lane == registry.LaneTest && !s.ErrorFree)
	perOutcome := map[registry.Outcome]int{}
	s.Outcome = registry.OutcomeAccepted
	for i, n := range c.outcomes {
		if n > 0 {
			perOutcome[outcomes[i]] = n
			s.Outcome = outcomes[i] // they stand in the order of their gravity
		}
	}
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
		Outcomes: perOutcome, Covered: c.covered, Found: c.found, Unreadable: c.file.unreadable,
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

// outcomes of messages, the graver after the lighter.
var outcomes = [...]registry.Outcome{
	registry.OutcomeAccepted, registry.OutcomeWarned,
	registry.OutcomeDoseRejected, registry.OutcomeMessageRejected,
}
