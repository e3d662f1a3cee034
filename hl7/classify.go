package hl7

import "encoding/binary"

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// patterns are the delimiters of a message, each in all bytes of a word.
type patterns struct{ field, component, repetition uint64 }

// What may be in a line, as far as 64 bytes at a time show it.
const (
	flagOdd    uint8 = 1 << iota // other bytes than printable ASCII
	flagRepeat                   // the repetition separator
)

// classifyWords gives one bit for each of 64 bytes: which are the separator of
// fields, which that of components, and which are below the blank; and whether
// any may be 0x7f or above, or may be the separator of repetitions. It is
// [classify] on processors for which nobody wrote that down in instructions, and
// what those instructions are tested against.
//
// The top bit of each byte of a sum says that the byte is not the one that is
// meant. Eight words put theirs into one, so that byte and bit change places
// once for all of them. Delimiters are ASCII; other bytes are none.
func classifyWords(b *[64]byte, by *patterns) (seps, comps, lows uint64, flags uint8) {
	var del, high uint64
	repeats := ^uint64(0)
	for i := range 8 {
		x := binary.LittleEndian.Uint64(b[i*8 : i*8+8])
		low7 := x &^ tops
		del |= low7 + ones
		high = high>>1 | x&tops
		lows = lows>>1 | (low7+0x60*ones)&tops
		seps = seps>>1 | ((low7^by.field)+0x7f*ones)&tops
		comps = comps>>1 | ((low7^by.component)+0x7f*ones)&tops
		repeats &= (low7 ^ by.repetition) + 0x7f*ones
	}
	if (del|high)&tops != 0 || high != 0 {
		flags = flagOdd
	}
	if repeats&tops != tops {
		flags |= flagRepeat
	}
	if lows = ^(lows | high); lows != 0 {
		lows = transpose(lows)
	}
	return transpose(^(seps | high)), transpose(^(comps | high)), lows, flags
}

// transpose makes bit j of byte i of bit i of byte j.
func transpose(x uint64) uint64 {
	t := (x ^ x>>7) & 0x00aa00aa00aa00aa
	x ^= t ^ t<<7
	t = (x ^ x>>14) & 0x0000cccc0000cccc
	x ^= t ^ t<<14
	t = (x ^ x>>28) & 0x00000000f0f0f0f0
	return x ^ t ^ t<<28
}
