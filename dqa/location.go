package dqa

import (
	"regexp"
	"strconv"
	"strings"

	"immtrail/hl7"
)

// segments are the only names that a location may begin with: a location is
// kept in clear, so nothing else, such as a person's name, may pass for one.
var segments = map[string]bool{
	"FHS": true, "BHS": true, "BTS": true, "FTS": true, "MSH": true, "SFT": true, "PID": true, "PD1": true,
	"NK1": true, "PV1": true, "PV2": true, "GT1": true, "IN1": true, "IN2": true, "IN3": true, "ORC": true,
	"TQ1": true, "TQ2": true, "RXA": true, "RXR": true, "OBX": true, "NTE": true,
}

var wordForm = regexp.MustCompile(
	`^([A-Z][A-Z0-9]{2})(?:\[(\d{1,6})\])?(?:[-. ]?(\d{1,2})(?:\[(\d{1,4})\])?(?:[-.](\d{1,2}))?(?:[-.](\d{1,2}))?)?$`)

// location reads a place as people and reports write it: PID-11.3, PID-11-3,
// NK1, RXA[2]-5. It returns "" for anything else.
func location(w string) string {
	w = strings.ToUpper(strings.TrimSpace(w))
	if len(w) < 3 || len(w) > 32 || !segments[w[:3]] {
		return ""
	}
	if strings.ContainsRune(w, '^') {
		return place(strings.Split(w, "^"))
	}
	m := wordForm.FindStringSubmatch(w)
	if m == nil {
		return ""
	}
	return place([]string{m[1], m[2], m[3], m[4], m[5], m[6]})
}

// errLocation reads ERR-2: segment ^ sequence ^ field ^ repetition ^ component
// ^ subcomponent. ImmTrac2 writes NK1^^0 for a segment as a whole.
func errLocation(r hl7.Rep) string {
	parts := make([]string, 6)
	for i := range parts {
		parts[i] = string(r.Component(i + 1))
	}
	parts[0] = strings.ToUpper(parts[0])
	if !segments[parts[0]] {
		return ""
	}
	return place(parts)
}

// place writes the parts the way findings do: PID[1]-11.3.
func place(parts []string) string {
	n := make([]int, 6)
	for i := 1; i < len(parts) && i < 6; i++ {
		if parts[i] == "" {
			continue
		}
		v, err := strconv.Atoi(parts[i])
		if err != nil || v < 0 || v > 999999 {
			return ""
		}
		n[i] = v
	}
	var b strings.Builder
	b.WriteString(parts[0])
	if n[1] > 0 {
		b.WriteString("[" + strconv.Itoa(n[1]) + "]")
	}
	if n[2] == 0 {
		return b.String()
	}
	b.WriteString("-" + strconv.Itoa(n[2]))
	if n[3] > 1 {
		b.WriteString("[" + strconv.Itoa(n[3]) + "]")
	}
	for _, c := range n[4:] {
		if c == 0 {
			break
		}
		b.WriteString("." + strconv.Itoa(c))
	}
	return b.String()
}
