package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func TestHistoryReopen(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	ctx, store := t.Context(), b.open(t)
	set := func(states ...registry.HistoryState) {
		for _, state := range states {
			require.NoError(t, store.SetHistory(ctx, "sunrise-plano", state, nil, b.act(string(state)+b.at().String())))
		}
	}
	state := func() registry.HistoryState {
		p, err := store.Practice(ctx, "sunrise-plano")
		require.NoError(t, err)
		return p.History
	}
	no, asked := false, b.at()
	for _, ehr := range []string{"", "OldChart"} {
		require.NoError(t, store.RecordHistoryEHR(ctx, "sunrise-plano", "history-answered",
			db.HistoryEHR{EHR: ehr, Files: "old*", AskedAt: &asked, Can: &no, AnsweredBy: "Mary", AnsweredAt: &asked}, b.act("ehr"+ehr)))
	}
	set(registry.HistoryAsked, registry.HistoryNone)

	t.Run("a load of which there was none is open again, by a person with a reason", func(t *testing.T) {
		b.run(t, "history", "answer", "sunrise-plano", "--no").exits(0)
		b.run(t, "history", "status", "sunrise-plano").exits(1).complains("starter history reopen sunrise-plano")
		b.run(t, "submit", "sunrise-plano", "-", "--historical").exits(1).complains("starter history reopen sunrise-plano")
		b.run(t, "history", "reopen", "sunrise-plano").exits(2)
		b.run(t, "history", "reopen", "sunrise-plano", "--reason", " ").exits(2)
		b.run(t, "history", "reopen", "sunrise-plano", "--reason", "…").exits(2)
		b.run(t, "history", "reopen", "sunrise-plano", "--reason", "an export of 2014 was found").exits(0).
			shows("Next: starter history answer sunrise-plano --yes")
		require.Equal(t, registry.HistoryAsked, state())
		require.Len(t, b.eng.loads, 1)
		in := b.eng.loads[0]
		require.Equal(t, 1, in.State.Opened)
		require.Equal(t, "sunrise-plano", in.Practice)
		require.NotZero(t, in.Policy.HistoryPartMessages)
		require.Len(t, in.State.Sources, 2)
		require.Equal(t, "OldChart", in.State.Sources[1].EHR)
		require.Nil(t, in.State.Sources[1].Answer, "else all would have said no, and it would end at once")
		events := b.events(t, "history-reopened")
		require.Len(t, events, 1)
		require.Equal(t, "an export of 2014 was found", events[0].Reason)
		require.NotEmpty(t, events[0].By.Name)
	})
	t.Run("one whose workflow ended goes on, with the answers that there are", func(t *testing.T) {
		set(registry.HistoryPlanned)
		b.run(t, "history", "approve", "sunrise-plano", "--plan", "3f9c3f9c3f9c").exits(1).
			complains("the historical load is planned, and nothing works on it any more; to go on: starter history reopen sunrise-plano")
		b.run(t, "history", "reopen", "sunrise-plano", "--reason", "it had failed").exits(0).shows("goes on where it was")
		require.Equal(t, registry.HistoryPlanned, state())
		require.Len(t, b.eng.loads, 2)
		require.Equal(t, 2, b.eng.loads[1].State.Opened, "its acts are others than the first's")
		require.False(t, b.eng.loads[1].State.Sources[0].Answer.Can)
	})
	t.Run("one that runs or was closed is not", func(t *testing.T) {
		b.eng.ids = map[string][]string{"HistoricalLoad sunrise-plano": {"history/sunrise-plano"}}
		b.run(t, "history", "reopen", "sunrise-plano", "--reason", "x").exits(1).complains("is on its way")
		b.eng.ids = nil
		b := newBench(t)
		b.practice(t, registry.PhaseProduction)
		require.NoError(t, b.open(t).SetHistory(ctx, "sunrise-plano", registry.HistoryClosed, nil, b.act("closed")))
		b.run(t, "history", "reopen", "sunrise-plano", "--reason", "x").exits(1).complains("closed for ever")
		require.Empty(t, b.eng.loads)
	})
}

func TestHistoryBeforeAPlan(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	shown := func(p workflows.HistoryProgress) result {
		b.eng.queries["history/sunrise-plano history-progress"] = p
		return b.run(t, "history", "status", "sunrise-plano").exits(0).fits()
	}
	p := workflows.HistoryProgress{State: registry.HistoryAsked, Sources: []workflows.HistorySource{
		{AskedAt: b.at(), Answer: &activities.HistoryAnswer{}},
		{HistoryEHR: workflows.HistoryEHR{EHR: "OldChart", To: "2019-06-30"}, AskedAt: b.at()},
	}}
	shown(p).shows(`Next: starter history answer sunrise-plano --ehr "OldChart" --yes --since YYYY-MM-DD (or --no)`, "until 2019-06-30")
	p.Sources[1].Answer = &activities.HistoryAnswer{Can: true, Since: "2012-01-01"}
	shown(p).shows("starter submit sunrise-plano FILE --historical", "starter history look sunrise-plano")
	p.State = registry.HistoryNone
	shown(p).shows("starter history reopen sunrise-plano")

	p.State, p.Plan = registry.HistoryPlanned, activities.HistoryPlan{Digest: "d", Top: []registry.RuleCount{
		{Rule: "C-01.unknown", Severity: registry.SeverityInfo, Count: 9},
		{Rule: "R-10", Severity: registry.SeverityError, Count: 3},
		{Rule: "N-01", Severity: registry.SeverityWarning, Count: 2},
	}}
	shown(p).line("Found", "R-10 3×, N-01 2×")
}

func TestHistoryLook(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.run(t, "history", "look", "sunrise-plano").exits(0)
	got := b.last(t)
	require.Equal(t, "plan-historical", got.name)
	require.NotEmpty(t, got.arg.(workflows.Act).By.Name)
}
