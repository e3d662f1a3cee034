package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestAlarmsOfAPractice(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	require.NotContains(t, b.run(t, "status", "sunrise-plano").exits(0).stdout, "as letters told")

	first, second := "Submission has been paused since 1 March.", "1 file lies in the historical outbox, and nothing takes it."
	_, err := b.open(t).SettleIncidents(t.Context(), db.IncidentLook{
		Practice: "sunrise-plano", Date: b.at().AddDate(0, 0, -9), Looks: []string{"one"},
		Wanted: []db.IncidentSeed{{Kind: "submission-paused-long", Words: first}, {Kind: "history-files-left", Words: second}},
	})
	require.NoError(t, err)
	require.NoError(t, b.open(t).RecordProgress(t.Context(), db.Progress{
		Practice: "sunrise-plano", Source: "watch", Stage: "production", Next: first, Whose: "you", Attention: true, At: b.at(),
	}))

	r := b.run(t, "status", "sunrise-plano").exits(0).fits().shows("Also waiting, as letters told", second)
	require.Equal(t, 1, strings.Count(r.stdout, first), "what a row tells is told once")
	var shown struct {
		Alarms []struct{ Kind, Words string }
	}
	b.run(t, "status", "sunrise-plano", "-o", "json").exits(0).json(&shown)
	require.Len(t, shown.Alarms, 2)
}
