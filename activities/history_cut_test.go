package activities_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// judged is all that a check keeps of a file, but for what is sealed, which is
// never the same twice.
func (b *bundle) judged(t *testing.T, file string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	var out strings.Builder
	for _, sql := range []string{
		`select outcome, error_free, hold_file, messages, doses, held, errors, warnings, infos, top, rule_set, rules_changed
			from files x where id = $1`,
		`select ordinal, control_id, sending_app, sending_facility, site, outcome, held, patient is null, byte_offset, byte_length,
			control_key, content_key, chart_digest, patient_digest, sent_on from messages where file_id = $1 order by ordinal`,
		`select message, ordinal, record_digest, given_year, corrects, details is null from doses where file_id = $1 order by 1, 2`,
		`select rule, severity, message, path, byte_offset, line from findings where file_id = $1 order by ordinal`,
		`select rule, severity, count from rule_counts where file_id = $1 order by rule`,
		`select site, answer, messages from answer_counts where file_id = $1 order by 1, 2`,
	} {
		rows, err := conn.Query(t.Context(), `select q::text from (`+sql+`) q`, file)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		out.WriteString(strings.Join(lines, "\n") + "\n--\n")
	}
	return out.String()
}

func (b *bundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func TestAPartHasTheJudgementOfItsSource(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	b.profile.Rules.Grades = map[string]string{"C-01.unknown": "off", "F-03.mixed": "off"} // of files, not of messages
	plain, _ := b.batch(t, 1, registry.LaneHistorical, 25, hl7gen.MissingBirthDate, hl7gen.TestPatient)
	other, _ := b.batch(t, 2, registry.LaneHistorical, 13, hl7gen.MissingBirthDate)
	again, _ := b.batch(t, 1, registry.LaneHistorical, 4)
	crlf := bytes.ReplaceAll(other, []byte("\r"), []byte("\r\n\n"))
	open := again[:bytes.Index(again, []byte("BTS|"))-1] // its last line does not end
	b.put(t, registry.LaneHistorical, "2018.hl7", plain)
	b.put(t, registry.LaneHistorical, "2019.hl7", crlf)
	b.put(t, registry.LaneHistorical, "2020.hl7", open)
	plan := must(t, a.PlanHistory, planInput(10))
	b.setHistory(t, registry.HistoryPlanned)
	must(t, a.ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
	parts := must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 50}).Parts
	require.NotEmpty(t, parts)
	check := func(p activities.Part) registry.CheckSummary {
		return must(t, b.files.CheckFile, activities.CheckFileInput{Scope: scope(), File: p.File, Lane: registry.LaneHistorical}).Summary
	}

	copied, summaries := map[string]string{}, map[string]registry.CheckSummary{}
	for _, p := range parts {
		summaries[p.File.ID] = check(p)
		copied[p.File.ID] = b.judged(t, p.File.ID)
	}

	t.Run("again it is the same", func(t *testing.T) {
		for _, p := range parts {
			require.Equal(t, summaries[p.File.ID], check(p))
			require.Equal(t, copied[p.File.ID], b.judged(t, p.File.ID))
		}
	})

	t.Run("as if it had been judged by itself", func(t *testing.T) {
		b.exec(t, `delete from history_cuts`)
		for _, p := range parts {
			require.Equal(t, summaries[p.File.ID], check(p))
			require.Equal(t, b.judged(t, p.File.ID), copied[p.File.ID])
		}
	})
}

func TestAPartIsJudgedAnewWhenWhatJudgesChanged(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	batch, _ := b.batch(t, 1, registry.LaneHistorical, 12, hl7gen.TestPatient)
	b.put(t, registry.LaneHistorical, "2018.hl7", batch)
	plan := must(t, a.PlanHistory, planInput(20))
	require.Equal(t, 1, plan.Held)
	b.setHistory(t, registry.HistoryPlanned)
	must(t, a.ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
	part := must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 5}).Parts[0]
	in := activities.CheckFileInput{Scope: scope(), File: part.File, Lane: registry.LaneHistorical}
	require.Equal(t, 1, must(t, b.files.CheckFile, in).Summary.Held)

	b.profile.Rules.Held = nil
	require.Zero(t, must(t, b.files.CheckFile, in).Summary.Held, "a setting counts from the next part on")

	b.exec(t, `update rule_counts set count = 1001 where file_id = (select source from history_cuts)`)
	b.profile.Rules.Held = []string{"P-08"}
	must(t, b.files.CheckFile, in) // a source with more findings than were kept says nothing of a message
	in.File.Digest = strings.Repeat("0", 64)
	_, err := run(t, b.files.CheckFile, in)
	require.Error(t, err, "other bytes than the plan's are refused")
}

func TestADailyFileLeavesOutWhatTheLoadHasSent(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	load, _ := b.batch(t, 1, registry.LaneHistorical, 6)
	b.put(t, registry.LaneHistorical, "2018.hl7", load)
	plan := must(t, a.PlanHistory, planInput(20))
	b.setHistory(t, registry.HistoryPlanned)
	must(t, a.ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
	for _, part := range must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 5}).Parts {
		b.deliverPart(t, part)
	}
	prepare := func(name string, content []byte) activities.PreparedDelivery {
		f := b.stage(t, registry.LaneProduction, name, content)
		b.check(t, f, registry.LaneProduction)
		in := activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1}
		first := must(t, b.deliveries.PrepareDelivery, in)
		require.Equal(t, first, must(t, b.deliveries.PrepareDelivery, in), "again it is the same")
		if !first.Already {
			// A worker that dies here repeats the check, too.
			b.check(t, f, registry.LaneProduction)
			went, err := b.db.FileAnswer(t.Context(), "sunrise", f.ID)
			require.NoError(t, err)
			require.Equal(t, first.Messages, went.Messages, "rows say what was packed")
		}
		return first
	}

	// Another export: control IDs of its own, and one message more.
	again := bytes.ReplaceAll(load, []byte("|G1-"), []byte("|D7-"))
	require.NotEqual(t, load, again)
	more, _ := b.batch(t, 2, registry.LaneProduction, 1)
	p := prepare("more.hl7", []byte(strings.Join(append(messagesOf(t, again), messagesOf(t, more)[0]), "")))
	require.False(t, p.Already)
	require.Equal(t, []int{1, 6}, []int{p.Messages, p.Held}, "only what is new goes, and the rest is counted")

	p = prepare("again.hl7", again)
	require.True(t, p.Already, "nothing is left to send")
	require.Equal(t, "part of the historical load", p.RemoteName)
}
