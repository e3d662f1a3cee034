package codes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"immtrail/hl7"
)

// layout is the columns of a kind of table.
type layout struct {
	title string
	check []column
}

// column is one column: what it is called and whether a value may stand there.
type column struct {
	name string
	ok   func(string) bool
}

// The layouts, column by column. Dates are YYYYMMDD.
var layouts = map[Kind]layout{
	// status: a(ctive), i(nactive), n(ever active), f(oreign), p(ending);
	// flags: u(nspecified formulation), x (no vaccine).
	CVX: {"vaccines (CVX)", []column{
		{"CVX code", isCVX}, {"status", among("ainfp")}, {"flags", flags("ux")}, {"day of change", isDayOrNone}, {"name", isText},
	}},
	MVX: {"manufacturers (MVX)", []column{
		{"MVX code", isMVX}, {"status", among("ai")}, {"day of change", isDayOrNone}, {"name", isText},
	}},
	Product: {"products (CVX and MVX)", []column{
		{"CVX code", isCVX}, {"MVX code", orNone(isMVX)}, {"status", among("ai")}, {"day of change", isDayOrNone}, {"name", isText},
	}},
	NDCSale: {"drug codes of boxes (NDC)", ndcColumns},
	NDCUse:  {"drug codes of vials and syringes (NDC)", ndcColumns},
	CPT: {"procedures (CPT)", []column{
		{"CPT code", isCPT}, {"CVX code", isCVX}, {"day of change", isDayOrNone},
	}},
	VIS: {"information statements (VIS)", []column{
		{"bar code", isBarcode}, {"edition", isDay}, {"status", among("ch")}, {"name", isText},
	}},
	VISOfCVX: {"statements of vaccines", []column{{"CVX code", isCVX}, {"bar code", isBarcode}}},
	VISURL:   {"addresses of statements", []column{{"document code", isDocument}, {"address", isURL}}},
	Group: {"vaccine groups", []column{
		{"CVX code", isCVX}, {"group", isName}, {"CVX code of the group", isCVX},
	}},
	// Days: impossible before, expected from, expected until, impossible after;
	// ages in months: expected from, expected until; sources of the days:
	// f (FDA licence, approval or emergency use), c (CDC), b (immregistries/codebase).
	Use: {"use of vaccines", []column{
		{"CVX code", isCVX},
		{"impossible before", isDayOrNone},
		{"expected from", isDayOrNone},
		{"expected until", isDayOrNone},
		{"impossible after", isDayOrNone},
		{"age from", isMonthsOrNone},
		{"age until", isMonthsOrNone},
		{"sources", flags("fcblne")},
	}},
	Labeler: {"labelers of drug codes", []column{{"labeler", isLabeler}, {"MVX code", isMVX}}},
	// Shapes: A is a letter, # a digit, anything else itself.
	Lot: {"shapes of lot numbers", []column{{"shape", isName}, {"MVX code", isMVX}}},
}

// routes: m (intramuscular), s (subcutaneous), d (intradermal), v (intravenous),
// p (percutaneous), o (oral), n (nasal).
var ndcColumns = []column{
	{"NDC", isNDC},
	{"CVX code", isCVX},
	{"first day", isDayOrNone},
	{"last day", isDayOrNone},
	{"routes", flags("msdvpon")},
	{"name", isText},
}

func (l layout) checkRow(row string) error {
	values := strings.Split(row, "|")
	if len(values) != len(l.check) {
		return fmt.Errorf("%d columns instead of %d", len(values), len(l.check))
	}
	if !utf8.ValidString(row) {
		return errors.New("not UTF-8")
	}
	for i, c := range l.check {
		if !c.ok(values[i]) {
			return fmt.Errorf("column %d is no %s", i+1, c.name)
		}
	}
	return nil
}

func isCVX(s string) bool { return cvxNumber([]byte(s)) > 0 }

func isMVX(s string) bool { return len(s) >= 2 && len(s) <= 3 && upper(s) }

func upper(s string) bool {
	for _, c := range []byte(s) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

func allDigits(s string) bool {
	for _, c := range []byte(s) {
		if !digit(c) {
			return false
		}
	}
	return s != ""
}

func isNDC(s string) bool {
	_, form := packNDC([]byte(s))
	return form == Hyphens
}

// isCPT: five digits, or four and a letter for category II and III codes.
func isCPT(s string) bool {
	return len(s) == 5 && allDigits(s[:4]) && (digit(s[4]) || upper(s[4:]))
}

func isBarcode(s string) bool  { return packBarcode([]byte(s)) > 0 }
func isDocument(s string) bool { return len(s) == documentLen && allDigits(s) }
func isLabeler(s string) bool  { return len(s) == 5 && allDigits(s) }
func isURL(s string) bool      { return strings.HasPrefix(s, "https://") && isText(s) }
func isText(s string) bool     { return len(s) <= 512 && !strings.ContainsAny(s, "\r\n\t\x00") }
func isName(s string) bool     { return s != "" && len(s) <= 64 && isText(s) }

func isDay(s string) bool {
	_, ok := hl7.ParseDate([]byte(s))
	return ok
}

func isDayOrNone(s string) bool { return s == "" || isDay(s) }

func isMonthsOrNone(s string) bool {
	if s == "" {
		return true
	}
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 1440
}

func orNone(ok func(string) bool) func(string) bool {
	return func(s string) bool { return s == "" || ok(s) }
}

// among: one of the letters.
func among(letters string) func(string) bool {
	return func(s string) bool { return len(s) == 1 && strings.Contains(letters, s) }
}

// flags: any of the letters, each at most once.
func flags(letters string) func(string) bool {
	return func(s string) bool {
		for i, c := range s {
			if !strings.ContainsRune(letters, c) || strings.ContainsRune(s[:i], c) {
				return false
			}
		}
		return true
	}
}
