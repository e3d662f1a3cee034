package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/conformance/codes"
	"immtrail/hl7"
)

func (a *app) codesShowCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "show CODE",
		Short: "Show everything that is known of a CVX, MVX, NDC, CPT or VIS code",
		Example: `  starter codes show 03                        A vaccine (CVX)
  starter codes show MSD                       A manufacturer (MVX)
  starter codes show 00006-4681-01             A package (NDC)
  starter codes show 90707                     A procedure (CPT)
  starter codes show 253088698300012711210806  The bar code of an information statement`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.codesShow(*dir, args[0]) },
	}
}

// shownCode is what `codes show --output json` prints: the code's own part and
// what goes with it. Lists are of codes.
type shownCode struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Name    string `json:"name,omitempty"`
	Status  string `json:"status,omitempty"`
	Changed string `json:"changed,omitempty"`
	// Table is the day of the table's last change, Version that of all tables.
	Table   string `json:"table"`
	Version string `json:"version"`

	NotVaccine  bool     `json:"not_vaccine,omitempty"`
	Unspecified bool     `json:"unspecified,omitempty"`
	Vaccines    []string `json:"vaccines,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	Makers      []string `json:"makers,omitempty"`
	FormerMaker []string `json:"former_makers,omitempty"`
	Packages    []string `json:"packages,omitempty"`
	Procedures  []string `json:"procedures,omitempty"`
	Statements  []string `json:"statements,omitempty"`
	Routes      []string `json:"routes,omitempty"`
	First       string   `json:"first_day,omitempty"`
	Last        string   `json:"last_day,omitempty"`
	Impossible  string   `json:"impossible_before,omitempty"`
	Gone        string   `json:"impossible_after,omitempty"`
	Ages        string   `json:"ages,omitempty"`
	Sources     []string `json:"sources,omitempty"`
	URL         string   `json:"url,omitempty"`
}

func (a *app) codesShow(dir, code string) error {
	t, err := a.codeTables(dir)
	if err != nil {
		return err
	}
	shown, err := findCode(t, strings.ToUpper(strings.TrimSpace(code)))
	if err != nil {
		return err
	}
	shown.Version = t.Version()
	return a.show(shown, func(s *screen) { s.code(shown) })
}

// findCode tells by its form which table a code belongs to.
func findCode(t *codes.Tables, code string) (shownCode, error) {
	b := []byte(code)
	if v := t.CVX(b); v != nil {
		return showVaccine(t, v), nil
	}
	if m := t.MVX(b); m != nil {
		return showMaker(t, m), nil
	}
	if p, _ := t.NDC(b); p != nil {
		return showPackage(t, p), nil
	}
	if p := t.CPT(b); p != nil {
		return shownCode{
			System: "CPT", Code: p.Code, Changed: dayOrNone(p.Changed), Table: edition(t, codes.CPT), Vaccines: vaccines(p.Vaccines),
		}, nil
	}
	if s := t.VIS(b); s != nil {
		return showStatement(t, s), nil
	}
	if editions := t.Editions(code); len(editions) > 0 {
		return showStatement(t, editions[0]), nil
	}
	switch _, form := t.NDC(b); {
	case t.NewerCVX(b):
		return shownCode{}, refused("%s is above all CVX codes of our table of %s; it may be new: import CDC's current table (starter codes import)",
			code, edition(t, codes.CVX))
	case form != codes.NotNDC:
		return shownCode{}, refused("%s is an NDC that is not in our tables of %s; CDC does not list every package", code, edition(t, codes.NDCUse))
	case t.NewerVIS(b):
		return shownCode{}, refused("%s is of a statement after our table of %s; import CDC's current table (starter codes import)",
			code, edition(t, codes.VIS))
	}
	return shownCode{}, refused("%s is no code of our tables: CVX has two or three digits, MVX two or three letters, NDC 5-4-2 digits, CPT five digits, "+
		"a statement's bar code 24", plainCode(code))
}

// plainCode keeps what was typed from spoiling the screen.
func plainCode(s string) string {
	if len(s) > 32 {
		s = s[:32]
	}
	return fmt.Sprintf("%q", s)
}

func edition(t *codes.Tables, k codes.Kind) string { return codes.Day(t.Table(k).Edition) }

func dayOrNone(d hl7.Date) string {
	if d == 0 {
		return ""
	}
	return codes.Day(d)
}

func showVaccine(t *codes.Tables, v *codes.Vaccine) shownCode {
	shown := shownCode{
		System: "CVX", Code: v.Code, Name: v.Name, Status: v.Status.String(), Changed: dayOrNone(v.Changed), Table: edition(t, codes.CVX),
		NotVaccine: v.NotVaccine, Unspecified: v.Unspecified,
		First: dayOrNone(v.Use.ExpectedFrom), Last: dayOrNone(v.Use.ExpectedUntil),
		Impossible: dayOrNone(v.Use.ImpossibleBefore), Gone: dayOrNone(v.Use.ImpossibleAfter),
		Ages: ages(v.Use), Sources: sources(v.Use.Sources), Routes: routeWords(v.Routes),
	}
	for _, g := range v.Groups {
		shown.Groups = append(shown.Groups, g.Name)
	}
	for _, p := range v.Products {
		if p.Active {
			shown.Makers = append(shown.Makers, p.Maker.Code)
		} else {
			shown.FormerMaker = append(shown.FormerMaker, p.Maker.Code)
		}
	}
	shown.Makers, shown.FormerMaker = unique(shown.Makers), unique(shown.FormerMaker)
	for _, p := range v.Packages {
		shown.Packages = append(shown.Packages, p.Code)
	}
	slices.Sort(shown.Packages)
	for _, p := range v.Procedures {
		shown.Procedures = append(shown.Procedures, p.Code)
	}
	statements := slices.SortedFunc(slices.Values(v.Statements), func(a, b *codes.Statement) int {
		return cmp.Or(cmp.Compare(b.Edition, a.Edition), cmp.Compare(a.Barcode, b.Barcode))
	})
	for _, s := range statements {
		if s.Current {
			shown.Statements = append(shown.Statements, s.Barcode)
			shown.URL = cmp.Or(shown.URL, s.URL)
		}
	}
	return shown
}

func showMaker(t *codes.Tables, m *codes.Maker) shownCode {
	shown := shownCode{
		System: "MVX", Code: m.Code, Name: m.Name, Status: m.Status.String(), Changed: dayOrNone(m.Changed), Table: edition(t, codes.MVX),
	}
	for v := range t.Vaccines() {
		if v.MadeBy(m) {
			shown.Vaccines = append(shown.Vaccines, v.Code)
		}
	}
	return shown
}

func showPackage(t *codes.Tables, p *codes.Package) shownCode {
	kind, status := codes.NDCUse, "vial or syringe"
	switch {
	case p.Sale && p.Use:
		status = "box, and what is in it"
	case p.Sale:
		kind, status = codes.NDCSale, "box"
	}
	shown := shownCode{
		System: "NDC", Code: p.Code, Name: p.Name, Status: status, Table: edition(t, kind),
		Vaccines: vaccines(p.Vaccines), First: dayOrNone(p.First), Last: dayOrNone(p.Last),
	}
	for _, m := range p.Makers {
		shown.Makers = append(shown.Makers, m.Code)
	}
	return shown
}

func showStatement(t *codes.Tables, s *codes.Statement) shownCode {
	status := "historic"
	if s.Current {
		status = "current"
	}
	return shownCode{
		System: "VIS", Code: s.Barcode, Name: s.Name, Status: status + ", edition of " + codes.Day(s.Edition),
		Table: edition(t, codes.VIS), Vaccines: vaccines(s.Vaccines), URL: s.URL,
	}
}

func vaccines(list []*codes.Vaccine) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.Code)
	}
	return out
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func ages(u codes.UsePeriod) string {
	switch {
	case u.FromMonths < 0 && u.UntilMonths < 0:
		return ""
	case u.UntilMonths < 0:
		return "from " + monthWords(u.FromMonths)
	case u.FromMonths < 0:
		return "until " + monthWords(u.UntilMonths)
	}
	return "from " + monthWords(u.FromMonths) + " until " + monthWords(u.UntilMonths)
}

func monthWords(n int) string {
	if n >= 24 && n%12 == 0 {
		return plural(n/12, "year", "years")
	}
	return plural(n, "month", "months")
}

func sources(letters string) []string {
	var out []string
	for _, l := range letters {
		switch l {
		case 'f':
			out = append(out, "FDA")
		case 'c':
			out = append(out, "CDC")
		case 'b':
			out = append(out, "immregistries/codebase")
		case 'l':
			out = append(out, "published licence lists agree")
		case 'n':
			out = append(out, "CDC's first day of sale agrees")
		case 'e':
			out = append(out, "CDC's last day of sale agrees")
		}
	}
	return out
}

func routeWords(r codes.Routes) []string {
	var out []string
	for _, w := range []struct {
		bit  codes.Routes
		word string
	}{{codes.Injected, "injected"}, {codes.Pricked, "percutaneous"}, {codes.Oral, "oral"}, {codes.Nasal, "nasal"}} {
		if r&w.bit != 0 {
			out = append(out, w.word)
		}
	}
	return out
}

func (s *screen) code(c shownCode) {
	list := func(items []string) string { return strings.Join(items, ", ") }
	s.title(c.System + " " + c.Code)
	what := ""
	switch {
	case c.NotVaccine:
		what = "no vaccine"
	case c.Unspecified:
		what = "formulation not specified; for doses from a card only"
	}
	first, last := "In use from", "In use until"
	if c.System == "NDC" {
		first, last = "Sold from", "Sold until"
	}
	s.pairs(
		[2]string{"Name", c.Name}, [2]string{"Status", c.Status}, [2]string{"Remark", what},
		[2]string{"Groups", list(c.Groups)}, [2]string{"Vaccines (CVX)", list(c.Vaccines)},
		[2]string{"Makers (MVX)", list(c.Makers)}, [2]string{"Former makers", list(c.FormerMaker)},
		[2]string{first, c.First}, [2]string{last, c.Last},
		[2]string{"Impossible before", c.Impossible}, [2]string{"Impossible after", c.Gone},
		[2]string{"Expected ages", c.Ages}, [2]string{"Days and ages by", list(c.Sources)}, [2]string{"Given", list(c.Routes)},
		[2]string{"Packages (NDC)", list(c.Packages)}, [2]string{"Procedures (CPT)", list(c.Procedures)},
		[2]string{"Statements (VIS)", list(c.Statements)}, [2]string{"To be read at", c.URL},
		[2]string{"Last change", c.Changed}, [2]string{"Table of", c.Table + ", version " + c.Version},
	)
}
