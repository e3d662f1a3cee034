package hl7

import "encoding/binary"

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// patterns are the delimiters of a message, each in all bytes of a word. They
// are ASCII.
type patterns struct{ field, component, repetition uint64 }

// What follows gives one bit for each of 64 bytes. It is what runs on processors
// for which nobody wrote controls and separators down in instructions, and what
// those instructions are tested against.
//
// The top bit of each byte of a sum says that the byte is not the one that is
// meant. Eight words put theirs into one, so that byte and bit change places
// once for all of them.

// controlsByWords says which bytes are below the blank, and whether any is 0x7f
// or above.
func controlsByWords(b *[64]byte) (lows uint64, odd bool) {
	var del, high uint64
	for i := range 8 {
		x := binary.LittleEndian.Uint64(b[i*8 : i*8+8])
		low7 := x &^ tops
		del |= (low7 + ones) | x
		high = high>>1 | x&tops
		lows = lows>>1 | (low7+0x60*ones)&tops
	}
	return transpose(^(lows | high)), del&tops != 0
}

// separatorsByWords says which bytes separate fields, components and
// repetitions.
func separatorsByWords(b *[64]byte, by *patterns) (seps, comps, reps uint64) {
	var high uint64
	for i := range 8 {
		x := binary.LittleEndian.Uint64(b[i*8 : i*8+8])
		low7 := x &^ tops
		high = high>>1 | x&tops
		seps = seps>>1 | ((low7^by.field)+0x7f*ones)&tops
		comps = comps>>1 | ((low7^by.component)+0x7f*ones)&tops
		reps = reps>>1 | ((low7^by.repetition)+0x7f*ones)&tops
	}
	seps, comps = transpose(^(seps | high)), transpose(^(comps | high))
	if reps = ^(reps | high); reps != 0 {
		reps = transpose(reps)
	}
	return seps, comps, reps
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
