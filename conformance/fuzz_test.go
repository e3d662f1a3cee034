package conformance_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/hl7"
	"immtrail/registry"
)

// FuzzCheck throws anything at the checker: it must not panic, must judge the
// same bytes the same way, and its findings must not carry the patient's name.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(batch(soundWith("c-1"))))
	f.Add([]byte(strings.ReplaceAll(batch(soundWith("c-1", set("PID-7", "20260230"), set("RXA-5", ""))), "\r", "\n")))
	f.Add([]byte("MSH|^~\\&\rORC\rORC\rRXR\rOBX\rRXA\rOBX\rPID\rPID|1\rNK1"))
	f.Add([]byte("MSH#*!?%#A\rPID#1##x*y%z!w\rRXA#"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var findings, again []registry.Finding
		in := conformance.Options{
			Lane: registry.LaneProduction, Now: now, Practice: practice, Limits: hl7.Limits{Segment: 4096, Message: 1 << 16}, Workers: 1,
			OnFinding: func(f registry.Finding) { findings = append(findings, f) },
			OnMessage: func(m conformance.MessageFact) {
				require.Equal(t, "MSH", string(data[m.Offset:m.Offset+3]))
			},
		}
		res, err := conformance.Check(t.Context(), bytes.NewReader(data), in)
		require.NoError(t, err)
		require.False(t, res.Messages == 0 && !res.HoldFile, "never '0 messages, OK'")
		in.Workers = 3
		in.OnFinding = func(f registry.Finding) { again = append(again, f) }
		same, err := conformance.Check(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), in)
		require.NoError(t, err)
		require.Equal(t, res, same)
		require.Equal(t, findings, again)
		for _, f := range findings {
			require.Regexp(t, `^(file|line|([A-Z][A-Z0-9]{2}(\[\d+\])? )?[A-Z][A-Z0-9]{2}(\[\d+\])?(-\d+(\[\d+\])?(\.\d+){0,2})?)$`, f.Path)
			_, known := conformance.Lookup(f.Rule)
			require.True(t, known)
			require.NotContains(t, f.ControlID, "\x00")
		}
		noNames(t, data, findings)
	})
}

// noNames looks for long parts of every PID-5 in rules and paths.
func noNames(t *testing.T, data []byte, findings []registry.Finding) {
	t.Helper()
	r := hl7.NewReader(bytes.NewReader(data), hl7.Limits{Segment: 4096, Message: 1 << 16})
	for {
		u, err := r.Next()
		if err != nil {
			return
		}
		pid := u.Segment("PID")
		for _, c := range []int{1, 2} {
			if name := string(pid.Component(5, c)); len(name) >= 6 {
				for _, f := range findings {
					require.NotContains(t, f.Path+f.Rule, name)
				}
			}
		}
	}
}
