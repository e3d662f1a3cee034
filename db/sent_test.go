package db_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// sentMessage is a message of a file that went out, as a check saw it.
type sentMessage struct {
	control, site string
	doses         []string // record keys
	held          bool
	chart         string // the chart number
	who           string // what tells the patient apart; empty: nothing
	app, facility string // the sending system
	sent          string // MSH-7, YYYYMMDD
	corrects      bool   // its doses take back or change one
	says          string // what it says but for time and control ID; empty: nobody knows
}

// checked stages a file and keeps a check of it.
func (b *bundle) checked(t *testing.T, practice string, lane registry.Lane, c string, at time.Time, msgs ...sentMessage) registry.FileRef {
	t.Helper()
	ctx := t.Context()
	staged, err := b.StageFile(ctx, db.NewFile{
		Practice: practice, Lane: lane, Digest: digest(c), Size: 10, VaultKey: "sha256/" + c, At: at,
	})
	require.NoError(t, err)
	require.NoError(t, b.SaveCheck(ctx, practice, staged.File.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
		sum := registry.CheckSummary{Outcome: registry.OutcomeAccepted, ErrorFree: true, Messages: len(msgs), RuleSet: "r1"}
		for i, m := range msgs {
			out := db.CheckedMessage{
				Ordinal: i + 1, ControlID: m.control, SendingApp: m.app, SendingFacility: m.facility, Site: m.site, Outcome: registry.OutcomeAccepted, Held: m.held,
				Length: 100, Patient: []byte("Grace of " + m.control), Chart: m.chart, Who: m.who, Sent: m.sent, Content: sha256.Sum256([]byte(m.control)),
			}
			if m.says != "" {
				out.Says = sha256.Sum256([]byte(m.says))
			}
			for n, key := range m.doses {
				out.Doses = append(out.Doses, db.CheckedDose{Ordinal: n + 1, RecordKey: key, Year: 2000 + n, Corrects: m.corrects})
				sum.Doses++
			}
			if m.held {
				sum.Held++
			}
			w.Message(out)
		}
		return db.CheckResult{Summary: sum, At: at}, w.Err()
	}))
	return staged.File
}

// sent brings a file to the registry, confirmed at a date.
func (b *bundle) sent(t *testing.T, practice string, lane registry.Lane, c string, at time.Time, msgs ...sentMessage) db.Delivery {
	t.Helper()
	file := b.checked(t, practice, lane, c, at, msgs...)
	return b.deliver(t, practice, lane, c, file, at, msgs...)
}

func (b *bundle) deliver(t *testing.T, practice string, lane registry.Lane, c string, file registry.FileRef, at time.Time, msgs ...sentMessage) db.Delivery {
	t.Helper()
	ctx := t.Context()
	n := newDelivery(practice, file, lane, 1, c)
	n.At, n.Messages = at, 0
	for _, m := range msgs {
		if m.held {
			n.Held++
		} else {
			n.Messages++
		}
	}
	d, _, err := b.PrepareDelivery(ctx, n)
	require.NoError(t, err)
	_, err = b.BeginUpload(ctx, practice, d.ID)
	require.NoError(t, err)
	require.NoError(t, b.Published(ctx, practice, d.ID, at))
	d, err = b.Confirm(ctx, practice, d.ID, registry.ConfirmedByStat, registry.System, at)
	require.NoError(t, err)
	require.NoError(t, b.SettleFile(ctx, practice, file.ID, registry.FileDelivered, at))
	return d
}

// report adds a fetched report.
func (b *bundle) report(t *testing.T, c, name string) db.Report {
	t.Helper()
	r, err := b.AddReport(t.Context(), db.FetchedReport{
		Connection: "texas-sftp", File: db.RemoteFile{Name: name, Size: 7, ModTime: day0}, Digest: digest(c),
		VaultKey: "sha256/" + c, At: day0, Dated: day0,
	})
	require.NoError(t, err)
	return r
}

// says makes the items of a report out of (control ID, code) pairs; a code
// of "" is an acceptance.
func says(pairs ...[2]string) []registry.ReportItem {
	var items []registry.ReportItem
	for i, p := range pairs {
		item := registry.ReportItem{
			Ordinal: i + 1, ControlID: p[0], Ack: "AE", Code: p[1], Family: registry.FamilyOf(p[1]),
			Outcome: registry.OutcomeAccepted, Text: "Grace Hopper was looked at",
		}
		if p[1] != "" {
			item.Outcome, item.Severity = item.Family.Outcome(), registry.SeverityError
		}
		items = append(items, item)
	}
	return items
}

func reads(items []registry.ReportItem, names db.ReportNames) func(func(registry.ReportItem) error) (db.ReportNames, error) {
	return func(emit func(registry.ReportItem) error) (db.ReportNames, error) {
		names := names
		for _, i := range items {
			if !i.Line {
				names.Records++
			}
			if err := emit(i); err != nil {
				return names, err
			}
		}
		return names, nil
	}
}

// imported adds and imports a report, and settles its errors.
func (b *bundle) imported(t *testing.T, c string, at time.Time, items []registry.ReportItem) (db.Report, db.Reconciled) {
	t.Helper()
	r := b.report(t, c, "dqa-"+c+".txt")
	r, err := b.ImportReport(t.Context(), db.ReportImport{ReportID: r.ID, At: at, Read: reads(items, db.ReportNames{})})
	require.NoError(t, err)
	return r, b.reconcile(t, r.ID, at)
}

var catalogue = map[string]registry.CatalogueEntry{
	"CLR-100": {Code: "CLR-100", Owner: registry.OwnerPractice, PerPatient: true},
	"IMR-111": {Code: "IMR-111", Owner: registry.OwnerPractice},
	"MER-001": {Code: "MER-001", Owner: registry.OwnerVendor},
	"IEE-519": {Code: "IEE-519", Owner: registry.OwnerPractice},
}

func (b *bundle) reconcile(t *testing.T, report string, at time.Time) db.Reconciled {
	t.Helper()
	out, err := b.ReconcileReport(t.Context(), db.ReportReconcile{
		ReportID: report, At: at, Catalogue: catalogue,
		Due: func(string, registry.CatalogueEntry) (time.Time, error) { return at.AddDate(0, 0, 14), nil },
	})
	require.NoError(t, err)
	return out
}

func (b *bundle) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, b.sql.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// live adds a practice in production.
func (b *bundle) live(t *testing.T, id string) string {
	t.Helper()
	b.practice(t, id, registry.PhaseProduction)
	return id
}

func msg(control, site string, doses ...string) sentMessage {
	return sentMessage{control: control, site: site, doses: doses}
}

var errTorn = errors.New("torn")

func controls(prefix string, n int) (msgs []sentMessage, pairs [][2]string) {
	for i := range n {
		c := fmt.Sprintf("%s-%d", prefix, i)
		msgs = append(msgs, msg(c, "plano", "dose "+c))
		pairs = append(pairs, [2]string{c, ""})
	}
	return msgs, pairs
}
