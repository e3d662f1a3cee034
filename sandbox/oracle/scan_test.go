package oracle_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"immtrail/internal/hl7gen"
	"immtrail/sandbox/oracle"
)

func TestAPatientIsFoundWhereverTheProductMayHaveWritten(t *testing.T) {
	var who hl7gen.Patient
	place := func(do func(*world)) func(*world) {
		return func(w *world) {
			who = w.Patients[0]
			do(w)
		}
	}
	for name, do := range map[string]func(*world){
		"a log":           place(func(w *world) { w.addTo(w.LogFiles[0], who.Given) }),
		"a file of bytes": place(func(w *world) { w.addTo(filepath.Join(w.ScanDirs[0], "temporal.db-wal"), "\x00\x01"+who.MRN) }),
		"a file's name":   place(func(w *world) { w.addTo(filepath.Join(w.NameDirs[0], who.Family+".hl7"), "") }),
		"the metrics":     place(func(w *world) { w.Texts["metrics"] += `files{site="` + who.Family + `"} 1` }),
		"a failed message": place(func(w *world) {
			w.engine.runs[0].failed(enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, who.Family)
		}),
		"a workflow's ID": place(func(w *world) { w.engine.add("file/"+who.MRN, "F", enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, "") }),
		"a sealed column that is not": place(func(w *world) {
			w.sql(`update messages set patient = $1 where file_id = 'f-1' and ordinal = 1`, []byte(who.Family))
		}),
		"a text column": place(func(w *world) {
			w.sql(`update reports set reason = $1 where id = 'r-1'`, "what of "+who.Guardian+who.Family)
		}),
		"a mail's coded subject": place(func(w *world) {
			w.letter("hold/h-9/0", "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte("about "+who.Family))+"?=", "Number: h-9", coordinator)
		}),
		"a mail's folded line": place(func(w *world) {
			w.letter("hold/h-9/0", "sunrise-plano", "about "+who.Family[:5]+"=\r\n"+who.Family[5:], coordinator)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			do(w)
			w.broken(oracle.ClearText)
		})
	}
}

func (w *world) addTo(path, text string) {
	w.t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(w.t, err)
	_, err = f.WriteString(text)
	require.NoError(w.t, err)
	require.NoError(w.t, f.Close())
}

func TestAPatientIsFoundInEveryForm(t *testing.T) {
	p := people(1)[0]
	word := strings.Fields(p.Street)[1]
	for _, text := range []string{
		"x" + p.Family + "x", strings.ToUpper(p.Given), strings.ToLower(p.MRN), p.Street, word,
		hex.EncodeToString([]byte(p.Family)), strings.ToUpper(hex.EncodeToString([]byte(strings.ToUpper(p.Family)))),
		"^" + p.Phone, `"` + p.Phone + `"`, "(972) " + p.Phone, "972" + p.Phone, " 972-" + p.Phone + ".",
	} {
		require.Positive(t, oracle.ScanText(people(1), text), "%q", text)
	}
	for lead := range 3 {
		for _, coding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			text := coding.EncodeToString([]byte(strings.Repeat("~", lead) + p.Family + "?"))
			require.Positive(t, oracle.ScanText(people(1), text), "base64 with %d bytes before", lead)
		}
	}
}

func TestWhatOnlyLooksLikeAPatientIsNot(t *testing.T) {
	p := people(1)[0]
	other := p
	other.Family = "TESTPATIENT"
	for _, text := range []string{
		"size=" + p.Phone, "1" + p.Phone, p.Phone + "1", "9" + "972" + p.Phone, "111-" + p.Phone, "TESTPATIENT",
		p.Family[:11], strings.Fields(p.Street)[0] + " Street", p.BirthDate,
	} {
		require.Zero(t, oracle.ScanText([]hl7gen.Patient{other}, text), "%q", text)
	}
}

// A needle is found at every place around the borders of what is read at once.
func TestAStreamHasNoBlindSpot(t *testing.T) {
	who := people(3)
	for _, size := range []int{0, 7, 12, 1 << 20, 2<<20 + 3} {
		for shift := -40; shift <= 40; shift++ {
			data := []byte(strings.Repeat(".", max(0, size+shift)) + who[1].Family + "^" + who[2].Phone + strings.Repeat(".", 9))
			require.Equal(t, 2, oracle.ScanStream(t, who, data), "at %d%+d", size, shift)
		}
		require.Equal(t, 1, oracle.ScanStream(t, who, []byte(strings.Repeat(".", size)+who[0].MRN)), "at the very end")
	}
}

func people(n int) []hl7gen.Patient {
	g := hl7gen.New(77, hl7gen.Options{Now: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)})
	facts, err := g.Batch(discard{}, hl7gen.BatchOptions{Messages: n})
	if err != nil {
		panic(err)
	}
	return facts.Patients
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkScan looks through 64 MiB of what a WAL may hold, for ten thousand
// patients.
func BenchmarkScan(b *testing.B) {
	who := people(10_000)
	rnd := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 0, 64<<20)
	for len(data) < cap(data)-64 {
		data = fmt.Appendf(data, `{"id":"f-%d","digest":"%x","at":"2026-03-04T02:%02d:00Z"}`, rnd.IntN(9999), rnd.Uint64(), rnd.IntN(60))
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if oracle.ScanStream(b, who, data) != 0 {
			b.Fatal("found somebody")
		}
	}
}
