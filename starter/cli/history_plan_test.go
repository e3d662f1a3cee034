package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/workflows"
)

func TestHistoryPlan(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	dir := t.TempDir()
	lay := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	var good bytes.Buffer
	_, err := hl7gen.New(1, hl7gen.Options{Now: b.at(), ProcessingID: "P"}).Batch(&good, hl7gen.BatchOptions{
		Messages: 12, Historical: true, From: b.at().AddDate(-3, 0, 0), To: b.at().AddDate(0, -1, 0),
	})
	require.NoError(t, err)
	lay("DOE_JANE.hl7", good.Bytes())
	lay("DOE_JANE again.hl7", good.Bytes())
	lay("notes.pdf", []byte("%PDF-1.7"))

	t.Run("is a table, with no file's name in it", func(t *testing.T) {
		r := b.run(t, "history", "plan", "sunrise-plano", dir).exits(0).fits()
		r.line("Messages", "12 with").line("Parts", "1 with 12 messages").line("2023").line("2025").
			line("2", "the same bytes as file 1").line("3", "no HL7: a PDF document").shows("Takes about", "RULE", "SITE")
		require.NotContains(t, r.stdout, "DOE")
		b.run(t, "history", "plan", "sunrise-plano", dir, "--names").exits(0).shows("DOE_JANE.hl7")
	})
	t.Run("can be exported", func(t *testing.T) {
		var got activities.HistoryScan
		b.run(t, "history", "plan", "sunrise-plano", dir, "-o", "json").exits(0).json(&got)
		require.Equal(t, 12, got.Going)
		require.NotEmpty(t, got.Years)
		r := b.run(t, "history", "plan", "sunrise-plano", dir, "-o", "csv").exits(0)
		require.True(t, strings.HasPrefix(r.stdout, "what,key,messages"))
		r.line("total,sunrise-plano,12,").line("year,202").line("file,3,0").line("rule,")
		require.NotContains(t, r.stdout, "DOE")
	})
	t.Run("counts by EHR where there are several, and tells a file that was cut short", func(t *testing.T) {
		store := b.open(t)
		for _, e := range []db.HistoryEHR{{}, {EHR: "OldChart", Files: "oldchart*"}} {
			require.NoError(t, store.RecordHistoryEHR(t.Context(), "sunrise-plano", "history-asked", e, b.act("asked"+e.EHR)))
		}
		more := t.TempDir()
		var old bytes.Buffer
		_, err := hl7gen.New(2, hl7gen.Options{Now: b.at(), ProcessingID: "P"}).Batch(&old, hl7gen.BatchOptions{
			Messages: 7, Historical: true, From: b.at().AddDate(-3, 0, 0), To: b.at().AddDate(0, -1, 0),
		})
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(filepath.Join(more, "OldChart 2019"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(more, "OldChart 2019", "1.hl7"), old.Bytes(), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(more, "now.hl7"), good.Bytes()[:bytes.LastIndex(good.Bytes(), []byte("BTS"))], 0o600))
		r := b.run(t, "history", "plan", "sunrise-plano", more).exits(0).fits()
		r.line("the present EHR", "1", "12").line("OldChart", "1", "7").shows("was all of it delivered?")
		b.run(t, "history", "plan", "sunrise-plano", more, "-o", "csv").exits(0).line("ehr,OldChart,7,")
	})
	t.Run("says where nothing of it would be taken", func(t *testing.T) {
		for state, words := range map[registry.HistoryState]string{
			registry.HistoryNone: "starter history reopen sunrise-plano", registry.HistoryClosed: "closed for ever",
		} {
			b := newBench(t)
			b.practice(t, registry.PhaseProduction)
			require.NoError(t, b.open(t).SetHistory(t.Context(), "sunrise-plano", state, nil, b.act("ended")))
			r := b.run(t, "history", "plan", "sunrise-plano", dir).exits(0).shows(words)
			require.NotContains(t, r.stdout, "outbox", "nobody is sent to lay them there")
		}
	})
	t.Run("needs a folder and a practice", func(t *testing.T) {
		b.run(t, "history", "plan", "sunrise-plano", filepath.Join(dir, "nowhere")).exits(3)
		b.run(t, "history", "plan", "nobody", dir).exits(1)
	})
	t.Run("leaves the folder and the database as they were", func(t *testing.T) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 3)
		_, err = b.open(t).File(t.Context(), "f-1")
		require.Equal(t, registry.Missing, registry.KindOf(err))
	})
}

func TestHistoryWatch(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	now := b.at()
	b.env.Now = func() time.Time { now = now.Add(time.Minute); return now }
	state := func(sent int) workflows.HistoryProgress {
		return workflows.HistoryProgress{State: registry.HistoryLoading, Parts: 40, Sent: sent, InFlight: 2, Plan: activities.HistoryPlan{Digest: "d"}}
	}
	stopped := state(12)
	stopped.Stopped = "6 of 100 answered records were refused; the line is at 5 %"
	sent := state(40)
	sent.State, sent.InFlight = registry.HistorySent, 0
	states := []workflows.HistoryProgress{state(10), state(12), state(12), stopped, state(13), sent}
	b.eng.asked = func(name string) {
		b.eng.queries[name] = states[0]
		states = states[1:]
	}
	r := b.run(t, "history", "status", "sunrise-plano", "--watch", "--every", "1ms").exits(0)
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	require.Len(t, lines, 5, "a line for each change: %s", r.stderr)
	require.Contains(t, lines[0], "10 of 40 parts, 2 on their way")
	require.Contains(t, lines[1], "12 of 40 parts, 2 on their way, 2.0 a minute, about 14 minutes left")
	require.Regexp(t, "stopped: 6 of 100 answered records were refused$", lines[2], "short enough for a screen")
	require.Contains(t, lines[3], "13 of 40 parts, 2 on their way, 1.0 a minute, about 27 minutes left", "its standing still is not its pace")
	require.Contains(t, lines[4], "40 of 40 parts, sent")
	r.shows("Historical load of sunrise-plano: sent.")
	b.run(t, "history", "status", "sunrise-plano", "--watch", "--every", "0s").exits(2)
}
