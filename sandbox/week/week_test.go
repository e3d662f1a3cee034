package week_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/week"
)

const page = "# A week\n\n```sh\ngo run ./sandbox\n```\n\n## Monday\n\nLook first.\n\n" +
	"```console\n$ starter status\nsunrise  testing\n…\n\n$ starter hold resolve ‹hold› --reason \"it is \\ there\"\n(exit code 1)\n```\n\n" +
	"## Tuesday\n\n```console wait\n$ starter status 'a b'\ndone\n```\n"

func parse(t *testing.T, text string) []week.Day {
	t.Helper()
	days, err := week.Parse(strings.NewReader(text))
	require.NoError(t, err)
	return days
}

func TestParse(t *testing.T) {
	t.Run("days, commands, answers and codes are found; other blocks are passed over", func(t *testing.T) {
		days := parse(t, page)
		require.Equal(t, []week.Day{
			{Name: "Monday", Steps: []week.Step{
				{Line: 12, Args: []string{"status"}, Want: []string{"sunrise  testing", "…"}},
				{Line: 16, Args: []string{"hold", "resolve", "‹hold›", "--reason", `it is \ there`}, Want: []string{}, Exit: 1},
			}},
			{Name: "Tuesday", Steps: []week.Step{{Line: 23, Args: []string{"status", "a b"}, Want: []string{"done"}, Wait: true}}},
		}, days)
	})
	for outcome, text := range map[string]string{
		"a block without an end is refused":          "## M\n```console\n$ starter status\n",
		"an answer without a command is refused":     "## M\n```console\nhello\n```\n",
		"another program is refused":                 "## M\n```console\n$ rm -rf x\n```\n",
		"a quote without an end is refused":          "## M\n```console\n$ starter x \"y\n```\n",
		"a command before the first day is refused":  "```console\n$ starter status\n```\n",
		"a block inside a block is refused":          "## M\n```console\n$ starter status\n```console\n",
		"an unknown kind of block is refused":        "## M\n```console soon\n$ starter status\n```\n",
		"a code that is no number a shell has fails": "## M\n```console\n$ starter status\n(exit code 99999999999999999999)\n```\n",
	} {
		t.Run(outcome, func(t *testing.T) {
			_, err := week.Parse(strings.NewReader(text))
			require.Error(t, err)
		})
	}
}

func TestMatch(t *testing.T) {
	fits := func(want, printed string) (week.Names, error) {
		return week.Step{Line: 7, Want: strings.Split(want, "\n")}.Match(printed, week.Names{"id": "e-1"})
	}
	for outcome, c := range map[string][2]string{
		"the same text":                        {"a b\nc", "a b\nc\n"},
		"columns may move":                     {"a   b\n  c", "a b  \n      c\n\n"},
		"dots inside a line are any text":      {"since …, 3 days", "since 2026-03-02 (Mon), 3 days"},
		"dots as a line are any lines":         {"a\n…\nz", "a\nb\nc\nz\n"},
		"dots as a line may be no line at all": {"a\n…\nz\n…", "a\nz\n"},
		"what is known must be the same":       {"error ‹id›", "error e-1"},
		"a new word twice is one word":         {"‹x›: ‹x›", "f-7: f-7"},
		"signs of patterns are only signs":     {"(a|b)* [c].", "(a|b)* [c]."},
		"nothing is nothing":                   {"", ""},
	} {
		t.Run(outcome, func(t *testing.T) {
			_, err := fits(c[0], c[1])
			require.NoError(t, err)
		})
	}
	for outcome, c := range map[string][2]string{
		"a line too few":                 {"a\nb", "a\n"},
		"a line too many":                {"a", "a\nb\n"},
		"another text":                   {"a", "b"},
		"dots do not cross lines":        {"a … z", "a\nz"},
		"a known word that is another":   {"error ‹id›", "error e-12"},
		"a new word that is not one":     {"‹x›: ‹x›", "f-7: f-8"},
		"something where nothing should": {"", "a"},
	} {
		t.Run(outcome+" does not fit", func(t *testing.T) {
			_, err := fits(c[0], c[1])
			require.Error(t, err)
		})
	}
	t.Run("a new word is learned, and what was known is not changed", func(t *testing.T) {
		known := week.Names{"id": "e-1"}
		learned, err := week.Step{Want: []string{"  > starter history approve x --plan ‹plan›"}}.
			Match("  > starter history approve x --plan 3f9c0a1b\n", known)
		require.NoError(t, err)
		require.Equal(t, week.Names{"id": "e-1", "plan": "3f9c0a1b"}, learned)
		require.Len(t, known, 1)
	})
	t.Run("the first line that does not fit is shown, with where it stands", func(t *testing.T) {
		_, err := fits("a\n…\nc\nd", "a\nx\nc\ne\n")
		require.ErrorContains(t, err, "line 7: not printed: d")
	})
}

func TestExpand(t *testing.T) {
	s := week.Step{Line: 3, Args: []string{"errors", "show", "‹id›", "--x=‹id›"}}
	args, err := s.Expand(week.Names{"id": "e-1"})
	require.NoError(t, err)
	require.Equal(t, []string{"errors", "show", "e-1", "--x=e-1"}, args)
	_, err = s.Expand(nil)
	require.ErrorContains(t, err, "‹id›")
}

func TestPlay(t *testing.T) {
	quick := week.Options{Pause: time.Millisecond, Patience: 5 * time.Second, Known: week.Names{"hold": "h-1"}}
	t.Run("a waiting command is repeated, others run once, and names go from one to the next", func(t *testing.T) {
		days := parse(t, "## M\n```console wait\n$ starter status\nplan ‹plan›\n```\n```console\n$ starter approve ‹plan› ‹hold›\nok\n```\n")
		var ran []string
		require.NoError(t, week.Play(t.Context(), days, func(_ context.Context, args []string) (string, int) {
			ran = append(ran, strings.Join(args, " "))
			switch {
			case args[0] == "approve":
				return "ok\n", 0
			case len(ran) < 3:
				return "none yet\n", 0
			}
			return "plan p-9\n", 0
		}, quick))
		require.Equal(t, []string{"status", "status", "status", "approve p-9 h-1"}, ran)
	})
	t.Run("a command that does not wait is not repeated", func(t *testing.T) {
		runs := 0
		err := week.Play(t.Context(), parse(t, "## M\n```console\n$ starter x\nok\n```\n"), func(context.Context, []string) (string, int) {
			runs++
			return "no\n", 0
		}, quick)
		require.ErrorContains(t, err, "M: line 3: not printed: ok")
		require.Equal(t, 1, runs)
	})
	t.Run("another exit code is a failure", func(t *testing.T) {
		err := week.Play(t.Context(), parse(t, "## M\n```console\n$ starter x\nok\n```\n"), func(context.Context, []string) (string, int) {
			return "ok\n", 1
		}, quick)
		require.ErrorContains(t, err, "exit code 1 instead of 0")
	})
	t.Run("waiting ends", func(t *testing.T) {
		o := quick
		o.Patience = 20 * time.Millisecond
		err := week.Play(t.Context(), parse(t, "## M\n```console wait\n$ starter x\nok\n```\n"), func(context.Context, []string) (string, int) {
			return "no\n", 0
		}, o)
		require.ErrorContains(t, err, "after 20ms")
	})
}

// What is played against the sandbox must at least be readable here.
func TestThePageCanBeRead(t *testing.T) {
	f, err := os.Open("../../docs/week.md")
	require.NoError(t, err)
	defer f.Close()
	days, err := week.Parse(f)
	require.NoError(t, err)
	var names []string
	for _, d := range days {
		if len(d.Steps) > 0 {
			names = append(names, d.Name)
		}
	}
	require.Equal(t, []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday"}, names)
}
