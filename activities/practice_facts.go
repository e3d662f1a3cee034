package activities

import (
	"context"
	"strings"
	"time"

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
	items, err := Checklist(ctx, a.DB, p, profile, scope.date(a.Clock))
	if err != nil {
		return PracticeFacts{}, err
	}
	entry, _, err := a.DB.EntryOf(ctx, p.ID)
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
	reviews, asked, _, err := a.DB.Reviews(ctx, p.ID)
	if err != nil {
		return PracticeFacts{}, err
	}
	next, err := second(ctx, a.DB, p.ID, profile, scope.date(a.Clock))
	if err != nil {
		return PracticeFacts{}, err
	}
	early, kept, err := a.DB.EarlyApproval(ctx, p.ID)
	if err != nil {
		return PracticeFacts{}, err
	}
	skip, err := a.DB.OpenSkip(ctx, p.ID)
	if err != nil {
		return PracticeFacts{}, err
	}
	onboarded, err := a.DB.Onboarded(ctx, p.ID)
	if err != nil {
		return PracticeFacts{}, err
	}
	facts := PracticeFacts{
		Practice: p.ID, Name: p.Name, Registry: p.Registry, Connection: p.Connection, Sites: len(p.Sites),
		Zone: p.Zone, Phase: p.Phase, History: p.History, Submission: p.Submission,
		Policy: policy, Business: profile.BusinessDays(),
		Wanted: Wanted(p, items), Entered: entry.From, Since: entry.Since,
		Call: call(profile), FirstProduction: first,
		Reviews: reviews, ReviewAsked: asked, Second: next, Onboarded: onboarded,
	}
	if skip.Key != "" {
		facts.Skip = &SkipFacts{Key: skip.Key, Due: skip.Due, By: skip.By}
	}
	if kept {
		facts.Early, facts.EarlyBy = &early.Approval, early.By
	}
	return facts, nil
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
