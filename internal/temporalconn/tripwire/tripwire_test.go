package tripwire_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/temporalconn/tripwire"
)

const message = "MSH|^~\\&|EHR|CLINIC|||20260301||VXU^V04^VXU_V04|1|P|2.5.1\rPID|1||77^^^MR||Qwertzuiopas^Asdfghjklyxc\r"

func ruleOf(t *testing.T, err error) tripwire.Rule {
	t.Helper()
	var refusal *tripwire.Error
	require.ErrorAs(t, err, &refusal)
	return refusal.Rule
}

func TestMeasureInput(t *testing.T) {
	t.Parallel()
	type nested struct {
		Text string `json:"text"`
		Raw  []byte `json:"raw"`
	}
	inner, err := json.Marshal(nested{Text: message})
	require.NoError(t, err)
	wrapped := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("intro ", 5) + message))
	for name, tc := range map[string]struct {
		in   any
		rule tripwire.Rule
	}{
		"a message in a field":                       {nested{Text: message}, tripwire.LooksLikeHL7},
		"a message inside other text":                {nested{Text: "see " + message}, tripwire.LooksLikeHL7},
		"a lone patient segment":                     {map[string]string{"x": "a\nPID|1||77"}, tripwire.LooksLikeHL7},
		"a file header":                              {"FHS|x", tripwire.LooksLikeHL7},
		"a batch header":                             {[]string{"ok", "BHS|x"}, tripwire.LooksLikeHL7},
		"a message as the name of a field":           {map[string]int{"PID|1": 1}, tripwire.LooksLikeHL7},
		"encoding characters with another separator": {`MSH#^~\&#EHR`, tripwire.LooksLikeHL7},
		"a message in JSON in JSON":                  {nested{Text: string(inner)}, tripwire.LooksLikeHL7},
		"escaped separators":                         {json.RawMessage(`"PID\u007c1"`), tripwire.LooksLikeHL7},
		"bytes":                                      {nested{Raw: []byte(message)}, tripwire.HL7InBase64},
		"bytes, two before the mark":                 {nested{Raw: []byte("ab" + message)}, tripwire.HL7InBase64},
		"base64 for URLs without padding":            {base64.RawURLEncoding.EncodeToString([]byte("?>?>" + message)), tripwire.HL7InBase64},
		"base64 in lines":                            {wrapped[:40] + "\r\n" + wrapped[40:], tripwire.HL7InBase64},
		"too much":                                   {strings.Repeat("a", tripwire.MaxBytes), tripwire.TooLarge},
		"what has no JSON":                           {make(chan int), tripwire.NotEncodable},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			err := tripwire.MeasureInput(tc.in)
			require.Equal(t, tc.rule, ruleOf(t, err))
			require.Contains(t, err.Error(), string(tc.rule))
			for _, secret := range []string{"PID|", "Qwertz", "EHR"} {
				require.NotContains(t, err.Error(), secret, "the error must not quote the content")
			}
		})
	}
}

func TestMeasureInputPasses(t *testing.T) {
	t.Parallel()
	digest := sha256.Sum256([]byte("x"))
	for name, in := range map[string]any{
		"nothing":             nil,
		"a reference":         map[string]any{"id": "f-1042", "digest": hex.EncodeToString(digest[:]), "size": 12345},
		"words of the domain": "PID and MSH-10 are named in findings such as RXA[2]-5.1",
		"a Windows path":      `C:\new\users\out`,
		"exactly the limit":   strings.Repeat("a", tripwire.MaxBytes-2),
		"a broken escape":     json.RawMessage(`"\\u00"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, tripwire.MeasureInput(in))
		})
	}
}

// A digest that happened to decode to a mark would stop its file for ever.
func TestDigestsNeverTrip(t *testing.T) {
	t.Parallel()
	for i := range 50_000 {
		sum := sha256.Sum256(fmt.Append(nil, i))
		require.False(t, tripwire.LooksRisky(hex.EncodeToString(sum[:])))
	}
}

func TestCheckIsNotOverruledBySize(t *testing.T) {
	t.Parallel()
	big := message + strings.Repeat("x", 2*tripwire.MaxBytes)
	require.Equal(t, tripwire.TooLarge, ruleOf(t, tripwire.Check([]byte(big))))
	require.True(t, tripwire.LooksRisky(big), "texts of any size can be looked at")
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(message), uint8(0))
	f.Add([]byte(`\\\u007c\`), uint8(3))
	f.Fuzz(func(t *testing.T, noise []byte, depth uint8) {
		_ = tripwire.Check(noise) // must not panic
		// However often a text is wrapped in JSON or base64 once, it is seen.
		text := string(noise) + message
		if len(text) > tripwire.MaxBytes/4 {
			return
		}
		for range depth % 3 {
			b, err := json.Marshal(text)
			if err != nil {
				return
			}
			text = string(b)
		}
		require.True(t, tripwire.LooksRisky(text))
		require.True(t, tripwire.LooksRisky(base64.StdEncoding.EncodeToString([]byte(text))))
	})
}
