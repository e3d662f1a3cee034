package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// facts reads what a workflow needs to know of a practice.
func (a *Practices) facts(ctx context.Context, scope Scope) (PracticeFacts, error) {
	p, err := a.DB.Practice(ctx, scope.Practice)
	if err != nil {
		return PracticeFacts{}, err
	}
	profile, err := a.Profiles.Profile(scope.Practice)
	if err != nil {
		return PracticeFacts{}, err
	}
	conn, err := a.DB.Connection(ctx, p.Connection)
	if err != nil {
		return PracticeFacts{}, err
	}
	first, err := a.DB.FirstProduction(ctx, p.ID)
	if err != nil {
		return PracticeFacts{}, err
	}
	policy := profile.Policy
	if policy.ReportDueDays == 0 {
		policy.ReportDueDays = profile.Reports.DueBusinessDays
	}
	return PracticeFacts{
		Practice: p.ID, Name: p.Name, Registry: p.Registry, Connection: p.Connection, Sites: len(p.Sites),
		Zone: p.Zone, Phase: p.Phase, History: p.History, Submission: p.Submission,
		Policy: policy, Business: profile.BusinessDays(),
		Missing: missing(p, profile, conn, scope.date(a.Clock)),
		Call:    call(profile), FirstProduction: first,
	}, nil
}

// missing names the prerequisites of testing that are not there, in words.
func missing(p *registry.Practice, profile *registry.Profile, conn db.Connection, date time.Time) []string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if _, ok := p.Contact(registry.ContactVendor); !ok {
		add("a contact for the EHR vendor")
	}
	if _, ok := p.Contact(registry.ContactCoordinator); !ok {
		add("a contact for the coordinator, to whom answers go")
	}
	if _, ok := p.Contact(registry.ContactRegistry); !ok && profile.DataExchangeEmail == "" {
		add("a contact for the registry")
	}
	if p.IISID == "" && strings.Contains(profile.File.NameTemplate, "{iis}") {
		add("the registry's ten-digit number of the organization (TX IIS ID), which file names carry")
	}
	if conn.Protocol == "sftp" && len(conn.HostKeys) == 0 {
		add("the host key of connection %s", conn.Name)
	}
	if conn.Protocol != "byhand" && conn.SecretRef == "" {
		add("the login of connection %s", conn.Name)
	}
	today := inZone(date, p.Zone).Format(time.DateOnly)
	for _, s := range p.Sites {
		ended := s.Until != "" && s.Until < today
		if s.Agreement != "" && s.Agreement < today && !ended {
			add("a site agreement for %s: the last one ended on %s", s.ID, s.Agreement)
		}
	}
	return words
}

// call is whom to ring when the registry is waited for.
func call(p *registry.Profile) string {
	var ways []string
	for _, way := range []string{p.DataExchangePhone, p.DataExchangeEmail} {
		if way != "" {
			ways = append(ways, way)
		}
	}
	return strings.TrimSpace(p.Title + ": " + strings.Join(ways, ", "))
}

// checkAnswer refuses a "since" that is no date.
func checkAnswer(h HistoryAnswer) error {
	if h.Since == "" {
		return nil
	}
	if !h.Can {
		return registry.Errorf(registry.Invalid, "history answer", "since goes with can")
	}
	if _, err := time.Parse(time.DateOnly, h.Since); err != nil {
		return registry.Errorf(registry.Invalid, "history answer", "since is not a date such as 2020-01-01")
	}
	return nil
}
