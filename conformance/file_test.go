package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/hl7"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

func TestFilesThatMustNotGo(t *testing.T) {
	one := soundWith("c-1")
	head := "FHS|^~\\&|EHR\rBHS|^~\\&|EHR\r"
	for name, c := range map[string]struct {
		file string
		rule string
	}{
		"empty":                      {"", "F-02"},
		"only an envelope":           {head + "BTS|0\rFTS|1\r", "F-02"},
		"JSON":                       {`{"resourceType":"Bundle"}`, "F-03.format"},
		"gzip":                       {"\x1f\x8b\x08\x00", "F-03.gzip"},
		"zip":                        {"PK\x03\x04\x14\x00", "F-03.zip"},
		"a segment without end":      {head + one + "NTE|1||" + strings.Repeat("x", 2<<20), "F-03.limit"},
		"no trailers":                {head + one, "F-06"},
		"no FTS":                     {head + one + "BTS|1\r", "F-06"},
		"no BTS":                     {head + one + "FTS|1\r", "F-06"},
		"no headers":                 {one + "BTS|1\rFTS|1\r", "F-06"},
		"a message after the batch":  {head + one + "BTS|1\r" + soundWith("c-2") + "FTS|1\r", "F-06"},
		"a message before the batch": {one + strings.TrimPrefix(batch(soundWith("c-2")), "FHS|^~\\&|EHR\r"), "F-06"},
		"two files in one":           {batch(one) + batch(soundWith("c-2")), "F-06"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, lane := range []func(*conformance.Options){production, func(*conformance.Options) {}} {
				v := judge(t, c.file, lane)
				require.Contains(t, v.rules(), c.rule)
				require.True(t, v.HoldFile)
				require.False(t, v.ErrorFree)
				require.Equal(t, registry.OutcomeFileRejected, v.Outcome)
			}
		})
	}
}

func TestEnvelopesThatAreFine(t *testing.T) {
	one, two := soundWith("c-1"), soundWith("c-2", chart("OTHER"))
	bare := func(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, "FHS|^~\\&|EHR\r"), "FTS|1\r") }
	for name, file := range map[string]string{
		"file of one batch":      batch(one, two),
		"batch without file":     bare(batch(one, two)),
		"two batches":            "FHS|^~\\&|EHR\r" + bare(batch(one)) + bare(batch(two)) + "FTS|2\r",
		"trailers without count": strings.NewReplacer("BTS|2", "BTS", "FTS|1", "FTS|").Replace(batch(one, two)),
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, file)
			require.Empty(t, v.findings)
			require.Equal(t, 2, v.Messages)
		})
	}
}

func TestFindingsAboutTheFilesForm(t *testing.T) {
	one := soundWith("c-1")
	for name, c := range map[string]struct {
		file, rule, path string
	}{
		"LF ends":            {strings.ReplaceAll(batch(one), "\r", "\n"), "F-03.ends", "file"},
		"CRLF ends":          {strings.ReplaceAll(batch(one), "\r", "\r\n"), "F-03.ends", "file"},
		"mixed ends":         {strings.Replace(batch(one), "\r", "\n", 1), "F-03.mixed", "file"},
		"byte order mark":    {"\xef\xbb\xbf" + batch(one), "F-03.bom", "file"},
		"MLLP":               {strings.NewReplacer("MSH|", "\x0bMSH|", "BTS|", "\x1c\rBTS|").Replace(batch(one)), "F-03.mllp", "file"},
		"garbage at the end": {batch(one) + "-- end of file --\r", "F-03.stray", "file"},
		"odd delimiters":     {strings.Replace(batch(one), "BHS|^~\\&", "BHS|~^\\&", 1), "F-04", "BHS-2"},
		"wrong BTS":          {strings.Replace(batch(one), "BTS|1", "BTS|2", 1), "F-05", "BTS-1"},
		"wrong FTS":          {strings.Replace(batch(one), "FTS|1", "FTS|none", 1), "F-05", "FTS-1"},
		"control ID twice":   {batch(one, soundWith("c-1", chart("OTHER"))), "F-07", "MSH-10"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, c.file)
			require.Equal(t, []string{c.rule}, v.rules())
			require.Equal(t, c.path, v.findings[0].Path)
		})
	}
	t.Run("a dose twice", func(t *testing.T) {
		v := judge(t, batch(one, soundWith("c-2")))
		require.Equal(t, []string{"F-08"}, v.rules())
		require.Len(t, v.findings, 2, "both doses of the message")
		require.Equal(t, "RXA[2]", v.findings[1].Path)
	})
	t.Run("patients are told apart by name, birth date and sex, not by chart number", func(t *testing.T) {
		for name, c := range map[string]struct {
			other []edit
			twice bool
		}{
			"the same child under two chart numbers":     {[]edit{set("PID-3.1", "KAVORI018")}, true},
			"... under two authorities":                  {[]edit{set("PID-3.4", "SUNRPLANO")}, true},
			"... written in capitals":                    {[]edit{set("PID-5.1", "KAVORIMDELTA"), set("PID-5.2", "NEMURILASOPO")}, true},
			"twins under one chart number":               {[]edit{set("PID-5.2", "Nemurilasopa")}, false},
			"brothers of one name under one number":      {[]edit{set("PID-7", "20240114")}, false},
			"another sex":                                {[]edit{set("PID-8", "M")}, false},
			"without a birth date, the same chart":       {[]edit{set("PID-7", "")}, false},
			"parts of the names that run into the other": {[]edit{set("PID-5.1", "KavorimdeltaN"), set("PID-5.2", "emurilasopo")}, false},
		} {
			v := judge(t, batch(one, soundWith("c-2", c.other...)))
			require.Equal(t, c.twice, slices.Contains(v.rules(), "F-08"), name)
		}
		nameless := []edit{set("PID-5.1", "")}
		require.Contains(t, judge(t, batch(soundWith("c-1", nameless...), soundWith("c-2", nameless...))).rules(), "F-08",
			"without a name the chart number tells")
		require.NotContains(t, judge(t, batch(soundWith("c-1", nameless...), soundWith("c-2", set("PID-5.1", ""), set("PID-3.4", "OTHER")))).rules(), "F-08",
			"a chart number is one of its authority")
	})
	t.Run("too large, too many", func(t *testing.T) {
		v := judge(t, batch(one, soundWith("c-2", chart("OTHER"))), func(in *conformance.Options) {
			in.Profile.File = registry.FileSettings{MaxBytes: 1000, MaxMessages: 1}
		})
		require.Equal(t, []string{"F-02.messages", "F-02.size"}, v.rules())
		require.True(t, v.HoldFile)
	})
}

func TestFirstTestFile(t *testing.T) {
	first := func(in *conformance.Options) { in.FirstSingle = true }
	file := func(messages, doses int) string {
		for seed := uint64(1); ; seed++ {
			var b bytes.Buffer
			facts, err := hl7gen.New(seed, hl7gen.Options{OrgCode: "SUNR1234", Now: now, ProcessingID: "T"}).Batch(&b, hl7gen.BatchOptions{Messages: messages})
			require.NoError(t, err)
			if facts.Doses == doses {
				return b.String()
			}
		}
	}
	require.NotContains(t, judge(t, file(1, 1), first).rules(), "F-02.first")
	for name, content := range map[string]string{"two vaccinations": file(1, 2), "two messages": file(2, 2)} {
		v := judge(t, content, first)
		require.Contains(t, v.rules(), "F-02.first", name)
		require.True(t, v.HoldFile, name)
		require.NotContains(t, judge(t, content).rules(), "F-02.first", "%s: a later file may be as it is", name)
	}
	v := judge(t, file(2, 2), first, func(in *conformance.Options) { in.Lane = registry.LaneProduction })
	require.NotContains(t, v.rules(), "F-02.first", "it is about test files")
}

func TestFindingsPointIntoTheOriginalBytes(t *testing.T) {
	file := "\xef\xbb\xbf" + strings.ReplaceAll(batch(soundWith("c-1", set("RXA[2]-3", ""))), "\r", "\r\n")
	v := judge(t, file)
	for _, f := range v.findings {
		if f.Rule == "R-03" {
			require.True(t, strings.HasPrefix(file[f.Offset:], "RXA|0|1||"))
			require.Equal(t, strings.Count(file[:f.Offset], "\n")+1, f.Line)
			return
		}
	}
	t.Fatal("not found")
}

func TestTheSameFindingsWhateverTheChunks(t *testing.T) {
	var file bytes.Buffer
	_, err := hl7gen.New(2, hl7gen.Options{OrgCode: "SUNR1234", Now: now}).Batch(&file, hl7gen.BatchOptions{
		Messages: 40, Defects: hl7gen.Defects(),
	})
	require.NoError(t, err)
	run := func(src io.Reader) (conformance.Summary, []registry.Finding) {
		var findings []registry.Finding
		res, err := conformance.Check(t.Context(), src, conformance.Options{
			Lane: registry.LaneProduction, Now: now, Practice: practice,
			OnFinding: func(f registry.Finding) { findings = append(findings, f) },
		})
		require.NoError(t, err)
		return res, findings
	}
	res, findings := run(bytes.NewReader(file.Bytes()))
	require.NotEmpty(t, findings)
	for _, src := range []io.Reader{
		iotest.OneByteReader(bytes.NewReader(file.Bytes())), iotest.HalfReader(bytes.NewReader(file.Bytes())),
		iotest.DataErrReader(bytes.NewReader(file.Bytes())),
	} {
		again, same := run(src)
		require.Equal(t, res, again)
		require.Equal(t, findings, same)
	}
}

func TestFindingsAreCappedAndCountsAreNot(t *testing.T) {
	var messages []string
	for i := range 300 {
		messages = append(messages, soundWith("c-"+string(rune('A'+i%26))+strings.Repeat("x", i), set("PID-7", "")))
	}
	v := judge(t, batch(messages...), func(in *conformance.Options) { in.MaxFindings = 10 })
	told := map[string]int{}
	for _, f := range v.findings {
		told[f.Rule]++
	}
	require.Equal(t, 10, told["P-06"])
	for _, c := range v.Counts {
		if c.Rule == "P-06" {
			require.Equal(t, 300, c.Count)
		}
	}
	require.Equal(t, "P-06", v.Top[0].Rule)
}

func TestAReadErrorIsAnErrorAndNoVerdict(t *testing.T) {
	src := io.MultiReader(strings.NewReader(batch(soundWith("c-1"))), iotest.ErrReader(errors.New("disk gone")))
	_, err := conformance.Check(t.Context(), src, conformance.Options{Lane: registry.LaneTest, Now: now})
	require.ErrorContains(t, err, "disk gone")
	require.Equal(t, registry.Transient, registry.KindOf(err))

	busy := registry.Errorf(registry.Missing, "get", "no such object")
	_, err = conformance.Check(t.Context(), iotest.ErrReader(busy), conformance.Options{Lane: registry.LaneTest, Now: now})
	require.Equal(t, registry.Missing, registry.KindOf(err))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = conformance.Check(ctx, strings.NewReader(batch(soundWith("c-1"))), conformance.Options{Lane: registry.LaneTest, Now: now})
	require.ErrorIs(t, err, context.Canceled)

	for _, in := range []conformance.Options{{Lane: registry.LaneTest}, {Now: time.Now()}, {Lane: "side", Now: now}} {
		_, err = conformance.Check(t.Context(), strings.NewReader(""), in)
		require.Equal(t, registry.Invalid, registry.KindOf(err))
	}
}

func TestLimitsOfTheReaderCanBeSet(t *testing.T) {
	v := judge(t, batch(soundWith("c-1")), func(in *conformance.Options) { in.Limits = hl7.Limits{Segment: 50} })
	require.Contains(t, v.rules(), "F-03.limit")
	require.Positive(t, v.findings[0].Offset)
}
