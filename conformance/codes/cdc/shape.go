package cdc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"immtrail/conformance/codes"
	"immtrail/hl7"
)

// record is one record of a file: values by the name of their field, in small
// letters and digits only.
type record struct {
	line   int
	fields map[string]string
}

// get is the first of the fields that is there.
func (r record) get(names ...string) string {
	for _, n := range names {
		if v, ok := r.fields[n]; ok {
			return v
		}
	}
	return ""
}

func (r record) has(names ...string) bool {
	for _, n := range names {
		if _, ok := r.fields[n]; !ok {
			return false
		}
	}
	return true
}

// fieldName is a field's name as records keep it.
func fieldName(s string) string {
	var b strings.Builder
	for _, c := range []byte(strings.ToLower(s)) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// shape is one of CDC's tables.
type shape struct {
	kind codes.Kind
	// marks are the fields by which a record of XML is known.
	marks []string
	// columns are the fields of a line, where there is such a file, and proof
	// says whether the values of a line can be these.
	columns []string
	proof   func(r record) bool
	row     func(r record) (row string, changed hl7.Date, err error)
}

// errBlank marks a record that says nothing of use: a procedure of no vaccine.
var errBlank = errors.New("blank")

// shapes: those with more telling fields come first.
var shapes = []*shape{
	{
		kind: codes.Group, marks: []string{"cvxcode", "vaccinegroupname", "cvxforvaccinegroup"},
		columns: []string{"shortdescription", "cvxcode", "status", "vaccinegroupname", "cvxforvaccinegroup"},
		proof:   func(r record) bool { return isCVX(r.get("cvxcode")) && isStatus(r.get("status")) },
		row:     groupRow,
	},
	{
		kind: codes.VISOfCVX, marks: []string{"cvxcode", "fullyencodedstring"},
		columns: []string{"cvxcode", "cvxvaccinedescription", "fullyencodedstring", "visdocumentname", "viseditiondate", "status"},
		proof:   func(r record) bool { return isCVX(r.get("cvxcode")) && isBarcode(r.get("fullyencodedstring")) },
		row:     statementOfRow,
	},
	{
		kind: codes.VIS, marks: []string{"visencodedstring", "editiondate"},
		columns: []string{"visdocumenttypedescription", "editiondate", "visencodedstring", "visgdtidocumentcode", "status", "lastupdated"},
		proof:   func(r record) bool { return isBarcode(r.get("visencodedstring")) },
		row:     statementRow,
	},
	{kind: codes.VISURL, marks: []string{"visgdtidocumentconceptcode"}, row: addressRow},
	{
		kind: codes.Product, marks: []string{"cdcproductname", "cvxcode", "mvxcode"},
		columns: []string{"cdcproductname", "shortdescription", "cvxcode", "manufacturer", "mvxcode", "mvxstatus", "productnamestatus", "lastupdated"},
		proof:   func(r record) bool { return isCVX(r.get("cvxcode")) && isStatus(r.get("productnamestatus")) },
		row:     productRow,
	},
	{
		kind: codes.CPT, marks: []string{"cptcode", "cvxcode"},
		columns: []string{"cptcode", "cptdesc", "status", "comments", "vaccinename", "cvxcode", "lastupdated"},
		proof: func(r record) bool {
			return isCPT(r.get("cptcode")) && (r.get("cvxcode") == "" || isCVX(r.get("cvxcode"))) && isDay(r.get("lastupdated"))
		},
		row: procedureRow,
	},
	{
		kind: codes.MVX, marks: []string{"mvxcode", "manufacturername", "status"},
		columns: []string{"mvxcode", "manufacturername", "notes", "status", "lastupdated"},
		proof: func(r record) bool {
			return !isCVX(r.get("mvxcode")) && isStatus(r.get("status")) && isDay(r.get("lastupdated"))
		},
		row: makerRow,
	},
	{
		kind: codes.CVX, marks: []string{"cvxcode", "shortdescription", "status"},
		columns: []string{"cvxcode", "shortdescription", "fullvaccinename", "notes", "status", "nonvaccine", "lastupdated"},
		proof:   func(r record) bool { return isCVX(r.get("cvxcode")) && isStatus(r.get("status")) },
		row:     vaccineRow,
	},
	{
		kind: codes.NDCUse,
		columns: []string{
			"id", "labeler", "product", "package", "name", "description", "labelername", "first", "last",
			"form", "gtin", "cvxcode", "cvxname", "nouse", "ndc", "lastupdated", "gtin2",
		},
		proof: func(r record) bool { return isNDC(r.get("ndc")) && isBool(r.get("nouse")) }, row: packageRow,
	},
	{
		kind: codes.NDCSale,
		columns: []string{
			"id", "labeler", "product", "package", "name", "description", "labelername", "first", "last",
			"form", "route", "lastupdated", "cvxcode", "cvxname", "ndc", "gtin",
		},
		proof: func(r record) bool { return isNDC(r.get("ndc")) }, row: packageRow,
	},
}

// recognise tells the table by the fields of a record of XML; nil for none.
func recognise(r record) *shape {
	for _, s := range shapes {
		if len(s.marks) > 0 && r.has(s.marks...) {
			return s
		}
	}
	return nil
}

// recogniseLine tells the table by the values of a line; nil for none.
func recogniseLine(values []string) (*shape, []string, error) {
	for _, s := range shapes {
		if s.columns == nil || !fits(values, s.columns) {
			continue
		}
		r := record{fields: map[string]string{}}
		for i, name := range s.columns {
			r.fields[name] = values[i]
		}
		if s.proof(r) {
			return s, s.columns, nil
		}
	}
	if len(values) == 4 && number(values[0]) && number(values[1]) && number(values[2]) {
		return nil, nil, fmt.Errorf("%w: this links units of sale with units of use, which the checker does not need", ErrNotNeeded)
	}
	return nil, nil, nil
}

func vaccineRow(r record) (string, hl7.Date, error) {
	code, status := r.get("cvxcode"), r.get("status")
	changed, err := readDay(r.get("lastupdated"))
	if err != nil {
		return "", 0, err
	}
	letter, ok := map[string]string{
		"active": "a", "inactive": "i", "never active": "n", "non-us": "f", "pending": "p",
	}[strings.ToLower(status)]
	switch {
	case !isCVX(code):
		return "", 0, errors.New("the CVX code is missing or no code")
	case !ok:
		return "", 0, errors.New("the status of a CVX code is none that is known")
	}
	flags := ""
	short, full := strings.ToLower(r.get("shortdescription")), strings.ToLower(r.get("fullvaccinename"))
	if strings.Contains(short, "unspecified") || strings.Contains(short, ", nos") {
		flags = "u"
	}
	if noVaccine(code, full) || strings.EqualFold(r.get("nonvaccine"), "true") {
		flags += "x"
	}
	return codes.Row(code, letter, flags, changed.String(), r.get("shortdescription")), changed, nil
}

// noVaccine recognises what CDC's XML, other than its text file, does not mark:
// globulins, antitoxins, skin tests, an adjuvant and the codes for "none".
func noVaccine(code, full string) bool {
	switch code {
	case "99", "801", "998", "999":
		return true
	}
	return strings.Contains(full, "immune globulin") || strings.Contains(full, "antitoxin") || strings.Contains(full, "skin test")
}

func makerRow(r record) (string, hl7.Date, error) {
	code := r.get("mvxcode")
	changed, err := readDay(r.get("lastupdated"))
	if err != nil {
		return "", 0, err
	}
	if len(code) < 2 || len(code) > 3 || strings.ToUpper(code) != code {
		return "", 0, errors.New("the MVX code is missing or no code")
	}
	letter, err := activity(r.get("status"))
	return codes.Row(code, letter, changed.String(), r.get("manufacturername")), changed, err
}

func productRow(r record) (string, hl7.Date, error) {
	if !isCVX(r.get("cvxcode")) {
		return "", 0, errors.New("the CVX code is missing or no code")
	}
	changed, err := readDay(r.get("lastupdated"))
	if err != nil {
		return "", 0, err
	}
	letter, err := activity(r.get("productnamestatus"))
	return codes.Row(r.get("cvxcode"), r.get("mvxcode"), letter, changed.String(), r.get("cdcproductname")), changed, err
}

func activity(status string) (string, error) {
	switch strings.ToLower(status) {
	case "active":
		return "a", nil
	case "inactive", "never active", "":
		return "i", nil
	}
	return "", errors.New("the status is neither Active nor Inactive")
}

func procedureRow(r record) (string, hl7.Date, error) {
	changed, err := readDay(r.get("lastupdated"))
	switch {
	case err != nil:
		return "", 0, err
	case !isCPT(r.get("cptcode")):
		return "", 0, errors.New("the CPT code is missing or no code")
	case r.get("cvxcode") == "":
		return "", 0, errBlank
	case !isCVX(r.get("cvxcode")):
		return "", 0, errors.New("the CVX code is no code")
	}
	return codes.Row(r.get("cptcode"), r.get("cvxcode"), changed.String()), changed, nil
}

func statementRow(r record) (string, hl7.Date, error) {
	edition, err := readDay(r.get("editiondate"))
	if err != nil || edition == 0 {
		return "", 0, errors.New("the edition of a statement is no day")
	}
	if !isBarcode(r.get("visencodedstring")) {
		return "", 0, errors.New("the bar code of a statement is missing or none")
	}
	changed, err := readDay(r.get("lastupdated"))
	if err != nil {
		return "", 0, err
	}
	letter := "h"
	if strings.EqualFold(r.get("status"), "current") {
		letter = "c"
	}
	return codes.Row(r.get("visencodedstring"), edition.String(), letter, r.get("visdocumenttypedescription")), max(changed, edition), nil
}

func statementOfRow(r record) (string, hl7.Date, error) {
	if !isCVX(r.get("cvxcode")) || !isBarcode(r.get("fullyencodedstring")) {
		return "", 0, errors.New("the CVX code or the bar code is missing or no code")
	}
	edition, err := readDay(r.get("viseditiondate"))
	return codes.Row(r.get("cvxcode"), r.get("fullyencodedstring")), edition, err
}

func addressRow(r record) (string, hl7.Date, error) {
	address := r.get("vishtmlurl")
	if address == "" {
		address = r.get("vispdfurl")
	}
	if address == "" {
		return "", 0, errBlank
	}
	if !strings.HasPrefix(address, "https://") {
		return "", 0, errors.New("the address of a statement does not begin with https://")
	}
	return codes.Row(r.get("visgdtidocumentconceptcode"), address), 0, nil
}

func groupRow(r record) (string, hl7.Date, error) {
	if !isCVX(r.get("cvxcode")) {
		return "", 0, errors.New("the CVX code is missing or no code")
	}
	if r.get("vaccinegroupname") == "" {
		return "", 0, errBlank
	}
	if !isCVX(r.get("cvxforvaccinegroup")) {
		return "", 0, errors.New("the CVX code of the group is missing or no code")
	}
	return codes.Row(r.get("cvxcode"), r.get("vaccinegroupname"), r.get("cvxforvaccinegroup")), 0, nil
}

func packageRow(r record) (string, hl7.Date, error) {
	first, err1 := readDay(r.get("first"))
	last, err2 := readDay(r.get("last"))
	changed, err3 := readDay(r.get("lastupdated"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", 0, errors.New("a day is none")
	}
	switch {
	case !isNDC(r.get("ndc")):
		return "", 0, errors.New("the NDC is not written as 5-4-2")
	case r.get("cvxcode") == "":
		return "", 0, errBlank
	case !isCVX(r.get("cvxcode")):
		return "", 0, errors.New("the CVX code is no code")
	}
	return codes.Row(r.get("ndc"), r.get("cvxcode"), first.String(), last.String(), routes(r.get("route")), r.get("name")), changed, nil
}

// routes reads the words of CDC's column of routes.
func routes(words string) string {
	letters := ""
	words = strings.ToUpper(words)
	for _, w := range []struct{ word, letter string }{
		{"INTRAMUSCULAR", "m"},
		{"SUBCUTANEOUS", "s"},
		{"INTRADERMAL", "d"},
		{"INTRAVENOUS", "v"},
		{"PERCUTANEOUS", "p"},
		{"ORAL", "o"},
		{"NASAL", "n"},
	} {
		if strings.Contains(words, w.word) {
			letters += w.letter
		}
	}
	if words == "IM" {
		return "m"
	}
	return letters
}

// readDay reads a day in any of the forms of CDC's files; none for a blank.
func readDay(s string) (hl7.Date, error) {
	if s == "" {
		return 0, nil
	}
	for _, form := range []string{"1/2/2006", "2006/01/02", "20060102", "2006-01-02", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(form, s); err == nil && t.Year() >= 1900 {
			return hl7.DateOf(t), nil
		}
	}
	return 0, errors.New("a day is none")
}

func isDay(s string) bool {
	_, err := readDay(s)
	return err == nil
}

func isBool(s string) bool {
	_, err := strconv.ParseBool(strings.ToLower(s))
	return err == nil || s == ""
}

func isStatus(s string) bool {
	switch strings.ToLower(s) {
	case "active", "inactive", "never active", "non-us", "pending":
		return true
	}
	return false
}

func number(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func isCVX(s string) bool {
	return (len(s) == 2 || len(s) == 3) && number(s) && s != "00" && (len(s) == 2 || s[0] != '0')
}

func isCPT(s string) bool {
	return len(s) == 5 && number(s[:4]) && (number(s[4:]) || s[4] >= 'A' && s[4] <= 'Z')
}

func isBarcode(s string) bool {
	return len(s) == 24 && number(s) && strings.HasPrefix(s, "253") && s[16:18] == "11"
}

func isNDC(s string) bool {
	return len(s) == 13 && s[5] == '-' && s[10] == '-' && number(s[:5]) && number(s[6:10]) && number(s[11:])
}
