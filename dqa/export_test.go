package dqa

// Told is a code with its sentence, for tests.
type Told struct{ Code, Text string }

// SplitCodes is splitCodes.
func SplitCodes(text string) []Told {
	var out []Told
	for _, c := range splitCodes(text) {
		out = append(out, Told{c.code, c.text})
	}
	return out
}
