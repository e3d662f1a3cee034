package hl7

// In SSE2, which every such processor has: by words, a tenth of the time of a
// whole check goes by here.

// controls is [controlsByWords].
//
//go:noescape
func controls(b *[64]byte) (lows uint64, odd bool)

// separators is [separatorsByWords].
//
//go:noescape
func separators(b *[64]byte, by *patterns) (seps, comps, reps uint64)
