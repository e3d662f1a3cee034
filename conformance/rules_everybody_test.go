package conformance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

// openEMR is a file in the known shape of OpenEMR's stock export, about
// invented patients: no envelope, one control ID, one race and one manufacturer
// for everybody, nobody named in MSH-4 to MSH-6, one message for each dose.
func openEMR(n int) string {
	vaccines := []string{"03^MMR^CVX", "21^varicella^CVX", "08^Hep B, adolescent or pediatric^CVX", "10^IPV^CVX"}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "MSH|^~\\&|OPENEMR||||20260304101500-0600||VXU^V04^VXU_V04|OPENEMR-110316102457117|P|2.5.1\r")
		fmt.Fprintf(&b, "PID|||%d^^^MPI&2.16.840.1.113883.19.3.2.1&ISO^MR||Kavor%s^Nemur%s||2023%02d%02d|F||2106-3^White^HL70005|%d Poruvika Street^^Plano^TX^75023^USA^M||^PRN^^^^972^48%05d\r",
			1000+i, syllable(i), syllable(i/3), 1+i%12, 1+i%28, 10+i, 10000+i*37)
		fmt.Fprintf(&b, "ORC|RE||%d^OPENEMR\r", 500+i)
		fmt.Fprintf(&b, "RXA|0|1|20260303|20260303|%s|0.5|mL^milliliter^UCUM||00^New immunization record^NIP001||||||K%04d|20270801|MSD^Merck^HL70227||||A\r",
			vaccines[i%len(vaccines)], i)
	}
	return b.String()
}

func syllable(i int) string { return string([]rune{rune('a' + i%26), rune('a' + i/26%26), 'o'}) }

func TestOpenEMRsStockExport(t *testing.T) {
	v := judge(t, openEMR(40), production, noProfile)
	for rule, want := range map[string]registry.RuleCount{
		"F-07":           {Severity: registry.SeverityError, Count: 39},
		"F-07.everybody": {Severity: registry.SeverityError, Count: 1},
		"F-06.none":      {Severity: registry.SeverityWarning, Count: 1},
		"P-08.everybody": {Severity: registry.SeverityWarning, Count: 1},
		"R-12.everybody": {Severity: registry.SeverityWarning, Count: 1},
		"M-08.file":      {Severity: registry.SeverityWarning, Count: 3},
	} {
		i := slices.IndexFunc(v.Counts, func(c registry.RuleCount) bool { return c.Rule == rule })
		require.GreaterOrEqual(t, i, 0, "%s did not fire", rule)
		want.Rule = rule
		require.Equal(t, want, v.Counts[i])
	}
	require.False(t, v.ErrorFree)
	t.Run("and nothing else is said of everybody", func(t *testing.T) {
		for _, c := range v.Counts {
			if strings.HasSuffix(c.Rule, ".everybody") {
				require.Contains(t, []string{"F-07.everybody", "P-08.everybody", "R-12.everybody"}, c.Rule)
			}
		}
	})
	t.Run("findings on the file stand outside any message and point at the first place", func(t *testing.T) {
		var paths []string
		for _, f := range v.findings {
			if f.Message == 0 {
				paths = append(paths, f.Path)
				require.Positive(t, f.Line)
			}
		}
		require.ElementsMatch(t, []string{"file", "MSH-4", "MSH-5", "MSH-6", "MSH-10", "PID-10", "RXA-17"}, paths)
	})
	t.Run("a cause that is told once covers its findings on single messages", func(t *testing.T) {
		require.Equal(t, map[string]int{"F-07": 39, "M-08": 40, "M-08.noreceiver": 40, "M-09": 40}, v.Covered)
	})
	t.Run("messages are counted by outcome", func(t *testing.T) {
		sum := 0
		for _, n := range v.Outcomes {
			sum += n
		}
		require.Equal(t, 40, sum)
	})
}

// noProfile leaves the rules of the practice and the profile out.
func noProfile(in *conformance.Options) { in.Profile, in.Practice = nil, nil }

// crowd is a file about n different invented patients of every kind, edited.
func crowd(n int, edits ...func(i int) edit) string {
	var messages []string
	for i := range n {
		es := []edit{
			set("MSH-11", "P"), chart(fmt.Sprintf("K%04d", i)), set("PID-5.1", "Kavori"+syllable(i)),
			set("PID-7", fmt.Sprintf("2024%02d%02d", 1+i%3, 1+i%15)), set("PID-11.1", fmt.Sprintf("%d Poruvika Street", 10+i)),
			nil, set("PID-13.7", fmt.Sprintf("48%05d", 10000+i*37)),
			set("PID-10", []string{"2106-3^White^CDCREC", "2054-5^Black^CDCREC"}[i%2]),
			set("RXA-15", fmt.Sprintf("K%04d", i)),
		}
		if es[5] = set("PID-3", fmt.Sprintf("K%04d^^^SUNR1234^MR", i)); i%2 == 0 {
			es = append(es, set("RXA-5", "10^IPV^CVX"), set("RXA-17", "PMC^Sanofi Pasteur^MVX"))
		}
		for _, e := range edits {
			es = append(es, e(i))
		}
		messages = append(messages, soundWith(fmt.Sprintf("c-%d", i), es...))
	}
	return batch(messages...)
}

func always(path, value string) func(int) edit { return func(int) edit { return set(path, value) } }

func ofEverybody(v verdict) (ids []string) {
	for _, c := range v.Counts {
		if strings.HasSuffix(c.Rule, ".everybody") || strings.HasSuffix(c.Rule, ".file") {
			ids = append(ids, c.Rule)
		}
	}
	return ids
}

func TestOneValueForEverybody(t *testing.T) {
	white := always("PID-10", "2106-3^White^CDCREC")
	vaccine := func(i int) edit {
		return set("RXA-5", []string{"03^MMR^CVX", "10^IPV^CVX", "21^varicella^CVX"}[i%3])
	}
	ethnic := func(i int) edit {
		return set("PID-22", []string{"2135-2^Hispanic^CDCREC", "2186-5^Not^CDCREC"}[i%2])
	}
	for name, c := range map[string]struct {
		rule  string
		least int // with fewer patients or doses nothing is said
		edits []func(int) edit
	}{
		"last name":          {"P-04.everybody", 10, []func(int) edit{always("PID-5.1", "Kavorim")}},
		"birth date":         {"P-06.everybody", 10, []func(int) edit{always("PID-7", "20240101")}},
		"race and ethnicity": {"P-08.everybody", 10, []func(int) edit{white}},
		"race alone":         {"P-08.everybody", 30, []func(int) edit{white, ethnic}},
		"address":            {"P-09.everybody", 10, []func(int) edit{always("PID-11.1", "1 Clinic Road")}},
		"phone":              {"P-10.everybody", 10, []func(int) edit{always("PID-13.7", "4830172")}},
		"SSN": {"P-14.everybody", 10, []func(int) edit{func(i int) edit {
			return set("PID-3", fmt.Sprintf("K%04d^^^SUNR1234^MR~219-09-9998^^^SSA^SS", i))
		}}},
		"lot":              {"R-10.everybody", 10, []func(int) edit{vaccine, always("RXA-15", "K4417")}},
		"maker":            {"R-12.everybody", 10, []func(int) edit{vaccine, always("RXA-17", "MSD^Merck^MVX")}},
		"control ID":       {"F-07.everybody", 3, []func(int) edit{always("MSH-10", "one")}},
		"no sender":        {"M-08.file", 3, []func(int) edit{always("MSH-4", "")}},
		"no receiver":      {"M-08.file", 3, []func(int) edit{always("MSH-5", "")}},
		"no receiving org": {"M-08.file", 3, []func(int) edit{always("MSH-6", "")}},
		"test patients":    {"F-11.file", 3, []func(int) edit{always("PID-5.2", "TESTING")}},
	} {
		t.Run(name+" is said once, from its threshold on", func(t *testing.T) {
			require.Empty(t, ofEverybody(judge(t, crowd(c.least-1, c.edits...), production)))
			v := judge(t, crowd(c.least, c.edits...), production)
			require.Equal(t, []string{c.rule}, ofEverybody(v))
			for _, count := range v.Counts {
				if count.Rule == c.rule {
					require.Equal(t, 1, count.Count)
				}
			}
		})
		t.Run(name+" that differs once accuses nobody", func(t *testing.T) {
			if c.rule == "F-11.file" {
				return // more than half is enough
			}
			honest := crowd(c.least+1, append(c.edits, func(i int) edit {
				if i != 4 && c.least > 4 || i != 1 && c.least < 4 {
					return func(d doc) doc { return d }
				}
				return func(d doc) doc {
					for _, e := range []edit{
						set("MSH-10", "another"), set("MSH-4", "SUNRPLANO"), set("MSH-5", "IMMTRAC2"), set("MSH-6", "TEXIIS"),
						set("PID-5.1", "Besotari"), set("PID-7", "20240203"), set("PID-10", "2028-9^Asian^CDCREC"),
						set("PID-11.1", "2 Other Road"), set("PID-13.7", "4830999"), set("RXA-15", "K0001"),
						set("RXA-17", "PMC^Sanofi Pasteur^MVX"), set("PID-3", "X1^^^SUNR1234^MR~219-09-9997^^^SSA^SS"),
					} {
						d = e(d)
					}
					return d
				}
			})...)
			require.Empty(t, ofEverybody(judge(t, honest, production)))
		})
	}
	t.Run("an ordinary file is not accused of anything", func(t *testing.T) {
		require.Empty(t, ofEverybody(judge(t, crowd(60), production)))
	})
	t.Run("one patient with many doses is not accused", func(t *testing.T) {
		var messages []string
		for i := range 40 {
			messages = append(messages, live(fmt.Sprintf("c-%d", i)))
		}
		require.Empty(t, ofEverybody(judge(t, batch(messages...), production)))
	})
	t.Run("the day of a flu clinic is not accused of its one maker and lot", func(t *testing.T) {
		v := judge(t, crowd(40, always("RXA-5", "140^Influenza^CVX"), always("RXA-15", "FL123"), always("RXA-17", "PMC^Sanofi^MVX")), production)
		require.Empty(t, ofEverybody(v))
	})
	t.Run("dummies in a test file are notes only", func(t *testing.T) {
		v := judge(t, crowd(10, always("PID-13.7", "4830172"), always("MSH-11", "T")))
		for _, f := range v.findings {
			if f.Rule == "P-10.everybody" {
				require.Equal(t, registry.SeverityInfo, f.Severity)
				return
			}
		}
		t.Fatal("not found")
	})
	t.Run("a rule that the profile switches off is silent and covers nothing", func(t *testing.T) {
		v := judge(t, crowd(5, always("MSH-5", "")), production, func(in *conformance.Options) {
			in.Profile.Rules.Grades = map[string]string{"M-08.file": "off"}
		})
		require.Empty(t, ofEverybody(v))
		require.Empty(t, v.Covered)
	})
}

func TestMissingEnvelopeIsAWarning(t *testing.T) {
	v := judge(t, soundWith("c-1")+soundWith("c-2", chart("OTHER")))
	require.Equal(t, []string{"F-06.none"}, v.rules())
	require.True(t, v.ErrorFree)
	require.False(t, v.HoldFile)
	require.Empty(t, judge(t, batch(soundWith("c-1"))).findings)
	require.NotContains(t, judge(t, "").rules(), "F-06.none", "an empty file has other troubles")
}

func TestBlocksOfMessagesMergeToTheSame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		all := make([]conformance.Seen, rnd.IntN(60))
		for i := range all {
			all[i] = conformance.Seen{Value: 5, Who: rnd.Uint64N(40)}
			if rnd.IntN(100) == 0 {
				all[i].Value = 6
			}
		}
		var blocks [][]conformance.Seen
		for rest := all; ; {
			n := rnd.IntN(len(rest) + 1)
			blocks, rest = append(blocks, rest[:n]), rest[n:]
			if len(rest) == 0 {
				break
			}
		}
		differs, seen, crowd, line := conformance.Everybody(all)
		differsToo, seenToo, crowdToo, lineToo := conformance.Everybody(blocks...)
		require.Equal(t, differs, differsToo)
		if !differs {
			require.Equal(t, [3]int{seen, crowd, line}, [3]int{seenToo, crowdToo, lineToo})
		}
	}
}
