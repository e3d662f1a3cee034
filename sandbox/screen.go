package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"immtrail/sandbox/journey"
	"immtrail/sandbox/stage"
)

// screen is what a person sees of a rehearsal. With -json everything but the
// closing table goes to standard error.
type screen struct {
	out      io.Writer
	json     bool
	terminal bool

	mu    sync.Mutex
	last  map[string]journey.Line
	bars  *mpb.Progress
	begun map[string]*mpb.Bar
}

func newScreen(out *os.File, asJSON bool) *screen {
	s := &screen{out: out, json: asJSON, last: map[string]journey.Line{}, begun: map[string]*mpb.Bar{}}
	s.terminal = !asJSON && term.IsTerminal(int(out.Fd()))
	return s
}

// talk is where everything goes that is not the result.
func (s *screen) talk() io.Writer {
	if s.json {
		return os.Stderr
	}
	return s.out
}

func (s *screen) say(format string, args ...any) { fmt.Fprintf(s.talk(), format+"\n", args...) }

func (s *screen) step(format string, args ...any) { s.say("  "+format, args...) }

func (s *screen) fail(code int, err error) int {
	s.endLines()
	fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
	return code
}

// ready prints every address and what is worth trying.
func (s *screen) ready(st *stage.Stage, took time.Duration) {
	s.say("Ready after %.1f s. Everything runs on this machine only; all patients are invented.", took.Seconds())
	s.say("")
	if st.UIURL() != "" {
		s.say("  Temporal Web UI    %s", st.UIURL())
		s.say("    who needs you    %s/namespaces/default/workflows?query=NeedsAttention%%3Dtrue", st.UIURL())
	}
	s.say("  Mails              %s", st.Mail().URL())
	s.say("  PostgreSQL         %s", st.DatabaseURL())
	s.say("  Registry (SFTP)    %s", st.Registry().Addr)
	s.say("  Folder             %s", st.Path())
	s.say("")
	s.say("Worth trying in another terminal:")
	s.say("")
	s.say("  export IMMTRAIL_CONFIG=%s IMMTRAIL_ALLOW_AS=1", st.SettingsFile())
	s.say("  go run ./starter status")
	s.say("  go run ./starter errors list --practice bluebonnet-waco")
	s.say("  go run ./starter history status lonestar-group")
	s.say("  go run ./starter doctor")
	s.say("")
}

// maxLines is how many practices have a line of their own on the screen.
const maxLines = 20

// lines shows the practices: on a terminal lines that change, elsewhere a line
// where something has changed.
func (s *screen) lines(lines []journey.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range lines {
		before, seen := s.last[l.Practice]
		s.last[l.Practice] = l
		if s.terminal && i < maxLines {
			s.bar(l)
			continue
		}
		if !s.terminal && (!seen || before.Stage != l.Stage || before.Next != l.Next) {
			s.say("%6.1fs  %-18s %s; next: %s", l.Elapsed.Seconds(), l.Practice, l.Stage, l.Next)
		}
	}
}

func (s *screen) bar(l journey.Line) {
	if s.begun[l.Practice] != nil {
		return
	}
	if s.bars == nil {
		s.bars = mpb.New(mpb.WithOutput(s.out), mpb.WithRefreshRate(250*time.Millisecond), mpb.WithWidth(1))
	}
	name := l.Practice
	s.begun[name] = s.bars.New(1, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return row(s.last[name])
	})))
}

// row is a practice's line in at most 100 columns.
func row(l journey.Line) string {
	mark := " "
	if l.Done {
		mark = "✓"
	}
	text := fmt.Sprintf("%s %-18.18s %5.0fs  %s; next: %s", mark, l.Practice, l.Elapsed.Seconds(), l.Stage, l.Next)
	if r := []rune(text); len(r) > 100 {
		text = string(r[:99]) + "…"
	}
	return text
}

func (s *screen) endLines() {
	s.mu.Lock()
	bars := s.bars
	s.bars = nil
	for _, b := range s.begun {
		b.Abort(false)
	}
	s.mu.Unlock()
	if bars != nil {
		bars.Wait()
	}
}

// verdict prints the closing table and the last line.
func (s *screen) verdict(v verdict) int {
	code := exitNo
	if v.OK {
		code = exitOK
	}
	if s.json {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		_ = enc.Encode(v)
		return code
	}
	s.say("")
	s.say("%s", closingTable(v))
	s.say("%.1f s for %d practices, a day lasting %s; worker restarts: %d",
		v.Wall.Seconds(), len(v.Rows), v.Day, v.WorkerRestarts)
	for _, name := range slices.Sorted(maps.Keys(v.Longest)) {
		s.say("  longest history of %s: %d events", name, v.Longest[name])
	}
	for _, a := range v.Alarms {
		until := "still open"
		if !a.Until.IsZero() {
			until = "until " + a.Until.Format(time.DateOnly)
		}
		s.say("  alarm of %s, %s: %s: %s", a.From.Format(time.DateOnly), until, a.Kind, a.Words)
	}
	if v.Days != nil {
		s.say("  %s", v.Days)
	}
	for _, r := range v.Reasons {
		s.say("  %s", r)
	}
	s.say("%s", v.line())
	return code
}

// tableHeads are short, so that the table fits into 100 columns: the stages,
// then files sent, files that were seen to have arrived, reports, errors opened,
// and errors settled.
var tableHeads = []string{
	"practice", "added", "tests", "review", "prod.", "1st file", "history", "ongoing",
	"sent", "seen", "reports", "errors", "fixed",
}

// closingTable is practice by stage, with the calendar's day of each.
func closingTable(v verdict) string {
	t := table.New().Border(lipgloss.NormalBorder()).BorderColumn(false).BorderLeft(false).BorderRight(false).
		BorderTop(false).BorderBottom(false).
		StyleFunc(func(_, col int) lipgloss.Style {
			if col > len(journey.Stages) {
				return lipgloss.NewStyle().Align(lipgloss.Right).PaddingRight(1)
			}
			return lipgloss.NewStyle().PaddingRight(1)
		})
	t.Headers(tableHeads...)
	for _, r := range v.Rows {
		cells := []string{r.Practice}
		for _, st := range journey.Stages {
			cell := "-"
			if at, ok := r.Reached[st]; ok {
				cell = at.Format("2 Jan")
			}
			cells = append(cells, cell)
		}
		t.Row(append(cells, fmt.Sprint(r.FilesSent), fmt.Sprint(r.Verified), fmt.Sprint(r.Reports),
			fmt.Sprint(r.ErrorsOpened), fmt.Sprint(r.ErrorsSettled))...)
	}
	lines := strings.Split(t.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
