package fakeregistry_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// now is the wall clock of the tests; the calendar of most of them is real.
var now = time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)

// vxu is a message that the registry accepts, as fields to change.
type vxu struct {
	control, processing, version, kind  string
	chart, last, first, born, sex       string
	street, city, phone, nk1            string
	prescriber, given, cvx, source, lot string
	status, action, extra               string
	noPID, noRXA                        bool
	facility                            string
}

func good(n int) vxu {
	return vxu{
		control: fmt.Sprintf("C%04d", n), processing: "T", version: "2.5.1", kind: "VXU^V04^VXU_V04",
		chart: fmt.Sprintf("M%04dOK", n), last: "Okonkwo", first: "Adaeze", born: "20190704", sex: "F",
		street: "12 Pecan St", city: "Plano", phone: "^PRN^PH^^^972^5550142",
		nk1:        "NK1|1|Okonkwo^Ngozi^^^^^L|MTH^Mother^HL70063|12 Pecan St^^Plano^TX^75023^USA^L|^PRN^PH^^^972^5550142",
		prescriber: "1234567893", given: "20260309", cvx: "08", source: "00", lot: "A1B2", status: "CP", action: "A",
		facility: "SUNR0001",
	}
}

func (v vxu) text() string {
	lines := []string{fmt.Sprintf(`MSH|^~\&|EHR|%s|REG|TEXIIS|20260310080000-0600||%s|%s|%s|%s|||ER|AL|||||Z22^CDCPHINVS`,
		v.facility, v.kind, v.control, v.processing, v.version)}
	if !v.noPID {
		lines = append(lines, fmt.Sprintf("PID|1||%s^^^%s^MR||%s^%s^^^^^L||%s|%s|||%s^^%s^TX^75023^USA^H||%s",
			v.chart, v.facility, v.last, v.first, v.born, v.sex, v.street, v.city, v.phone))
	}
	if v.nk1 != "" {
		lines = append(lines, v.nk1)
	}
	if !v.noRXA {
		rxa := fmt.Sprintf("RXA|0|1|%s||%s^^CVX|0.5|mL||%s^^NIP001||^^^%s||||%s|20271231|MSD^^MVX|||%s|%s",
			v.given, v.cvx, v.source, v.facility, v.lot, v.status, v.action)
		lines = append(lines, "ORC|RE||O1^EHR|||||||||"+v.prescriber, rxa)
	}
	if v.extra != "" {
		lines = append(lines, v.extra)
	}
	return strings.Join(lines, "\r") + "\r"
}

// batch puts messages into an envelope with right counts.
func batch(msgs ...vxu) string {
	var b strings.Builder
	b.WriteString("FHS|^~\\&|EHR|SUNR0001|||20260310||F1||FC1\rBHS|^~\\&|EHR|SUNR0001|||20260310||||BC1\r")
	for _, m := range msgs {
		b.WriteString(m.text())
	}
	fmt.Fprintf(&b, "BTS|%d\rFTS|1\r", len(msgs))
	return b.String()
}

// desk is a registry without a network, with one account that it looks after.
type desk struct {
	t   *testing.T
	dir string
	reg *fakeregistry.Registry
	at  time.Time
}

func account(b fakeregistry.Behaviour) fakeregistry.Account {
	return fakeregistry.Account{
		User: "sunrise", Password: "pw", OrgCode: "SUNR0001", Behaviour: b, Prescribers: []string{"1234567893"},
		Facilities: []string{"SUNR0001", "SUNR0002"},
	}
}

func openDesk(t *testing.T, b fakeregistry.Behaviour) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), at: now}
	d.open(b)
	return d
}

func (d *desk) open(b fakeregistry.Behaviour) {
	d.t.Helper()
	reg, err := fakeregistry.Open(fakeregistry.Options{Dir: d.dir})
	require.NoError(d.t, err)
	require.NoError(d.t, reg.SetAccounts([]fakeregistry.Account{account(b)}))
	d.t.Cleanup(func() { reg.Close() })
	d.reg = reg
}

func (d *desk) home(parts ...string) string {
	return filepath.Join(append([]string{d.dir, "homes", "sunrise"}, parts...)...)
}

// drop puts a file where a sender would.
func (d *desk) drop(folder, name, content string) {
	d.t.Helper()
	require.NoError(d.t, os.WriteFile(d.home(folder, name), []byte(content), 0o600))
}

// step lets an hour pass and the registry look.
func (d *desk) step() {
	d.t.Helper()
	d.at = d.at.Add(time.Hour)
	require.NoError(d.t, d.reg.Step(d.at))
}

func (d *desk) ledger() []fakeregistry.Received {
	d.t.Helper()
	all, err := fakeregistry.ReadLedger(d.dir)
	require.NoError(d.t, err)
	return all
}

// judge sends one file and returns its entry and its report.
func (d *desk) judge(folder, content string) (fakeregistry.Received, string) {
	d.t.Helper()
	before := len(d.ledger())
	d.drop(folder, fmt.Sprintf("F%03d.HL7", before), content)
	d.step()
	d.step()
	all := d.ledger()
	require.Len(d.t, all, before+1)
	last := all[before]
	report, err := os.ReadFile(d.home("reports", last.Answer))
	require.NoError(d.t, err)
	return last, string(report)
}

func (d *desk) names(parts ...string) []string {
	d.t.Helper()
	entries, err := os.ReadDir(d.home(parts...))
	require.NoError(d.t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// rows are the cells of a delimited report without its header.
func rows(t *testing.T, report string) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(report)).ReadAll()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all[1:]
}

// lines are the segments of an ACK report of one kind.
func lines(report, id string) []string {
	var found []string
	for line := range strings.SplitSeq(report, "\r") {
		if strings.HasPrefix(line, id+"|") {
			found = append(found, line)
		}
	}
	return found
}

var lanes = map[registry.Lane]string{
	registry.LaneTest: "inbound/test", registry.LaneProduction: "inbound/production",
	registry.LaneHistorical: "inbound/historical",
}

// nowhereIn fails when a file of the registry holds the text.
func (d *desk) nowhereIn(text, file string) {
	d.t.Helper()
	data, err := os.ReadFile(filepath.Join(d.dir, file))
	require.NoError(d.t, err)
	require.NotContains(d.t, string(data), text)
}
