package cli

import (
	"cmp"
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"immtrail/conformance"
	"immtrail/conformance/codes"
	"immtrail/internal/cells"
	"immtrail/registry"
)

// verdict is what one file comes to.
type verdict struct {
	// File is the path as it was given; "-" is standard input.
	File string `json:"file"`
	// Problem says why the file could not be read; nothing else is known then.
	Problem string `json:"problem,omitempty"`
	// Found names what a file is that is not HL7, and what to do with it.
	Found   string                `json:"found,omitempty"`
	Summary registry.CheckSummary `json:"summary"`
	// Outcomes counts messages by what is expected to become of them.
	Outcomes map[registry.Outcome]int `json:"outcomes"`
	// Sites counts messages per site, "" those of no known site; with --practice only.
	Sites map[string]int `json:"sites,omitempty"`
	// Causes are the rules that fired: errors first, and of these what a setting
	// mends everywhere, then what costs most.
	Causes []*broken `json:"rules"`

	in input
}

// broken is one rule that fired, with the first places.
type broken struct {
	registry.RuleCount
	// Covered counts those findings that a rule on the whole file tells at once.
	Covered int              `json:"covered,omitempty"`
	Says    string           `json:"says"`
	Remedy  string           `json:"remedy"`
	Places  []registry.Place `json:"places"`

	rule conformance.Rule
}

// own counts the findings that no other rule tells.
func (b *broken) own() int { return b.Count - b.Covered }

// everywhere is 1 for what one setting of the export causes in every message.
func (b *broken) everywhere() int {
	return min(len(b.rule.Covers), 1)
}

func (v *verdict) exit() int {
	switch {
	case v.Problem != "":
		return ExitCouldNot
	case !v.Summary.ErrorFree:
		return ExitRefused
	}
	return ExitOK
}

// refused counts messages that are expected to be refused whole.
func (v *verdict) refused() int {
	return v.Outcomes[registry.OutcomeMessageRejected] + v.Outcomes[registry.OutcomePatientRejected]
}

// name is how people know the file.
func (v *verdict) name() string {
	if v.File == "-" {
		return "standard input"
	}
	return visible(v.File)
}

// judge checks one file. What cannot be read is a verdict too.
func (d *desk) judge(ctx context.Context, in input, r reporter) *verdict {
	v := &verdict{File: in.path, Problem: in.problem, in: in, Causes: []*broken{}, Outcomes: map[registry.Outcome]int{}}
	if v.Problem != "" {
		return v
	}
	src, head, closer, err := d.open(in)
	if err != nil {
		v.Problem = cause(in.path, err)
		return v
	}
	defer closer()
	src, done := d.meter.watch(src, in)
	defer done()
	places := map[string][]registry.Place{}
	most := d.places()
	o := d.options
	o.Run = &d.run
	o.MaxFindings = max(most, 1)
	o.OnFinding = func(f registry.Finding) {
		if have := places[f.Rule]; len(have) < most {
			places[f.Rule] = append(have, f.Place)
		}
	}
	if streams := d.app.output == outputCSV || d.app.output == outputNDJSON; streams {
		if o.MaxFindings = d.most; d.most < 0 {
			o.MaxFindings = math.MaxInt
		}
		o.OnFinding = func(f registry.Finding) { r.finding(in.path, f) }
	}
	if most == 0 {
		o.OnFinding = nil
	}
	if r.wantsMessages() {
		o.OnMessage = func(m conformance.MessageFact) { r.message(in.path, m) }
	}
	result, err := conformance.Check(ctx, src, o)
	if err != nil {
		v.Problem = cause(in.path, err)
		return v
	}
	v.Summary, v.Outcomes = result.CheckSummary, result.Outcomes
	if o.Practice != nil {
		v.Sites = result.Sites
	}
	v.causes(result, places, o.Codes)
	if is := whatIs(head); is != "" && is != "empty" && result.Messages == 0 {
		v.Found = is + remedyFor(is, in.path)
	}
	return v
}

// places is how many places of a rule are kept where they are not streamed.
func (d *desk) places() int {
	if d.most >= 0 {
		return d.most
	}
	switch d.app.output {
	case outputJSON:
		return 100
	case outputJUnit:
		return 20
	}
	return 3
}

func (v *verdict) causes(result conformance.Summary, places map[string][]registry.Place, tables *codes.Tables) {
	for _, c := range result.Counts {
		rule, _ := conformance.Lookup(c.Rule)
		at := places[c.Rule]
		if at == nil {
			at = []registry.Place{}
		}
		v.Causes = append(v.Causes, &broken{
			RuleCount: c, Covered: result.Covered[c.Rule], Says: rule.Sentence(tables), Remedy: rule.Remedy, Places: at, rule: rule,
		})
	}
	slices.SortStableFunc(v.Causes, func(a, b *broken) int {
		return cmp.Or(
			cmp.Compare(rank(a.Severity), rank(b.Severity)),
			cmp.Compare(b.everywhere(), a.everywhere()),
			cmp.Compare(b.rule.Drops, a.rule.Drops),
			cmp.Compare(b.own(), a.own()),
		)
	})
}

func rank(s registry.Severity) int {
	return slices.Index([]registry.Severity{registry.SeverityError, registry.SeverityWarning, registry.SeverityInfo}, s)
}

// remedyFor says what to do with a file that is something else.
func remedyFor(is, path string) string {
	name := visible(filepath.Base(path))
	if path == "-" {
		name = "it"
	}
	switch {
	case strings.Contains(is, "gzip"):
		return ". Unpack it first: gunzip " + name
	case strings.Contains(is, "zip archive"):
		return ". Unpack it first: unzip " + name
	case strings.Contains(is, "archive"):
		return ". Unpack it first, and check what comes out"
	case strings.Contains(is, "encrypted"):
		return ". Decrypt it first"
	case strings.Contains(is, "UTF-16"):
		return ". Save it as UTF-8 or plain text"
	}
	return ". Ask the EHR for its HL7 2.5.1 batch export"
}

// visible replaces what a terminal would obey or not show.
func visible(text string) string { return cells.Visible(text) }
