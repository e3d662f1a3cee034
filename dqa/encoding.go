package dqa

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// eightBit reads UTF-8, and each byte that is none as Windows-1252: registries,
// and the tools that save for them, call both by either name. Halves of
// surrogates that somebody wrote as UTF-8 are such bytes, so that what comes out
// can always be stored.
type eightBit struct{ transform.NopResetter }

// Transform implements transform.Transformer.
func (eightBit) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		r, size := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && size <= 1 {
			if !atEOF && !utf8.FullRune(src[nSrc:]) {
				return nDst, nSrc, transform.ErrShortSrc
			}
			r, size = charmap.Windows1252.DecodeByte(src[nSrc]), 1
		}
		if nDst+utf8.RuneLen(r) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += size
	}
	return nDst, nSrc, nil
}

// text is b as UTF-8, without blanks around it.
func text(b []byte) string {
	if utf8.Valid(b) {
		return strings.TrimSpace(string(b))
	}
	out, _, err := transform.Bytes(eightBit{}, b)
	if err != nil { // it has no way to fail
		return strings.TrimSpace(strings.ToValidUTF8(string(b), "\uFFFD"))
	}
	return strings.TrimSpace(string(out))
}

// decoded is src as UTF-8 where its first bytes show that it is UTF-16, and src
// itself otherwise.
func decoded(src *bufio.Reader, head []byte) *bufio.Reader {
	order, ok := wide(head)
	if !ok {
		return src
	}
	utf16 := unicode.UTF16(order, unicode.UseBOM)
	return bufio.NewReaderSize(transform.NewReader(src, utf16.NewDecoder()), headLen)
}

// wide reports whether head is UTF-16, by its mark or, without one, by every
// other byte of its beginning being NUL, as in all that is mostly English.
func wide(head []byte) (unicode.Endianness, bool) {
	switch {
	case bytes.HasPrefix(head, bomLE):
		return unicode.LittleEndian, true
	case bytes.HasPrefix(head, bomBE):
		return unicode.BigEndian, true
	}
	const sample = 512
	head = head[:min(len(head), sample)&^1]
	if len(head) < 8 {
		return unicode.LittleEndian, false
	}
	var nuls [2]int
	for i, c := range head {
		if c == 0 {
			nuls[i%2]++
		}
	}
	pairs := len(head) / 2
	switch {
	case nuls[0] == 0 && nuls[1]*10 >= pairs*9:
		return unicode.LittleEndian, true
	case nuls[1] == 0 && nuls[0]*10 >= pairs*9:
		return unicode.BigEndian, true
	}
	return unicode.LittleEndian, false
}

// plainBytes is src as UTF-8 where it is text of eight bits.
func plainBytes(src io.Reader) io.Reader { return transform.NewReader(src, eightBit{}) }
