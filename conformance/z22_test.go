package conformance_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/conformance/z22"
	"immtrail/registry"
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
	require.Equal(t, []string{"Z-PID-30.empty"}, judge(t, batch(soundWith("c-1", set("PID-30", "")))).rules())
	require.Empty(t, judge(t, batch(live("c-1", set("PID-30", ""))), production).rules())
	require.Empty(t, judge(t, batch(soundWith("c-1", set("PID-5.3", "")))).rules(), "nobody knows whether there is a middle name")
	on := func(in *conformance.Options) {
		in.Profile.Rules.Grades = map[string]string{"Z-PID-5.3.empty": "warning"}
	}
	require.Equal(t, []string{"Z-PID-5.3.empty"}, judge(t, batch(soundWith("c-1")), on).rules(), "a profile may want it all the same")
}

// By some fields a registry matches, reaches or shares patients, or traces a dose.
func TestWhatARegistryWorksWithIsNotedInProductionToo(t *testing.T) {
	for rule, e := range map[string][]edit{
		"Z-PD1.empty": {drop("PD1")}, "Z-PD1-11.empty": {set("PD1-11", ""), set("PD1-18", "")}, "Z-PD1-12.empty": {set("PD1-12", ""), set("PD1-13", "")},
		"Z-PD1-16.empty": {set("PD1-16", ""), set("PD1-17", "")}, "Z-PID-13.empty": {set("PID-13", "")}, "Z-PID-24.empty": {set("PID-24", "")},
		"Z-NK1-4.empty": {set("NK1-4", "")}, "Z-NK1-5.empty": {set("NK1-5", "")}, "Z-MSH-22.empty": {set("MSH-22", "")},
		"Z-ORC-2.empty": {set("ORC-2", "")}, "Z-ORC-10.empty": {set("ORC-10", "")}, "Z-ORC-17.empty": {set("ORC-17", "")}, "X-02.none": {set("RXR-2", "")},
	} {
		v := judge(t, batch(live("c-1", e...)), production)
		require.Equal(t, []string{rule}, v.rules())
		require.Equal(t, registry.SeverityInfo, v.findings[0].Severity, rule)
		require.Equal(t, registry.OutcomeAccepted, v.Outcome, rule)
	}
	both := judge(t, batch(live("c-1", set("NK1-4", ""), set("NK1-5", ""))), production)
	require.Equal(t, []string{"N-03.contact"}, both.rules(), "one cause, one finding")
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
