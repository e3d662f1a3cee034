package cli_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// told is what a report says of messages of the file that went out: a code, or
// "" for an acceptance, by their order.
type told []string

// delivered sends a production file of n messages on a day, alternately of the
// sites plano and allen.
func (b *bench) delivered(t *testing.T, c string, at time.Time, n int) {
	t.Helper()
	b.sent(t, registry.LaneProduction, c, at, n)
}

// sent brings a file of n messages to a confirmed delivery.
func (b *bench) sent(t *testing.T, lane registry.Lane, c string, at time.Time, n int) {
	t.Helper()
	store, ctx := b.open(t), t.Context()
	digest := strings.Repeat(c, 64)
	staged, err := store.StageFile(ctx, db.NewFile{
		Practice: "sunrise-plano", Lane: lane, Digest: digest, Size: 10, VaultKey: "k" + c, At: at,
	})
	require.NoError(t, err)
	file := staged.File
	require.NoError(t, store.SaveCheck(ctx, "sunrise-plano", file.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
		for i := range n {
			w.Message(db.CheckedMessage{
				Ordinal: i + 1, ControlID: fmt.Sprintf("%s-%d", c, i), Site: []string{"plano", "allen"}[i%2],
				Outcome: registry.OutcomeAccepted, Length: 100, Patient: []byte(`{"family":"Quarrow","given":"Zebedine"}`),
				Doses: []db.CheckedDose{{Ordinal: 1, Given: true, Late: i%4 == 1, Vaccine: "08"}},
			})
		}
		return db.CheckResult{At: at, Summary: registry.CheckSummary{Outcome: registry.OutcomeAccepted, ErrorFree: true, Messages: n, RuleSet: "r1"}}, nil
	}))
	d, _, err := store.PrepareDelivery(ctx, db.NewDelivery{
		Practice: "sunrise-plano", FileID: file.ID, Lane: lane, Attempt: 1, Connection: "dshs", Folder: "in",
		Name: func(n int64) (string, error) {
			return fmt.Sprintf("BURL_%s_%d.HL7", map[registry.Lane]string{registry.LaneTest: "TEST", registry.LaneProduction: "PROD"}[lane], n), nil
		}, ContentDigest: digest, Digest: digest, VaultKey: "k" + c, Size: 10, Messages: n, At: at,
	})
	require.NoError(t, err)
	_, err = store.BeginUpload(ctx, "sunrise-plano", d.ID)
	require.NoError(t, err)
	require.NoError(t, store.Published(ctx, "sunrise-plano", d.ID, at))
	_, err = store.Confirm(ctx, "sunrise-plano", d.ID, registry.ConfirmedByStat, registry.System, at)
	require.NoError(t, err)
}

// reported takes in a report on the first messages of a file.
func (b *bench) reported(t *testing.T, c string, at time.Time, codes told, more ...registry.ReportItem) string {
	t.Helper()
	store, ctx := b.open(t), t.Context()
	r, err := store.AddReport(ctx, db.FetchedReport{
		Connection: "dshs", File: db.RemoteFile{Name: "dqa-" + c + ".txt", Size: 7, ModTime: at}, Digest: strings.Repeat(c, 64),
		VaultKey: "r" + c, At: at, Dated: at,
	})
	require.NoError(t, err)
	_, err = store.ImportReport(ctx, db.ReportImport{
		ReportID: r.ID, At: at, Terms: []db.ReportTerms{{Practice: "sunrise-plano"}},
		Read: func(emit func(registry.ReportItem) error) (db.ReportNames, error) {
			names := db.ReportNames{Format: "delimited", Mapping: "codes", Records: len(codes), Files: []string{"BURL_PROD_1.HL7"}}
			for i, code := range codes {
				item := registry.ReportItem{
					Ordinal: i + 1, ControlID: fmt.Sprintf("%s-%d", c, i), Code: code, Family: registry.FamilyOf(code),
					Outcome: registry.OutcomeAccepted, Text: "=Zebedine Quarrow was refused",
				}
				if code != "" {
					item.Outcome, item.Severity = item.Family.Outcome(), registry.SeverityError
				}
				if err := emit(item); err != nil {
					return names, err
				}
			}
			for i, item := range more {
				item.Ordinal = len(codes) + 1 + i
				if err := emit(item); err != nil {
					return names, err
				}
			}
			return names, nil
		},
	})
	require.NoError(t, err)
	_, err = store.ReconcileReport(ctx, db.ReportReconcile{
		ReportID: r.ID, At: at, Catalogue: map[string]registry.CatalogueEntry{
			"IMR-111": {Code: "IMR-111", Owner: registry.OwnerPractice}, "CLR-100": {Code: "CLR-100", Owner: registry.OwnerPractice},
		},
		Due: func(string, registry.CatalogueEntry) (time.Time, error) { return at.AddDate(0, 0, 14), nil },
	})
	require.NoError(t, err)
	return r.ID
}

func TestQuality(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	t.Run("without a delivery it says so", func(t *testing.T) {
		b.run(t, "quality", "sunrise-plano").exits(0).fits().shows("No message of theirs was delivered")
	})
	monday := time.Date(2026, 3, 16, 15, 0, 0, 0, time.UTC)
	b.delivered(t, "a", monday, 30)
	b.delivered(t, "b", monday.AddDate(0, 0, 7), 24)
	codes := make(told, 30)
	codes[0], codes[1], codes[2], codes[3] = "IMR-111", "IMR-111", "IMR-111", "CLR-100"
	b.reported(t, "a", monday, codes)
	b.reported(t, "b", monday.AddDate(0, 0, 8), make(told, 3))

	t.Run("each week and month has its counts, its rate and its causes", func(t *testing.T) {
		b.run(t, "quality", "sunrise-plano").exits(0).fits().
			line("2026-W12", "30", "26", "0", "0", "4", "0", "86.6 % !", "IMR-111 ×3").
			line("2026-W13", "24", "3", "0", "0", "0", "21", "too few").
			line("2026-03", "54", "29", "0", "0", "4", "21", "87.8 % !").
			shows("21 messages are not answered yet", "at least 20 answers", "mark of 90 %", "maker of the vaccine")
	})
	t.Run("a line of rates is drawn on a terminal only", func(t *testing.T) {
		require.NotContains(t, b.run(t, "quality", "sunrise-plano").stdout, "oldest first")
		b.env.IsTerminal = true
		defer func() { b.env.IsTerminal = false }()
		b.run(t, "quality", "sunrise-plano").exits(0).shows("Acceptance, oldest first: ▇·")
	})
	t.Run("json and csv carry the same, and no rate where there is too little", func(t *testing.T) {
		var got struct {
			Mark  int `json:"mark_percent"`
			Weeks []struct {
				Period, Begins   string
				Sent, Unanswered int
				Rate             *float64 `json:"acceptance_percent"`
				Below            bool     `json:"below_mark"`
				Causes           []db.QualityCause
			}
		}
		b.run(t, "quality", "--all", "-o", "json").exits(0).json(&got)
		require.Equal(t, 90, got.Mark)
		require.Len(t, got.Weeks, 2)
		require.Equal(t, "2026-W13", got.Weeks[0].Period)
		require.Equal(t, "2026-03-23", got.Weeks[0].Begins)
		require.Nil(t, got.Weeks[0].Rate)
		require.InDelta(t, 86.6, *got.Weeks[1].Rate, 0.001)
		require.True(t, got.Weeks[1].Below)
		require.Equal(t, []db.QualityCause{{Code: "IMR-111", Messages: 3, Refused: 3}, {Code: "CLR-100", Messages: 1, Refused: 1}}, got.Weeks[1].Causes)
		csv := b.run(t, "quality", "--site", "plano", "-o", "csv").exits(0).stdout
		require.Contains(t, csv, "week,2026-W12,2026-03-16,15,13,0,0,2,0,,false,IMR-111=2")
		require.Len(t, strings.Split(strings.TrimSpace(csv), "\n"), 4)
	})
	t.Run("a vendor, a term and a kind of file are asked for", func(t *testing.T) {
		b.run(t, "quality", "--vendor", "nobody.example").exits(0).shows("No message of theirs")
		b.run(t, "quality", "--all", "--for", "test").exits(0).shows("No message of theirs")
		require.NotContains(t, b.run(t, "quality", "--all", "--weeks", "2").exits(0).stdout, "2026-W12")
	})
	t.Run("wrong usage is refused", func(t *testing.T) {
		b.run(t, "quality").exits(2).complains("--all")
		b.run(t, "quality", "--all", "--for", "lane").exits(2)
		b.run(t, "quality", "--all", "--weeks", "0").exits(2)
		b.run(t, "quality", "nowhere").exits(1)
	})
}
