package registry

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A Practice is the organization that the registry knows: one org code, one
// connection, one gate, one Production email, one historical load. A group of
// 60 clinics is one practice with 60 sites.
type Practice struct {
	// ID is a short name that the coordinator chose, such as "sunrise-plano".
	// Workflow IDs, lists and letters carry it; it is never a patient's.
	ID string `json:"id"`
	// Name is the organization as letters address it.
	Name string `json:"name"`
	// Registry is the profile's name, such as "texas".
	Registry string `json:"registry"`
	// OrgCode is the registry's short code of the organization, such as BURL6343.
	OrgCode string `json:"org_code"`
	// IISID is the registry's ten-digit number of the organization.
	IISID string `json:"iis_id"`
	// Zone is the IANA time zone in which the practice's days begin.
	Zone string `json:"zone"`
	// Connection is the name of the connection that its files travel over.
	Connection string `json:"connection"`
	// Agreement is the day (YYYY-MM-DD) on which the organization's own site
	// agreement ends; sites have theirs.
	Agreement string `json:"agreement_expires,omitempty"`
	// Sites are the clinics; every practice has at least one.
	Sites []Site `json:"sites"`
	// Contacts are the people and mailboxes that letters go to.
	Contacts []Contact `json:"contacts"`
	// Phase, History and Submission are where the practice stands now.
	Phase      Phase           `json:"phase"`
	History    HistoryState    `json:"history"`
	Submission SubmissionState `json:"submission"`
}

// A Site is one clinic of a practice: DSHS's sub-site. Volume, the 30-day
// count, errors and evidence are kept per site.
type Site struct {
	// ID is a short name, unique within the practice.
	ID string `json:"id"`
	// Name is the clinic as people call it.
	Name string `json:"name"`
	// Facilities are the identifiers by which messages name the clinic
	// (MSH-4, MSH-22 or RXA-11.4).
	Facilities []string `json:"facilities"`
	// Prescribers are licence numbers or NPIs on the site agreement.
	Prescribers []string `json:"prescribers,omitempty"`
	// Agreement is the day (YYYY-MM-DD) on which the site agreement ends.
	Agreement string `json:"agreement_expires,omitempty"`
	// From and Until (YYYY-MM-DD) bound the time in which the site sends.
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
}

// ContactRole says what a contact is written to about.
type ContactRole string

// The roles of contacts.
const (
	ContactPractice    ContactRole = "practice"
	ContactVendor      ContactRole = "ehr-vendor"
	ContactRegistry    ContactRole = "registry"
	ContactCoordinator ContactRole = "coordinator"
)

// A Contact is a person or a mailbox.
type Contact struct {
	Role  ContactRole `json:"role"`
	Name  string      `json:"name"`
	Email string      `json:"email"`
	Phone string      `json:"phone,omitempty"`
	// Zone is the IANA name of the zone where the person is; empty: the practice's.
	Zone string `json:"zone,omitempty"`
}

// Contact returns the practice's first contact in role; ok is false when there
// is none.
func (p *Practice) Contact(role ContactRole) (c Contact, ok bool) {
	for _, c := range p.Contacts {
		if c.Role == role {
			return c, true
		}
	}
	return Contact{}, false
}

var (
	idForm  = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$`)
	orgForm = regexp.MustCompile(`^[A-Z]{4}[0-9]{4}$`)
	iisForm = regexp.MustCompile(`^[0-9]{10}$`)
)

// CheckID refuses names that cannot be part of a workflow ID, a folder and an
// address: lower-case letters, digits and hyphens, at most 48.
func CheckID(what, id string) error {
	if !idForm.MatchString(id) {
		return Errorf(Invalid, "practice", "%s %q: use lower-case letters, digits and hyphens, at most 48", what, id)
	}
	return nil
}

// dateOrNone reports whether text is empty or a day.
func dateOrNone(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return text == "" || err == nil
}

// Check returns every fault of the practice's own data at once; an empty slice
// means that it may be stored. The forms of org code and IIS ID come from a
// real ImmTrac2 acknowledgement and from vendors' forms.
func (p *Practice) Check() []string {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !idForm.MatchString(p.ID) {
		add("id: use lower-case letters, digits and hyphens, at most 48 (such as sunrise-plano)")
	}
	if strings.TrimSpace(p.Name) == "" {
		add("name: is missing")
	}
	if !orgForm.MatchString(p.OrgCode) {
		add("org_code: four capital letters and four digits (such as BURL6343)")
	}
	if p.IISID != "" && !iisForm.MatchString(p.IISID) {
		add("iis_id: ten digits")
	}
	if p.Connection == "" {
		add("connection: name one that `starter connection list` shows")
	}
	if !dateOrNone(p.Agreement) {
		add("agreement_expires: a date such as 2027-06-30")
	}
	if len(p.Sites) == 0 {
		add("sites: at least one")
	}
	seen := map[string]string{}
	for i, s := range p.Sites {
		if !idForm.MatchString(s.ID) {
			add("sites[%d].id: use lower-case letters, digits and hyphens", i)
		}
		if !dateOrNone(s.Agreement) {
			add("sites[%d].agreement_expires: a date such as 2027-06-30", i)
		}
		if !dateOrNone(s.From) || !dateOrNone(s.Until) {
			add("sites[%d].from, until: dates such as 2027-06-30", i)
		}
		if len(s.Facilities) == 0 {
			add("sites[%d].facilities: the identifier(s) by which messages name this clinic", i)
		}
		for _, f := range s.Facilities {
			if other, dup := seen[f]; dup {
				add("sites[%d].facilities: %q already belongs to site %s", i, f, other)
			}
			seen[f] = s.ID
		}
	}
	for i, c := range p.Contacts {
		if !strings.Contains(c.Email, "@") {
			add("contacts[%d].email: is not an address", i)
		}
		if _, err := time.LoadLocation(c.Zone); c.Zone != "" && err != nil {
			add("contacts[%d].zone: an IANA zone such as America/Denver", i)
		}
	}
	return faults
}
