package texas

import (
	"bytes"
	_ "embed" // the catalogue is data
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
)

//go:embed catalogue.csv
var catalogueCSV []byte

// Catalogue is what is known of each code of the registry's answers.
type Catalogue map[string]registry.CatalogueEntry

var codeForm = regexp.MustCompile(`^[A-Z]{3}-\d{1,6}$`)

// BuiltinCatalogue returns the catalogue as it is built in: the codes that are
// publicly known, in our own words. It is far from complete (the registry's
// error guide is not public), so a code that is not in it is news, never noise.
func BuiltinCatalogue() (Catalogue, error) {
	rows, err := csv.NewReader(bytes.NewReader(catalogueCSV)).ReadAll()
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, "catalogue", "catalogue.csv: %w", err)
	}
	c := make(Catalogue, len(rows))
	for i, row := range rows[1:] {
		harmless, err1 := strconv.ParseBool(row[2])
		perPatient, err2 := strconv.ParseBool(row[3])
		if err1 != nil || err2 != nil {
			return nil, registry.Errorf(registry.Invalid, "catalogue", "catalogue.csv: line %d: true or false is wanted", i+2)
		}
		e := registry.CatalogueEntry{
			Code: row[0], Owner: registry.Owner(row[1]), Harmless: harmless, PerPatient: perPatient,
			Meaning: row[4], Remedy: row[5], Source: row[6],
		}
		if _, twice := c[e.Code]; twice {
			return nil, registry.Errorf(registry.Invalid, "catalogue", "catalogue.csv: line %d: %s stands twice", i+2, e.Code)
		}
		if why := entryFault(e); why != "" {
			return nil, registry.Errorf(registry.Invalid, "catalogue", "catalogue.csv: line %d: %s", i+2, why)
		}
		c[e.Code] = e
	}
	return c, nil
}

// Codes lists the codes in order.
func (c Catalogue) Codes() []string {
	codes := make([]string, 0, len(c))
	for code := range c {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

func entryFault(e registry.CatalogueEntry) string {
	switch {
	case !codeForm.MatchString(e.Code):
		return "a code looks like CLR-100"
	case !slices.Contains(owners, e.Owner):
		return fmt.Sprintf("owner: one of %s", words(owners))
	case e.Meaning == "":
		return "meaning: is missing"
	case e.Remedy == "":
		return "remedy: is missing"
	}
	return ""
}

var owners = []registry.Owner{
	registry.OwnerPractice, registry.OwnerVendor, registry.OwnerDataTeam, registry.OwnerRegistry, registry.OwnerNobody,
}

// overlayEntry is an entry of an overlay: what it leaves out stays as it was.
type overlayEntry struct {
	Meaning    *string         `yaml:"meaning"`
	Remedy     *string         `yaml:"remedy"`
	Owner      *registry.Owner `yaml:"owner"`
	Harmless   *bool           `yaml:"harmless"`
	PerPatient *bool           `yaml:"per_patient"`
	Source     *string         `yaml:"source"`
}

// overlay lays the entries of an overlay's "catalogue" over c.
func (c Catalogue) overlay(name string, node *yaml.Node) []error {
	var (
		entries map[string]overlayEntry
		errs    []error
	)
	if err := strictDecode(node, &entries); err != nil {
		return []error{fmt.Errorf("%s: catalogue: %w", name, err)}
	}
	for _, code := range sortedKeys(entries) {
		e := c[code]
		e.Code, e.Source = code, "your override: "+name
		entries[code].fill(&e)
		if why := entryFault(e); why != "" {
			errs = append(errs, fmt.Errorf("%s: catalogue.%s: %s", name, code, why))
			continue
		}
		c[code] = e
	}
	return errs
}

func (o overlayEntry) fill(e *registry.CatalogueEntry) {
	if o.Meaning != nil {
		e.Meaning = *o.Meaning
	}
	if o.Remedy != nil {
		e.Remedy = *o.Remedy
	}
	if o.Owner != nil {
		e.Owner = *o.Owner
	}
	if o.Harmless != nil {
		e.Harmless = *o.Harmless
	}
	if o.PerPatient != nil {
		e.PerPatient = *o.PerPatient
	}
	if o.Source != nil {
		e.Source += ", " + *o.Source
	}
}
