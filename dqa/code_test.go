package dqa_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
)

var wholeCode = regexp.MustCompile(`^[A-Z]{3}-\d{1,6}$`)

// FuzzCodes looks for CODE-NNN in anything: what is found stands in the text, in
// this order, and each sentence is a piece of what follows its code.
func FuzzCodes(f *testing.F) {
	f.Add("IEE-519::Warning. NK1 missing.IEE-411::Warning.")
	f.Add("imr-100, clr-101;FIR-9 MER-1234567 QQQ-1:: Summer-20 PID-11")
	f.Add("IMR-100IMR-111")
	f.Add("\xff-100 IMR-\u0661")
	f.Fuzz(func(t *testing.T, text string) {
		rest := text
		for _, c := range dqa.SplitCodes(text) {
			require.Regexp(t, wholeCode, c.Code)
			at := strings.Index(strings.ToUpper(asciiOnly(rest)), c.Code)
			require.GreaterOrEqual(t, at, 0, "%s is not in the text", c.Code)
			rest = rest[at+len(c.Code):]
			require.Contains(t, text, c.Text)
		}
	})
}

// asciiOnly keeps the length of a text whose letters beyond ASCII would change
// it in upper case.
func asciiOnly(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 0x80 {
			b[i] = '?'
		}
	}
	return string(b)
}
