package hl7

// classify is [classifyWords] in SSE2, which every such processor has: a tenth
// of the time of a whole check lies in these 64 bytes.
//
//go:noescape
func classify(b *[64]byte, by *patterns) (seps, comps, lows uint64, flags uint8)
