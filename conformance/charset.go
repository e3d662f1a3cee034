package conformance

import (
	"unicode/utf8"

	"immtrail/hl7"
)

var (
	ruleCharset = declare(Rule{
		ID: "F-03.charset", Where: "MSH-18", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "MSH-18 names a character set that is not known, or that the letters of the message are not in.",
		Remedy: "Ask the EHR vendor to export in UTF-8 and to send UNICODE UTF-8 in MSH-18.",
		Source: "HL7 v2.5.1 2.15.9.18, HL70211",
	})
	ruleLatin = declare(Rule{
		ID: "F-03.latin", Where: "message", Severity: isInfo,
		Says:   "The letters of the message are in Latin-1 or Windows-1252, as MSH-18 says; a registry may show them wrong.",
		Remedy: "Ask the EHR vendor to export in UTF-8 when convenient.",
		Source: "HL7 v2.5.1 2.15.9.18, HL70211",
	})
)

// charset is what MSH-18 declares.
type charset uint8

const (
	charsetNone charset = iota
	charsetASCII
	charsetUTF8
	charsetLatin   // ISO 8859-1
	charsetWindows // Windows-1252
	charsetOther   // of HL70211: bytes are taken as they are
	charsetUnknown
)

// declaredCharset reads the first repetition of MSH-18: names of HL70211, and those
// that people write instead.
func declaredCharset(b []byte) charset {
	var buf [24]byte
	if hl7.Empty(b) {
		return charsetNone
	}
	switch name := string(squeeze(&buf, b)); name {
	case "ASCII":
		return charsetASCII
	case "UNICODE UTF-8", "UNICODEUTF8", "UTF8":
		return charsetUTF8
	case "8859/1", "88591", "ISO88591", "LATIN1":
		return charsetLatin
	case "WINDOWS1252", "CP1252":
		return charsetWindows
	case "8859/2", "8859/3", "8859/4", "8859/5", "8859/6", "8859/7", "8859/8", "8859/9", "8859/15",
		"ISOIR6", "ISOIR14", "ISOIR87", "ISOIR159", "GB180302000", "KSX1001", "CNS116431992", "BIG5",
		"UNICODE", "UNICODEUTF16", "UNICODEUTF32":
		return charsetOther
	}
	return charsetUnknown
}

// checkCharset compares what MSH-18 says with the bytes of a message. Where it
// says nothing, UTF-8 is as good as ASCII.
func (c *checker) checkCharset(u *hl7.Unit) {
	m := &c.m
	said := declaredCharset(m.msh.Component(18, 1))
	fits := said != charsetUnknown
	if !u.Plain() {
		fits = c.checkLetters(said) && fits
	}
	if !fits {
		c.hit(ruleCharset, m.msh, 18)
	}
}

// checkLetters looks at what is not ASCII, and reports whether it is what
// MSH-18 says.
func (c *checker) checkLetters(said charset) (fits bool) {
	fits = true
	for i := range c.m.segs {
		s := &c.m.segs[i]
		if s.Plain() {
			continue
		}
		b := s.Bytes()
		if ascii, _ := plain(b); ascii {
			continue
		}
		valid := utf8.Valid(b)
		switch said {
		case charsetLatin, charsetWindows:
			switch {
			case valid, said == charsetLatin && hasC1(b):
				fits = false
			default:
				c.hit(ruleLatin, s)
			}
		case charsetASCII:
			fits = fits && !valid // otherwise it is said of the bytes
			fallthrough
		case charsetNone, charsetUTF8, charsetUnknown:
			if !valid {
				c.hit(ruleBytes, s)
			}
		case charsetOther:
		}
	}
	return fits
}

// hasC1 reports whether there are bytes that Latin-1 has no letters for and
// Windows-1252 has.
func hasC1(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			return true
		}
	}
	return false
}
