//go:build !amd64

package hl7

// classify is [classifyWords].
func classify(b *[64]byte, by *patterns) (seps, comps, lows uint64, flags uint8) {
	return classifyWords(b, by)
}
