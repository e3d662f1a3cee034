package conformance

import (
	"encoding/binary"
	"strings"

	"immtrail/conformance/z22"
)

// codeSet is a table of codes.
type codeSet map[string]struct{}

func (s codeSet) has(b []byte) bool {
	_, ok := s[string(b)]
	return ok
}

// wordSet is a table of short codes. Those of at most eight bytes, which is
// nearly all, are compared as one number, without a hash of a string.
type wordSet struct {
	short []uint64 // open addressing; 0 is free
	long  codeSet
	// lengths has a bit for each length of a long one.
	lengths uint64
}

func set(codes string) *wordSet {
	words := strings.Fields(codes)
	s := &wordSet{short: make([]uint64, 4)}
	for len(s.short) < 3*len(words) {
		s.short = append(s.short, s.short...)
	}
	for _, w := range words {
		key := wordKey([]byte(w))
		if key == 0 {
			if s.long == nil {
				s.long = codeSet{}
			}
			s.long[w] = struct{}{}
			s.lengths |= 1 << min(len(w), 63)
			continue
		}
		at := s.place(key)
		for s.short[at] != 0 && s.short[at] != key {
			at = (at + 1) & (len(s.short) - 1)
		}
		s.short[at] = key
	}
	return s
}

func (s *wordSet) place(key uint64) int {
	return int((key*0x9e3779b97f4a7c15)>>33) & (len(s.short) - 1)
}

func (s *wordSet) has(b []byte) bool {
	key := wordKey(b)
	if key == 0 {
		return s.lengths>>min(len(b), 63)&1 == 1 && s.long.has(b)
	}
	for at := s.place(key); s.short[at] != 0; at = (at + 1) & (len(s.short) - 1) {
		if s.short[at] == key {
			return true
		}
	}
	return false
}

// wordKey is a code as a number, another for every code; 0 where it is empty or
// longer than eight bytes. Up to seven bytes come with their number on top, and
// eight where that could be taken for one are 0, too: no code has such a byte.
func wordKey(b []byte) uint64 {
	n := len(b)
	switch {
	case n == 0 || n > 8 || n == 8 && b[7] < 8:
		return 0
	case n < 4:
		return uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16 | uint64(n)<<56
	}
	first, last := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[n-4:])
	key := uint64(first) | uint64(last>>(8*(8-n)))<<32
	if n < 8 {
		key |= uint64(n) << 56
	}
	return key
}

// The small tables of the CDC guide r1.5, typed by hand from NIST's value sets.
// The large ones are in package codes.
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
	idKinds         = z22Codes("HL70203_IZ")
	chartKinds      = set("MR PI PT PN U AN")                                        // of HL70203
	sources         = set("00 01 02 03 04 05 06 07 08")                              // NIP001
	refusals        = set("00 01 02 03")                                             // NIP002
	completions     = set("CP RE NA PA")                                             // HL70322
	actions         = set("A D U")                                                   // HL70323
	routes          = set("C38238 C28161 C38284 C38276 C38288 C38676 C38299 C38305") // NCIT
	oldRoutes       = set("ID IM IN IV NS PO SC TD IH NG OTH")                       // HL70162, deprecated
	siteless        = set("C38284 C38288 PO IN NS")                                  // by nose or mouth
	bodySites       = set("LT LA LD LG LVL LLFA RA RT RVL RG RD RLFA")               // HL70163
	eligibility     = set("V01 V02 V03 V04 V05 V22 V23 V24 V25")                     // HL70064
	childOnly       = set("V02 V03 V04 V05 V22")                                     // VFC and CHIP end at 19
	adultOnly       = set("V24")                                                     // Medicare
	eligibilityWays = set("VXC40 VXC41")
	funding         = set("PHC70 VXC50 VXC51 VXC52")
	valueTypes      = set("CE CWE CX DT DTM EI FT ID IS NM SN ST TM TS TX XAD XCN XPN XTN") // HL70125 as OBX-2 uses it
	// UCUM as NIST lists it, and the annotations with which doses are counted.
	units = set(strings.Join(z22.Get().Sets["UCUM"].Codes, " ") + " 1 {dose} {doses} {capsule} {tbl} {spray} [iU] [iU]/mL")
	// Those of them in which doses are measured.
	doseUnits = set("mL uL cm3 mm3 mg ug ng g 1 {dose} {doses} {capsule} {tbl} {spray} [iU] [iU]/mL k[iU] [CFU] [arb'U] mg/mL ug/mL")
	states    = set(`AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV
		NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR VI FM MH PW AA AE AP`)
	// HL70399: the three-letter codes of ISO 3166-1.
	countries = set(`ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH
		BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB
		CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO
		GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN
		IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA
		MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER
		NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU
		RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA
		TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT
		WLF WSM YEM ZAF ZMB ZWE`)
	immunities        = z22Codes("PHVS_HistoryOfDiseaseAsEvidenceOfImmunity_IIS", "PHVS_SerologicalEvidenceOfImmunity_IIS")
	contraindications = z22Codes("PHVS_VaccinationContraindication_IIS")
	reactions         = z22Codes("PHVS_VaccinationReaction_IIS")
	// NIP003 as LOINC codes.
	observations = set(`64994-7 30963-3 30956-7 38890-0 30946-8 30944-3 30945-0 31044-1 59784-9 75505-8 59785-6
		69764-9 29768-9 29769-7 30973-2 30979-9 30980-7 30981-5 30982-3 59779-9 59777-3 59778-1 59780-7 59782-3
		59781-5 59783-1 46249-9 46250-7 48767-8`)
	// Vaccines of which the guide itself says that they need an information
	// statement (PHVS_VISVaccines_IIS); package codes knows the later ones.
	visVaccines = set(`106 146 110 50 120 130 52 83 104 08 42 43 44 49 48 51 118 62 135 111 141 140 144 10 148 136
		114 32 03 94 133 100 119 116 138 113 09 115 21 187 121`)
)
