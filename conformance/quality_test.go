package conformance_test

import (
	"maps"
	"slices"
)

// The rules that a reader of the data would ask for: what is well formed and
// cannot be. Dose 1 of the sound message was given here on 20260303 to a child
// of two in Plano, Texas; dose 2 is history.
//
// sprayed makes dose 1 a live influenza vaccine.
var sprayed = []edit{
	set("RXA-5.1", "111"), set("RXA-17.1", "MED"), set("RXR-1", "C38284^Nasal^NCIT"), set("OBX[3]-5.1", "88"), set("OBX[4]-5", "20210806"), set("RXR-2", ""),
}

// evidence adds what a patient had, by question and code.
func evidence(question, code, system string) edit {
	return after("OBX[5]", "OBX|6|CE|"+question+"^x^LN|3|"+code+"^x^"+system+"||||||F|||20260303")
}

func init() {
	maps.Copy(breaches, map[string][]struct {
		path  string
		edits []edit
	}{
		"P-09.placeholder": {
			{"PID-11.1", []edit{set("PID-11.1", "Bad Address")}},
			{"PID-11.1", []edit{set("PID-11.1", "HOMELESS")}},
			{"PID-11.1", []edit{set("PID-11.1", "x")}},
			{"PID-11.1", []edit{set("PID-11.1", "0000")}},
		},
		"P-09.zipstate":    {{"PID-11.5", []edit{set("PID-11.5", "49503")}}, {"PID-11.5", []edit{set("PID-11.5", "73300"), set("PID-11.4", "OK")}}},
		"P-09.county":      {{"PID-11.9", []edit{set("PID-11.9", "Collin")}}, {"PID-11.9", []edit{set("PID-11.9", "4808")}}},
		"P-09.countystate": {{"PID-11.9", []edit{set("PID-11.9", "40085")}}, {"PID-11.9", []edit{set("PID-11.9", "48509")}}, {"PID-11.9", []edit{set("PID-11.9", "48086")}}},
		"N-03.placeholder": {{"NK1[1]-4.1", []edit{set("NK1-4.1", "no address")}}},
		"N-03.zipstate":    {{"NK1[1]-4.5", []edit{set("NK1-4.5", "70801")}}},
		"N-03.county":      {{"NK1[1]-4.9", []edit{set("NK1-4.9", "unknown")}}},
		"N-03.countystate": {{"NK1[1]-4.9", []edit{set("NK1-4.9", "22033")}}},
		"N-03.bad":         {{"NK1[1]-4.7", []edit{set("NK1-4.7", "BA")}}},
		"P-11.high":        {{"PID-25", []edit{set("PID-24", "Y"), set("PID-25", "10")}}, {"PID-25", []edit{set("PID-25", "99")}}},
		"P-11.single":      {{"PID-25", []edit{set("PID-25", "2")}}},

		"P-03.junk":   {{"PID-3.1", []edit{set("PID-3.1", "0000")}}, {"PID-3[2].1", []edit{set("PID-3", "K1^^^A^MR~123456789^^^TX^MA")}}, {"PID-3.1", []edit{set("PID-3.1", "Unknown")}}},
		"P-04.signs":  {{"PID-5.2", []edit{set("PID-5.2", "Nemuri (Nemo)")}}, {"PID-5.1", []edit{set("PID-5.1", "Kavorim/Delta")}}, {"PID-5.1", []edit{set("PID-5.1", "Kavorim, Jr")}}},
		"P-04.middle": {{"PID-5.3", []edit{set("PID-5.3", "NMN")}}, {"PID-5.3", []edit{set("PID-5.3", "A1")}}, {"PID-5.3", []edit{set("PID-5.3", "unknown")}}, {"PID-5.3", []edit{set("PID-5.3", "1")}}},
		"P-04.suffix": {{"PID-5.3", []edit{set("PID-5.3", "JR"), set("PID-5.4", "Jr")}}},
		"P-15":        {{"PID-15", []edit{set("PID-15", "zzz^x^HL70296")}}, {"PID-15", []edit{set("PID-15", "ENG^English^HL70296")}}},

		"D-01.publicitywhen":  {{"PD1-18", []edit{set("PD1-18", "20260306")}}, {"PD1-18", []edit{set("PD1-18", "20240114")}}},
		"D-01.protectionwhen": {{"PD1-13", []edit{set("PD1-13", "20260306")}}, {"PD1-13", []edit{set("PD1-13", "20240114")}}},
		"D-01.statuswhen":     {{"PD1-17", []edit{set("PD1-17", "20260306")}}, {"PD1-17", []edit{set("PD1-17", "20240114")}}},
		"N-03.own":            {{"NK1[1]-3", []edit{set("NK1-3.1", "SEL"), set("NK1-2", "Kavorimdelta^Nemurilasopo^^^^^L")}}},
		"N-03.same":           {{"NK1[1]-2", []edit{set("NK1-2.2", "Nemurilasopo")}}},

		"R-10.words": {
			{"RXA[1]-15", []edit{set("RXA-15", "LOT K4417")}},
			{"RXA[1]-15", []edit{set("RXA-15", "K4417-VFC")}},
			{"RXA[1]-15", []edit{set("RXA-15", "K4417 state")}},
			{"RXA[1]-15", []edit{set("RXA-15", "K4417/K4418")}},
		},
		"R-10.short":   {{"RXA[1]-15", []edit{set("RXA-15", "K44")}}},
		"R-12.retired": {{"RXA[1]-17", []edit{set("RXA-5.1", "140"), set("RXA-17.1", "NOV"), set("OBX[3]-5.1", "88")}}},
		"X-02.route":   {{"RXR[1]-2", append(slices.Clone(sprayed), set("RXR-2", "LT^Left Thigh^HL70163"))}},

		"B-09":                  {{"OBX[6]-5", []edit{evidence("59784-9", "999999", "SCT")}}, {"OBX[6]-5", []edit{evidence("75505-8", "VXC9", "CDCPHINVS")}}},
		"B-09.contraindication": {{"OBX[6]-5", []edit{evidence("30945-0", "VXC99", "CDCPHINVS")}}},
		"B-09.reaction":         {{"OBX[6]-5", []edit{evidence("31044-1", "VXC99", "CDCPHINVS")}}},

		"R-05.cvx":      {{"RXA[1]-5.4", []edit{set("RXA-5", "00006-4681-01^M-M-R II^NDC^777^x^CVX")}}},
		"R-05.otherndc": {{"RXA[1]-5.4", []edit{set("RXA-5", "03^MMR^CVX^99999-9999-99^x^NDC")}}, {"RXA[1]-5.4", []edit{set("RXA-5", "03^MMR^CVX^none^x^NDC")}}},
		"R-05.cpt":      {{"RXA[1]-5.4", []edit{set("RXA-5", "03^MMR^CVX^99213^x^C4")}}},
		"R-07.zero":     {{"RXA[1]-6", []edit{set("RXA-6", "0")}}, {"RXA[1]-6", []edit{set("RXA-6", "0.00")}}},
		"R-07.much": {
			{"RXA[1]-6", []edit{set("RXA-6", "10")}},
			{"RXA[1]-6", []edit{set("RXA-6", "1000"), set("RXA-7", "ug^microgram^UCUM")}},
		},
		"R-07.kind": {{"RXA[1]-7", []edit{set("RXA-7.1", "kg")}}},

		"B-06.fit": {
			{"OBX[2]-5", []edit{set("OBX[2]-5", "PHC70^Private^CDCPHINVS")}},
			{"OBX[2]-5", []edit{set("OBX-5.1", "V01")}},
			{"OBX[2]-5", []edit{set("OBX-5.1", "V01"), set("OBX[2]-5.1", "VXC51")}},
		},
		"B-07.after":  {{"OBX[5]-5", []edit{set("OBX[5]-5", "20260304")}}},
		"B-07.before": {{"OBX[5]-5", []edit{set("OBX[5]-5", "20260302")}}},
		"B-08.when":   {{"OBX[1]-14", []edit{set("OBX-14", "20260306")}}, {"OBX[1]-14", []edit{set("OBX-14", "20240114")}}},
	})
	breaches["B-07.edition"] = append(breaches["B-07.edition"], struct {
		path  string
		edits []edit
	}{"OBX[4]-5", []edit{set("OBX[4]-5", "19861113")}})
	breaches["P-09.cityname"] = append(breaches["P-09.cityname"], struct {
		path  string
		edits []edit
	}{"PID-11.3", []edit{set("PID-11.3", "Homeless")}})

	maps.Copy(edges, map[string][]edit{
		"P-09.placeholder": {set("PID-11.1", "Unknown Creek Road")}, "P-09.zipstate": {set("PID-11.5", "73949")},
		"P-09.county": {set("PID-11.9", "085")}, "P-09.countystate": {set("PID-11.9", "48507")},
		"N-03.placeholder": {set("NK1-4.1", "1 Unknown")}, "N-03.zipstate": {set("NK1-4.5", "88501")},
		"N-03.county": {set("NK1-4.9", "48085")}, "N-03.countystate": {set("NK1-4.9", "48001")}, "N-03.bad": {set("NK1-4.7", "B")},
		"P-11.high": {set("PID-24", "Y"), set("PID-25", "09")}, "P-11.single": {set("PID-25", "1")},
		"P-03.junk": {set("PID-3.1", "00")}, "P-04.signs": {set("PID-5.1", "O'Kavorim-Delta")}, "P-04.middle": {set("PID-5.3", "A")}, "P-04.suffix": {set("PID-5.3", "J"), set("PID-5.4", "Jr")},
		"P-15": {set("PID-15", "spa^Spanish^HL70296")}, "D-01.publicitywhen": {set("PD1-18", "20240115")}, "D-01.protectionwhen": {set("PD1-13", "20240115")},
		"D-01.statuswhen": {set("PD1-17", "20240115")}, "N-03.own": {set("PID-7", "20080304"), adult, after("PD1", "NK1|1|Kavorimdelta^Nemurilasopo^^^^^L|SEL^Self^HL70063")},
		"N-03.same": {set("NK1-2.2", "Nemurilasop")}, "R-10.words": {set("RXA-15", "LO-4417")}, "R-10.short": {set("RXA-15", "K441")},
		"R-12.retired": {set("RXA-5.1", "140"), set("RXA-17.1", "NOV"), set("OBX[3]-5.1", "88"), given("20250304")}, "X-02.route": sprayed,
		"B-09": {evidence("59784-9", "38907003", "SCT")}, "B-09.contraindication": {evidence("30945-0", "VXC30", "CDCPHINVS")}, "B-09.reaction": {evidence("31044-1", "VXC15", "CDCPHINVS")},
		"R-05.cvx":      {set("RXA-5", "00006-4681-01^M-M-R II^NDC^03^MMR^CVX")},
		"R-05.otherndc": {set("RXA-5", "03^MMR^CVX^00006-4681-01^M-M-R II^NDC")}, "R-05.cpt": {set("RXA-5", "03^MMR^CVX^90707^MMR^C4")},
		"R-07.zero": {set("RXA-6", "0.01")}, "R-07.much": {set("RXA-6", "9.9")}, "R-07.kind": {set("RXA-7.1", "ug"), set("RXA-6", "999.9")},
		"B-06.fit":   {set("OBX-5.1", "V01"), set("OBX[2]-5.1", "VXC52")},
		"B-07.after": {set("OBX[5]-5", "20260303")}, "B-07.before": {set("OBX[5]-5", "20260303")},
		"B-08.when": {set("OBX-14", "20240115")},
	})
}
