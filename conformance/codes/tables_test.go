package codes_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance/codes"
	"immtrail/hl7"
)

func cvx(t *testing.T, code string) *codes.Vaccine {
	t.Helper()
	v := codes.Embedded().CVX([]byte(code))
	require.NotNil(t, v, code)
	return v
}

func TestWellKnownVaccines(t *testing.T) {
	for _, c := range []struct {
		code        string
		status      codes.Status
		group       string
		makers      string
		licensed    hl7.Date
		unspecified bool
	}{
		{"03", codes.Active, "MMR", "MSD SKB", 19710422, false},
		{"08", codes.Active, "HepB", "MSD SKB", 19811116, false},
		{"21", codes.Active, "VARICELLA", "MSD", 19950317, false},
		{"94", codes.Active, "MMR", "MSD", 20050906, false},
		{"141", codes.Active, "FLU", "PMC SEQ", 19450101, false},
		{"208", codes.Inactive, "COVID-19", "PFR", 20201211, false},
		{"213", codes.Inactive, "COVID-19", "", 20201211, true},
		{"300", codes.Inactive, "COVID-19", "PFR", 20220831, false},
		{"307", codes.Active, "RSV", "PMC", 20230717, false},
		{"312", codes.Active, "COVID-19", "MOD", 20230911, false},
		{"61", codes.NeverActive, "", "", 0, false},
		{"510", codes.NonUS, "COVID-19", "SPH", 0, false},
	} {
		v := cvx(t, c.code)
		require.Equal(t, c.status, v.Status, c.code)
		require.Equal(t, c.unspecified, v.Unspecified, c.code)
		require.Equal(t, c.licensed, v.Use.ExpectedFrom, c.code)
		if c.group != "" {
			require.Contains(t, names(v.Groups), c.group, c.code)
		}
		for _, m := range strings.Fields(c.makers) {
			require.True(t, v.MadeBy(codes.Embedded().MVX([]byte(m))), "%s by %s", c.code, m)
		}
	}
	require.True(t, cvx(t, "86").NotVaccine)
	require.True(t, cvx(t, "998").NotVaccine)
	require.False(t, cvx(t, "306").NotVaccine)
	require.True(t, cvx(t, "110").SharesGroup(cvx(t, "89")))
	require.False(t, cvx(t, "03").SharesGroup(cvx(t, "21")))
	require.True(t, cvx(t, "94").SharesGroup(cvx(t, "21")))
}

func names(groups []*codes.VaccineGroup) []string {
	var out []string
	for _, g := range groups {
		out = append(out, g.Name)
	}
	return out
}

func TestWellKnownMakers(t *testing.T) {
	for _, code := range []string{"MSD", "PMC", "SKB", "PFR", "MOD", "SEQ", "MED", "NVX"} {
		m := codes.Embedded().MVX([]byte(code))
		require.NotNil(t, m, code)
		require.Equal(t, codes.Active, m.Status, code)
	}
	require.Equal(t, codes.Inactive, codes.Embedded().MVX([]byte("AKR")).Status)
	for _, code := range []string{"", "M", "msd", "QQQ", "MSDX", "MSD "} {
		require.Nil(t, codes.Embedded().MVX([]byte(code)), code)
	}
}

func TestCVXCodesAreWrittenInOneWay(t *testing.T) {
	for _, code := range []string{"", "0", "3", "00", "003", "3 ", "0x", "1234", "-3", "٣٣"} {
		require.Nil(t, codes.Embedded().CVX([]byte(code)), code)
		require.False(t, codes.Embedded().NewerCVX([]byte(code)), code)
	}
	for code, newer := range map[string]bool{
		"334": false, "335": true, "499": true, "521": false, "522": true, "599": true, "600": false, "802": false, "999": false, "124": false,
	} {
		require.Equal(t, newer, codes.Embedded().NewerCVX([]byte(code)), code)
	}
}

func TestNDCIsFoundHoweverItIsWritten(t *testing.T) {
	for written, form := range map[string]codes.NDCForm{
		"00006-4681-01": codes.Hyphens, "00006468101": codes.Digits11, "0006-4681-01": codes.OtherForm,
	} {
		p, got := codes.Embedded().NDC([]byte(written))
		require.NotNil(t, p, written)
		require.Equal(t, form, got)
		require.Equal(t, "00006-4681-01", p.Code)
		require.Equal(t, "03", p.Vaccines[0].Code)
		require.Equal(t, "MSD", p.Makers[0].Code)
		require.True(t, p.Use)
	}
	for written, form := range map[string]codes.NDCForm{
		"00006-468-01": codes.OtherForm, "99999-9999-99": codes.Hyphens, "0000646810": codes.NotNDC, "00006-468101": codes.NotNDC,
		"0-0-0-0-0-0-0": codes.NotNDC, "-------------": codes.NotNDC, "0000a-4681-01": codes.NotNDC, "": codes.NotNDC, "000006-681-01": codes.NotNDC,
	} {
		p, got := codes.Embedded().NDC([]byte(written))
		require.Nil(t, p, written)
		require.Equal(t, form, got, written)
	}
}

func TestPackagesWithTwoVaccinesHaveBoth(t *testing.T) {
	p, _ := codes.Embedded().NDC([]byte("58160-0821-01"))
	require.True(t, p.Holds(cvx(t, "43")))
	require.True(t, p.Holds(cvx(t, "44")))
	require.False(t, p.Holds(cvx(t, "08")))
}

func TestProceduresAndStatements(t *testing.T) {
	tb := codes.Embedded()
	require.True(t, tb.CPT([]byte("90707")).Means(cvx(t, "03")))
	require.False(t, tb.CPT([]byte("90707")).Means(cvx(t, "21")))
	require.Nil(t, tb.CPT([]byte("99999")))

	s := tb.VIS([]byte("253088698300012711210806"))
	require.NotNil(t, s)
	require.Equal(t, hl7.Date(20210806), s.Edition)
	require.True(t, s.For(cvx(t, "03")))
	require.NotEmpty(t, s.URL)
	require.True(t, tb.Editions("0886983000127")[0].Current)
	require.Nil(t, tb.VIS([]byte("253088698300012711210807")))
	require.False(t, tb.NewerVIS([]byte("253088698300012711210807")))
	require.True(t, tb.NewerVIS([]byte("253088698300012711260101")))
	for _, no := range []string{"", "253", "25308869830001271126010", "353088698300012711260101", "2530886983000127x1260101"} {
		require.Nil(t, tb.VIS([]byte(no)))
		require.False(t, tb.NewerVIS([]byte(no)))
	}
	require.True(t, cvx(t, "03").NeedsVIS(20260101))
	require.False(t, cvx(t, "03").NeedsVIS(19900101))
	require.True(t, cvx(t, "03").HasEdition(20210806))
	require.False(t, cvx(t, "03").HasEdition(20210807))
}

func TestRoutesComeFromPackages(t *testing.T) {
	require.Equal(t, codes.Oral, cvx(t, "116").Routes)
	require.Equal(t, codes.Nasal, cvx(t, "111").Routes)
	require.Equal(t, codes.Injected, cvx(t, "03").Routes)
	require.Equal(t, codes.Pricked, cvx(t, "75").Routes&codes.Pricked)
	require.Zero(t, cvx(t, "01").Routes)
}

// Days of use are typed by hand: what contradicts itself or CDC is a slip.
func TestTheTableOfUseIsSound(t *testing.T) {
	tb := codes.Embedded()
	rows := 0
	for v := range tb.Vaccines() {
		u := v.Use
		ordered := []hl7.Date{u.ImpossibleBefore, u.ExpectedFrom, u.ExpectedUntil, u.ImpossibleAfter}
		last := hl7.Date(0)
		for _, d := range ordered {
			if d != 0 {
				require.LessOrEqual(t, last, d, v.Code)
				last = d
			}
		}
		if u.FromMonths >= 0 && u.UntilMonths >= 0 {
			require.Less(t, u.FromMonths, u.UntilMonths, v.Code)
		}
		if u.Sources != "" {
			rows++
		}
		for _, p := range v.Packages {
			// Nothing is sold before its licence; a package may be announced some
			// months ahead. Whoever packs anew keeps days of the first package.
			if len(p.Makers) > 0 && p.First != 0 && u.ExpectedFrom != 0 {
				require.GreaterOrEqual(t, p.First.AddDays(150), u.ExpectedFrom, "%s %s", v.Code, p.Code)
			}
			require.False(t, u.ImpossibleAfter != 0 && p.First > u.ImpossibleAfter, "%s %s", v.Code, p.Code)
		}
	}
	require.Len(t, tb.Table(codes.Use).Rows, rows, "a row is of a code that CDC does not have")
	require.Greater(t, rows, 150)
}

func TestEmbeddedTablesHoldFactsOnly(t *testing.T) {
	s, err := codes.EmbeddedSet()
	require.NoError(t, err)
	for k, table := range s {
		require.NoError(t, table.Check(), k)
		stripped := table
		stripped.Rows = append([]string{}, table.Rows...)
		stripped.StripNames()
		require.Equal(t, stripped.Rows, table.Rows, "%s has names of CDC's", k)
	}
}

func TestTablesAreWrittenAndReadAlike(t *testing.T) {
	s, err := codes.EmbeddedSet()
	require.NoError(t, err)
	var buf bytes.Buffer
	_, err = s[codes.CVX].WriteTo(&buf)
	require.NoError(t, err)
	again, err := codes.ReadTable(&buf)
	require.NoError(t, err)
	require.Equal(t, s[codes.CVX], again)
}

func TestDamagedTablesAreRefusedWithTheLine(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":             {"", "empty"},
		"no rows":           {"immtrail-codes/1|cvx|20260101|x\n", "empty"},
		"another format":    {"immtrail-codes/2|cvx|20260101|x\n03|a|||\n", "line 1"},
		"an unknown kind":   {"immtrail-codes/1|icd|20260101|x\n03|a|||\n", "line 1"},
		"no edition":        {"immtrail-codes/1|cvx|soon|x\n03|a|||\n", "edition"},
		"a missing column":  {"immtrail-codes/1|cvx|20260101|x\n03|a||\n", "line 2: 4 columns instead of 5"},
		"a bad code":        {"immtrail-codes/1|cvx|20260101|x\n03|a|||\n3|a|||\n", "line 3: column 1 is no CVX code"},
		"a bad status":      {"immtrail-codes/1|cvx|20260101|x\n03|z|||\n", "column 2"},
		"a flag twice":      {"immtrail-codes/1|cvx|20260101|x\n03|a|uu||\n", "column 3"},
		"a bad day":         {"immtrail-codes/1|cvx|20260101|x\n03|a||20260230|\n", "column 4"},
		"no UTF-8":          {"immtrail-codes/1|cvx|20260101|x\n03|a|||\xff\n", "UTF-8"},
		"an endless row":    {"immtrail-codes/1|cvx|20260101|x\n03|a|||" + strings.Repeat("x", 5000), "after line"},
		"a script for page": {"immtrail-codes/1|visurl|20260101|x\n0886983000127|javascript:x\n", "address"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := codes.ReadTable(strings.NewReader(c.text))
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestASetWithoutATableIsRefused(t *testing.T) {
	s, err := codes.EmbeddedSet()
	require.NoError(t, err)
	delete(s, codes.VIS)
	_, err = codes.Build(s)
	require.ErrorContains(t, err, "information statements (VIS) is missing")
}

// The version tells tables apart that judge apart, and only these.
func TestTheVersionIsOfWhatIsJudgedBy(t *testing.T) {
	build := func(change func(codes.Set)) string {
		s, err := codes.EmbeddedSet()
		require.NoError(t, err)
		change(s)
		tb, err := codes.Build(s)
		require.NoError(t, err)
		return tb.Version()
	}
	same := build(func(codes.Set) {})
	require.Equal(t, codes.Embedded().Version(), same)
	require.Regexp(t, `^cdc-2\d{3}-\d\d-\d\d\.[0-9a-f]{8}$`, same)
	require.NotEqual(t, same, build(func(s codes.Set) {
		table := s[codes.CVX]
		table.Rows = append(append([]string{}, table.Rows...), "480|a|||")
		s[codes.CVX] = table
	}))
	require.Equal(t, same, build(func(s codes.Set) {
		table := s[codes.MVX]
		table.Rows = append([]string{}, table.Rows...)
		for i := range table.Rows {
			table.Rows[i] += "Some Name"
		}
		table.Origin = "elsewhere"
		s[codes.MVX] = table
	}))
}

func TestLookupsDoNotAllocate(t *testing.T) {
	tb := codes.Embedded()
	code, ndc, mvx, cpt, vis := []byte("03"), []byte("00006-4681-01"), []byte("MSD"), []byte("90707"), []byte("253088698300012711210806")
	none := []byte("99999-9999-99")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		v := tb.CVX(code)
		p, _ := tb.NDC(ndc)
		tb.NDC(none)
		s := tb.VIS(vis)
		if !v.MadeBy(tb.MVX(mvx)) || !p.Holds(v) || !tb.CPT(cpt).Means(v) || !s.For(v) || !v.HasEdition(s.Edition) || tb.NewerCVX(code) {
			t.Fail()
		}
	}))
}

func BenchmarkLookups(b *testing.B) {
	tb := codes.Embedded()
	code, ndc, mvx := []byte("03"), []byte("00006-4681-01"), []byte("MSD")
	b.ReportAllocs()
	for b.Loop() {
		v := tb.CVX(code)
		p, _ := tb.NDC(ndc)
		if !v.MadeBy(tb.MVX(mvx)) || !p.Holds(v) {
			b.Fatal("lost")
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	for b.Loop() {
		s, err := codes.EmbeddedSet()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := codes.Build(s); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzLookups(f *testing.F) {
	for _, s := range []string{"03", "208", "MSD", "00006-4681-01", "00006468101", "90707", "253088698300012711210806", "", "-", "----"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tb := codes.Embedded()
		if v := tb.CVX(b); v != nil && v.Code != string(b) {
			t.Fatalf("CVX %q is %s", b, v.Code)
		}
		if m := tb.MVX(b); m != nil && m.Code != string(b) {
			t.Fatalf("MVX %q is %s", b, m.Code)
		}
		if p, form := tb.NDC(b); p != nil && form == codes.Hyphens && p.Code != string(b) {
			t.Fatalf("NDC %q is %s", b, p.Code)
		}
		if p := tb.CPT(b); p != nil && p.Code != string(b) {
			t.Fatalf("CPT %q is %s", b, p.Code)
		}
		if s := tb.VIS(b); s != nil && s.Barcode != string(b) {
			t.Fatalf("VIS %q is %s", b, s.Barcode)
		}
	})
}

// What makes an error of a dose must not be from memory: the letters n and e of a
// row are what CDC's own tables say, and no row contradicts them.
func TestDaysOfUseAreProvenByCDCsTables(t *testing.T) {
	tb := codes.Embedded()
	proven, ended := 0, 0
	for n := range 1000 {
		v := tb.CVX(fmt.Appendf(nil, "%02d", n))
		if v == nil {
			continue
		}
		u := &v.Use
		var first, last hl7.Date
		for _, p := range v.Packages {
			if p.First != 0 && (first == 0 || p.First < first) {
				first = p.First
			}
			last = max(last, p.Last)
		}
		if u.StartProven() {
			proven++
			require.True(t, first == 0 || first >= u.ImpossibleBefore, "%s was sold before it was possible", v.Code)
		}
		if strings.Contains(u.Sources, "n") {
			require.True(t, first.AddDays(366) >= u.ExpectedFrom && first <= u.ExpectedFrom.AddDays(366), "%s: %s", v.Code, first)
		}
		if u.EndProven() {
			ended++
			require.Equal(t, codes.Inactive, v.Status, v.Code)
			require.LessOrEqual(t, last, u.ImpossibleAfter, v.Code)
		}
	}
	require.Greater(t, proven, 110)
	require.Greater(t, ended, 20)
}
