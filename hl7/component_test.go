package hl7_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/hl7"
)

// Components are found by an index of one bit a byte, or by looking where a
// repetition is too long for it: both must give what splitting gives.
func TestComponentsAreThoseThatSplittingGives(t *testing.T) {
	const some = "ab1 ^^^~|&\"\x7f\xc3\x01"
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		file := append([]byte("MSH|^~\\&|"), bytes.Repeat([]byte("x"), rnd.IntN(70))...)
		file = append(file, "\rPID|"...)
		for range rnd.IntN(200) + 1000*(rnd.IntN(10)/9) { // some have more fields than the index
			file = append(file, some[rnd.IntN(len(some))])
		}
		r := hl7.NewReader(bytes.NewReader(append(file, '\r')), hl7.Limits{})
		u, err := r.Next()
		require.NoError(t, err)
		s := &u.Segments[len(u.Segments)-1]
		for n, field := range bytes.Split(s.Bytes(), []byte("|"))[1:] {
			if !s.Is("PID") {
				break
			}
			want := bytes.Split(field, []byte("~"))
			if len(want[len(want)-1]) == 0 {
				want = want[:len(want)-1]
			}
			require.True(t, !s.Single() || len(want) <= 1)
			seen := 0
			for i, rep := range s.Reps(n + 1) {
				seen++
				require.Equal(t, string(want[i-1]), string(rep.Bytes()))
				sameComponents(t, want[i-1], rep)
			}
			require.Equal(t, len(want), seen)
			first, _, _ := bytes.Cut(field, []byte("~"))
			sameComponents(t, first, s.Rep(n+1))
		}
	}
}

func sameComponents(t *testing.T, want []byte, rep hl7.Rep) {
	t.Helper()
	var ends [300]int32
	cuts, from := rep.Cuts(ends[:]), 0
	parts := bytes.Split(want, []byte("^"))
	require.Equal(t, len(parts), cuts)
	for c, part := range parts {
		require.Equal(t, string(part), string(rep.Component(c+1)))
		require.Equal(t, string(part), string(want[from:ends[c]]))
		from = int(ends[c]) + 1
	}
	require.Nil(t, rep.Component(len(parts)+1))
	require.Nil(t, rep.Component(0))
	require.Equal(t, min(2, len(parts)), rep.Cuts(ends[:2]), "no more than there is room for")
}
