package hl7gen_test

import (
	"io"
	"testing"

	"immtrail/internal/hl7gen"
)

func BenchmarkBatch(b *testing.B) {
	g := hl7gen.New(1, options("T"))
	for b.Loop() {
		if _, err := g.Batch(io.Discard, hl7gen.BatchOptions{Messages: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
