package hl7

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzClassify compares what is written for the processor with the plain text
// of it. (In the package, since nothing of it can be seen from outside.)
func FuzzClassify(f *testing.F) {
	f.Add([]byte("MSH|^~\\&|EHR\rPID|1||a^b^c~d^e\x00\x1f\x20\x7e\x7f\x80\xff\xfc\xde\xfe"), byte('|'), byte('^'), byte('~'))
	f.Add([]byte("~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"), byte('#'), byte('%'), byte('~'))
	f.Fuzz(func(t *testing.T, data []byte, field, component, repetition byte) {
		by := patterns{uint64(field&0x7f) * ones, uint64(component&0x7f) * ones, uint64(repetition&0x7f) * ones}
		for i := range max(1, len(data)) { // every byte comes to every place
			var b [64]byte
			copy(b[:], data[min(i, len(data)):])
			lows, odd := controls(&b)
			wantLows, wantOdd := controlsByWords(&b)
			require.Equal(t, wantLows, lows, "%q", b)
			require.Equal(t, wantOdd, odd, "%q", b)
			seps, comps, reps := separators(&b, &by)
			wantSeps, wantComps, wantReps := separatorsByWords(&b, &by)
			require.Equal(t, []uint64{wantSeps, wantComps, wantReps}, []uint64{seps, comps, reps}, "%q", b)
			high := false
			for j, c := range b {
				require.Equal(t, c == field&0x7f, seps>>j&1 == 1)
				require.Equal(t, c == component&0x7f, comps>>j&1 == 1)
				require.Equal(t, c == repetition&0x7f, reps>>j&1 == 1)
				require.Equal(t, c < ' ', lows>>j&1 == 1)
				high = high || c >= 0x7f
			}
			require.Equal(t, high, odd)
		}
	})
}
