package cli

import (
	"path/filepath"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"

	"immtrail/conformance"
	"immtrail/registry"
)

func (d *desk) reporter() reporter {
	switch d.app.output {
	case outputJSON:
		return &jsonReport{w: d.app.env.Stdout}
	case outputNDJSON:
		return newNDJSON(d.app.env.Stdout)
	case outputCSV:
		return newCSV(d.app.env.Stdout)
	case outputJUnit:
		return &junitReport{w: d.app.env.Stdout, clock: d.options.Now}
	}
	return &textReport{screen: d.app.screen(), desk: d}
}

// textReport prints for people: the verdict of each file first, then its
// causes, the gravest first, then what all of it comes to.
type textReport struct {
	*screen
	desk   *desk
	files  int
	warned bool // that values are shown
}

func (*textReport) finding(string, registry.Finding)        {}
func (*textReport) message(string, conformance.MessageFact) {}
func (*textReport) wantsMessages() bool                     { return false }
func (r *textReport) file(v *verdict) error {
	if r.files++; r.files > 1 {
		r.raw("")
	}
	if v.Problem != "" {
		r.line("%s: %s", r.label(v), r.paint(badStyle, "could not be read"))
		return nil
	}
	r.line("%s: %s", r.label(v), r.paint(verdictStyle(v), v.words(r.desk.options.Lane)))
	if v.Found != "" {
		r.line("It is %s.", v.Found)
		return nil
	}
	r.line("%s", v.counts())
	if hint := v.hint(r.desk.options.Lane); hint != "" {
		r.line("%s", hint)
	}
	if r.desk.reveal && !r.warned {
		r.warned = true
		r.raw("")
		r.line("%s", r.paint(badStyle, "What stands behind = below is patient data. Keep it on this screen."))
	}
	for _, c := range v.Causes {
		if c.own() > 0 {
			r.raw("")
			r.cause(v, c)
		}
	}
	return nil
}

// label is the name of a file, short enough for a line of its own verdict.
func (r *textReport) label(v *verdict) string {
	name := v.name()
	if r.desk.alone {
		name = visible(filepath.Base(v.name()))
	}
	return r.paint(headStyle, tail(name, 60))
}

// tail keeps the end of a path, which tells more than its beginning.
func tail(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return "..." + string(runes[len(runes)-width+3:])
}

func (r *textReport) cause(v *verdict, c *broken) {
	r.hang("%s %s (%s): %s", r.paint(severityStyle(c.Severity), c.Severity.Words()), c.Rule,
		plural(c.own(), "time", "times"), c.Says)
	r.line("    What to do: %s", c.Remedy)
	if r.desk.reveal {
		for _, p := range c.Places {
			words := placeWords(p)
			if value := r.desk.value(v.in, p); value != "" {
				words += " = " + value
			}
			r.line("    %s", words)
		}
		if more := c.own() - len(c.Places); more > 0 {
			r.line("    and %d more", more)
		}
	} else if where := c.where(); where != "" {
		r.line("    %s", where)
	}
	if also := v.coveredBy(c); also != "" {
		r.line("    %s", also)
	}
}

// where are the first places in a line or two; those of one path are told
// together.
func (b *broken) where() string {
	if len(b.Places) == 0 {
		return ""
	}
	more := ""
	if n := b.own() - len(b.Places); n > 0 {
		more = " and " + strconv.Itoa(n) + " more"
	}
	var words []string
	first := b.Places[0]
	together := len(b.Places) > 1
	for _, p := range b.Places {
		together = together && p.Path == first.Path && p.Message > 0
		words = append(words, placeWords(p))
	}
	if !together {
		return strings.Join(words, "; ") + strings.Replace(more, " and", "; and", 1)
	}
	for i, p := range b.Places {
		words[i] = strconv.Itoa(p.Message) + " (line " + strconv.Itoa(p.Line) + ")"
	}
	return first.Path + " in messages " + strings.Join(words, ", ") + more
}

// coveredBy says which findings on single messages need not be read, because
// this cause says the same of the whole file.
func (v *verdict) coveredBy(c *broken) string {
	var words []string
	for _, id := range c.rule.Covers {
		for _, other := range v.Causes {
			if other.Rule == id && other.Covered > 0 {
				words = append(words, id+" "+plural(other.Covered, "time", "times"))
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "Said of single messages too: " + strings.Join(words, ", ")
}

func placeWords(p registry.Place) string {
	where := "line " + strconv.Itoa(p.Line)
	if p.Message > 0 {
		where = "message " + strconv.Itoa(p.Message) + ", " + where
	}
	if p.Path == "file" {
		return where
	}
	return where + ": " + p.Path
}

func severityStyle(s registry.Severity) lipgloss.Style {
	switch s {
	case registry.SeverityError:
		return badStyle
	case registry.SeverityWarning:
		return warnStyle
	case registry.SeverityInfo:
	}
	return lipgloss.NewStyle()
}

func verdictStyle(v *verdict) lipgloss.Style {
	switch {
	case v.Problem != "", v.Summary.HoldFile:
		return badStyle
	case v.Summary.ErrorFree && v.Summary.Held == 0:
		return goodStyle
	}
	return warnStyle
}

// words is the verdict in a sentence.
func (v *verdict) words(lane registry.Lane) string {
	s := v.Summary
	switch {
	case v.Found != "":
		return "not an HL7 file."
	case s.Outcome == registry.OutcomeFileRejected:
		return "not error-free: it would not be sent, the file as a whole is wrong."
	case s.HoldFile && lane == registry.LaneTest:
		return "not error-free: it would not be sent and would not count as a test file."
	case s.HoldFile:
		return "not error-free: it would not be sent, no message of it may go."
	case s.Held > 0:
		free := "not error-free: "
		if s.ErrorFree {
			free = "error-free, but "
		}
		return free + plural(s.Held, "message", "messages") + " of " + strconv.Itoa(s.Messages) +
			" would be left out" + v.losses(", and of the others the registry is expected to refuse ") + "."
	case s.ErrorFree && s.Warnings > 0:
		return "error-free, with " + plural(s.Warnings, "warning", "warnings") + "."
	case s.ErrorFree:
		return "error-free."
	}
	return "not error-free" + v.losses(": the registry is expected to refuse ") + "."
}

// losses says what the registry would keep out; empty where it is nothing.
func (v *verdict) losses(before string) string {
	var words []string
	if n := v.refused() - v.Summary.Held; n > 0 {
		words = append(words, strconv.Itoa(n)+" of "+plural(v.Summary.Messages, "message", "messages"))
	}
	if n := v.Outcomes[registry.OutcomeDoseRejected]; n > 0 {
		doses := "doses of " + plural(n, "message", "messages")
		if len(words) > 0 {
			doses = "doses of " + strconv.Itoa(n) + " more"
		}
		words = append(words, doses)
	}
	if len(words) == 0 {
		return ""
	}
	return before + strings.Join(words, ", and ")
}

func (v *verdict) counts() string {
	s := v.Summary
	return plural(s.Messages, "message", "messages") + " with " + plural(s.Doses, "dose", "doses") + ": " +
		plural(s.Errors, "error", "errors") + ", " + plural(s.Warnings, "warning", "warnings") + ", " +
		plural(s.Infos, "note", "notes") + v.fromCauses() + "."
}

// fromCauses says from how few causes many findings come.
func (v *verdict) fromCauses() string {
	n := 0
	for _, c := range v.Causes {
		if c.own() > 0 {
			n++
		}
	}
	if s := v.Summary; n == 0 || n == s.Errors+s.Warnings+s.Infos {
		return ""
	}
	return ", from " + plural(n, "cause", "causes")
}

// hint says what the user probably wanted to ask.
func (v *verdict) hint(lane registry.Lane) string {
	for _, c := range v.Causes {
		if c.Rule == "F-10" && c.Count == v.Summary.Messages {
			if lane == registry.LaneTest {
				return "No message is marked as a test. Is it a file for production? Then leave --lane test out."
			}
			return "No message is marked for production. Is it a test file? Then add --lane test."
		}
	}
	return ""
}

func (r *textReport) end(t *total) error {
	if len(t.Files) > 1 {
		r.raw("")
		r.totals(t)
	}
	if len(t.LeftOut) > 0 {
		r.raw("")
		r.leftOut(t.LeftOut)
	}
	r.raw("")
	for _, v := range t.Files {
		if len(v.Causes) > 0 && v.Found == "" {
			r.line("More about a rule: starter check --explain %s", v.Causes[0].Rule)
			break
		}
	}
	r.line("Judged for %s, %s, with the profile %s.", t.For, t.Clock.Format("2 Jan 2006"), strings.Join(t.Profile, ", "))
	r.line("Rules %s, code tables %s.", t.Rules, t.Tables)
	return nil
}

// mostRows is how many files the closing table lists, the worst first.
const mostRows = 40

func (r *textReport) totals(t *total) {
	var rows [][]string
	hidden := 0
	for _, exit := range []int{ExitCouldNot, ExitRefused, ExitOK} {
		for _, v := range t.Files {
			switch {
			case v.exit() != exit:
			case len(rows) == mostRows:
				hidden++
			default:
				rows = append(rows, v.row())
			}
		}
	}
	s := t.Sum
	if hidden > 0 {
		rows = append(rows, []string{"and " + plural(hidden, "more file", "more files"), "", "", "", "", ""})
	}
	rows = append(rows, []string{
		plural(s.Files, "file", "files"), plural(s.ErrorFree, "error-free", "error-free"),
		strconv.Itoa(s.Messages), strconv.Itoa(s.Refused), strconv.Itoa(s.Errors), strconv.Itoa(s.Warnings),
	})
	r.table([]string{"FILE", "VERDICT", "MESSAGES", "REFUSED", "ERRORS", "WARNINGS"}, rows)
}

func (v *verdict) row() []string {
	name := tail(v.name(), 46)
	switch {
	case v.Problem != "":
		return []string{name, "not read", "", "", "", ""}
	case v.Found != "":
		return []string{name, "not HL7", "", "", strconv.Itoa(v.Summary.Errors), ""}
	}
	is := "error-free"
	if !v.Summary.ErrorFree {
		is = "errors"
	}
	return []string{
		name, is, strconv.Itoa(v.Summary.Messages), strconv.Itoa(v.refused()),
		strconv.Itoa(v.Summary.Errors), strconv.Itoa(v.Summary.Warnings),
	}
}

func (r *textReport) leftOut(out []leftOut) {
	const shown = 10
	r.line("Left out (name a file to have it judged all the same):")
	for _, l := range out[:min(shown, len(out))] {
		r.line("  %s: %s", tail(visible(l.File), 60), l.Why)
	}
	if more := len(out) - shown; more > 0 {
		r.line("  and %d more (all of them: --output json)", more)
	}
}
