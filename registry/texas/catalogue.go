package texas

import (
	"bytes"
	"cmp"
	_ "embed" // the catalogue is data
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
			Scope: registry.Scope(row[4]), Foretold: strings.Fields(row[5]), Confidence: row[6], Page: row[7],
			Meaning: row[8], Remedy: row[9], Source: row[10], Severity: registry.CodeSeverity(row[11]),
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
	case !slices.Contains(scopes, e.Scope):
		return fmt.Sprintf("scope: one of %s", words(scopes))
	case !slices.Contains(severities, e.Severity):
		return fmt.Sprintf("severity: one of %s", words(severities))
	case !slices.Contains(confidences, e.Confidence):
		return fmt.Sprintf("confidence: one of %s", strings.Join(confidences, ", "))
	case !pageForm.MatchString(e.Page):
		return "page: the name of a section of docs/runbook.md, such as consent"
	}
	return foretoldFault(e.Foretold)
}

func foretoldFault(words []string) string {
	if len(words) == 0 {
		return "foretold: rules by their IDs, own-data, or never"
	}
	for _, w := range words {
		switch {
		case w == registry.ForetoldNever && len(words) > 1:
			return "foretold: never stands alone"
		case w != registry.ForetoldNever && w != registry.ForetoldOwnData && !ruleForm.MatchString(w):
			return "foretold: a rule looks like N-01 or N-03.self"
		}
	}
	return ""
}

var (
	scopes      = []registry.Scope{registry.ScopeFile, registry.ScopeMessage, registry.ScopePatient, registry.ScopeDose}
	severities  = []registry.CodeSeverity{registry.CodeHigh, registry.CodeNormal, registry.CodeLow}
	confidences = []string{"high", "medium", "low"}
	pageForm    = regexp.MustCompile(`^[a-z][a-z-]{1,60}$`)
)

// supposed fills what nobody has said about a code.
func supposed(e *registry.CatalogueEntry) {
	if e.Scope == "" {
		e.Scope = registry.FamilyOf(e.Code).Scope()
		if e.PerPatient {
			e.Scope = registry.ScopePatient
		}
	}
	if e.Severity == "" {
		e.Severity = e.Scope.Severity()
		if e.Harmless || registry.FamilyOf(e.Code) == registry.FamilyInformation {
			e.Severity = registry.CodeLow
		}
	}
	if len(e.Foretold) == 0 {
		e.Foretold = []string{registry.ForetoldNever}
	}
	e.Confidence = cmp.Or(e.Confidence, "low")
	e.Page = cmp.Or(e.Page, registry.PageUnknown)
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
	Scope      *registry.Scope `yaml:"scope"`
	Foretold   []string        `yaml:"foretold"`
	Confidence *string         `yaml:"confidence"`
	Page       *string         `yaml:"page"`
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
		supposed(&e)
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
	if o.Scope != nil {
		e.Scope = *o.Scope
	}
	if o.Foretold != nil {
		e.Foretold = o.Foretold
	}
	if o.Confidence != nil {
		e.Confidence = *o.Confidence
	}
	if o.Page != nil {
		e.Page = *o.Page
	}
	if o.Source != nil {
		e.Source += ", " + *o.Source
	}
}
