package journey

import (
	"fmt"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// A role is one sample practice and what happens to it.
type role struct {
	practice registry.Practice
	account  fakeregistry.Account
	// tests are the test files, one a day.
	tests []fileScript
	// history is the historical load; no files: the vendor says that it has none.
	history []fileScript
	// production says what is special about the n-th production file, from 1.
	production func(n int) fileScript
	// days is how many production files there must be.
	days int
	// approve is how the Production email is relayed: "signal" as typed in the
	// Web UI, or "cli".
	approve string
	// quiet is a site that falls silent after the fifth production file; an
	// alert must say so.
	quiet string
	// settles says that an error must be reported and verified as corrected.
	settles bool
	seed    uint64
	// happens is what befalls it while it is live.
	happens []happening
}

// fileScript is one file of the EHR.
type fileScript struct {
	Messages   int             `json:"messages"`
	Defects    []hl7gen.Defect `json:"defects,omitempty"`
	Historical bool            `json:"historical,omitempty"`
	// Without leaves a facility's messages out.
	Without string `json:"without,omitempty"`
	// Again is the number of the file whose messages are sent again, corrected;
	// 0 for none.
	Again int `json:"again,omitempty"`
}

// plain is a production file like any other.
func plain(messages int) func(int) fileScript {
	return func(int) fileScript { return fileScript{Messages: messages} }
}

// sunrise runs smoothly.
func sunrise() role {
	return role{
		practice:   practice("sunrise-plano", "Sunrise Pediatrics Plano", "SUNR1001", "1900000001", "plano"),
		account:    fakeregistry.Account{Behaviour: fakeregistry.Behaviour{Answer: fakeregistry.AnswerACK, After: 1}},
		tests:      []fileScript{{Messages: 1}, {Messages: 4}, {Messages: 6}},
		production: plain(5), days: 5, approve: "signal", seed: 11,
	}
}

// bluebonnet has to correct its files: errors that our checker stops, and one
// that only the registry can know.
func bluebonnet() role {
	return role{
		practice: practice("bluebonnet-waco", "Bluebonnet Family Medicine Waco", "BLUE2002", "1900000002", "waco"),
		account:  fakeregistry.Account{Behaviour: fakeregistry.Behaviour{Answer: fakeregistry.AnswerDelimited, After: 1, Linger: 2}},
		tests: []fileScript{
			{Messages: 3, Defects: []hl7gen.Defect{hl7gen.MissingBirthDate, hl7gen.MissingLot}},
			{Messages: 3},
			{Messages: 3, Defects: []hl7gen.Defect{hl7gen.NoConsent}},
			{Messages: 3, Again: 3},
			{Messages: 4},
		},
		production: func(n int) fileScript {
			switch n {
			case 2:
				return fileScript{Messages: 5, Defects: []hl7gen.Defect{hl7gen.NoConsent, hl7gen.DuplicateDose}}
			case 4:
				return fileScript{Messages: 5, Again: 2}
			}
			return fileScript{Messages: 4}
		},
		days: 6, approve: "cli", settles: true, seed: 22,
	}
}

// lonestar is a group of five sites with a historical load, whose registry
// sweeps files away at once and one of whose sites falls silent.
func lonestar() role {
	sites := []string{"austin", "buda", "cedar-park", "dripping-springs", "elgin"}
	r := role{
		practice: practice("lonestar-group", "Lone Star Clinics", "LONE3003", "1900000003", sites...),
		account: fakeregistry.Account{Behaviour: fakeregistry.Behaviour{
			Answer: fakeregistry.AnswerACK, After: 1, SweepAtOnce: true,
		}},
		tests: []fileScript{{Messages: 1}, {Messages: 10}, {Messages: 12}},
		history: []fileScript{
			{Messages: 45, Historical: true}, {Messages: 38, Historical: true},
		},
		days: 9, approve: "cli", quiet: "elgin", seed: 33,
	}
	r.production = func(n int) fileScript {
		if n > 5 {
			return fileScript{Messages: 15, Without: r.facility("elgin")}
		}
		return fileScript{Messages: 15}
	}
	return r
}

// busyWeek gives the person who plays the coordinator something to hand out: a
// file of a week of four sites, with patients without consent.
func (r *role) busyWeek() {
	const busy, refused = 3, 9
	usual := r.production
	r.production = func(n int) fileScript {
		script := usual(n)
		if n == busy {
			script.Messages = 140
			for range refused {
				script.Defects = append(script.Defects, hl7gen.NoConsent)
			}
		}
		return script
	}
}

// extra is a further practice that runs smoothly, for -practices N.
func extra(n int) role {
	r := sunrise()
	r.practice = practice(fmt.Sprintf("sample-%03d", n), fmt.Sprintf("Sample Practice %d", n),
		fmt.Sprintf("SAMP%04d", n), fmt.Sprintf("19%08d", n), "main")
	r.seed = uint64(1000 + n)
	r.days = 2
	return r
}

// cast is who plays: the three sample practices first, then as many more as
// are wanted; or, where every way of answering is to be seen, a practice each.
func cast(n, days int, reports Reports, manual bool) []role {
	if days > 0 {
		return []role{trio(days)}
	}
	if reports.Each {
		return everyWay()
	}
	roles := []role{sunrise(), bluebonnet(), lonestar()}
	if manual {
		roles[2].busyWeek()
	}
	for i := len(roles); i < n; i++ {
		roles = append(roles, extra(i+1))
	}
	roles = roles[:max(1, n)]
	for i := range roles {
		reports.apply(&roles[i].account.Behaviour)
	}
	return roles
}

// practice is the record of a sample practice. All of it is invented; the
// addresses lie in a domain that can never exist.
func practice(id, name, org, iis string, sites ...string) registry.Practice {
	p := registry.Practice{
		ID: id, Name: name, Registry: "texas", OrgCode: org, IISID: iis, Zone: "America/Chicago", Connection: id,
		Agreement: "2028-12-31",
		Contacts: []registry.Contact{
			{Role: registry.ContactPractice, Name: "Front Desk", Email: "desk@" + id + ".example"},
			{Role: registry.ContactVendor, Name: "EHR Support", Email: "support@ehr-" + id + ".example"},
			{Role: registry.ContactCoordinator, Name: "Carla Coordinator", Email: "carla@coordinator.example"},
		},
	}
	for i, site := range sites {
		p.Sites = append(p.Sites, registry.Site{
			ID: site, Name: name + " " + site, Facilities: []string{fmt.Sprintf("%s-%d", org, i+1)},
			Prescribers: []string{npi(fmt.Sprintf("1%s%02d89", org[4:], i))}, Agreement: "2028-12-31",
		})
	}
	return p
}

// npi is nine invented digits with the one that checks them.
func npi(nine string) string {
	for check := '0'; check <= '9'; check++ {
		if id := nine + string(check); registry.PrescriberFault(id) == "" {
			return id
		}
	}
	return nine
}

// facility is the identifier by which messages name a site.
func (r *role) facility(site string) string {
	for _, s := range r.practice.Sites {
		if s.ID == site {
			return s.Facilities[0]
		}
	}
	return ""
}

// login is the practice's account at the registry.
func (r *role) login(password string) fakeregistry.Account {
	a := r.account
	a.User, a.Password, a.OrgCode = r.practice.ID, password, r.practice.OrgCode
	for _, s := range r.practice.Sites {
		a.Facilities = append(a.Facilities, s.Facilities...)
		a.Prescribers = append(a.Prescribers, s.Prescribers...)
	}
	a.Facilities = append(a.Facilities, r.practice.OrgCode)
	return a
}
