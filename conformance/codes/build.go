package codes

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"immtrail/hl7"
	"immtrail/registry"
)

// Build makes a set ready for looking up. Every kind must be there; rows that
// name a code which no table has are left out, since CDC's files are not all
// of one day. The error is of kind [registry.Corrupt].
func Build(s Set) (*Tables, error) {
	for _, k := range append(Published(), own()...) {
		t, ok := s[k]
		if !ok || len(t.Rows) == 0 {
			return nil, registry.Errorf(registry.Corrupt, "codes", "the table of %s is missing", k.Title())
		}
	}
	t := &Tables{
		tables: s, mvx: map[uint64]*Maker{}, ndc: make(map[uint64]*Package, len(s[NDCSale].Rows)+len(s[NDCUse].Rows)),
		cpt: map[uint64]*Procedure{}, vis: map[uint64]*Statement{},
		byDocument: map[string][]*Statement{}, groups: map[string]*VaccineGroup{}, byLabeler: map[string][]*Package{},
	}
	t.version, t.edition = s.version()
	t.visEdition = s[VIS].Edition
	for _, step := range []struct {
		kind Kind
		add  func([]string)
	}{
		{CVX, t.addVaccine},
		{MVX, t.addMaker},
		{Product, t.addProduct},
		{NDCSale, func(row []string) { t.addPackage(row).Sale = true }},
		{NDCUse, func(row []string) { t.addPackage(row).Use = true }},
		{CPT, t.addProcedure},
		{VIS, t.addStatement},
		{VISOfCVX, t.addStatementOf},
		{VISURL, t.addAddress},
		{Group, t.addGroup},
		{Use, t.addUse},
		{Labeler, t.addLabeler},
		{Lot, t.addLot},
	} {
		width := len(layouts[step.kind].check)
		for _, row := range s[step.kind].Rows {
			values := strings.Split(row, "|")
			if len(values) != width {
				return nil, registry.Errorf(registry.Corrupt, "codes", "a row of %s has %d columns", step.kind.Title(), len(values))
			}
			step.add(values)
		}
	}
	for _, editions := range t.byDocument {
		slices.SortFunc(editions, func(a, b *Statement) int { return cmp.Compare(b.Edition, a.Edition) })
	}
	return t, nil
}

func day(s string) hl7.Date {
	d, _ := hl7.ParseDate([]byte(s)) // rows were checked; an empty one is no date
	return d
}

func (t *Tables) vaccine(code string) *Vaccine { return t.cvx[cvxNumber([]byte(code))] }

func (t *Tables) addVaccine(row []string) {
	t.cvx[cvxNumber([]byte(row[0]))] = &Vaccine{
		Code: row[0], Status: Status(row[1][0]), Changed: day(row[3]), Name: row[4],
		Unspecified: strings.Contains(row[2], "u"), NotVaccine: strings.Contains(row[2], "x"),
		Use: UsePeriod{FromMonths: -1, UntilMonths: -1},
	}
}

func (t *Tables) addMaker(row []string) {
	t.mvx[packText([]byte(row[0]))] = &Maker{Code: row[0], Status: Status(row[1][0]), Changed: day(row[2]), Name: row[3]}
}

func (t *Tables) addProduct(row []string) {
	v, m := t.vaccine(row[0]), t.mvx[packText([]byte(row[1]))]
	if v != nil && row[1] == "" {
		v.OtherMakers = true
	}
	if v == nil || m == nil {
		return
	}
	active := row[2] == "a"
	v.Marketed = v.Marketed || active
	v.Products = append(v.Products, MadeProduct{Maker: m, Active: active, Name: row[4]})
}

func (t *Tables) addPackage(row []string) *Package {
	key, _ := packNDC([]byte(row[0]))
	p := t.ndc[key]
	if p == nil {
		p = &Package{Code: row[0], First: day(row[2]), Last: day(row[3]), Name: row[5]}
		t.ndc[key] = p
		t.byLabeler[row[0][:5]] = append(t.byLabeler[row[0][:5]], p)
	} else if first, last := day(row[2]), day(row[3]); p.First == 0 || first < p.First {
		p.First, p.Last = first, later(p.Last, last)
	} else {
		p.Last = later(p.Last, last)
	}
	v := t.vaccine(row[1])
	if v == nil {
		return p
	}
	if !slices.Contains(p.Vaccines, v) {
		p.Vaccines = append(p.Vaccines, v)
		v.Packages = append(v.Packages, p)
	}
	v.Routes |= routesOf(row[4])
	return p
}

// later is the later of two last days; no last day is the latest.
func later(a, b hl7.Date) hl7.Date {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

func routesOf(letters string) Routes {
	var r Routes
	for _, c := range letters {
		switch c {
		case 'm', 's', 'd', 'v':
			r |= Injected
		case 'p':
			r |= Pricked
		case 'o':
			r |= Oral
		case 'n':
			r |= Nasal
		}
	}
	return r
}

func (t *Tables) addProcedure(row []string) {
	v := t.vaccine(row[1])
	if v == nil {
		return
	}
	key := packText([]byte(row[0]))
	p := t.cpt[key]
	if p == nil {
		p = &Procedure{Code: row[0], Changed: day(row[2])}
		t.cpt[key] = p
	}
	if !p.Means(v) {
		p.Vaccines = append(p.Vaccines, v)
		v.Procedures = append(v.Procedures, p)
	}
}

func (t *Tables) addStatement(row []string) {
	s := &Statement{
		Barcode: row[0], Document: row[0][3 : 3+documentLen], Edition: day(row[1]), Current: row[2] == "c", Name: row[3],
	}
	t.vis[packBarcode([]byte(row[0]))] = s
	t.byDocument[s.Document] = append(t.byDocument[s.Document], s)
}

func (t *Tables) addStatementOf(row []string) {
	v, s := t.vaccine(row[0]), t.vis[packBarcode([]byte(row[1]))]
	if v == nil || s == nil || s.For(v) {
		return
	}
	s.Vaccines = append(s.Vaccines, v)
	v.Statements = append(v.Statements, s)
}

func (t *Tables) addAddress(row []string) {
	for _, s := range t.byDocument[row[0]] {
		s.URL = row[1]
	}
}

func (t *Tables) addGroup(row []string) {
	v := t.vaccine(row[0])
	if v == nil {
		return
	}
	g := t.groups[row[1]]
	if g == nil {
		g = &VaccineGroup{Name: row[1], Code: row[2]}
		t.groups[row[1]] = g
	}
	g.Vaccines = append(g.Vaccines, v)
	v.Groups = append(v.Groups, g)
}

func (t *Tables) addUse(row []string) {
	if v := t.vaccine(row[0]); v != nil {
		v.Use = UsePeriod{
			ImpossibleBefore: day(row[1]), ExpectedFrom: day(row[2]), ExpectedUntil: day(row[3]), ImpossibleAfter: day(row[4]),
			FromMonths: months(row[5]), UntilMonths: months(row[6]), Sources: row[7],
		}
	}
}

func months(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return -1
}

func (t *Tables) addLabeler(row []string) {
	m := t.mvx[packText([]byte(row[1]))]
	if m == nil {
		return
	}
	for _, p := range t.byLabeler[row[0]] {
		p.Makers = append(p.Makers, m)
	}
}

func (t *Tables) addLot(row []string) {
	if m := t.mvx[packText([]byte(row[1]))]; m != nil {
		t.lots = append(t.lots, LotShape{Shape: row[0], Maker: m})
	}
}
