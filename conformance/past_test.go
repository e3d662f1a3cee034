package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

// judgeWithPast checks a file whose control IDs were sent before as past says.
func judgeWithPast(t *testing.T, file string, past map[string]conformance.SentBefore, change ...func(*conformance.Options)) (
	s conformance.Summary, findings []registry.Finding, facts []conformance.MessageFact,
) {
	t.Helper()
	in := conformance.Options{
		Lane: registry.LaneTest, Now: now, Practice: practice,
		OnFinding: func(f registry.Finding) { findings = append(findings, f) },
		OnMessage: func(f conformance.MessageFact) { facts = append(facts, f) },
	}
	for _, c := range change {
		c(&in)
	}
	s, err := conformance.CheckWithPast(t.Context(), strings.NewReader(file), in,
		func(_ context.Context, batch []conformance.MessageFact) ([]conformance.SentBefore, error) {
			out := make([]conformance.SentBefore, len(batch))
			for i, f := range batch {
				out[i] = past[f.ControlID]
			}
			return out, nil
		})
	require.NoError(t, err)
	return s, findings, facts
}

func other(n int) edit { return chart(fmt.Sprintf("OTHER%d", n)) }

func graded(rule, grade string) func(*conformance.Options) {
	return func(in *conformance.Options) {
		in.Profile = &registry.Profile{Rules: registry.RuleSettings{Grades: map[string]string{rule: grade}}}
	}
}

func TestWhatWasSentBefore(t *testing.T) {
	file := batch(soundWith("c-1"), soundWith("c-2", other(2)), soundWith("c-3", other(3)))
	past := map[string]conformance.SentBefore{"c-1": conformance.SentSame, "c-2": conformance.SentOther}

	t.Run("other content under a control ID is a warning that holds nothing; a repeat is a note", func(t *testing.T) {
		s, findings, facts := judgeWithPast(t, file, past)
		require.Len(t, findings, 2)
		require.Equal(t, "F-07.again", findings[0].Rule)
		require.Equal(t, registry.SeverityInfo, findings[0].Severity)
		require.Equal(t, registry.Finding{
			Rule: "F-07.before", Severity: registry.SeverityWarning,
			Place: registry.Place{Message: 2, ControlID: "c-2", Path: "MSH-10", Offset: facts[1].Offset, Line: facts[1].Line},
		}, findings[1])
		require.True(t, s.ErrorFree)
		require.False(t, s.HoldFile)
		require.Equal(t, registry.OutcomeWarned, s.Outcome)
		require.Equal(t, []int{1, 1}, []int{s.Warnings, s.Infos})
		require.Equal(t, []registry.Outcome{registry.OutcomeAccepted, registry.OutcomeWarned, registry.OutcomeAccepted},
			[]registry.Outcome{facts[0].Outcome, facts[1].Outcome, facts[2].Outcome})
		require.Equal(t, []registry.RuleCount{
			{Rule: "F-07.again", Severity: "I", Count: 1}, {Rule: "F-07.before", Severity: "W", Count: 1},
		}, s.Counts)
		require.Equal(t, "F-07.before", s.Top[0].Rule)
	})
	t.Run("without a past it is the same check", func(t *testing.T) {
		s, findings, facts := judgeWithPast(t, file, nil)
		require.Empty(t, findings)
		require.Len(t, facts, 3)
		require.Equal(t, registry.OutcomeAccepted, s.Outcome)
	})
	t.Run("switched off it says nothing", func(t *testing.T) {
		s, findings, facts := judgeWithPast(t, file, past, graded("F-07", "off"), func(in *conformance.Options) {
			in.Profile.Rules.Grades["C-01"] = "off"
		})
		require.Empty(t, findings)
		require.Zero(t, s.Warnings+s.Infos)
		require.Equal(t, registry.OutcomeAccepted, facts[1].Outcome)
	})
	t.Run("graded as an error it stops a test file like any error", func(t *testing.T) {
		s, _, _ := judgeWithPast(t, file, past, graded("F-07.before", "error"))
		require.False(t, s.ErrorFree)
		require.True(t, s.HoldFile)
	})
	t.Run("many are asked about at once and handed on in order", func(t *testing.T) {
		var messages []string
		for i := range 1201 {
			messages = append(messages, soundWith(fmt.Sprintf("n-%04d", i), other(i)))
		}
		var asked []int
		var order []string
		_, err := conformance.CheckWithPast(t.Context(), strings.NewReader(batch(messages...)), conformance.Options{
			Lane: registry.LaneTest, Now: now, Practice: practice,
			OnMessage: func(f conformance.MessageFact) { order = append(order, f.ControlID) },
		}, func(_ context.Context, batch []conformance.MessageFact) ([]conformance.SentBefore, error) {
			asked = append(asked, len(batch))
			return make([]conformance.SentBefore, len(batch)), nil
		})
		require.NoError(t, err)
		require.Equal(t, []int{500, 500, 201}, asked)
		require.Len(t, order, 1201)
		require.IsIncreasing(t, order)
	})
	t.Run("findings are capped and counts are exact", func(t *testing.T) {
		s, findings, _ := judgeWithPast(t, file, map[string]conformance.SentBefore{"c-1": 2, "c-2": 2, "c-3": 2},
			func(in *conformance.Options) { in.MaxFindings = 2 })
		require.Len(t, findings, 2)
		require.Equal(t, 3, s.Warnings)
	})
	t.Run("a past that cannot be asked ends the check with its own words", func(t *testing.T) {
		down := errors.New("the database is down")
		_, err := conformance.CheckWithPast(t.Context(), strings.NewReader(file), conformance.Options{Lane: registry.LaneTest, Now: now},
			func(context.Context, []conformance.MessageFact) ([]conformance.SentBefore, error) { return nil, down })
		require.ErrorIs(t, err, down)
	})
}

func TestContentOfMessages(t *testing.T) {
	content := func(file string) [32]byte {
		_, _, facts := judgeWithPast(t, file, nil)
		return facts[0].Content
	}
	sound := content(soundWith("c-1"))
	require.NotEqual(t, [32]byte{}, sound)
	t.Run("the time of making and line ends are no content", func(t *testing.T) {
		require.Equal(t, sound, content(soundWith("c-1", set("MSH-7", "20260304110000-0600"))))
		require.Equal(t, sound, content(strings.ReplaceAll(soundWith("c-1"), "\r", "\r\n")))
		require.Equal(t, sound, content(batch(soundWith("c-1"), soundWith("c-2", other(2)))))
	})
	t.Run("whatever else differs is", func(t *testing.T) {
		for _, e := range []edit{set("MSH-6", "TEXIIX"), set("RXA-5.1", "94"), set("PID-8", "M"), drop("NK1")} {
			require.NotEqual(t, sound, content(soundWith("c-1", e)))
		}
	})
	t.Run("two exports say the same under control IDs of their own", func(t *testing.T) {
		says := func(file string) [32]byte {
			_, _, facts := judgeWithPast(t, file, nil)
			return facts[0].Says
		}
		first := says(soundWith("c-1"))
		require.NotEqual(t, [32]byte{}, first)
		require.Equal(t, first, says(soundWith("c-2", set("MSH-7", "20260304110000-0600"))))
		require.NotEqual(t, sound, content(soundWith("c-2")))
		for _, e := range []edit{set("MSH-6", "TEXIIX"), set("MSH-11", "D"), set("RXA-21", "U"), drop("NK1")} {
			require.NotEqual(t, first, says(soundWith("c-1", e)))
		}
		require.Equal(t, says("MSH|^~\\&|A|B|C|D|2026||VXU|1|P\r"), says("MSH|^~\\&|A|B|C|D|2027||VXU|2|P\r"))
	})
	t.Run("a header that ends early is read all the same", func(t *testing.T) {
		require.NotEqual(t, [32]byte{}, content("MSH|^~\\&|A|B|C|D\rPID|1\r"))
		require.NotEqual(t, content("MSH|^~\\&|A|B|C|D\r"), content("MSH|^~\\&|A|B|C|E\r"))
		require.Equal(t, content("MSH|^~\\&|A|B|C|D|2026\r"), content("MSH|^~\\&|A|B|C|D|2027\r"))
	})
}
