package conformance_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// The checker remembers what it found clean. Nothing of that may show.

func TestAMessageIsJudgedAmongOthersAsAlone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 2))
	among := map[int][]registry.Finding{}
	messages := mixed(t, rnd, 500)
	var facts []conformance.MessageFact
	_, err := conformance.Check(t.Context(), strings.NewReader(strings.Join(messages, "")), conformance.Options{
		Lane: registry.LaneProduction, Now: now, Practice: practice, Workers: 1, MaxFindings: 1 << 30,
		OnFinding: func(f registry.Finding) {
			if ofOneMessage(f) {
				among[f.Message] = append(among[f.Message], f)
			}
		},
		OnMessage: func(m conformance.MessageFact) { facts = append(facts, m) },
	})
	require.NoError(t, err)
	require.Len(t, facts, len(messages))
	for i, m := range messages {
		alone := tell(strings.NewReader(m))
		var want []registry.Finding
		for _, said := range alone.said {
			if f, ok := said.(registry.Finding); ok && ofOneMessage(f) {
				f.Message = i + 1
				f.Offset += facts[i].Offset
				f.Line += facts[i].Line - 1
				want = append(want, f)
			}
		}
		require.Equal(t, want, among[i+1], "%q", m)
	}
}

// ofOneMessage reports whether a finding needs no other message.
func ofOneMessage(f registry.Finding) bool {
	return f.Message > 0 && f.Rule != "F-07" && f.Rule != "F-08"
}

// mixed are sound messages and such with fields of other messages, of other
// segments, or with nonsense in their places, under different delimiters.
func mixed(t *testing.T, rnd *rand.Rand, n int) []string {
	t.Helper()
	var file bytes.Buffer
	_, err := hl7gen.New(8, hl7gen.Options{OrgCode: "SUNR1234", Now: now}).Batch(&file, hl7gen.BatchOptions{Messages: 60})
	require.NoError(t, err)
	_, err = hl7gen.New(9, hl7gen.Options{OrgCode: "SUNR1234", Now: now}).Batch(&file, hl7gen.BatchOptions{Messages: 60, Historical: true})
	require.NoError(t, err)
	var pool [][]string
	for _, m := range strings.Split(file.String(), "\rMSH|")[1:] {
		m, _, _ = strings.Cut(m, "\rBTS")
		pool = append(pool, strings.Split("MSH|"+m, "\r"))
	}
	odd := []string{"", `""`, "X", "RE", "9999", "20260230", "20300101", "a~b", "^^^", "a&b", "\x7f", "\xe9", strings.Repeat("long", 90)}
	var all []string
	for range n {
		lines := append([]string(nil), pool[rnd.IntN(len(pool))]...)
		for range rnd.IntN(5) {
			i := rnd.IntN(len(lines))
			fields := strings.Split(lines[i], "|")
			other := pool[rnd.IntN(len(pool))]
			from := strings.Split(other[i%len(other)], "|")
			if at := rnd.IntN(len(fields)); at > 1 {
				switch {
				case rnd.IntN(2) == 0 && at < len(from):
					fields[at] = from[at]
				case rnd.IntN(2) == 0:
					fields[at] = odd[rnd.IntN(len(odd))]
				default:
					fields[at] = from[1+rnd.IntN(len(from)-1)]
				}
			}
			lines[i] = strings.Join(fields, "|")
		}
		m := strings.Join(lines, "\r") + "\r"
		switch rnd.IntN(12) {
		case 0: // the fields look the same, and mean something else
			m = strings.Replace(m, `MSH|^~\&`, `MSH|%~\&`, 1)
		case 1:
			m = strings.ReplaceAll(m, "^", "%")
		case 2:
			m = strings.ReplaceAll(m, "|", "#")
		}
		all = append(all, m)
	}
	return all
}

func TestAHeaderThatComesAgainAndAgainIsCounted(t *testing.T) {
	const times = 70_000 // of more than one block
	header := "MSH|^~\\&|EHR\r"
	few := func(in *conformance.Options) { in.MaxFindings = 3 }
	once := judge(t, header, few)
	for _, workers := range []int{1, 3} {
		v := judge(t, strings.Repeat(header, times), few, func(in *conformance.Options) { in.Workers = workers })
		require.Equal(t, times, v.Messages)
		require.Len(t, v.messages, times)
		counts, told := map[string]int{}, map[string]int{}
		for _, c := range v.Counts {
			counts[c.Rule] = c.Count
		}
		for _, f := range v.findings {
			if told[f.Rule]++; f.Message > 0 {
				require.Equal(t, int64(len(header)*(f.Message-1)), f.Offset)
			}
		}
		broken := 0
		for _, f := range once.findings {
			if f.Message > 0 {
				broken++
				require.Equal(t, 0, counts[f.Rule]%times, f.Rule)
				require.NotZero(t, counts[f.Rule], f.Rule)
				require.Equal(t, 3, told[f.Rule], f.Rule)
			}
		}
		require.Greater(t, broken, 5)
		for _, m := range v.messages {
			require.Equal(t, once.messages[0].Errors, m.Errors)
			require.Equal(t, once.messages[0].Outcome, m.Outcome)
		}
	}
}
