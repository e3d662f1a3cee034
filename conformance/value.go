package conformance

import (
	"bytes"

	"immtrail/hl7"
)

// day reads a date, or the date of a time stamp.
func day(b []byte) (hl7.Date, bool) {
	if d, ok := hl7.ParseDate(b); ok {
		return d, true
	}
	t, ok := hl7.ParseTime(b)
	return t.Date, ok
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// Words that stand where a name should. Compared in capitals.
var (
	testNames = set(`TEST TESTS TESTING TESTPATIENT TESTER1 ZTEST ZZTEST ZZZTEST XTEST TESTB TESTONE
		TESTTWO DUMMY DUMMYPATIENT FAKE FAKEPATIENT DONOTUSE ASDF QWERTY`)
	// People bear these, too: they tell only where the other name tells as well.
	maybeTest = set("TESTER TESTA PATIENT")
	maybeJunk = set("NA NO NULL LAST FIRST NAME")
	junkNames = set(`UNKNOWN UNKN UNK NONE N/A LASTNAME FIRSTNAME NONAME NOLASTNAME
		NOFIRSTNAME NOTGIVEN REFUSED ANONYMOUS XXX XXXX YYY ZZZ PATIENT NOTAVAILABLE DELETE VOID`)
	newbornNames = set(`BABY BABYBOY BABYGIRL BOY GIRL NEWBORN INFANT INFANTBOY INFANTGIRL MALE FEMALE NEWBORNBOY
		NEWBORNGIRL TWIN TWINA TWINB BB BG BABYBOYA BABYBOYB BABYGIRLA BABYGIRLB BABYA BABYB BABYMALE BABYFEMALE`)
)

// squeeze writes the letters of a name in capitals into buf, without blanks,
// hyphens, apostrophes and dots. Names that do not fit are no placeholder.
func squeeze(buf *[24]byte, name []byte) []byte {
	n := 0
	for _, c := range name {
		switch {
		case c == ' ' || c == '-' || c == '\'' || c == '.':
			continue
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		if n == len(buf) {
			return nil
		}
		buf[n] = c
		n++
	}
	return buf[:n]
}

func testName(family, given []byte) bool {
	var buf [24]byte
	last := squeeze(&buf, family)
	if testNames.has(last) {
		return true
	}
	maybe := maybeTest.has(last)
	// "Test" alone as a first name is too rare to be anybody's.
	first := squeeze(&buf, given)
	return testNames.has(first) || maybe && maybeTest.has(first)
}

func newbornName(name []byte) bool {
	var buf [24]byte
	return newbornNames.has(squeeze(&buf, name))
}

// noLetter marks what no name has in it.
var noLetter = func() (marks [256]bool) {
	for _, c := range []byte("0123456789#@!$%*_+=<>[]{}?;:\"") {
		marks[c] = true
	}
	return marks
}()

// junkName reports whether a name cannot be one: a single letter, a digit, a
// sign that no name has, or a word for "nobody knows".
func junkName(name []byte) bool {
	var buf [24]byte
	short := squeeze(&buf, name)
	if short != nil && len(short) < 2 {
		return true
	}
	for _, c := range name {
		if noLetter[c] {
			return true
		}
	}
	return junkNames.has(short)
}

// ssn reports whether a social security number can be one, and whether it is
// one of the numbers that people type for nobody's.
func ssn(b []byte) (plausible, placeholder bool) {
	var d [9]byte
	n := 0
	for _, c := range b {
		if c == '-' {
			continue
		}
		if c < '0' || c > '9' || n == len(d) {
			return false, false
		}
		d[n] = c
		n++
	}
	if n != len(d) {
		return false, false
	}
	s := d[:]
	placeholder = allSame(s) || same(s, "123456789") || same(s, "987654321") || same(s, "078051120") || same(s, "123121234")
	impossible := d[0] == '9' || same(s[:3], "000") || same(s[:3], "666") || same(s[3:5], "00") || same(s[5:], "0000")
	return !placeholder && !impossible, placeholder
}

func allSame(b []byte) bool {
	for _, c := range b {
		if c != b[0] {
			return false
		}
	}
	return len(b) > 0
}

// dummyPhone reports whether area code and number are a placeholder: one digit
// over and over, 1234567, or the 555-01xx that belong to nobody.
func dummyPhone(area, number []byte) bool {
	return allSame(number) || same(number, "1234567") || same(number, "5551212") || (same(number[:min(5, len(number))], "55501") && len(number) == 7) ||
		(allSame(area) && len(area) == 3)
}

// areaCode reports whether b can be an area code of North America: none begins
// with 0 or 1, has 9 in the middle or ends with 11.
func areaCode(b []byte) bool {
	return len(b) == 3 && digits(b) && b[0] >= '2' && b[1] != '9' && !same(b[1:], "11")
}

// zip reports whether b is a ZIP code of five or nine digits other than 00000
// and 99999.
func zip(b []byte) bool {
	switch {
	case len(b) == 10 && b[5] == '-':
		return digits(b[:5]) && digits(b[6:]) && !allSame(b[:5])
	case len(b) == 9:
		return digits(b) && !allSame(b[:5])
	case len(b) == 5:
		return digits(b) && (!allSame(b) || (b[0] != '0' && b[0] != '9'))
	}
	return false
}

// decimal reports whether b is a plain number such as 0.5 or 999.
func decimal(b []byte) bool {
	whole, fraction, dotted := bytes.Cut(b, []byte("."))
	if dotted && !digits(fraction) {
		return false
	}
	return digits(whole) || (dotted && len(whole) == 0)
}

// maybeJunkNames reports whether both names are words that stand for none.
func maybeJunkNames(family, given []byte) bool {
	var buf [24]byte
	return maybeJunk.has(squeeze(&buf, family)) && maybeJunk.has(squeeze(&buf, given))
}

// email reports whether b can be an address: something, an at sign, and a domain
// with a dot.
func email(b []byte) bool {
	name, domain, at := bytes.Cut(b, []byte("@"))
	dot := bytes.LastIndexByte(domain, '.')
	return at && len(name) > 0 && dot > 0 && dot < len(domain)-1 && !bytes.ContainsAny(b, " ,;") && bytes.IndexByte(domain, '@') < 0 &&
		b[0] != '.' && name[len(name)-1] != '.' && domain[0] != '.' && !bytes.Contains(b, []byte(".."))
}

// oneLot reports whether a lot number holds nothing but one: no remark, no
// second lot.
func oneLot(b []byte) bool { return !bytes.ContainsAny(b, "(),;:&+*#?!=_\"<>[]") }

// lotWords are what people write beside a lot: whose stock it is, and who made it.
var lotWords = set("LOT VFC STATE PRIVATE PRIV PUBLIC CHIP ADULT PED PEDS UNINSURED SPECIAL MSD SKB PMC WAL WSD MED MMR DTAP TDAP IPV HIB FLU")

// wordyLot reports whether a lot number has a word beside the number, or a second
// number: parts of four characters and more with a slash between them.
func wordyLot(b []byte) bool {
	if len(b) > 3 && same(b[:3], "LOT") {
		return true
	}
	from, slashed := 0, false
	var buf [24]byte
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i] != ' ' && b[i] != '-' && b[i] != '/' {
			continue
		}
		part := b[from:i]
		if from > 0 || i < len(b) {
			if slashed && len(part) >= 4 || lotWords.has(squeeze(&buf, part)) {
				return true
			}
		}
		slashed = i < len(b) && b[i] == '/' && len(part) >= 4
		from = i + 1
	}
	return false
}

// junkLot reports whether a lot number says that there is none.
func junkLot(b []byte) bool {
	var buf [24]byte
	s := squeeze(&buf, b)
	return s != nil && (len(s) < 2 || junkLots.has(s) || allSame(s))
}

var junkLots = set("LOT LOTNUMBER NONE UNKNOWN UNK NA N/A NULL TEST NO HISTORICAL NOTGIVEN LOTNO XXXX 12345 123456 ABC ABC123")
