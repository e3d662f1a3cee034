package conformance

import (
	_ "embed"
	"strings"
	"sync"

	"immtrail/hl7"
)

// codeSet is a table of codes.
type codeSet map[string]struct{}

func (s codeSet) has(b []byte) bool {
	_, ok := s[string(b)]
	return ok
}

func set(codes string) codeSet {
	s := codeSet{}
	for _, code := range strings.Fields(codes) {
		s[code] = struct{}{}
	}
	return s
}

// The small tables of the CDC guide r1.5, typed by hand from NIST's value sets.
var (
	sexes           = set("F M U")                                                       // HL70001
	races           = set("1002-5 2028-9 2054-5 2076-8 2106-3 2131-1")                   // CDCREC
	ethnicities     = set("2135-2 2186-5")                                               // CDCREC
	yesNo           = set("Y N")                                                         // HL70136
	relations       = set("BRO CGV CHD FCH FTH GRD GRP MTH OTH PAR SCH SEL SIB SIS SPO") // HL70063
	guardians       = set("MTH FTH GRD PAR GRP CGV FCH SEL")                             // who answers for a minor
	addressTypes    = set("BA BDL BR C F H L N O P B M RH")                              // HL70190
	phoneUses       = set("PRN ORN WPN VHN ASN EMR NET BPN")                             // HL70201
	phoneKinds      = set("PH FX MD CP BP Internet X.400 TDD TTY")                       // HL70202
	publicity       = set("01 02 03 04 05 06 07 08 09 10 11 12")                         // HL70215
	registryStatus  = set("A I L M P U")                                                 // HL70441
	chartKinds      = set("MR PI PT PN U AN")                                            // of HL70203
	sources         = set("00 01 02 03 04 05 06 07 08")                                  // NIP001
	refusals        = set("00 01 02 03")                                                 // NIP002
	completions     = set("CP RE NA PA")                                                 // HL70322
	actions         = set("A D U")                                                       // HL70323
	routes          = set("C38238 C28161 C38284 C38276 C38288 C38676 C38299 C38305")     // NCIT
	oldRoutes       = set("ID IM IN IV NS PO SC TD IH NG OTH")                           // HL70162, deprecated
	bodySites       = set("LT LA LD LG LVL LLFA RA RT RVL RG RD RLFA")                   // HL70163
	eligibility     = set("V01 V02 V03 V04 V05 V22 V23 V24 V25")                         // HL70064
	childOnly       = set("V02 V03 V04 V05 V22")                                         // VFC and CHIP end at 19
	adultOnly       = set("V24")                                                         // Medicare
	eligibilityWays = set("VXC40 VXC41")
	funding         = set("PHC70 VXC50 VXC51 VXC52")
	valueTypes      = set("CE CWE CX DT DTM EI FT ID IS NM SN ST TM TS TX XAD XCN XPN XTN") // HL70125 as OBX-2 uses it
	units           = set("mL ug mg g {dose} uL L dL cL [iU] 1 {capsule} {tbl} mL/kg [iU]/mL")
	states          = set(`AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV
		NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR VI FM MH PW AA AE AP`)
	countries = set("USA MEX CAN GTM HND SLV NIC CRI PAN COL VEN CUB DOM PRI IND CHN VNM PHL NGA PAK BGD NPL MMR AFG " +
		"SYR IRQ IRN ETH ERI SOM SDN COD UKR RUS GBR DEU FRA ESP ITA BRA ARG CHL PER ECU BOL HTI JAM KOR JPN THA")
	// NIP003 as LOINC codes.
	observations = set(`64994-7 30963-3 30956-7 38890-0 30946-8 30944-3 30945-0 31044-1 59784-9 75505-8 59785-6
		69764-9 29768-9 29769-7 30973-2 30979-9 30980-7 30981-5 30982-3 59779-9 59777-3 59778-1 59780-7 59782-3
		59781-5 59783-1 46249-9 46250-7 48767-8`)
	// Vaccines that need an information statement (PHVS_VISVaccines_IIS).
	visVaccines = set(`106 146 110 50 120 130 52 83 104 08 42 43 44 49 48 51 118 62 135 111 141 140 144 10 148 136
		114 32 03 94 133 100 119 116 138 113 09 115 21 187 121`)
)

//go:embed codes/cvx.txt
var cvxText string

//go:embed codes/mvx.txt
var mvxText string

//go:embed codes/product.txt
var productText string

//go:embed codes/ndc.txt
var ndcText string

//go:embed codes/cpt.txt
var cptText string

//go:embed codes/vis.txt
var visText string

// vaccine is what the tables know of a CVX code.
type vaccine struct {
	code        string
	status      byte // 'a' active, 'i' inactive, 'n' never active, 'f' not of the USA
	unspecified bool
	makers      codeSet // MVX codes of its products; nil where none is known
	marketed    bool    // one of its products is
}

// tables are CDC's code tables; see codes/gen for their making.
type tables struct {
	cvx map[string]*vaccine
	mvx map[string]byte            // code to 'a' or 'i'
	ndc map[string]string          // 5-4-2 and eleven digits to CVX
	cpt map[string]map[string]bool // CPT to the CVX codes that it may mean
	vis map[string]hl7.Date
}

// codeTables parses the embedded tables once, at the first check.
var codeTables = sync.OnceValue(func() *tables {
	t := &tables{
		cvx: map[string]*vaccine{}, mvx: map[string]byte{}, ndc: map[string]string{},
		cpt: map[string]map[string]bool{}, vis: map[string]hl7.Date{},
	}
	for row := range rows(cvxText) {
		t.cvx[row[0]] = &vaccine{code: row[0], status: row[1][0], unspecified: row[2] == "u"}
	}
	for row := range rows(mvxText) {
		t.mvx[row[0]] = row[1][0]
	}
	for row := range rows(productText) {
		if v := t.cvx[row[0]]; v != nil && row[1] != "" {
			if v.makers == nil {
				v.makers = codeSet{}
			}
			v.makers[row[1]] = struct{}{}
			v.marketed = v.marketed || row[2] == "a"
		}
	}
	for row := range rows(ndcText) {
		t.ndc[row[0]] = row[1]
		t.ndc[strings.ReplaceAll(row[0], "-", "")] = row[1]
	}
	for row := range rows(cptText) {
		if t.cpt[row[0]] == nil {
			t.cpt[row[0]] = map[string]bool{}
		}
		t.cpt[row[0]][row[1]] = true
	}
	for row := range rows(visText) {
		t.vis[row[0]], _ = hl7.ParseDate([]byte(row[1]))
	}
	return t
})

// rows yields the rows of a table: lines of values between bars.
func rows(table string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(table) {
			if !yield(strings.Split(strings.TrimSuffix(line, "\n"), "|")) {
				return
			}
		}
	}
}
