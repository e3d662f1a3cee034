package fakeregistry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"immtrail/registry"
)

// doseKey is a digest of patient, vaccine and day, so that the registry's
// memory names nobody.
type doseKey [16]byte

func (k doseKey) String() string { return hex.EncodeToString(k[:]) }

func parseDoseKey(text string) (doseKey, error) {
	var k doseKey
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(k) {
		return k, errors.New("not the digest of a dose")
	}
	copy(k[:], b)
	return k, nil
}

func keyOf(p patient, cvx, given string) doseKey {
	sum := sha256.Sum256([]byte(p.Chart + "\x00" + p.Born + "\x00" + cvx + "\x00" + given))
	return doseKey(sum[:16])
}

// dose judges one vaccination. What is wrong in it rejects the dose only.
func (j *judge) dose(d dose, p patient) []complaint {
	cs := j.doseItself(d, p)
	for i := range cs {
		cs[i].Occurrence = d.ordinal
		if cs[i].Segment == "RXA" && cs[i].family() == registry.FamilyImmunization && cs[i].Severity == registry.SeverityError {
			return cs
		}
	}
	cvx, given := d.rxa.part(5, 1), d.rxa.field(3)
	if !completed(d.rxa) || cvx == "998" {
		return cs
	}
	on, _ := day(given)
	key := keyOf(p, cvx, on)
	switch action := d.rxa.field(21); {
	case action == "U" || action == "D": // changes what is there
	case j.inFile[key]:
		c := fail("IMR-110", "RXA", 5, "Immunization rejected. The same dose stands in this file twice.")
		c.Occurrence = d.ordinal
		return append(cs, c)
	case j.known(key), strings.HasSuffix(p.Chart, duplicateDoseMark):
		c := fail("IMR-109", "RXA", 5, "Immunization rejected. Duplicate: this dose is on file already.")
		c.Occurrence = d.ordinal
		return append(cs, c)
	}
	j.inFile[key] = true
	j.accepted = append(j.accepted, key)
	return cs
}

func (j *judge) doseItself(d dose, p patient) []complaint {
	var cs []complaint
	rxa := d.rxa
	given, ok := day(rxa.field(3))
	born, _ := day(p.Born)
	switch {
	case rxa.field(3) == "":
		cs = append(cs, missing("IMR-901", "RXA", 3, "Immunization rejected. RXA-3 is required and missing."))
	case !ok || given > j.today || given < born:
		cs = append(cs, fail("IMR-902", "RXA", 3, "Immunization rejected. The date is not a date, a Future Date, or before the birth date."))
	}
	switch cvx := rxa.part(5, 1); {
	case cvx == "":
		cs = append(cs, missing("IMR-903", "RXA", 5, "Immunization rejected. There is no vaccine code."))
	case !assigned(cvx):
		cs = append(cs, fail("IMR-904", "RXA", 5, "Immunization rejected. Nobody assigned this vaccine code."))
	}
	if !administered(rxa) {
		return cs
	}
	if rxa.field(15) == "" {
		cs = append(cs, missing("IMR-100", "RXA", 15, "Immunization rejected. The lot of an administered dose is missing."))
	}
	if j.unknownPrescriber(d.orc) {
		cs = append(cs, warn("IEE-526", "ORC", 12, "Warning. The ordering provider is no prescriber of this site."))
	}
	return cs
}

// assigned is a coarse test of a CVX code: CDC counts up from 01, gives foreign
// vaccines numbers from 500 on, and has a few special ones.
func assigned(cvx string) bool {
	n, err := strconv.Atoi(cvx)
	return err == nil && (n >= 1 && n < 400 || n >= 500 && n < 600 || n == 801 || n == 998 || n == 999)
}

// unknownPrescriber tells a prescriber who is on no site agreement. An account
// without a list of prescribers is not checked.
func (j *judge) unknownPrescriber(orc segment) bool {
	if len(j.prescribers) == 0 {
		return false
	}
	if orc == nil {
		return true
	}
	return !slices.Contains(j.prescribers, orc.part(12, 1))
}

// completed tells a dose that was given from one that was refused or not given.
func completed(rxa segment) bool {
	status := rxa.field(20)
	return status == "" || status == "CP" || status == "PA"
}

// administered tells a dose that this practice gave from one it only knows of.
func administered(rxa segment) bool {
	return completed(rxa) && rxa.part(9, 1) == "00" && rxa.part(5, 1) != "998"
}
