package activities_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// replied plays the registry's report for every message of a file.
func (b *bundle) replied(t *testing.T, fileID string, messages int, outcome registry.Outcome) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	tag, err := conn.Exec(t.Context(), `
		insert into answers (file_id, message, answer, answer_report, answered_at)
		select file_id, ordinal, $3, 'r-test', now() from messages where file_id = $1 and ordinal <= $2
		on conflict (file_id, message) do update set answer = excluded.answer`, fileID, messages, outcome)
	require.NoError(t, err)
	require.EqualValues(t, messages, tag.RowsAffected())
}

// deliver brings a test file as far as a confirmed delivery.
func (b *bundle) deliver(t *testing.T, seed uint64) (fileID string) {
	t.Helper()
	p := b.prepare(t, seed, registry.LaneTest, 2)
	must(t, b.deliveries.UploadFile, b.uploadInput(p))
	must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
	d, err := b.db.Delivery(t.Context(), "sunrise", p.DeliveryID)
	require.NoError(t, err)
	must(t, b.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: d.FileID, State: activities.FileDelivered})
	return d.FileID
}

func TestJudgeGate(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	judge := func() activities.GateResult {
		t.Helper()
		got := must(t, b.files.JudgeGate, activities.GateInput{Scope: scope(), GateRules: activities.GateRules{Min: 2}})
		require.Equal(t, got, must(t, b.files.JudgeGate, activities.GateInput{Scope: scope(), GateRules: activities.GateRules{Min: 2}}))
		return got
	}
	require.Equal(t, activities.GateResult{}, judge(), "nothing came yet")

	refused := func(seed uint64) {
		content, _ := b.batch(t, seed, registry.LaneTest, 3, hl7gen.MissingBirthDate)
		f := b.stage(t, registry.LaneTest, "bad.hl7", content)
		b.check(t, f, registry.LaneTest)
		must(t, b.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: f.ID, State: activities.FileRefused})
	}
	refused(1)
	one := b.deliver(t, 2)
	two := b.deliver(t, 3)
	three := b.deliver(t, 4)

	got := judge()
	require.Zero(t, got.Counted, "delivered is not answered")
	require.Equal(t, 3, got.Waiting)
	require.Equal(t, "refused by our checker: 1 error", got.Files[3].Because)

	b.replied(t, one, 2, registry.OutcomeAccepted)
	b.replied(t, two, 1, registry.OutcomeAccepted) // half of it
	b.replied(t, three, 2, registry.OutcomePatientRejected)
	got = judge()
	require.Equal(t, 1, got.Counted)
	require.False(t, got.Open)
	require.Equal(t, []activities.GateFile{
		{FileID: three, Because: "the registry refused 2 of 2 messages"},
		{FileID: two, Because: "delivered; the registry has answered 1 of 2 messages", Waits: true},
		{FileID: one, Counts: true, Because: "answered without an error"},
	}, got.Files[:3])

	b.replied(t, two, 2, registry.OutcomeNotObjected)
	require.True(t, judge().Open)

	// The registry wants changes: what came before counts no more.
	must(t, b.practices.MovePhase, activities.MovePhaseInput{Scope: scope(), Event: registry.EventReviewRequested, By: maria, Key: "r"})
	must(t, b.practices.MovePhase, activities.MovePhaseInput{Scope: scope(), Event: registry.EventChangesNeeded, By: maria, Key: "c"})
	require.Equal(t, activities.GateResult{}, judge())
	b.replied(t, b.deliver(t, 5), 2, registry.OutcomeWarned)
	got = judge()
	require.Equal(t, 1, got.Counted)
	require.False(t, got.Open)
	for seed := range uint64(12) {
		refused(100 + seed)
	}
	got = judge()
	require.Len(t, got.Files, 10, "history is spared the rest")
	require.Equal(t, 1, got.Counted, "which is counted all the same")
}
