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

func TestLowAcceptanceIsOneIncidentWhileItWavers(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	reports := b.reports(t)
	begin := b.now // Monday
	policy := b.profile.Policy
	policy.AcceptanceMessages, policy.AcceptanceWeeks, policy.JumpPercent = 10, 1, 0
	require.Equal(t, [2]int{92, 2}, [2]int{policy.AcceptanceClearPercent, policy.AcceptanceClearWeeks}, "the profile's own")
	w := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	seed := uint64(0)
	// week has the registry refuse some of a hundred messages, and looks.
	week := func(t *testing.T, n, refused int) activities.LookResult {
		t.Helper()
		seed++
		b.now = begin.AddDate(0, 0, 7*n)
		_, facts := b.delivered(t, seed, registry.LaneProduction, 100)
		codes := make([]string, refused)
		for i := range codes {
			codes[i] = "IMR-111"
		}
		b.answers(t, reports, facts, codes...)
		b.now = b.now.AddDate(0, 0, 1)
		got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: policy})
		require.NoError(t, err)
		again, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: policy})
		require.NoError(t, err)
		require.Equal(t, got, again, "the same date tells the same again")
		return got
	}
	low := func(incidents []activities.Incident) int {
		n := 0
		for _, i := range incidents {
			if i.Kind == activities.IncidentAcceptanceLow {
				n++
			}
		}
		return n
	}
	for n, step := range []struct {
		refused, opened, closed, current int
		why                              string
	}{
		{9, 0, 0, 0, "91 % was never low"},
		{11, 1, 0, 1, "89 % is"},
		{9, 0, 0, 1, "91 % is not yet good"},
		{11, 0, 0, 1, "89 % again is the same incident"},
		{9, 0, 0, 1, "91 %"},
		{9, 0, 0, 1, "91 % for the second week"},
		{9, 0, 1, 0, "two weeks at the mark before this one end it"},
		{9, 0, 0, 0, "and it stays ended"},
		{12, 1, 0, 1, "88 % is a new one"},
		{8, 0, 1, 0, "92 % ends it at once"},
	} {
		got := week(t, n, step.refused)
		require.Equal(t, [3]int{step.opened, step.closed, step.current}, [3]int{low(got.Opened), low(got.Closed), low(got.Current)}, step.why)
		if step.current == 1 && step.refused == 9 {
			require.Contains(t, words(got, activities.IncidentAcceptanceLow), "The alarm ends at 92 %, or after 2 weeks at the mark.")
		}
	}
}
