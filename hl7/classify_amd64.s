#include "textflag.h"

// BROADCAST fills X with the eight bytes at or in FROM, twice.
#define BROADCAST(FROM, X) \
	MOVQ FROM, X; \
	PUNPCKLQDQ X, X

// BITS puts a bit for each byte of X, which are all ones or all zeros, where
// those of the bytes from AT on belong in TO.
#define BITS(X, AT, TO) \
	PMOVMSKB X, AX; \
	SHLQ $AT, AX; \
	ORQ AX, TO

// LOWS looks at the 16 bytes from AT on.
#define LOWS(AT) \
	MOVOU AT(SI), X0; \
	MOVO X0, X1; PMINUB X4, X1; PCMPEQB X0, X1; BITS(X1, AT, R8); \
	MOVO X0, X1; PMAXUB X5, X1; PCMPEQB X0, X1; POR X1, X6

// func controls(b *[64]byte) (lows uint64, odd bool)
TEXT ·controls(SB), NOSPLIT, $0-17
	MOVQ b+0(FP), SI
	MOVQ $0x1f1f1f1f1f1f1f1f, AX
	BROADCAST(AX, X4)      // a byte that is no more is below the blank
	MOVQ $0x7f7f7f7f7f7f7f7f, AX
	BROADCAST(AX, X5)      // a byte that is no less is not printable
	PXOR X6, X6            // those
	XORL R8, R8
	LOWS(0)
	LOWS(16)
	LOWS(32)
	LOWS(48)
	MOVQ R8, lows+8(FP)
	PMOVMSKB X6, AX
	TESTL AX, AX
	SETNE odd+16(FP)
	RET

// EQUALS looks at the 16 bytes from AT on.
#define EQUALS(AT) \
	MOVOU AT(SI), X0; \
	MOVO X0, X1; PCMPEQB X4, X1; BITS(X1, AT, R8); \
	MOVO X0, X1; PCMPEQB X5, X1; BITS(X1, AT, R9); \
	PCMPEQB X6, X0; BITS(X0, AT, R10)

// func separators(b *[64]byte, by *patterns) (seps, comps, reps uint64)
TEXT ·separators(SB), NOSPLIT, $0-40
	MOVQ b+0(FP), SI
	MOVQ by+8(FP), DI
	BROADCAST(0(DI), X4)   // field separators
	BROADCAST(8(DI), X5)   // component separators
	BROADCAST(16(DI), X6)  // repetition separators
	XORL R8, R8
	XORL R9, R9
	XORL R10, R10
	EQUALS(0)
	EQUALS(16)
	EQUALS(32)
	EQUALS(48)
	MOVQ R8, seps+16(FP)
	MOVQ R9, comps+24(FP)
	MOVQ R10, reps+32(FP)
	RET
