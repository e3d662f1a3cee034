package conformance_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/conformance/z22"
)

func TestEveryStatementAndPredicateOfNISTIsKeptByARule(t *testing.T) {
	kept := map[string]conformance.Trace{}
	for _, trace := range conformance.Traces() {
		kept[trace.NIST] = trace
		for _, id := range trace.Rules {
			_, ok := conformance.Lookup(id)
			require.True(t, ok, "%s is kept by %s, which is no rule", trace.NIST, id)
		}
	}
	statements := 0
	for _, c := range z22.Get().Constraints {
		statements++
		trace, ok := kept[c.ID]
		require.True(t, ok, "%s of %s", c.ID, c.Owner)
		require.True(t, len(trace.Rules) > 0 || c.Owner == "CQ_IZ", "%s has no rule; CQ_IZ alone is in no element", c.ID)
	}
	require.Equal(t, 45, statements)
	// NIST writes the predicate of ORC-12 twice: to be shown, and to be kept.
	predicates := 1
	count := func(owner string, elements []z22.Element) {
		for _, e := range elements {
			if e.Usage == z22.Conditional {
				predicates++
				id := "[" + owner + "]" + strconv.Itoa(e.N)
				require.NotEmpty(t, kept[id].Rules, id)
			}
		}
	}
	for name, parts := range z22.Get().Types {
		count(name, parts)
	}
	for _, s := range z22.Get().Segments {
		count(s.Name, s.Fields)
	}
	require.Equal(t, 40, predicates)
}

func TestGeneralRulesAreGradedByTheirFamilies(t *testing.T) {
	long := set("ORC-10.3", strings.Repeat("Entry", 7))
	graded := func(grades map[string]string) []string {
		return judge(t, batch(soundWith("c-1", long)), func(in *conformance.Options) { in.Profile.Rules.Grades = grades }).rules()
	}
	require.Equal(t, []string{"Z-ORC-10.3.length"}, graded(nil))
	for _, family := range []string{"Z", "Z-ORC", "Z-ORC-10", "Z-ORC-10.3", "Z-ORC-10.3.length"} {
		require.Empty(t, graded(map[string]string{family: "off"}), family)
	}
	require.Equal(t, []string{"Z-ORC-10.3.length"}, graded(map[string]string{"Z": "off", "Z-ORC-10": "error"}), "the narrower family wins")
	require.Empty(t, conformance.UnknownRules([]string{"Z", "Z-PID-3", "Z-PID-3.9.2.length"}))
	require.Equal(t, []string{"Z-QQQ"}, conformance.UnknownRules([]string{"Z-QQQ"}))
}

func TestWhatMayBeEmptyIsSaidWhileTestingOnly(t *testing.T) {
	require.Equal(t, []string{"Z-ORC-2.empty"}, judge(t, batch(soundWith("c-1", set("ORC-2", "")))).rules())
	require.Empty(t, judge(t, batch(live("c-1", set("ORC-2", ""))), production).rules())
	require.Empty(t, judge(t, batch(soundWith("c-1", set("PID-5.3", "")))).rules(), "nobody knows whether there is a middle name")
	on := func(in *conformance.Options) {
		in.Profile.Rules.Grades = map[string]string{"Z-PID-5.3.empty": "warning"}
	}
	require.Equal(t, []string{"Z-PID-5.3.empty"}, judge(t, batch(soundWith("c-1")), on).rules(), "a profile may want it all the same")
}

// Fields with the bytes that they had in the segment before are not judged
// again; a segment that was wrong is never such a one.
func TestWhatWasWrongOnceIsWrongEachTime(t *testing.T) {
	long := set("ORC-10.3", strings.Repeat("Entry", 7))
	found := judge(t, batch(
		soundWith("c-1"), soundWith("c-2", long), soundWith("c-3", long), soundWith("c-4"), soundWith("c-5", long),
	)).findings
	var wrong []string
	for _, f := range found {
		if f.Rule == "Z-ORC-10.3.length" {
			wrong = append(wrong, f.ControlID)
		}
	}
	require.Equal(t, []string{"c-2", "c-3", "c-5"}, wrong)
}
