package oracle

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/hl7gen"
)

// ScanText counts what the scan finds in a text.
func ScanText(who []hl7gen.Patient, text string) int {
	s := newScanner(newNeedles(who))
	s.text(SinkMetrics, "text", []byte(text))
	return s.total()
}

// JudgeDays judges days without an engine.
var JudgeDays = judgeDays

var (
	lastMu     sync.Mutex
	lastPeople int
	last       *needles
)

// ScanStream counts what the scan finds in a stream.
func ScanStream(tb testing.TB, who []hl7gen.Patient, data []byte) int {
	tb.Helper()
	lastMu.Lock()
	if lastPeople != len(who) {
		lastPeople, last = len(who), newNeedles(who)
	}
	s := newScanner(last)
	lastMu.Unlock()
	require.NoError(tb, s.stream(SinkFiles, "stream", bytes.NewReader(data)))
	require.Equal(tb, int64(len(data)), s.bytes)
	return s.total()
}

func (s *scanner) total() int {
	n := 0
	for _, l := range s.leaks {
		n += l.count
	}
	return n
}
