package hl7gen

// product is a vaccine as a clinic has it in the fridge. Codes and pairs are
// CDC's; every one is on the checker's tables.
type product struct {
	cvx, name  string
	mvx, maker string
	route      string // NCIT
	amount     string // mL
	from, to   int    // ages in months at which it is given here
	edition    string // of its information statement
	since      string // day of its licence, where a history could be older
}

const (
	intramuscular = "C28161^Intramuscular^NCIT"
	subcutaneous  = "C38299^Subcutaneous^NCIT"
	oral          = "C38288^Oral^NCIT"
)

const (
	merck   = "Merck and Co., Inc."
	sanofi  = "Sanofi Pasteur"
	glaxo   = "GlaxoSmithKline"
	pfizer  = "Pfizer, Inc"
	forLife = 12 * 95
)

var products = []product{
	{"08", "Hep B, adolescent or pediatric", "MSD", merck, intramuscular, "0.5", 0, 18, "20230512", ""},
	{"106", "DTaP, 5 pertussis antigens", "PMC", sanofi, intramuscular, "0.5", 2, 72, "20210806", ""},
	{"20", "DTaP", "SKB", glaxo, intramuscular, "0.5", 2, 72, "20210806", ""},
	{"10", "IPV", "PMC", sanofi, intramuscular, "0.5", 2, 72, "20210806", ""},
	{"49", "Hib (PRP-OMP)", "MSD", merck, intramuscular, "0.5", 2, 15, "20210806", ""},
	{"48", "Hib (PRP-T)", "PMC", sanofi, intramuscular, "0.5", 2, 15, "20210806", ""},
	{"116", "rotavirus, pentavalent", "MSD", merck, oral, "2", 2, 7, "20211015", ""},
	{"216", "Pneumococcal conjugate PCV20", "PFR", pfizer, intramuscular, "0.5", 2, 48, "20230512", "20210608"},
	{"03", "MMR", "MSD", merck, subcutaneous, "0.5", 12, 150, "20210806", ""},
	{"21", "varicella", "MSD", merck, subcutaneous, "0.5", 12, 150, "20210806", ""},
	{"83", "Hep A, ped/adol, 2 dose", "SKB", glaxo, intramuscular, "0.5", 12, 210, "20211015", ""},
	{"165", "HPV9", "MSD", merck, intramuscular, "0.5", 110, 310, "20210806", "20141210"},
	{"115", "Tdap", "SKB", glaxo, intramuscular, "0.5", 130, forLife, "20210806", ""},
	{"203", "MenACWY-TT", "PMC", sanofi, intramuscular, "0.5", 130, 250, "20210806", "20200423"},
	{"140", "Influenza, split virus, trivalent, PF", "PMC", sanofi, intramuscular, "0.5", 6, forLife, "20210806", ""},
	{"187", "zoster recombinant", "SKB", glaxo, intramuscular, "0.5", 12 * 51, forLife, "20220204", "20171020"},
	{"33", "pneumococcal polysaccharide PPV23", "MSD", merck, intramuscular, "0.5", 12 * 65, forLife, "20191030", ""},
}

var bodySites = []string{"LT^Left Thigh^HL70163", "RT^Right Thigh^HL70163", "LD^Left Deltoid^HL70163", "RD^Right Deltoid^HL70163"}

// fitting are the products for someone of that many months on that day,
// YYYYMMDD.
func fitting(months int, day string) []product {
	var fit []product
	for _, p := range products {
		if months >= p.from && months <= p.to && day >= p.since {
			fit = append(fit, p)
		}
	}
	return fit
}
