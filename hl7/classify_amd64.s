#include "textflag.h"

// BROADCAST fills X with the eight bytes at or in FROM, twice.
#define BROADCAST(FROM, X) \
	MOVQ FROM, X; \
	PUNPCKLQDQ X, X

// SIXTEEN classifies the bytes from AT on and puts their bits where they belong.
#define SIXTEEN(AT) \
	MOVOU AT(SI), X0; \
	MOVO X0, X1; PCMPEQB X4, X1; PMOVMSKB X1, AX; SHLQ $AT, AX; ORQ AX, R8; \
	MOVO X0, X2; PCMPEQB X5, X2; PMOVMSKB X2, BX; SHLQ $AT, BX; ORQ BX, R9; \
	MOVO X0, X3; PMINUB X7, X3; PCMPEQB X0, X3; PMOVMSKB X3, CX; SHLQ $AT, CX; ORQ CX, R10; \
	MOVO X0, X1; PCMPEQB X6, X1; POR X1, X9; \
	MOVO X0, X2; PMAXUB X8, X2; PCMPEQB X0, X2; POR X2, X10

// func classify(b *[64]byte, by *patterns) (seps, comps, lows uint64, flags uint8)
TEXT ·classify(SB), NOSPLIT, $0-41
	MOVQ b+0(FP), SI
	MOVQ by+8(FP), DI
	BROADCAST(0(DI), X4)   // field separators
	BROADCAST(8(DI), X5)   // component separators
	BROADCAST(16(DI), X6)  // repetition separators
	MOVQ $0x1f1f1f1f1f1f1f1f, AX
	BROADCAST(AX, X7)      // a byte that is no less is below the blank
	MOVQ $0x7f7f7f7f7f7f7f7f, AX
	BROADCAST(AX, X8)      // a byte that is no more is not printable ASCII
	PXOR X9, X9            // bytes that are the repetition separator
	PXOR X10, X10          // bytes that are 0x7f or above
	XORL R8, R8
	XORL R9, R9
	XORL R10, R10
	SIXTEEN(0)
	SIXTEEN(16)
	SIXTEEN(32)
	SIXTEEN(48)
	MOVQ R8, seps+16(FP)
	MOVQ R9, comps+24(FP)
	MOVQ R10, lows+32(FP)
	PMOVMSKB X10, AX
	PMOVMSKB X9, BX
	NEGL AX                // carry: any
	SBBL AX, AX
	ANDL $1, AX            // flagOdd
	NEGL BX
	SBBL BX, BX
	ANDL $2, BX            // flagRepeat
	ORL BX, AX
	MOVB AX, flags+40(FP)
	RET
