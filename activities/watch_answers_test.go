package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// words are those of the one open incident of a kind; empty: it is not open.
func words(got activities.LookResult, kind string) string {
	for _, i := range got.Current {
		if i.Kind == kind {
			return i.Words
		}
	}
	return ""
}

// answers has a report answer a file: the first messages with codes, the others
// with an acceptance.
func (b *bundle) answers(t *testing.T, a *activities.Reports, facts hl7gen.Facts, codes ...string) {
	t.Helper()
	var text strings.Builder
	for i, id := range facts.ControlIDs {
		code := ""
		if i < len(codes) {
			code = codes[i]
		}
		text.WriteString(ack(id, code, secretName))
	}
	name := fmt.Sprintf("ack-%d.hl7", b.now.Unix())
	b.layReport(t, name, text.String())
	b.collect(t, a, name)
}

func TestLookAtPracticeAnswers(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	reports := b.reports(t)
	known, err := reports.Known()
	require.NoError(t, err)
	begin := b.now // Monday
	policy := b.profile.Policy
	policy.AcceptanceMessages, policy.JumpRefused, policy.ErrorOldDays = 4, 2, 40
	w := &activities.Watches{
		DB: b.db, Profiles: b, Clock: func() time.Time { return b.now },
		Known: func() (activities.ReportKnowledge, error) { return known, nil },
	}
	look := func(t *testing.T, day int) activities.LookResult {
		t.Helper()
		b.now = begin.AddDate(0, 0, day)
		got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: policy})
		require.NoError(t, err)
		return got
	}
	_, first := b.delivered(t, 1, registry.LaneProduction, 10)
	b.answers(t, reports, first)

	t.Run("all taken is no incident", func(t *testing.T) {
		require.Empty(t, look(t, 1).Current)
	})
	b.now = begin.AddDate(0, 0, 7)
	_, second := b.delivered(t, 2, registry.LaneProduction, 10)
	b.answers(t, reports, second, "IMR-111", "IMR-111", "IMR-999")

	t.Run("what is wrong is told once, with numbers and what to do", func(t *testing.T) {
		got := look(t, 8)
		require.ElementsMatch(t, []string{"acceptance-low", "new-code", "error-rate-jumped"}, kinds(got.Opened))
		require.Equal(t,
			"The registry took 85.0 % of the 20 messages that it answered of the last 4 weeks; its mark is 90 %. Most for IMR-111 (2 messages), IMR-999 (1 message). Mend the largest cause first: starter quality sunrise",
			words(got, "acceptance-low"))
		require.Contains(t, words(got, "new-code"), "1 code that nobody here has met: IMR-999. Ask the registry")
		require.Contains(t, words(got, "error-rate-jumped"), "in the week of 2026-03-09, the registry refused 30.0 %; in the four weeks before it was 0.0 %")
		require.Equal(t, got, look(t, 8), "the same date tells the same again")
		require.Empty(t, look(t, 9).Opened)
		require.Equal(t, "IMR-111", got.TopCause)
		require.Equal(t, 2, got.TopErrors)
	})
	t.Run("a second new code is told anew, without an all-clear", func(t *testing.T) {
		b.now = begin.AddDate(0, 0, 10)
		_, third := b.delivered(t, 3, registry.LaneProduction, 40)
		b.answers(t, reports, third, "IMR-998")
		got := look(t, 10)
		require.Equal(t, []string{"new-code"}, kinds(got.Opened))
		require.Equal(t, []string{"acceptance-low"}, kinds(got.Closed), "56 of 60 are taken")
	})
	t.Run("it is over once they are classified", func(t *testing.T) {
		known.Catalogue["IMR-998"], known.Catalogue["IMR-999"] = registry.CatalogueEntry{Code: "IMR-998"}, registry.CatalogueEntry{Code: "IMR-999"}
		require.Contains(t, kinds(look(t, 11).Closed), "new-code")
	})
	t.Run("old errors take the place of overdue ones", func(t *testing.T) {
		require.Contains(t, kinds(look(t, 30).Current), "errors-overdue")
		got := look(t, 48)
		require.Contains(t, kinds(got.Opened), "errors-old")
		require.NotContains(t, kinds(got.Current), "errors-overdue")
		require.NotContains(t, kinds(got.Closed), "errors-overdue")
		require.Contains(t, words(got, "errors-old"), "older than 40 days; the oldest was opened on 2026-03-09")
	})
	t.Run("no patient is in what is told", func(t *testing.T) {
		for _, i := range look(t, 49).Current {
			require.NotContains(t, i.Words, "HOPPER")
		}
	})
}
