package roster

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"immtrail/registry"
)

// column is one column of the list.
type column struct {
	name, says, example string
	// must says that no row, or (of a practice) no practice, may be without it.
	must bool
	// fault says what is wrong with a cell and what to write instead, or "".
	fault func(cell string) string
	// get and set are those of a practice, getSite and setSite those of a site;
	// the columns of entry have neither.
	get     func(*registry.Practice) string
	set     func(*registry.Practice, string)
	getSite func(*registry.Site) string
	setSite func(*registry.Site, string)
}

func (c column) ofSite() bool { return c.setSite != nil }

// columns in the order of the template.
var columns = slices.Concat([]column{
	{
		name: "practice", says: "short name of the practice; the same in each row of its sites", example: exampleID, must: true, fault: idFault,
		get: func(p *registry.Practice) string { return p.ID }, set: func(p *registry.Practice, v string) { p.ID = v },
	},
	{
		name: "name", says: "the organization as letters address it", example: "Example Clinics", must: true,
		get: func(p *registry.Practice) string { return p.Name }, set: func(p *registry.Practice, v string) { p.Name = v },
	},
	{
		name: "org_code", says: "the registry's code: four capital letters, four digits", example: "EXAM0001", must: true,
		fault: form(`^[A-Z]{4}[0-9]{4}$`, "must be four capital letters and four digits, such as BURL6343"),
		get:   func(p *registry.Practice) string { return p.OrgCode }, set: func(p *registry.Practice, v string) { p.OrgCode = v },
	},
	{
		name: "iis_id", says: "the TX IIS ID: ten digits, as text so that zeros stay", example: "0001112000",
		fault: form(`^[0-9]{10}$`, "must be ten digits; format the column as text, so that leading zeros stay"),
		get:   func(p *registry.Practice) string { return p.IISID }, set: func(p *registry.Practice, v string) { p.IISID = v },
	},
	{
		name: "zone", says: "time zone; empty: America/Chicago", example: "America/Chicago", fault: zoneFault,
		get: func(p *registry.Practice) string { return p.Zone }, set: func(p *registry.Practice, v string) { p.Zone = or(v, "America/Chicago") },
	},
	{
		name: "connection", says: "name of the connection (starter connection list)", example: "dshs", must: true, fault: idFault,
		get: func(p *registry.Practice) string { return p.Connection }, set: func(p *registry.Practice, v string) { p.Connection = v },
	},
	{
		name: "agreement_expires", says: "last day of the organization's own site agreement", example: "2028-12-31", fault: dayFault,
		get: func(p *registry.Practice) string { return p.Agreement }, set: func(p *registry.Practice, v string) { p.Agreement = v },
	},
}, contactColumns("practice", registry.ContactPractice), contactColumns("vendor", registry.ContactVendor),
	contactColumns("coordinator", registry.ContactCoordinator), []column{
		{name: ColumnFrom, says: "stage it has reached: testing, in-review, production; registered begins; empty: only made known", example: "production", fault: fromFault},
		{name: ColumnSince, says: "day on which it reached that stage", example: "2025-09-15", fault: dayFault},
		{name: ColumnHistory, says: "historical load of a practice in production: none, due, done", example: "done", fault: form(`^(none|due|done)$`, "must be none, due or done")},
		{name: ColumnEvidence, says: "file of the Production email beside this list, or words", example: "the list of 2025"},
		{name: ColumnApprovedBy, says: "who at the registry approved, where the email does not say", example: ""},
		{
			name: "site", says: "short name of the site, unique in the practice", example: "main", must: true, fault: idFault,
			getSite: func(s *registry.Site) string { return s.ID }, setSite: func(s *registry.Site, v string) { s.ID = v },
		},
		{
			name: "site_name", says: "the clinic as people call it", example: "Example Clinic Main Street",
			getSite: func(s *registry.Site) string { return s.Name }, setSite: func(s *registry.Site, v string) { s.Name = v },
		},
		{
			name: "facilities", says: "how messages name the clinic (MSH-4), several with | between", example: "EXAM0001|EX-MAIN", must: true,
			getSite: func(s *registry.Site) string { return strings.Join(s.Facilities, "|") },
			setSite: func(s *registry.Site, v string) { s.Facilities = parts(v) },
		},
		{
			name: "prescribers", says: "NPIs or licence numbers, several with | between", example: "1234567893", fault: prescribersFault,
			getSite: func(s *registry.Site) string { return strings.Join(s.Prescribers, "|") },
			setSite: func(s *registry.Site, v string) { s.Prescribers = parts(v) },
		},
		{
			name: "site_agreement_expires", says: "last day of the site's agreement", example: "2028-12-31", fault: dayFault,
			getSite: func(s *registry.Site) string { return s.Agreement }, setSite: func(s *registry.Site, v string) { s.Agreement = v },
		},
		{
			name: "site_from", says: "first day on which the site sends, where that is later", example: "", fault: dayFault,
			getSite: func(s *registry.Site) string { return s.From }, setSite: func(s *registry.Site, v string) { s.From = v },
		},
		{
			name: "site_until", says: "last day on which the site sends, where it has closed", example: "", fault: dayFault,
			getSite: func(s *registry.Site) string { return s.Until }, setSite: func(s *registry.Site, v string) { s.Until = v },
		},
	})

// The columns of entry, which are the flags of `starter onboard`.
const (
	ColumnFrom       = "from"
	ColumnSince      = "since"
	ColumnHistory    = "history"
	ColumnEvidence   = "evidence"
	ColumnApprovedBy = "approved_by"
)

// exampleID is the practice of the template, which is never imported.
const exampleID = "example-clinics"

func contactColumns(prefix string, role registry.ContactRole) []column {
	at := func(p *registry.Practice) *registry.Contact {
		for i := range p.Contacts {
			if p.Contacts[i].Role == role {
				return &p.Contacts[i]
			}
		}
		return nil
	}
	put := func(change func(*registry.Contact)) func(p *registry.Practice) {
		return func(p *registry.Practice) {
			if at(p) == nil {
				p.Contacts = append(p.Contacts, registry.Contact{Role: role})
			}
			change(at(p))
		}
	}
	read := func(of func(registry.Contact) string) func(*registry.Practice) string {
		return func(p *registry.Practice) string {
			if c := at(p); c != nil {
				return of(*c)
			}
			return ""
		}
	}
	one := func(name, says, example string, fault func(string) string, of func(registry.Contact) string, change func(*registry.Contact, string)) column {
		return column{
			name: prefix + name, says: says, example: example, fault: fault, get: read(of),
			set: func(p *registry.Practice, v string) {
				if v != "" || at(p) != nil {
					put(func(c *registry.Contact) { change(c, v) })(p)
				}
			},
		}
	}
	who := map[string]string{"practice": "contact at the practice", "vendor": "contact at the EHR vendor", "coordinator": "who coordinates, to whom answers go"}[prefix]
	all := []column{
		one("_contact", who, "Ann Grey", nil, func(c registry.Contact) string { return c.Name }, func(c *registry.Contact, v string) { c.Name = v }),
		one("_email", "their address", prefix+"@clinics.example", mailFault, func(c registry.Contact) string { return c.Email }, func(c *registry.Contact, v string) { c.Email = v }),
		one("_phone", "their telephone", "", nil, func(c registry.Contact) string { return c.Phone }, func(c *registry.Contact, v string) { c.Phone = v }),
	}
	if role == registry.ContactCoordinator { // who gets letters of reminder
		all = append(all, one("_zone", "time zone where they are; empty: the practice's", "", zoneFault,
			func(c registry.Contact) string { return c.Zone }, func(c *registry.Contact, v string) { c.Zone = v }))
	}
	return all
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}

// parts are the values of a cell that holds several.
func parts(cell string) []string {
	var out []string
	for part := range strings.SplitSeq(cell, "|") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func form(pattern, words string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(cell string) string {
		if re.MatchString(cell) {
			return ""
		}
		return words
	}
}

func idFault(cell string) string {
	if registry.CheckID("", cell) != nil {
		return "must be lower-case letters, digits and hyphens, at most 48, such as sunrise-plano"
	}
	return ""
}

func dayFault(cell string) string {
	if _, err := time.Parse(time.DateOnly, cell); err != nil {
		return "must be a date as 2026-03-31; format the column as text, so that the spreadsheet does not rewrite it"
	}
	return ""
}

func zoneFault(cell string) string {
	if _, err := time.LoadLocation(cell); err != nil || cell == "Local" {
		return "must be a time zone such as America/Chicago or America/Denver"
	}
	return ""
}

func mailFault(cell string) string {
	if a, err := mail.ParseAddress(cell); err != nil || a.Address != cell {
		return "must be an address such as name@example.org"
	}
	return ""
}

func fromFault(cell string) string {
	switch stageNamed(cell) {
	case registry.PhaseRegistered, registry.PhaseTesting, registry.PhaseInReview, registry.PhaseProduction:
		return ""
	case registry.PhaseWithdrawn:
	}
	return "must be registered, testing, in-review or production, or nothing"
}

func stageNamed(cell string) registry.Phase {
	return registry.Phase(strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(cell)))
}

func prescribersFault(cell string) string {
	for _, id := range parts(cell) {
		if why := registry.PrescriberFault(id); why != "" {
			return "one of them " + why
		}
	}
	return ""
}

// secretName recognises columns that would hold a secret.
var secretName = regexp.MustCompile(`(?i)pass(word|wd|phrase)?|secret|token|(private|api|ssh)?_?key$|login|credential`)
