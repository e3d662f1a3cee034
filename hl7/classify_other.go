//go:build !amd64

package hl7

func controls(b *[64]byte) (lows uint64, odd bool) { return controlsByWords(b) }

func separators(b *[64]byte, by *patterns) (seps, comps, reps uint64) {
	return separatorsByWords(b, by)
}
