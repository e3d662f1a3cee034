package oracle

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"regexp"
	"strings"

	"immtrail/internal/hl7gen"
)

// form is how a value was written.
type form uint8

const (
	inClear form = iota
	inHex
	inBase64
	phoneInClear
)

func (f form) words() string {
	switch f {
	case inHex:
		return "in hex"
	case inBase64:
		return "in base64"
	default:
		return "in clear text"
	}
}

// pattern is one way in which one value may be written.
type pattern struct {
	text []byte
	what uint8 // index into kinds
	form form
	next int32 // pattern with the same key, or -1
}

// kinds are what is looked for, as findings name it.
var kinds = []string{"a surname", "a given name", "a maiden name", "a parent's name", "a chart number", "a street", "a telephone number"}

const (
	// keyLen is the shortest pattern and the prefix by which patterns are found.
	keyLen  = 7
	keyMask = 1<<(8*keyLen) - 1
	// foldMask makes letters lower-case. It does other things to other bytes,
	// which does no harm: a hit is compared in full.
	foldMask = 0x20202020202020
)

// needles finds many values at once: at each byte the next seven are folded and
// looked up in a bit set, and only what is in there is compared. It takes about
// as long as reading, however many patients there are.
type needles struct {
	patterns []pattern
	heads    map[uint64]int32
	set      []uint64
	shift    uint
	longest  int
}

// unmistakable is the form of the generator's words and chart numbers; a planted
// TESTPATIENT is an ordinary word and is not looked for.
var (
	unmistakable = regexp.MustCompile(`^[A-Z][a-z]{11}$|^[A-Z]{7,9}[A-Z0-9]{3,5}$`)
	streetWord   = regexp.MustCompile(`[A-Z][a-z]{11}`)
	phoneForm    = regexp.MustCompile(`^[0-9]{7}$`)
)

func newNeedles(patients []hl7gen.Patient) *needles {
	n := &needles{heads: map[uint64]int32{}}
	seen := map[string]bool{}
	for _, p := range patients {
		for what, value := range []string{p.Family, p.Given, p.Maiden, p.Guardian, p.MRN, streetWord.FindString(p.Street), p.Phone} {
			if value == "" || seen[value] || value == "TESTPATIENT" {
				continue
			}
			seen[value] = true
			switch {
			case unmistakable.MatchString(value):
				n.addWord(uint8(what), value)
			case phoneForm.MatchString(value):
				n.addPhone(uint8(what), value)
			}
		}
	}
	size := uint(max(20, bits.Len(uint(len(n.patterns)*16))))
	n.shift = 64 - size
	n.set = make([]uint64, 1<<(size-6))
	for key := range n.heads {
		h := n.hash(key)
		n.set[h>>6] |= 1 << (h & 63)
	}
	return n
}

func (n *needles) addWord(what uint8, value string) {
	n.add(what, inClear, strings.ToLower(value))
	for _, cased := range distinct(value, strings.ToUpper(value), strings.ToLower(value)) {
		n.add(what, inHex, hex.EncodeToString([]byte(cased)))
		n.addBase64(what, cased)
	}
}

// addPhone looks for seven digits only where something says that they are a
// telephone number: there are too many numbers in the world.
func (n *needles) addPhone(what uint8, value string) {
	n.add(what, phoneInClear, value)
	n.add(what, inHex, hex.EncodeToString([]byte("^"+value)))
	n.addBase64(what, "^"+value)
}

func distinct(values ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// addBase64 adds what the value becomes in base64, wherever in the encoded text
// it begins: of each of the three ways only the characters that its neighbours
// have no part in.
func (n *needles) addBase64(what uint8, value string) {
	for lead := range 3 {
		plain := append(make([]byte, lead), value...)
		skip := (lead*8 + 5) / 6
		whole := len(plain) * 8 / 6
		coded := base64.RawStdEncoding.EncodeToString(plain)[skip:whole]
		n.add(what, inBase64, coded)
		if url := base64.RawURLEncoding.EncodeToString(plain)[skip:whole]; url != coded {
			n.add(what, inBase64, url)
		}
	}
}

func (n *needles) add(what uint8, f form, text string) {
	if len(text) < keyLen {
		return
	}
	key := fold(text)
	head, ok := n.heads[key]
	if !ok {
		head = -1
	}
	n.patterns = append(n.patterns, pattern{text: []byte(text), what: what, form: f, next: head})
	n.heads[key] = int32(len(n.patterns) - 1)
	n.longest = max(n.longest, len(text))
}

func fold(text string) uint64 {
	var b [8]byte
	copy(b[:], text[:keyLen])
	return (binary.LittleEndian.Uint64(b[:]) | foldMask) & keyMask
}

func (n *needles) hash(key uint64) uint64 { return key * 0x9E3779B97F4A7C15 >> n.shift }

// each calls hit for every value found in data at a place before end. What lies
// behind end, and before from, is context. It needs 8 readable bytes behind
// every place, so the last ones of data are not looked at: see scan.
func (n *needles) each(data []byte, from, end int, hit func(p *pattern, at int)) {
	end = min(end, len(data)-8+1)
	for i := from; i < end; i++ {
		key := (binary.LittleEndian.Uint64(data[i:]) | foldMask) & keyMask
		h := n.hash(key)
		if n.set[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		at, ok := n.heads[key]
		for ok && at >= 0 {
			p := &n.patterns[at]
			if p.matches(data, i) {
				hit(p, i)
			}
			at = p.next
		}
	}
}

func (p *pattern) matches(data []byte, at int) bool {
	if at+len(p.text) > len(data) {
		return false
	}
	here := data[at : at+len(p.text)]
	switch p.form {
	case inBase64:
		return bytes.Equal(here, p.text)
	case phoneInClear:
		return bytes.Equal(here, p.text) && isPhone(data, at, at+len(p.text))
	default:
		return bytes.EqualFold(here, p.text)
	}
}

// isPhone reports whether the seven digits at data[from:to] are written like a
// telephone number: nothing but they themselves, behind a component separator,
// in quotes, or behind a Texan area code.
func isPhone(data []byte, from, to int) bool {
	if to < len(data) && isDigit(data[to]) {
		return false
	}
	if from == 0 {
		return false
	}
	before := data[from-1]
	if before == '^' || before == '"' && to < len(data) && data[to] == '"' {
		return true
	}
	head := bytes.TrimRight(data[max(0, from-7):from], "-^). ")
	if len(head) < 3 || len(head) > 3 && isDigit(head[len(head)-4]) {
		return false
	}
	return areaCodes[string(head[len(head)-3:])]
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// areaCodes are those that the generator gives to people.
var areaCodes = map[string]bool{
	"214": true, "281": true, "361": true, "409": true, "512": true, "713": true, "806": true, "817": true,
	"830": true, "903": true, "915": true, "956": true, "972": true,
}
