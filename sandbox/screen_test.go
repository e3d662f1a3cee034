package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/journey"
)

func TestClosingTable(t *testing.T) {
	reached := map[string]time.Time{}
	for _, stage := range journey.Stages {
		reached[stage] = time.Date(2026, time.September, 28, 0, 0, 0, 0, time.UTC)
	}
	var v verdict
	for _, id := range []string{"sunrise-plano", "bluebonnet-waco", "lonestar-group"} {
		v.Rows = append(v.Rows, verdictRow{
			Row:       journey.Row{Practice: id, Reached: reached},
			FilesSent: 1234, Verified: 1234, Reports: 1234, ErrorsOpened: 123, ErrorsSettled: 123,
		})
	}
	delete(v.Rows[0].Reached, "history")
	lines := strings.Split(closingTable(v), "\n")

	t.Run("has a line of heads, a rule and a line a practice", func(t *testing.T) {
		require.Len(t, lines, 5)
		require.Equal(t, strings.Fields(strings.Join(tableHeads, " ")), strings.Fields(lines[0]), "no head is cut")
	})
	t.Run("fits into 100 columns", func(t *testing.T) {
		for _, l := range lines {
			require.LessOrEqual(t, utf8.RuneCountInString(l), 100, l)
		}
	})
	t.Run("shows a stage that was not reached", func(t *testing.T) {
		require.Contains(t, lines[2], " - ")
	})
}

func TestVerdictLine(t *testing.T) {
	require.Equal(t, "journey: ok", (&verdict{OK: true}).line())
	require.Equal(t, "journey: FAILED: sent-twice: a file", (&verdict{Reasons: []string{"sent-twice: a file"}}).line())
	require.Equal(t, "journey: FAILED: a (and 1 more)", (&verdict{Reasons: []string{"a", "b"}}).line())
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, last: map[string]journey.Line{}}
	line := journey.Line{Practice: "a", Stage: "testing", Next: "a file"}
	s.lines([]journey.Line{line})
	line.Elapsed = time.Second
	s.lines([]journey.Line{line})
	require.Equal(t, 1, strings.Count(out.String(), "\n"), "where nothing has changed, nothing is written")
	require.Contains(t, out.String(), "testing; next: a file")
	require.LessOrEqual(t, utf8.RuneCountInString(row(journey.Line{Stage: strings.Repeat("long ", 40)})), 100)
}

func TestParse(t *testing.T) {
	own := t.TempDir()
	for name, args := range map[string][]string{
		"a word that is no flag":        {"journey"},
		"no practices":                  {"-practices", "0"},
		"a day that is too short":       {"-day", "20ms"},
		"an unknown sabotage":           {"-sabotage", "everything"},
		"JSON without a journey":        {"-json"},
		"a journey by hand":             {"-journey", "-manual"},
		"an outbox that is not there":   {"-outbox", own + "/nowhere"},
		"an outbox that holds no files": {"-outbox", own},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			_, err := parse(args, &bytes.Buffer{})
			require.Error(t, err)
		})
	}
	t.Run("a sabotage needs a journey", func(t *testing.T) {
		o, err := parse([]string{"-sabotage", "send-twice"}, &bytes.Buffer{})
		require.NoError(t, err)
		require.True(t, o.journey)
	})
	t.Run("many practices have longer days", func(t *testing.T) {
		o, err := parse([]string{"-practices", "50"}, &bytes.Buffer{})
		require.NoError(t, err)
		require.Greater(t, o.day, time.Second)
	})
}
