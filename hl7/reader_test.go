package hl7_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"immtrail/hl7"
)

const twoMessages = "FHS|^~\\&|EHR|BURL6343\r" +
	"BHS|^~\\&|EHR|BURL6343\r" +
	"MSH|^~\\&|EHR|BURL6343|||20260301||VXU^V04^VXU_V04|c-1|T|2.5.1\r" +
	"PID|1||m-1^^^A^MR~m-2^^^A&1.2&ISO^PI||Kavorimdelta^Nemurilasopo^^^^^L\r" +
	"MSH|^~\\&|EHR|BURL6343|||20260301||VXU^V04^VXU_V04|c-2|T|2.5.1\r" +
	"PID|1\r" +
	"BTS|2\r" +
	"FTS|1\r"

// seen is what a test wants to know of a unit after the reader moved on.
type seen struct {
	Kind    hl7.Kind
	Ordinal int
	Offset  int64
	Line    int
	Raw     string
	Names   string
}

func readAll(t *testing.T, src io.Reader, lim hl7.Limits) ([]seen, hl7.Notes, error) {
	t.Helper()
	r := hl7.NewReader(src, lim)
	var all []seen
	for {
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, r.Notes(), nil
		}
		if err != nil {
			return all, r.Notes(), err
		}
		s := seen{u.Kind, u.Ordinal, u.Offset, u.Line, string(u.Raw()), ""}
		for i := range u.Segments {
			s.Names += string(u.Segments[i].Name()) + " "
		}
		all = append(all, s)
	}
}

func TestReaderGivesUnitsInOrderWithTheirPlaces(t *testing.T) {
	units, notes, err := readAll(t, strings.NewReader(twoMessages), hl7.Limits{})
	require.NoError(t, err)
	var kinds []hl7.Kind
	for _, u := range units {
		kinds = append(kinds, u.Kind)
		require.Equal(t, twoMessages[u.Offset:u.Offset+int64(len(u.Raw))], u.Raw)
	}
	require.Equal(t, []hl7.Kind{
		hl7.KindFileHeader, hl7.KindBatchHeader, hl7.KindMessage, hl7.KindMessage,
		hl7.KindBatchTrailer, hl7.KindFileTrailer,
	}, kinds)
	require.Equal(t, 2, units[3].Ordinal)
	require.Equal(t, 5, units[3].Line)
	require.Equal(t, hl7.Notes{CR: 8, Bytes: int64(len(twoMessages))}, notes)
}

func TestReaderSeesTheSameWhateverTheChunks(t *testing.T) {
	forms := map[string]string{
		"CR":        twoMessages,
		"LF":        strings.ReplaceAll(twoMessages, "\r", "\n"),
		"CRLF":      strings.ReplaceAll(twoMessages, "\r", "\r\n"),
		"mixed":     strings.Replace(strings.Replace(twoMessages, "\r", "\r\n", 2), "\rPID", "\nPID", 1),
		"BOM, MLLP": "\xef\xbb\xbf\x0b" + strings.ReplaceAll(twoMessages, "\rBTS", "\r\x1c\rBTS"),
		"no end":    strings.TrimSuffix(twoMessages, "\r"),
		"blanks":    "\r\n\r\n" + strings.ReplaceAll(twoMessages, "\r", "\r\n\r\n"),
	}
	for name, text := range forms {
		t.Run(name, func(t *testing.T) {
			whole, wholeNotes, err := readAll(t, strings.NewReader(text), hl7.Limits{})
			require.NoError(t, err)
			single, singleNotes, err := readAll(t, iotest.OneByteReader(strings.NewReader(text)), hl7.Limits{})
			require.NoError(t, err)
			require.Equal(t, whole, single)
			require.Equal(t, wholeNotes, singleNotes)
			require.Len(t, whole, 6)
			for _, u := range whole {
				require.Equal(t, u.Raw, text[u.Offset:u.Offset+int64(len(u.Raw))], "bytes are those of the original")
			}
			require.Equal(t, "MSH PID ", whole[2].Names)
		})
	}
}

func TestReaderNotesTheOuterForm(t *testing.T) {
	notes := func(text string) hl7.Notes {
		_, n, err := readAll(t, strings.NewReader(text), hl7.Limits{})
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 8, notes(strings.ReplaceAll(twoMessages, "\r", "\n")).LF)
	require.Equal(t, 8, notes(strings.ReplaceAll(twoMessages, "\r", "\r\n")).CRLF)
	require.True(t, notes("\xef\xbb\xbf"+twoMessages).BOM)
	require.True(t, notes(strings.TrimSuffix(twoMessages, "\r")).Unterminated)
	require.Equal(t, 2, notes("\x0bMSH|^~\\&|A\rPID|1\r\x1c\r").MLLP)
}

func TestFieldsAreCountedAsHL7CountsThem(t *testing.T) {
	r := hl7.NewReader(strings.NewReader(twoMessages), hl7.Limits{})
	var u *hl7.Unit
	for range 3 {
		var err error
		u, err = r.Next()
		require.NoError(t, err)
	}
	msh, pid := u.Segment("MSH"), u.Segment("PID")
	require.Equal(t, "|", string(msh.Field(1)))
	require.Equal(t, `^~\&`, string(msh.Field(2)))
	require.Equal(t, "EHR", string(msh.Field(3)))
	require.Equal(t, "VXU_V04", string(msh.Component(9, 3)))
	require.Equal(t, "2.5.1", string(msh.Field(12)))
	require.Equal(t, 12, msh.Fields())
	require.Nil(t, msh.Field(13))
	require.Equal(t, "1", string(pid.Field(1)))
	require.Equal(t, "MR", string(pid.Component(3, 5)))
	require.Nil(t, pid.Field(0))
	var types []string
	for i, rep := range pid.Reps(3) {
		require.Equal(t, len(types)+1, i)
		types = append(types, string(rep.Component(5)))
		if i == 2 {
			require.Equal(t, "ISO", string(rep.Sub(4, 3)))
		}
	}
	require.Equal(t, []string{"MR", "PI"}, types)
	require.Nil(t, u.Segment("RXA").Field(5), "a missing segment has nothing")
}

func TestReaderTakesTheMessagesOwnDelimiters(t *testing.T) {
	r := hl7.NewReader(strings.NewReader("MSH#*!?%#A\rPID#1##x*y%z!w\r"), hl7.Limits{})
	u, err := r.Next()
	require.NoError(t, err)
	require.True(t, u.DelimsOK)
	require.Equal(t, "z", string(u.Segment("PID").Sub(3, 2, 2)))

	for name, text := range map[string]string{
		"cut at byte 3":  "MSH",
		"cut at byte 4":  "MSH|",
		"cut at byte 7":  "MSH|^~\\",
		"letters":        "MSHxABCDx\rPID|1\r",
		"the same twice": "MSH|^^^^|\rPID|1\r",
		"blank":          "MSH |\rPID|1\r",
	} {
		t.Run(name, func(t *testing.T) {
			u, err := hl7.NewReader(strings.NewReader(text), hl7.Limits{}).Next()
			require.NoError(t, err)
			require.False(t, u.DelimsOK)
		})
	}
}

func TestReaderRefusesWhatIsNotHL7(t *testing.T) {
	for name, text := range map[string]string{
		"JSON":        `{"resourceType":"Immunization"}`,
		"PDF":         "%PDF-1.7\n...",
		"zip":         "PK\x03\x04....",
		"gzip":        "\x1f\x8b\x08....",
		"NULs":        "MSH|^~\\&|\x00\x00\x00",
		"UTF-16":      "\xff\xfeM\x00S\x00H\x00",
		"prose":       "Dear registry,\r\nplease find attached\r\n",
		"only blanks": strings.Repeat("\r\n", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			units, _, err := readAll(t, strings.NewReader(text), hl7.Limits{})
			var bad *hl7.FormatError
			require.ErrorAs(t, err, &bad)
			require.Empty(t, units)
		})
	}
	for _, text := range []string{"", "\r\n", "\xef\xbb\xbf", "\x0b\x1c\r"} {
		_, _, err := readAll(t, strings.NewReader(text), hl7.Limits{})
		require.ErrorIs(t, err, hl7.ErrEmpty)
	}
}

func TestReaderStopsAtItsLimitsAndNamesThePlace(t *testing.T) {
	head := "MSH|^~\\&|A\r"
	for name, c := range map[string]struct {
		text string
		what string
		line int
	}{
		"long segment": {head + "OBX|" + strings.Repeat("x", 3000) + "\r", "segment", 2},
		"endless line": {head + "OBX|" + strings.Repeat("x", 300_000), "segment", 2},
		"long message": {head + head + strings.Repeat("NTE|"+strings.Repeat("x", 500)+"\r", 100), "message", 2},
		"many segments": {
			head + strings.Repeat("NTE\r", 1001), "segments in a message", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				_, _, err := readAll(t, src, hl7.Limits{Segment: 2000, Message: 20_000, Segments: 1000})
				var limit *hl7.LimitError
				require.ErrorAs(t, err, &limit)
				require.Equal(t, c.what, limit.What)
				require.Equal(t, c.line, limit.Line)
			}
		})
	}
}

func TestAStormOfBlankLinesIsNoPartOfAMessage(t *testing.T) {
	lim := hl7.Limits{Segment: 2000, Message: 20_000}
	text := "MSH|^~\\&|A\rPID|1\n" + strings.Repeat("\n", 2_000_000) + "PV1|1\rMSH|^~\\&|B\r"
	for _, src := range []io.Reader{strings.NewReader(text), iotest.HalfReader(strings.NewReader(text))} {
		units, notes, err := readAll(t, src, lim)
		require.NoError(t, err)
		require.Len(t, units, 3)
		require.Equal(t, "MSH PID ", units[0].Names)
		require.Equal(t, "MSH|^~\\&|A\rPID|1\n", units[0].Raw)
		require.Equal(t, hl7.KindStray, units[1].Kind, "a line after the storm belongs to nothing")
		require.Equal(t, 2_000_003, units[1].Line)
		require.Equal(t, 2, units[2].Ordinal)
		require.Equal(t, 2_000_001, notes.LF)
	}
}

func TestLinesOutsideAnyMessageAreStray(t *testing.T) {
	units, _, err := readAll(t, strings.NewReader("hello\rMSH|^~\\&|A\rBTS|1\rPID|1\r"), hl7.Limits{})
	require.NoError(t, err)
	require.Equal(t, hl7.KindStray, units[0].Kind)
	require.Equal(t, hl7.KindStray, units[3].Kind)
	require.Equal(t, "PID ", units[3].Names)
}

func TestReaderPassesOnTheErrorOfItsSource(t *testing.T) {
	r := hl7.NewReader(io.MultiReader(strings.NewReader(twoMessages), iotest.ErrReader(io.ErrUnexpectedEOF)), hl7.Limits{})
	var err error
	for err == nil {
		_, err = r.Next()
	}
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "a cut stream is never a short file")
	_, again := r.Next()
	require.Equal(t, err, again)
}

func TestReaderKeepsLittleInMemory(t *testing.T) {
	message := []byte("MSH|^~\\&|A\r" + strings.Repeat("NTE|1||"+strings.Repeat("x", 200)+"\r", 8))
	src := io.LimitReader(&repeat{data: message}, 200<<20)
	r := hl7.NewReader(src, hl7.Limits{})
	allocs := testing.AllocsPerRun(1, func() {
		for {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
	require.Less(t, allocs, 100.0, "reading 200 MB allocates a few buffers and no more")
}

// repeat gives the same bytes for ever.
type repeat struct {
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.data[r.at:])
		n += c
		r.at = (r.at + c) % len(r.data)
	}
	return n, nil
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(twoMessages), 100)
	f.Add([]byte("\xef\xbb\xbf\x0bMSH|^~\\&|A\r\nPID|1\n\x1c\r"), 50)
	f.Add([]byte("MSH|^~\\"), 1)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		lim := hl7.Limits{Segment: limit % 5000, Message: limit % 9000}
		whole, notes, err := readAll(t, bytes.NewReader(data), lim)
		single, singleNotes, singleErr := readAll(t, iotest.OneByteReader(bytes.NewReader(data)), lim)
		require.Equal(t, whole, single)
		require.Equal(t, err, singleErr)
		if err == nil {
			require.Equal(t, notes, singleNotes)
		}
		at := int64(0)
		for _, u := range whole {
			require.GreaterOrEqual(t, u.Offset, at, "units do not overlap")
			at = u.Offset + int64(len(u.Raw))
			require.Equal(t, string(data[u.Offset:at]), u.Raw)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	message := []byte(strings.Repeat(twoMessages[strings.Index(twoMessages, "MSH"):strings.Index(twoMessages, "BTS")], 10))
	b.SetBytes(int64(len(message)))
	r := hl7.NewReader(&repeat{data: message}, hl7.Limits{})
	b.ReportAllocs()
	for b.Loop() {
		for range 20 {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
