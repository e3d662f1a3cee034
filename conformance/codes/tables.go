package codes

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	"immtrail/hl7"
)

// Set is one table of each kind.
type Set map[Kind]Table

// Tables is a set made ready for looking up. It is immutable.
type Tables struct {
	version string
	edition hl7.Date
	tables  Set
	// visEdition is the edition of the table of statements, asked per message.
	visEdition hl7.Date

	cvx        [1000]*Vaccine
	mvx        map[uint64]*Maker
	ndc        map[uint64]*Package
	cpt        map[uint64]*Procedure
	vis        map[uint64]*Statement
	byDocument map[string][]*Statement
	groups     map[string]*VaccineGroup
	byLabeler  map[string][]*Package
	lots       []LotShape
}

// Status is what CDC says of a code.
type Status byte

// The statuses.
const (
	Active      Status = 'a'
	Inactive    Status = 'i'
	NeverActive Status = 'n'
	NonUS       Status = 'f'
	Pending     Status = 'p'
)

// String is the status in a word or two.
func (s Status) String() string {
	switch s {
	case Active:
		return "active"
	case Inactive:
		return "inactive"
	case NeverActive:
		return "never active"
	case NonUS:
		return "not of the USA"
	case Pending:
		return "pending"
	}
	return "unknown"
}

// Vaccine is what the tables know of a CVX code.
type Vaccine struct {
	Code   string
	Status Status
	// Unspecified stands for a vaccine whose formulation nobody noted.
	Unspecified bool
	// NotVaccine is an immune globulin, a skin test or a code for "none".
	NotVaccine bool
	Changed    hl7.Date
	// Name is CDC's; empty in the embedded tables, which hold no texts.
	Name       string
	Products   []MadeProduct
	Packages   []*Package
	Procedures []*Procedure
	Statements []*Statement
	Groups     []*VaccineGroup
	Use        UsePeriod
	// OtherMakers: the table has a product of it without a maker.
	OtherMakers bool
	// Marketed: at least one of its products is.
	Marketed bool
	// Routes are the ways in which its packages are given.
	Routes Routes
}

// MadeProduct is a vaccine of a manufacturer.
type MadeProduct struct {
	Maker  *Maker
	Active bool
	Name   string
}

// Maker is a manufacturer.
type Maker struct {
	Code    string
	Status  Status
	Changed hl7.Date
	Name    string
}

// Package is a drug code.
type Package struct {
	// Code is the NDC as 5-4-2.
	Code string
	// Vaccines are mostly one; some packages hold what has two CVX codes.
	Vaccines []*Vaccine
	// Sale and Use: the code of a box, of what is in it, or of both.
	Sale, Use bool
	// First and Last are the days between which it was sold; zero for unknown.
	First, Last hl7.Date
	// Makers are the manufacturers behind its first five digits, if known.
	Makers []*Maker
	Name   string
}

// Procedure is a CPT code and the vaccines that it may mean.
type Procedure struct {
	Code     string
	Vaccines []*Vaccine
	Changed  hl7.Date
}

// Statement is an edition of a vaccine information statement.
type Statement struct {
	// Barcode is the whole code, Document the part that all editions share.
	Barcode, Document string
	Edition           hl7.Date
	Current           bool
	Name, URL         string
	Vaccines          []*Vaccine
}

// VaccineGroup is vaccines against the same disease.
type VaccineGroup struct {
	Name string
	// Code is the CVX code that stands for the group.
	Code     string
	Vaccines []*Vaccine
}

// UsePeriod is when a vaccine was in use, and for which age. Zero days are not
// known. Ages are in months; -1 is not known.
type UsePeriod struct {
	ImpossibleBefore, ExpectedFrom, ExpectedUntil, ImpossibleAfter hl7.Date

	FromMonths, UntilMonths int
	// Sources are letters: f FDA, c CDC, b immregistries/codebase. Three more say
	// what the days were compared with: l published lists of licence dates (MMWR's
	// list of vaccines licensed in the USA, CDC's and immunize.org's timelines), n
	// the first day of sale in CDC's NDC tables, e CDC's status and last day of
	// sale. Without l and n the beginning, and without e the end, is not proven.
	Sources string
}

// StartProven reports whether ImpossibleBefore has been compared with a second
// source.
func (u *UsePeriod) StartProven() bool { return strings.ContainsAny(u.Sources, "ln") }

// EndProven is StartProven for ImpossibleAfter.
func (u *UsePeriod) EndProven() bool { return strings.ContainsRune(u.Sources, 'e') }

// Routes are classes of ways to give a vaccine.
type Routes uint8

// The classes. Which muscle or layer of skin a needle reaches is for the nurse
// to say; a nasal spray that was injected is wrong.
const (
	Injected Routes = 1 << iota
	Pricked         // percutaneous
	Oral
	Nasal
)

// LotShape is a shape that only the lots of one manufacturer have.
type LotShape struct {
	// Shape: A is a capital letter, # a digit.
	Shape string
	Maker *Maker
}

// CVX looks a vaccine up by its code as written ("03"); nil where the table
// does not have it.
func (t *Tables) CVX(code []byte) *Vaccine { return t.cvx[cvxNumber(code)] }

// NewerCVX reports whether code is formed as a CVX code and lies above all
// that the table has of its range: CDC counts upwards, vaccines of the USA
// below 500 and others from there.
func (t *Tables) NewerCVX(code []byte) bool {
	n := cvxNumber(code)
	limit := 500
	switch {
	case n == 0 || n >= 600:
		return false
	case n >= 500:
		limit = 600
	}
	for ; n < limit; n++ {
		if t.cvx[n] != nil {
			return false
		}
	}
	return true
}

// MVX looks a manufacturer up by its code.
func (t *Tables) MVX(code []byte) *Maker { return t.mvx[packText(code)] }

// NDC looks a drug code up, however it is written, and says how it is.
func (t *Tables) NDC(code []byte) (*Package, NDCForm) {
	key, form := packNDC(code)
	if form == NotNDC {
		return nil, NotNDC
	}
	return t.ndc[key], form
}

// CPT looks a procedure code up.
func (t *Tables) CPT(code []byte) *Procedure { return t.cpt[packText(code)] }

// VIS looks an edition up by its bar code.
func (t *Tables) VIS(barcode []byte) *Statement { return t.vis[packBarcode(barcode)] }

// NewerVIS reports whether barcode is formed as one of a statement whose
// edition is later than the table.
func (t *Tables) NewerVIS(barcode []byte) bool {
	key := packBarcode(barcode)
	return key > 0 && hl7.Date(20_000_000+key%1_000_000) > t.visEdition
}

// VISEdition is the day of the newest change in the table of statements.
func (t *Tables) VISEdition() hl7.Date { return t.visEdition }

// Lots are the known shapes of lot numbers.
func (t *Tables) Lots() []LotShape { return t.lots }

// Group gives a vaccine group by name; nil for none.
func (t *Tables) Group(name string) *VaccineGroup { return t.groups[name] }

// Editions are the editions of a document, the newest first.
func (t *Tables) Editions(document string) []*Statement { return t.byDocument[document] }

// MadeBy reports whether m makes, or made, the vaccine.
func (v *Vaccine) MadeBy(m *Maker) bool {
	for i := range v.Products {
		if v.Products[i].Maker == m {
			return true
		}
	}
	return false
}

// SoldBy reports whether m has a product of the vaccine on the market.
func (v *Vaccine) SoldBy(m *Maker) bool {
	for i := range v.Products {
		if v.Products[i].Maker == m && v.Products[i].Active {
			return true
		}
	}
	return false
}

// SharesGroup reports whether both protect against the same disease.
func (v *Vaccine) SharesGroup(o *Vaccine) bool {
	for _, g := range v.Groups {
		if slices.Contains(o.Groups, g) {
			return true
		}
	}
	return false
}

// NeedsVIS reports whether there was a statement for the vaccine on that day.
func (v *Vaccine) NeedsVIS(day hl7.Date) bool {
	for _, s := range v.Statements {
		if s.Edition <= day {
			return true
		}
	}
	return false
}

// HasEdition reports whether a statement for the vaccine has that edition.
func (v *Vaccine) HasEdition(day hl7.Date) bool {
	for _, s := range v.Statements {
		if s.Edition == day {
			return true
		}
	}
	return false
}

// Holds reports whether the package is of the vaccine.
func (p *Package) Holds(v *Vaccine) bool { return slices.Contains(p.Vaccines, v) }

// Means reports whether the procedure may be the vaccine.
func (p *Procedure) Means(v *Vaccine) bool { return slices.Contains(p.Vaccines, v) }

// For reports whether the statement is for the vaccine.
func (s *Statement) For(v *Vaccine) bool { return slices.Contains(s.Vaccines, v) }

// Version names the contents: the day of the newest change and a digest, so
// that equal versions are equal tables.
func (t *Tables) Version() string { return t.version }

// Edition is the day of the newest change in a table of the set.
func (t *Tables) Edition() hl7.Date { return t.edition }

// Table gives one table of the set.
func (t *Tables) Table(k Kind) Table { return t.tables[k] }

// version of a set: of its published tables' newest edition and of all rows,
// without names: by them nothing is judged.
func (s Set) version() (string, hl7.Date) {
	h := sha256.New()
	var newest hl7.Date
	for _, k := range append(Published(), own()...) {
		t := s[k]
		newest = max(newest, t.Edition)
		t.Rows = slices.Clone(t.Rows)
		t.StripNames()
		h.Write([]byte("\n" + k + "\n"))
		for _, row := range t.Rows {
			h.Write([]byte(row))
			h.Write([]byte{'\n'})
		}
	}
	return "cdc-" + Day(newest) + "." + hex.EncodeToString(h.Sum(nil)[:4]), newest
}

// Day is a date as people write it in a version: 2025-12-09.
func Day(d hl7.Date) string {
	s := d.String()
	if len(s) != 8 {
		return "unknown"
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}

// Vaccines yields all vaccines in the order of their numbers.
func (t *Tables) Vaccines() iter.Seq[*Vaccine] {
	return func(yield func(*Vaccine) bool) {
		for _, v := range t.cvx {
			if v != nil && !yield(v) {
				return
			}
		}
	}
}
