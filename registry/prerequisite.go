package registry

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Proof is how an item of the checklist is done by itself, without a person.
type Proof string

// The proofs.
const (
	// ProofNone: only a person's word with evidence does it.
	ProofNone Proof = ""
	// ProofAgreement: the practice's data names a day, not yet past, on which the
	// agreement ends.
	ProofAgreement Proof = "agreement"
	// ProofOrgCode and ProofIISID: the practice's data has it, in the right form.
	ProofOrgCode Proof = "org-code"
	ProofIISID   Proof = "iis-id"
	// ProofPrescribers: the site has one at least, each an NPI or a licence number.
	ProofPrescribers Proof = "prescribers"
	// ProofContact with a role behind it: the practice's data has such a contact.
	ProofContactPractice    Proof = "contact-practice"
	ProofContactVendor      Proof = "contact-ehr-vendor"
	ProofContactRegistry    Proof = "contact-registry"
	ProofContactCoordinator Proof = "contact-coordinator"
	// ProofConnection: a test of the connection passed, or a delivery over it was
	// confirmed, since its login was last changed.
	ProofConnection Proof = "connection"
	// ProofVersion: a file of the practice in HL7 2.5.1 was seen.
	ProofVersion Proof = "version"
)

// Proofs lists every proof.
func Proofs() []Proof {
	return []Proof{
		ProofNone, ProofAgreement, ProofOrgCode, ProofIISID, ProofPrescribers, ProofContactPractice,
		ProofContactVendor, ProofContactRegistry, ProofContactCoordinator, ProofConnection, ProofVersion,
	}
}

// Prerequisite is a row of the checklist that comes before testing, as data of
// the profile.
type Prerequisite struct {
	// Key names it in commands: "site-agreement".
	Key string `yaml:"key" json:"key"`
	// Says is what has to be there, as a person says it.
	Says string `yaml:"says" json:"says"`
	// Owner is who owes it: practice, EHR vendor, registry or you.
	Owner string `yaml:"owner" json:"owner"`
	// Required items stop testing from starting while they are open.
	Required bool `yaml:"required" json:"required"`
	// PerSite items are asked of every site, others of the practice.
	PerSite bool `yaml:"per_site" json:"per_site"`
	// Expires says that a date of end belongs to it.
	Expires bool `yaml:"expires" json:"expires"`
	// Evidence is what proves it.
	Evidence string `yaml:"evidence" json:"evidence"`
	// Proof is how it is done by itself.
	Proof Proof `yaml:"proof" json:"proof"`
	// Off leaves the row out.
	Off bool `yaml:"off" json:"off"`
	// Source is "dshs" or "default", Cite the document or the reason.
	Source string `yaml:"source" json:"source"`
	Cite   string `yaml:"cite" json:"cite"`
}

// PrerequisiteState is how far an item is.
type PrerequisiteState string

// The states of an item.
const (
	PrerequisiteOpen    PrerequisiteState = "open"
	PrerequisiteDone    PrerequisiteState = "done"
	PrerequisiteWaived  PrerequisiteState = "waived"
	PrerequisiteExpired PrerequisiteState = "expired"
)

// PrerequisiteRecord is what a named person said of an item.
type PrerequisiteRecord struct {
	Key  string `json:"key"`
	Site string `json:"site,omitempty"`
	// State is open (opened again), done or waived.
	State PrerequisiteState `json:"state"`
	// Evidence is said in words; EvidenceID finds a document in the file store.
	Evidence   string `json:"evidence,omitempty"`
	EvidenceID string `json:"evidence_id,omitempty"`
	// Expires is the last day (YYYY-MM-DD) on which it holds.
	Expires string    `json:"expires,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// PrerequisiteFacts is what is known of a practice besides its own data.
type PrerequisiteFacts struct {
	Records []PrerequisiteRecord
	// Today is YYYY-MM-DD in the practice's zone.
	Today string
	// ConnectionTested is when the connection was proven to work with the login
	// that it has, and ConnectionHow in words how; zero: never.
	ConnectionTested time.Time
	ConnectionHow    string
	// VersionSeen is when a file in HL7 2.5.1 was seen, VersionHow where.
	VersionSeen time.Time
	VersionHow  string
	// RegistryContact says that the profile has an address of the registry,
	// NamesCarryIIS that file names carry the ten-digit number.
	RegistryContact bool
	NamesCarryIIS   bool
}

// PrerequisiteItem is one item of a practice's checklist and how far it is.
type PrerequisiteItem struct {
	Prerequisite
	Site  string            `json:"site,omitempty"`
	State PrerequisiteState `json:"state"`
	// Why says what is missing, while it is not done.
	Why string `json:"why,omitempty"`
	// Evidence, EvidenceID, Ends, Reason, By and At tell of what was done; an item
	// done by itself has no person. Ends is the day on which it ends.
	Found      string    `json:"found,omitempty"`
	EvidenceID string    `json:"evidence_id,omitempty"`
	Ends       string    `json:"ends,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	By         string    `json:"by,omitempty"`
	At         time.Time `json:"at,omitzero"`
}

// Stops reports whether the item keeps testing from starting.
func (i PrerequisiteItem) Stops() bool {
	return i.Required && (i.State == PrerequisiteOpen || i.State == PrerequisiteExpired)
}

// Checklist is the practice's checklist: a row for each thing asked of the
// practice, and of each of its sites that has not closed. It is pure.
func Checklist(p *Practice, rows []Prerequisite, f PrerequisiteFacts) []PrerequisiteItem {
	var items []PrerequisiteItem
	for _, row := range rows {
		if row.Off {
			continue
		}
		if row.Proof == ProofIISID {
			row.Required = row.Required || f.NamesCarryIIS
		}
		if !row.PerSite {
			items = append(items, judgeItem(p, nil, row, f))
			continue
		}
		for i := range p.Sites {
			site := &p.Sites[i]
			if site.Until != "" && site.Until < f.Today {
				continue
			}
			one := row
			// A site that sends later does not keep the others waiting.
			one.Required = row.Required && site.From <= f.Today
			items = append(items, judgeItem(p, site, one, f))
		}
	}
	return items
}

// judgeItem settles one item. A waiver or a reopening is a person's word and
// stands against what the data says, until the item is proven after it.
func judgeItem(p *Practice, site *Site, row Prerequisite, f PrerequisiteFacts) PrerequisiteItem {
	item := PrerequisiteItem{Prerequisite: row, State: PrerequisiteOpen}
	if site != nil {
		item.Site = site.ID
	}
	proven := prove(p, site, row, f)
	rec, said := recordOf(f.Records, row.Key, item.Site)
	switch {
	case said && rec.State == PrerequisiteWaived:
		item.take(rec)
	case said && rec.State == PrerequisiteDone && (!proven.ok || rec.Expires == "" || rec.Expires > proven.ends):
		item.take(rec)
		item.Ends = max(item.Ends, proven.ends)
		if item.ends(f.Today) {
			item.State, item.Why = PrerequisiteExpired, "it ended on "+item.Ends
		}
	case proven.ok && (!said || rec.State != PrerequisiteOpen || proven.at.After(rec.At)):
		item.State, item.Found, item.Ends, item.At = PrerequisiteDone, proven.words, proven.ends, proven.at
	case said && rec.State == PrerequisiteOpen:
		item.By, item.Reason, item.At = rec.By, rec.Reason, rec.At
		item.Why = "it was opened again: " + rec.Reason
	case proven.expired:
		item.State, item.Why, item.Ends = PrerequisiteExpired, proven.words, proven.ends
	default:
		item.Why = proven.words
	}
	return item
}

func (i *PrerequisiteItem) take(rec PrerequisiteRecord) {
	i.State, i.Found, i.EvidenceID = rec.State, rec.Evidence, rec.EvidenceID
	i.Ends, i.Reason, i.By, i.At = rec.Expires, rec.Reason, rec.By, rec.At
}

func (i *PrerequisiteItem) ends(today string) bool { return i.Ends != "" && i.Ends < today }

func recordOf(records []PrerequisiteRecord, key, site string) (PrerequisiteRecord, bool) {
	n := slices.IndexFunc(records, func(r PrerequisiteRecord) bool { return r.Key == key && r.Site == site })
	if n < 0 {
		return PrerequisiteRecord{}, false
	}
	return records[n], true
}

// proven is what the data says of an item.
type proven struct {
	ok, expired bool
	words, ends string
	at          time.Time
}

func yes(words string) proven { return proven{ok: true, words: words} }
func no(words string) proven  { return proven{words: words} }

func prove(p *Practice, site *Site, row Prerequisite, f PrerequisiteFacts) proven {
	switch row.Proof {
	case ProofAgreement:
		return proveAgreement(agreementOf(p, site, f.Today), f.Today)
	case ProofOrgCode:
		if orgForm.MatchString(p.OrgCode) {
			return yes("its form is right")
		}
		return no("four capital letters and four digits are wanted")
	case ProofIISID:
		if iisForm.MatchString(p.IISID) {
			return yes("its form is right")
		}
		return no("ten digits are wanted")
	case ProofPrescribers:
		return provePrescribers(site)
	case ProofContactPractice, ProofContactVendor, ProofContactRegistry, ProofContactCoordinator:
		return proveContact(p, row.Proof, f)
	case ProofConnection:
		if f.ConnectionTested.IsZero() {
			return no("no test of the connection has passed")
		}
		return proven{ok: true, words: f.ConnectionHow, at: f.ConnectionTested}
	case ProofVersion:
		if f.VersionSeen.IsZero() {
			return no("no file in HL7 2.5.1 was seen yet")
		}
		return proven{ok: true, words: f.VersionHow, at: f.VersionSeen}
	case ProofNone:
	}
	return no("nobody has said that it is done")
}

// agreementOf is the day on which an agreement ends. A practice of one site has
// one agreement, wherever its date was written.
func agreementOf(p *Practice, site *Site, today string) string {
	var open []Site
	for _, s := range p.Sites {
		if s.Until == "" || s.Until >= today {
			open = append(open, s)
		}
	}
	switch {
	case len(open) == 1 && site == nil:
		return max(p.Agreement, open[0].Agreement)
	case len(open) == 1:
		return max(p.Agreement, site.Agreement)
	case site == nil:
		return p.Agreement
	}
	return site.Agreement
}

func proveAgreement(ends, today string) proven {
	switch {
	case ends == "":
		return no("no agreement is known")
	case ends < today:
		return proven{expired: true, words: "it ended on " + ends, ends: ends}
	}
	return proven{ok: true, words: "the practice's data says until when", ends: ends}
}

func provePrescribers(site *Site) proven {
	if site == nil || len(site.Prescribers) == 0 {
		return no("none is known")
	}
	bad := 0
	for _, id := range site.Prescribers {
		if PrescriberFault(id) != "" {
			bad++
		}
	}
	if bad > 0 {
		return no(fmt.Sprintf("%d of %d are neither an NPI nor a licence number", bad, len(site.Prescribers)))
	}
	return yes(fmt.Sprintf("%d known", len(site.Prescribers)))
}

func proveContact(p *Practice, proof Proof, f PrerequisiteFacts) proven {
	role := ContactRole(strings.TrimPrefix(string(proof), "contact-"))
	if c, ok := p.Contact(role); ok {
		return yes(c.Name)
	}
	if role == ContactRegistry && f.RegistryContact {
		return yes("the profile has it")
	}
	return no("the practice's data has none")
}

var licenceForm = regexp.MustCompile(`^[A-Z]{0,4}[0-9]{4,9}$`)

// PrescriberFault says why id is neither an NPI (ten digits, the last of which
// checks the others: CMS, 45 CFR 162.406) nor a licence number (up to four
// letters, four to nine digits; Texas states no form), or "".
func PrescriberFault(id string) string {
	switch {
	case iisForm.MatchString(id) && !npiChecks(id):
		return "is not an NPI: its last digit does not check; compare it with the card"
	case iisForm.MatchString(id), licenceForm.MatchString(id):
		return ""
	}
	return "is neither an NPI (ten digits) nor a licence number (letters, then four to nine digits)"
}

// npiChecks is the Luhn sum over 80840, the prefix of US health identifiers, and
// the ten digits of an NPI.
func npiChecks(id string) bool {
	sum := 24 // what 80840 adds
	for i, r := range id {
		digit := int(r - '0')
		if i%2 == 0 {
			digit *= 2
			digit = digit/10 + digit%10
		}
		sum += digit
	}
	return sum%10 == 0
}
