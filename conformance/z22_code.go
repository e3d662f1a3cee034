package conformance

import (
	"bytes"
	"strings"

	"immtrail/conformance/z22"
)

// codeTable is a table of the profile.
type codeTable struct {
	name    string
	words   *wordSet
	local   bool // HL70396: names that follow a pattern
	longest int  // characters of a code
	systems []string
}

func newCodeTable(s z22.Set) *codeTable {
	t := &codeTable{
		name: tableName(s), words: set(strings.Join(s.Codes, " ")), systems: s.Systems,
		local: strings.HasPrefix(s.Name, "HL70396"),
	}
	for _, code := range s.Codes {
		t.longest = max(t.longest, len(code))
	}
	if t.local {
		t.longest = max(t.longest, 20)
	}
	return t
}

// z22Codes is a table of the profile as rules written by hand use it.
func z22Codes(names ...string) *wordSet {
	var all []string
	for _, name := range names {
		all = append(all, z22.Get().Sets[name].Codes...)
	}
	return set(strings.Join(all, " "))
}

func (t *codeTable) has(b []byte) bool { return t.words.has(b) || (t.local && localSystem(b)) }

// tableName is the name by which people find a table: NIST's own suffixes say
// nothing outside of its files.
func tableName(s z22.Set) string {
	if len(s.Systems) == 1 && len(s.Systems[0]) > 4 {
		return s.Systems[0]
	}
	return strings.TrimSuffix(s.Name, "_IZ")
}

// localSystem reports names of coding systems that follow one of the patterns
// of HL70396: 99zzz, HL7nnnn, NIPnnn, X12DEnnnn, NCPDPnnnnsss.
func localSystem(b []byte) bool {
	switch {
	case bytes.HasPrefix(b, []byte("99")):
		return len(b) <= 5
	case bytes.HasPrefix(b, []byte("HL7")):
		return len(b) == 7 && digits(b[3:])
	case bytes.HasPrefix(b, []byte("NIP")):
		return len(b) == 6 && digits(b[3:])
	case bytes.HasPrefix(b, []byte("X12DE")), bytes.HasPrefix(b, []byte("NCPDP")):
		return len(b) > 5
	}
	return false
}

// form is what a value has to look like.
type form uint8

const (
	anyForm form = iota
	formNumber
	formCount    // SI: digits
	formYear     // a date or time of at least a year
	formMonth    // ... of at least a month
	formDay      // ... of at least a day
	formDate     // YYYYMMDD and nothing more
	formTime     // HHMM[SS]
	formOID      // 2.16.840...
	formPositive // 1, 2, 3
	formOne      // 1
)

// formOf is the form that a data type asks for; whole is the type around it,
// which says how exact a time has to be.
func formOf(kind, whole string) form {
	switch kind {
	case "NM":
		return formNumber
	case "SI":
		return formCount
	case "DT":
		return formYear
	case "DT_D":
		return formDate
	case "TM":
		return formTime
	case "DTM":
		switch whole {
		case "TS_NZ", "TS_Z":
			return formDay
		case "TS_M":
			return formMonth
		}
		return formYear
	}
	return anyForm
}

func (f form) says() string {
	switch f {
	case formNumber:
		return "is not a number"
	case formCount:
		return "is not a whole number"
	case formYear, formMonth:
		return "is not a date"
	case formDay:
		return "is not a date with year, month and day"
	case formDate:
		return "is not a date written YYYYMMDD"
	case formTime:
		return "is not a time of day"
	case formOID:
		return "is not an OID (numbers with dots)"
	case formPositive:
		return "is not a positive whole number"
	case formOne:
		return "is not 1"
	case anyForm:
	}
	return ""
}

func (f form) fits(b []byte) bool {
	switch f {
	case formNumber:
		if b[0] == '-' || b[0] == '+' {
			b = b[1:]
		}
		return decimal(b)
	case formCount:
		return digits(b)
	case formYear:
		return stamp(b, 4)
	case formMonth:
		return stamp(b, 6)
	case formDay:
		return stamp(b, 8)
	case formDate:
		return len(b) == 8 && stamp(b, 8)
	case formTime:
		return len(b) >= 2 && digits(b[:2])
	case formOID:
		return oid(b)
	case formPositive:
		_, ok := positive(b)
		return ok
	case formOne:
		return same(b, "1")
	case anyForm:
	}
	return true
}

// stamp reports whether b is a date or time of at least so many digits.
func stamp(b []byte, least int) bool {
	if _, ok := day(b); ok {
		return true
	}
	if len(b) < least || len(b) > 6 || len(b) == 5 || !digits(b) {
		return false
	}
	return len(b) == 4 || (b[4] == '0' && b[5] > '0') || (b[4] == '1' && b[5] <= '2')
}

// oid reports whether b is an object identifier as IZ-3 and IZ-5 want it.
func oid(b []byte) bool {
	if len(b) == 0 || b[0] < '0' || b[0] > '2' {
		return false
	}
	for rest := b[1:]; len(rest) > 0; {
		if rest[0] != '.' {
			return false
		}
		arc := rest[1:]
		if i := bytes.IndexByte(arc, '.'); i >= 0 {
			arc = arc[:i]
		}
		if !digits(arc) || (len(arc) > 1 && arc[0] == '0') {
			return false
		}
		rest = rest[1+len(arc):]
	}
	return true
}
