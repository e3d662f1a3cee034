package conformance_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/conformance/z22"
)

// The general rules are too many for a breach by hand each. This test makes one
// for every rule from the same table, and a message that just satisfies it: an
// element as the profile wants it, as long as it may be, and then with one thing
// wrong. All rules are on, also those that wait to be switched on.

// setting is what surrounds the element of a rule, by the beginnings of IDs: a
// refusal needs a refused dose, a death its mark, a day its code.
var setting = map[string][]edit{
	"Z-RXA-18.":      {refused, set("RXA[2]-18", "00^Parental decision^NIP002"), swapDoses},
	"Z-PID-29.":      {set("PID-30", "Y")},
	"Z-PD1-11.empty": {set("PD1-18", "")}, "Z-PD1-12.empty": {set("PD1-13", "")}, "Z-PD1-16.empty": {set("PD1-17", "")},
}

// swapDoses puts the second dose first, where set finds it.
func swapDoses(d doc) doc {
	d = append(d[:len(d):len(d)], d[d.find("RXA[1]")-1:d.find("ORC[2]")]...)
	from := d.find("ORC[1]")
	return slices.Delete(d, from, d.find("ORC[2]"))
}

// byHand are rules that the table cannot break, with the edge and the breach.
var byHand = map[string]struct{ fine, broken []edit }{
	"Z-ORC-2.length":    named("ORC-2", "p-1^SUNR12345678901234", "p-1^SUNR123456789012345"),
	"Z-ORC-3.length":    named("ORC-3", "p-1^SUNR12345678901234", "p-1^SUNR123456789012345"),
	"Z-PID-3.length":    named("PID-3", longCX(198), longCX(199)),
	"Z-IN1-3.length":    {[]edit{withSegment("IN1"), set("IN1-3", longCX(198))}, []edit{withSegment("IN1"), set("IN1-3", longCX(199))}},
	"Z-MSH-12.length":   named("MSH-12", "2.5.1^USA&"+letters(42)+"&HL70399", "2.5.1^USA&"+letters(43)+"&HL70399"),
	"Z-OBX-17.length":   named("OBX-17", "VXC40^"+letters(234)+"^CDCPHINVS", "VXC40^"+letters(235)+"^CDCPHINVS"),
	"Z-SFT-1.7.extra":   {[]edit{withSegment("SFT"), set("SFT-1", "Vendor")}, []edit{withSegment("SFT"), set("SFT-1", "Vendor^^^^^^XX")}},
	"Z-MSH-22.7.extra":  {[]edit{set("MSH-22", "Sunrise")}, []edit{set("MSH-22", "Sunrise^^^^^^XX")}},
	"Z-MSH-23.7.extra":  {[]edit{set("MSH-23", "Texas")}, []edit{set("MSH-23", "Texas^^^^^^XX")}},
	"Z-ORC-10.9.extra":  named("ORC-10", "^Entry^Clerk", "^Entry^Clerk^^^^^^NPI"),
	"Z-ORC-10.13.extra": named("ORC-10", "^Entry^Clerk", "^Entry^Clerk^^^^^^^^^^NPI"),
	"Z-ORC-12.9.extra":  named("ORC-12", "^Entry^Clerk", "^Entry^Clerk^^^^^^NPI"),
	"Z-ORC-12.13.extra": named("ORC-12", "^Entry^Clerk", "^Entry^Clerk^^^^^^^^^^NPI"),
	"Z-ORC-12.1.empty":  named("ORC[2]-12", "1234567893^Entry^Clerk^^^^^^NPI^^^^NPI", "^Entry^Clerk"),
	"Z-RXA-10.9.extra":  named("RXA-10", "^Entry^Clerk", "^Entry^Clerk^^^^^^NPI"),
	"Z-RXA-10.13.extra": named("RXA-10", "^Entry^Clerk", "^Entry^Clerk^^^^^^^^^^NPI"),
}

// longCX is an identifier that has all that it may have.
func longCX(n int) string {
	return "K1^^^SUNR1234^MR^" + letters(20) + "&" + letters(n) + "^20240101^2024"
}

func named(path, fine, broken string) struct{ fine, broken []edit } {
	return struct{ fine, broken []edit }{[]edit{set(path, fine)}, []edit{set(path, broken)}}
}

// notAlone are rules that cannot be broken alone, with the reason.
var notAlone = map[string]string{}

// mutant is a rule with two messages: fine, and broken.
type mutant struct {
	rule         conformance.Rule
	fine, broken []edit
}

// repetition of a field in a path: what is the same in the first is no news.
var repetition = regexp.MustCompile(`(-\d+)\[\d+\]`)

func mutants(t *testing.T) (all []mutant) {
	t.Helper()
	for _, r := range conformance.Rules() {
		if !strings.HasPrefix(r.ID, "Z-") || notAlone[r.ID] != "" {
			continue
		}
		m := mutant{rule: r}
		if hand, ok := byHand[r.ID]; ok {
			m.fine, m.broken = hand.fine, hand.broken
		} else {
			var ok bool
			if m.fine, m.broken, ok = example(r, r.ID[strings.LastIndexByte(r.ID, '.')+1:]); !ok {
				t.Errorf("%s: nothing breaks it", r.ID)
				continue
			}
		}
		for prefix, edits := range setting {
			if strings.HasPrefix(r.ID, prefix) {
				m.fine, m.broken = slices.Concat(edits, m.fine), slices.Concat(edits, m.broken)
			}
		}
		all = append(all, m)
	}
	return all
}

func TestEveryGeneralRuleFiresAloneAndNotAtItsEdge(t *testing.T) {
	all := mutants(t)
	grades := map[string]string{"C": "off", "F-07": "off", "F-08": "off", "Z": "warning"}
	var messages []string
	for i, m := range all {
		grades[m.rule.ID] = "warning"
		messages = append(messages, soundWith("f-"+strconv.Itoa(i), m.fine...), soundWith("b-"+strconv.Itoa(i), m.broken...))
	}
	v := judge(t, batch(messages...), func(in *conformance.Options) {
		in.Profile.Rules.Grades, in.MaxFindings = grades, 1<<30
	})
	found := make([]map[string]string, 2*len(all)) // path by rule and path
	for i := range found {
		found[i] = map[string]string{}
	}
	for _, f := range v.findings {
		if f.Message > 0 {
			found[f.Message-1][f.Rule+" "+repetition.ReplaceAllString(f.Path, "$1")] = f.Path
		}
	}
	for i, m := range all {
		fine, broken := found[2*i], found[2*i+1]
		var fresh []string
		for _, key := range slices.Sorted(maps.Keys(broken)) {
			rule, path, _ := strings.Cut(key, " ")
			if _, before := fine[key]; before {
				continue
			}
			fresh = append(fresh, key)
			assert.Truef(t, rule != m.rule.ID || strings.HasPrefix(flat(path), strings.TrimSuffix(m.rule.Where, ".")), "%s at %s", rule, path)
		}
		if !assert.Lenf(t, fresh, 1, "%s: %v", m.rule.ID, fresh) || !assert.Truef(t, strings.HasPrefix(fresh[0], m.rule.ID+" "), "%s: %v", m.rule.ID, fresh) {
			continue
		}
	}
	t.Logf("%d general rules broken alone, %d cannot be", len(all), len(notAlone))
	require.LessOrEqual(t, len(notAlone), 5)
}

// example is the sound message's element at its edge and broken.
func example(r conformance.Rule, word string) (fine, broken []edit, ok bool) {
	segment, _, whole := strings.Cut(r.Where, "-")
	if !whole {
		return exampleOfSegment(segment, word)
	}
	if strings.HasPrefix(r.Where, "OBX-5.") || r.Where == "OBX-5" {
		return exampleOfAnswer(r, word)
	}
	w := way(r.Where, "")
	field := segment + "-" + strconv.Itoa(w[0].N)
	put := func(value string) []edit { return []edit{withSegment(segment), set(field, value)} }
	if len(w) == 1 && (word == "missing" || word == "empty" || word == "extra" || word == "repeat") {
		value := good(w[0], 0)
		switch word {
		case "repeat":
			return put(value), put(value + "~" + value), true
		case "extra":
			return put(""), put(value), true
		}
		return put(value), put(""), true
	}
	a, b, ok := breakAt(w[0], w[1:], word, 0)
	if strings.HasPrefix(r.Says, "In a further repetition") {
		a, b = a+"~"+a, a+"~"+b
	}
	return put(a), put(b), ok
}

func exampleOfSegment(segment, word string) (fine, broken []edit, ok bool) {
	switch {
	case word == "repeat" && segment == "RXR":
		return nil, []edit{after("RXR", "RXR|C38299^Subcutaneous^NCIT|LT^Left Thigh^HL70163")}, true
	case word == "repeat":
		again := func(d doc) doc {
			return after(segment, withSegment(segment)(d)[withSegment(segment)(d).find(segment)])(d)
		}
		return []edit{withSegment(segment)}, []edit{withSegment(segment), again}, true
	case word == "empty":
		return []edit{withSegment(segment)}, []edit{drop(segment)}, true
	}
	return nil, nil, false
}

// exampleOfAnswer tries the types of OBX-5 until one has what the rule is about.
func exampleOfAnswer(r conformance.Rule, word string) (fine, broken []edit, ok bool) {
	s, _ := z22.Get().Segment("OBX")
	for _, kind := range s.Cases {
		w := way(r.Where, kind.Type)
		put := func(value string) []edit {
			return []edit{after("OBX[5]", "OBX|6|"+kind.Value+"|48767-8^Annotation comment^LN|3|"+value+"|mo^month^UCUM|||||F|||20260303")}
		}
		if w == nil || strings.HasSuffix(r.Where, "5.1") && word == "missing" && (kind.Value == "CE" || kind.Value == "CWE") { // B-02.value
			continue
		}
		if len(w) == 1 && word == "repeat" {
			return put(good(w[0], 0)), put(good(w[0], 0) + "~" + good(w[0], 0)), true
		}
		if a, b, ok := breakAt(w[0], w[1:], word, 0); ok {
			return put(a), put(b), true
		}
	}
	return nil, nil, false
}

func TestWhatDependsOnAnIdentifierIsForbiddenWithoutOne(t *testing.T) {
	for path, rules := range map[string][]string{
		"ORC-10": {"Z-ORC-10.13.extra", "Z-ORC-10.9.extra"}, "RXA-10": {"Z-RXA-10.13.extra", "Z-RXA-10.9.extra"},
	} {
		v := judge(t, batch(soundWith("c-1", set(path, "^Entry^Clerk^^^^^^NPI^L^^^NPI"))))
		require.Equal(t, rules, v.rules())
	}
	v := judge(t, batch(soundWith("c-1", set("MSH-22", "Sunrise^^^^^^XX"), set("MSH-4", "SUNRPLANO"))))
	require.Equal(t, []string{"Z-MSH-22.7.extra"}, v.rules())
}
