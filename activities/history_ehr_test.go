package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

func TestFilesOfALoadByEHR(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	mine, _ := b.batch(t, 1, registry.LaneHistorical, 12)
	old, _ := b.batch(t, 2, registry.LaneHistorical, 7)
	b.put(t, registry.LaneHistorical, "2024.hl7", mine)
	b.put(t, registry.LaneHistorical, "OLDCHART-2015.hl7", old)
	before := must(t, a.PlanHistory, planInput(10))
	require.Empty(t, before.EHRs, "there is one only")

	in := activities.RecordActInput{
		Scope: scope(), Kind: "history-asked", By: maria, Key: "asked",
		EHR: &activities.HistoryEHR{EHR: "OldChart", Vendor: "OldChart Inc.", Contact: "support@oldchart.example", Files: "oldchart*"},
	}
	for range 2 {
		must(t, b.practices.RecordAct, in)
	}
	plan := must(t, a.PlanHistory, planInput(10))
	require.Equal(t, []activities.PlannedEHR{{Files: 1, Messages: 12}, {EHR: "OldChart", Files: 1, Messages: 7}}, plan.EHRs)
	require.NotEqual(t, before.Digest, plan.Digest, "whose files they are is approved with the plan")
	require.Equal(t, before.Messages, plan.Messages)
	require.Equal(t, plan, must(t, a.PlanHistory, planInput(10)))

	inside, _ := b.batch(t, 3, registry.LaneHistorical, 3)
	b.put(t, registry.LaneHistorical, "OldChart.zip", zipOf(t, map[string][]byte{"2013.hl7": inside}, "2013.hl7"))
	plan = must(t, a.PlanHistory, planInput(10))
	require.Equal(t, activities.PlannedEHR{EHR: "OldChart", Files: 2, Messages: 10}, plan.EHRs[1], "files of an archive are of whom the archive is")

	b.put(t, registry.LaneHistorical, "notes.pdf", []byte("%PDF-1.7"))
	plan = must(t, a.PlanHistory, planInput(10))
	require.Equal(t, 1, plan.Unread, "what is not in the plan is not passed over")
	require.Equal(t, 3, plan.Files)
}

func TestQuestionsAboutAnotherEHRGoToItsVendor(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	must(t, b.practices.RecordAct, activities.RecordActInput{
		Scope: scope(), Kind: "history-asked", By: maria, Key: "asked",
		EHR: &activities.HistoryEHR{EHR: "OldChart", Vendor: "OldChart Inc.", Contact: "support@oldchart.example"},
	})
	in := letterInput(activities.NoticeHistoryQuestions, "history-questions/sunrise/source/1")
	in.EHR = "OldChart"
	must(t, a.SendNotice, in)
	require.Equal(t, "support@oldchart.example", man.to(t))
	require.Contains(t, man.last().Body, "OldChart Inc.")

	in = letterInput(activities.NoticeHistoryQuestions, "history-questions/sunrise")
	must(t, a.SendNotice, in)
	require.NotEqual(t, "support@oldchart.example", man.to(t), "the present EHR's vendor has its own")
}
