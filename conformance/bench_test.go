package conformance_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// BenchmarkCheck judges a generated file of 5,000 messages: "findings" with
// nobody listening, "facts" with everything handed out.
func BenchmarkCheck(b *testing.B) {
	var file bytes.Buffer
	_, err := hl7gen.New(1, hl7gen.Options{OrgCode: "SUNR1234", Now: now}).Batch(&file, hl7gen.BatchOptions{Messages: 5000})
	require.NoError(b, err)
	run := func(b *testing.B, in conformance.Options) {
		b.Helper()
		b.SetBytes(int64(file.Len()))
		b.ReportAllocs()
		for b.Loop() {
			res, err := conformance.Check(b.Context(), bytes.NewReader(file.Bytes()), in)
			if err != nil || res.Messages != 5000 {
				b.Fatal(err, res.Messages)
			}
		}
	}
	in := conformance.Options{Lane: registry.LaneTest, Now: now, Practice: practice}
	b.Run("verdict", func(b *testing.B) { run(b, in) })
	in.OnFinding = func(registry.Finding) {}
	in.OnMessage = func(conformance.MessageFact) {}
	b.Run("facts", func(b *testing.B) { run(b, in) })
}
