package dqa_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
	"immtrail/registry"
)

func TestReportThatCannotBeReadIsRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                   {"", "the report is empty"},
		"blank":                   {"\r\n \r\n", "the report is empty"},
		"a PDF":                   {"%PDF-1.7\n", "the PDF document is cut off"},
		"a spreadsheet":           {"PK\x03\x04xl", "the spreadsheet is damaged"},
		"HTML without any answer": {"<html><table><tr><td>x", "no mapping understands this report: teach its layout"},
		"an old Office document":  {"\xd0\xcf\x11\xe0\xa1\xb1", "save it as XLSX"},
		"an archive":              {"\x1f\x8b\x08", "a compressed archive: unpack it"},
		"binary":                  {"ab\x00cd", "binary data"},
		"text without any answer": {"Dear practice,\nall is well.\n", "no mapping understands this report: teach its layout"},
		"a message of our own":    {"MSH|^~\\&|EHR|X\rPID|1\r", "no mapping understands this report: teach its layout"},
		"a line without end":      {strings.Repeat("CLR-100 ", 1<<18), "line 1 is longer than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			err := read(t, c.text).err
			require.Error(t, err)
			require.Equal(t, registry.Invalid, registry.KindOf(err))
			require.Contains(t, err.Error(), c.want)
		})
	}
}

func TestErrorsDoNotQuoteTheReport(t *testing.T) {
	for _, text := range []string{"Zyxwvutsrq\n", "MSH|^~\\&|Zyxwvutsrq\r", strings.Repeat("Zyxwvutsrq", 200_000)} {
		require.NotContains(t, read(t, text).err.Error(), "Zyxw")
	}
}

func TestReadStopsWhereItsSurroundingsFail(t *testing.T) {
	text := strings.Repeat(ack("1", "AA"), 1000)
	t.Run("the caller cannot store an item", func(t *testing.T) {
		full := errors.New("full")
		_, err := dqa.Read(context.Background(), strings.NewReader(text), options(t), func(registry.ReportItem) error { return full })
		require.ErrorIs(t, err, full)
	})
	t.Run("the caller cannot store a verdict", func(t *testing.T) {
		full := errors.New("full")
		opts := options(t)
		opts.Verdict = func(dqa.Verdict) error { return full }
		_, err := dqa.Read(context.Background(), strings.NewReader(text), opts, func(registry.ReportItem) error { return nil })
		require.ErrorIs(t, err, full)
	})
	t.Run("the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		_, err := dqa.Read(ctx, strings.NewReader(text), options(t), func(registry.ReportItem) error {
			n++
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, n, 300)
	})
	for name, body := range map[string]string{"acknowledgements": text, "table": strings.Repeat(table(",", false), 500)} {
		t.Run("the source breaks in the middle of "+name, func(t *testing.T) {
			src := io.MultiReader(strings.NewReader(body), iotest.ErrReader(errors.New("broken pipe")))
			_, err := dqa.Read(context.Background(), src, options(t), func(registry.ReportItem) error { return nil })
			require.Equal(t, registry.Transient, registry.KindOf(err), "to be read again, not quarantined: %v", err)
		})
	}
}

// endless gives n copies of a piece.
type endless struct {
	piece, rest string
	n           int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		if e.n == 0 {
			return 0, io.EOF
		}
		e.n--
		e.rest = e.piece
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func TestMemoryStaysFlat(t *testing.T) {
	for name, piece := range map[string]string{
		"acknowledgements": strings.Repeat(ack("1", "AE", errSeg("NK1^^0", "W", "IEE-519::Warning."))+ack("2", "AA"), 50),
		"table":            strings.Repeat("7,CLR-100,No consent,\"x\"\n8,IEE-519,Warning,y\n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "table" {
				piece = "Control ID,Code,Description,Z\n" + piece
			}
			var most uint64
			n := 0
			_, err := dqa.Read(context.Background(), &endless{piece: piece, n: 500}, options(t), func(registry.ReportItem) error {
				if n++; n%20_000 == 0 {
					var m runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
				return nil
			})
			require.NoError(t, err)
			require.Less(t, most, uint64(16<<20))
		})
	}
}

func TestRecordsAndItemsAddUp(t *testing.T) {
	r := read(t, ack("1", "AA")+"stray\r"+ack("2", "AE", errSeg("", "W", "IEE-519::x"), errSeg("", "E", "CLR-100::x"))+ack("3", "AE"))
	require.NoError(t, r.err)
	require.Equal(t, r.sum.Records, r.sum.Accepted+r.sum.Warned+r.sum.Rejected+r.sum.Unknown)
	require.Len(t, r.items, r.sum.Items)
	for i, it := range r.items {
		require.Equal(t, i+1, it.Ordinal)
	}
	covered := r.sum.NotUnderstood
	for i, v := range r.verdicts {
		require.Equal(t, i+1, v.Ordinal)
		covered += v.LastItem - v.FirstItem + 1
	}
	require.Equal(t, len(r.items), covered, "every item belongs to a record or is a line that nobody understands")
}

func TestWorseKeepsTheWorse(t *testing.T) {
	order := []registry.Outcome{
		registry.OutcomeAccepted, registry.OutcomeNotObjected, registry.OutcomeWarned, registry.OutcomeUnknown,
		registry.OutcomeDoseRejected, registry.OutcomePatientRejected, registry.OutcomeMessageRejected, registry.OutcomeFileRejected,
	}
	for i, a := range order {
		for _, b := range order[i:] {
			require.Equal(t, b, dqa.Worse(a, b))
			require.Equal(t, b, dqa.Worse(b, a))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(ack("1", "AE", errSeg("NK1^^0", "W", "IEE-519::Warning. IEE-411::Warning.")))
	f.Add("FHS|^~\\&\rBHS|^~\\&\r" + ack("1", "AA") + "BTS|1\rFTS|1\r")
	f.Add(table(",", true))
	f.Add(table("|", false))
	f.Add("\xff\xfeC\x00,\x00")
	f.Add("Control ID,Code\n1,\"open\n2,CLR-100\n")
	opts := options(f)
	f.Fuzz(func(t *testing.T, text string) {
		r := readWith(t, text, opts)
		if r.err != nil {
			require.NotEqual(t, registry.Transient, registry.KindOf(r.err))
			return
		}
		require.Len(t, r.items, r.sum.Items)
		require.Len(t, r.verdicts, r.sum.Records)
		answered := r.sum.NotUnderstood
		for _, v := range r.verdicts {
			require.LessOrEqual(t, v.FirstItem, v.LastItem, "no record without an item")
			answered += v.LastItem - v.FirstItem + 1
		}
		require.Len(t, r.items, answered)
		for _, v := range r.verdicts {
			worst := registry.OutcomeAccepted
			for _, it := range r.items[v.FirstItem-1 : v.LastItem] {
				require.NotEmpty(t, it.Outcome)
				require.Equal(t, v.ControlID, it.ControlID)
				worst = dqa.Worse(worst, it.Outcome)
			}
			require.Equal(t, v.Outcome, worst, "the verdict is the worst of its items")
		}
		require.Equal(t, r, readWith(t, text, opts), "reading again gives the same")
	})
}
