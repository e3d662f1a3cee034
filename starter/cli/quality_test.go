package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestPredictions(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	t.Run("without an answer it says so and shows no rate", func(t *testing.T) {
		b.run(t, "quality", "predictions").exits(0).shows("answered no message yet")
	})
	b.refusedFile(t, "1")
	conn, err := pgx.Connect(t.Context(), b.keys["DB_URL"])
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	sql := func(text string) {
		_, err := conn.Exec(t.Context(), text)
		require.NoError(t, err)
	}
	_, err = b.open(t).AddReport(t.Context(), db.FetchedReport{
		Connection: "dshs", File: db.RemoteFile{Name: "r", Size: 1, ModTime: b.at()}, Digest: strings.Repeat("a", 64),
		VaultKey: "k", At: b.at(),
	})
	require.NoError(t, err)
	sql(`insert into answers (file_id, message, answer, answer_report, answered_at)
		select file_id, ordinal, 'accepted', 'r-1', '2026-03-30' from messages where ordinal = 1`)
	row := func(from, to int, kind, code, place, rule string) {
		sql(fmt.Sprintf(`insert into predictions (file_id, message, kind, code, place, rule, report_id, at)
			select 'f-1', n, '%s', '%s', '%s', '%s', 'r-1', '2026-03-30' from generate_series(%d, %d) n`, kind, code, place, rule, from, to))
	}
	row(1, 18, "hit", "IEE-519", "NK1", "N-01")
	row(19, 24, "miss", "IEE-519", "NK1", "")
	row(30, 31, "false-alarm", "", "NK1", "N-01")
	row(1, 3, "miss", "IEE-570", "RXR-1", "")
	row(1, 30, "miss", "CLR-100", "", "")
	row(40, 41, "hit", "", "OBX-14", "B-08")

	t.Run("each code and each rule has its counts, and a rate where there is enough", func(t *testing.T) {
		b.run(t, "quality", "predictions").exits(0).fits().
			shows("1 message answered", "too little to judge").
			line("CLR-100", "0", "30", "no file can show it").
			line("IEE-519", "N-01", "18", "6", "75 %").
			line("IEE-570", "X-01", "0", "3", "too few").
			line("OBX-14", "B-08", "2", "0", "too few").
			line("N-01", "18", "2", "6", "90 %").
			line("X-01", "0", "0", "3", "too few")
	})
	t.Run("json and csv carry the same", func(t *testing.T) {
		var got struct {
			Fewest   int
			Messages struct{ Answered, Both_took int } //nolint:revive // as it is printed
			Codes    []struct {
				Code          string
				Hits          int
				Percent       *int `json:"hit_rate_percent"`
				Unforeseeable bool
			}
		}
		b.run(t, "quality", "predictions", "--practice", "sunrise-plano", "--since", "2026-03-30", "-o", "json").exits(0).json(&got)
		require.Equal(t, 20, got.Fewest)
		require.Equal(t, 1, got.Messages.Answered)
		require.Equal(t, "CLR-100", got.Codes[0].Code)
		require.True(t, got.Codes[0].Unforeseeable)
		require.Nil(t, got.Codes[0].Percent)
		require.Equal(t, 75, *got.Codes[1].Percent)
		csv := b.run(t, "quality", "predictions", "-o", "csv").exits(0).stdout
		require.Contains(t, csv, "code,IEE-519,N-01,18,6,,75,false,")
		require.Contains(t, csv, "rule,N-01,,18,6,2,90,,")
		require.Len(t, strings.Split(strings.TrimSpace(csv), "\n"), 8)
	})
	t.Run("a filter narrows it, a wrong one is refused", func(t *testing.T) {
		b.run(t, "quality", "predictions", "--since", "2026-03-31").exits(0).shows("answered no message yet")
		b.run(t, "quality", "predictions", "--since", "yesterday").exits(2)
		b.run(t, "quality", "predictions", "--practice", "nowhere").exits(1)
		b.run(t, "quality", "predictions", "-o", "yaml").exits(2)
	})
}
