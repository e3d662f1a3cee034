package hl7gen

import (
	"fmt"
	"time"
)

// A Patient is an invented person, as much of it as a privacy scan looks for.
type Patient struct {
	Family, Given string
	// Maiden is the mother's maiden name, Guardian the first name of a parent.
	Maiden, Guardian string
	MRN              string
	Phone            string // seven digits, without the area code
	Street           string
	BirthDate        string // YYYYMMDD
	Sex              string

	area, zip, city string
	born            time.Time
}

// Needles are the values of p that must turn up nowhere outside a message.
// Birth dates are left out: other dates look the same.
func (p Patient) Needles() []string {
	needles := []string{p.Family, p.Given, p.MRN, p.Street, p.Phone}
	for _, optional := range []string{p.Maiden, p.Guardian} {
		if optional != "" {
			needles = append(needles, optional)
		}
	}
	return needles
}

const (
	consonants = "bdfgjklmnprstvz"
	vowels     = "aeiou"
)

// Word is an invented name: a capital and eleven small letters, in six
// syllables of consonant and vowel.
func (g *Gen) Word() string {
	b := make([]byte, 12)
	for i := 0; i < len(b); i += 2 {
		b[i] = consonants[g.rnd.IntN(len(consonants))]
		b[i+1] = vowels[g.rnd.IntN(len(vowels))]
	}
	b[0] -= 'a' - 'A'
	return string(b)
}

// chart is an unmistakable chart number: nine letters, three digits.
func (g *Gen) chart() string {
	b := make([]byte, 9)
	for i := range b {
		b[i] = byte('A' + g.rnd.IntN(26))
	}
	return fmt.Sprintf("%s%03d", b, g.rnd.IntN(1000))
}

var (
	areas  = []string{"214", "281", "361", "409", "512", "713", "806", "817", "830", "903", "915", "956", "972"}
	cities = []struct{ name, zip string }{
		{"Dallas", "752"},
		{"Houston", "770"},
		{"Corpus Christi", "784"},
		{"Beaumont", "777"},
		{"Austin", "787"},
		{"Lubbock", "794"},
		{"Fort Worth", "761"},
		{"Kerrville", "780"},
		{"Tyler", "757"},
		{"El Paso", "799"},
		{"McAllen", "785"},
		{"Plano", "750"},
	}
	races = []string{
		"2106-3^White^CDCREC", "2054-5^Black or African American^CDCREC", "2028-9^Asian^CDCREC",
		"1002-5^American Indian or Alaska Native^CDCREC", "2131-1^Other Race^CDCREC",
	}
	ethnicities = []string{"2135-2^Hispanic or Latino^CDCREC", "2186-5^Not Hispanic or Latino^CDCREC"}
)

// patient invents someone who is months old on day.
func (g *Gen) patient(day time.Time, months int) Patient {
	city := cities[g.rnd.IntN(len(cities))]
	p := Patient{
		Family: g.Word(), Given: g.Word(), MRN: g.chart(),
		Phone:  fmt.Sprintf("%d%06d", 2+g.rnd.IntN(3), g.rnd.IntN(1_000_000)),
		Street: fmt.Sprintf("%d %s Street", 100+g.rnd.IntN(9900), g.Word()),
		Sex:    []string{"F", "M"}[g.rnd.IntN(2)],
		area:   areas[g.rnd.IntN(len(areas))],
		city:   city.name, zip: fmt.Sprintf("%s%02d", city.zip, 1+g.rnd.IntN(98)),
		born: day.AddDate(0, -months, -g.rnd.IntN(28)),
	}
	if months < 18*12 {
		p.Maiden, p.Guardian = g.Word(), g.Word()
	}
	p.BirthDate = p.born.Format("20060102")
	return p
}

// months draws an age: clinics see children most.
func (g *Gen) months() int {
	switch n := g.rnd.IntN(100); {
	case n < 45:
		return 2 + g.rnd.IntN(16)
	case n < 65:
		return 18 + g.rnd.IntN(90)
	case n < 80:
		return 132 + g.rnd.IntN(80)
	default:
		return 20*12 + g.rnd.IntN(65*12)
	}
}
