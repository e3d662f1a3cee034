package cli

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"immtrail/conformance"
	"immtrail/registry"
)

// junitReport prints JUnit XML: a suite for each file and in it a case for each
// cause, because a build server shows cases as a list, and a list of causes is
// what can be mended. Errors fail; warnings and notes pass and say so in their
// output. A file without an error has at least one case that passes.
type junitReport struct {
	w     io.Writer
	clock time.Time
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties *junitProperies `xml:"properties"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperies struct {
	List []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string       `xml:"name,attr"`
	ClassName string       `xml:"classname,attr"`
	Time      string       `xml:"time,attr"`
	Skipped   *junitResult `xml:"skipped"`
	Error     *junitResult `xml:"error"`
	Failure   *junitResult `xml:"failure"`
	SystemOut string       `xml:"system-out,omitempty"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func (*junitReport) finding(string, registry.Finding)        {}
func (*junitReport) message(string, conformance.MessageFact) {}
func (*junitReport) wantsMessages() bool                     { return false }
func (*junitReport) file(*verdict) error                     { return nil }

func (r *junitReport) end(t *total) error {
	all := junitSuites{Name: "starter check", Time: noTime}
	for _, v := range t.Files {
		all.add(r.suite(v, t))
	}
	if len(t.LeftOut) > 0 {
		s := junitSuite{Name: "left out"}
		for _, l := range t.LeftOut {
			s.Cases = append(s.Cases, junitCase{
				Name: "left out", ClassName: visible(l.File), Skipped: &junitResult{Message: l.Why},
			})
		}
		all.add(r.finish(s))
	}
	if _, err := io.WriteString(r.w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(r.w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(r.w, "\n")
	return err
}

// noTime: readers want a duration; how long a check takes says nothing.
const noTime = "0.000"

func (s *junitSuites) add(one junitSuite) {
	s.Suites = append(s.Suites, one)
	s.Tests += one.Tests
	s.Failures += one.Failures
	s.Errors += one.Errors
	s.Skipped += one.Skipped
}

func (r *junitReport) suite(v *verdict, t *total) junitSuite {
	s := junitSuite{Name: v.name(), Properties: &junitProperies{}}
	for _, p := range [][2]string{
		{"for", string(t.For)},
		{"rule_set", t.RuleSet},
		{"profile", strings.Join(t.Profile, ", ")},
		{"outcome", string(v.Summary.Outcome)},
		{"messages", fmt.Sprint(v.Summary.Messages)},
	} {
		if p[1] != "" {
			s.Properties.List = append(s.Properties.List, junitProperty{p[0], p[1]})
		}
	}
	file := junitCase{Name: "error-free", ClassName: v.name()}
	switch {
	case v.Problem != "":
		file.Name, file.Error = "readable", &junitResult{Message: visible(v.Problem), Type: "unreadable"}
	case v.Summary.ErrorFree:
		file.SystemOut = v.counts()
	default:
		file.Failure = &junitResult{Message: v.words(t.For), Type: string(v.Summary.Outcome), Text: v.counts()}
	}
	s.Cases = append(s.Cases, file)
	for _, c := range v.Causes {
		s.Cases = append(s.Cases, junitOf(v, c))
	}
	return r.finish(s)
}

func junitOf(v *verdict, c *broken) junitCase {
	one := junitCase{Name: c.Rule + ": " + c.Says, ClassName: v.name()}
	var b strings.Builder
	fmt.Fprintf(&b, "%s. What to do: %s\n", plural(c.Count, "time", "times"), c.Remedy)
	if v.Found != "" {
		fmt.Fprintf(&b, "It is %s.\n", v.Found)
	}
	for _, p := range c.Places {
		b.WriteString(placeWords(p) + "\n")
	}
	if more := c.Count - len(c.Places); more > 0 && len(c.Places) > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	if c.Severity == registry.SeverityError {
		one.Failure = &junitResult{Message: plural(c.Count, "time", "times") + ": " + c.Remedy, Type: c.Rule, Text: b.String()}
		return one
	}
	one.SystemOut = c.Severity.Words() + ", " + b.String()
	return one
}

// finish counts the cases of a suite.
func (r *junitReport) finish(s junitSuite) junitSuite {
	s.Time, s.Timestamp, s.Tests = noTime, r.clock.UTC().Format("2006-01-02T15:04:05"), len(s.Cases)
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Time = noTime
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	return s
}
