package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// Ending is a credential of a connection, or an agreement of the practice, that
// ends soon or has ended.
type Ending struct {
	// Connection is empty where it is the practice's own.
	Connection string `json:"connection,omitempty"`
	// Words say what ends when, and what to do; Move is the exact command.
	Words string `json:"words"`
	Move  string `json:"move"`
	// Event names the warning, the same for every practice on the connection. Whose
	// it is to renew is told of each once, with that person's morning letter.
	Event string `json:"event"`
}

// ending finds what of the practice's connection ends within the policy's days.
// Each of those days warns once, and so does the end.
func (a *Watches) ending(ctx context.Context, in LookInput, date time.Time) ([]Ending, error) {
	if len(in.Policy.CredentialWarnings) == 0 {
		return nil, a.DB.KeepWarnings(ctx, in.Practice, "", nil)
	}
	practice, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return nil, err
	}
	today := time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, time.UTC)
	found, err := a.DB.Expiries(ctx, practice.Connection, today.AddDate(0, 0, slices.Max(in.Policy.CredentialWarnings)))
	if err != nil {
		return nil, err
	}
	var out []Ending
	for _, e := range found {
		days := int(e.Expires.Sub(today) / (24 * time.Hour))
		event := fmt.Sprintf("expiry/%s/%s/%s/%s", e.Connection, e.What, e.Expires.Format(time.DateOnly), warningDay(days, in.Policy.CredentialWarnings))
		words, move := endingWords(e, days)
		out = append(out, Ending{Connection: e.Connection, Words: words, Move: move, Event: event})
	}
	if out, err = a.agreementsEnding(ctx, in, practice, today, out); err != nil {
		return nil, err
	}
	return out, a.keepWarnings(ctx, practice, out, in.date(a.Clock))
}

// keepWarnings keeps what ends where the morning letters look.
func (a *Watches) keepWarnings(ctx context.Context, p *registry.Practice, ending []Ending, date time.Time) error {
	warnings := make([]db.Warning, len(ending))
	for i, e := range ending {
		warnings[i] = db.Warning{Event: e.Event, Connection: e.Connection, Words: e.Words, Move: e.Move, Page: PageCredential, At: date}
		if e.Connection == "" {
			warnings[i].Practice, warnings[i].Page = p.ID, PageAgreement
		}
	}
	return a.DB.KeepWarnings(ctx, p.ID, p.Connection, warnings)
}

// agreementsEnding adds the agreements (and whatever else of the checklist has a
// date of end) that end within the policy's days: one warning for all sites whose
// agreement ends on one day.
func (a *Watches) agreementsEnding(ctx context.Context, in LookInput, p *registry.Practice, today time.Time, out []Ending) ([]Ending, error) {
	profile, err := a.Profiles.Profile(p.ID)
	if err != nil {
		return nil, err
	}
	items, err := Checklist(ctx, a.DB, p, profile, in.date(a.Clock))
	if err != nil {
		return nil, err
	}
	before := today.AddDate(0, 0, slices.Max(in.Policy.CredentialWarnings)).Format(time.DateOnly)
	type group struct{ key, ends string }
	sites, order := map[group][]registry.PrerequisiteItem{}, []group{}
	for _, i := range items {
		if i.Ends == "" || i.Ends > before {
			continue
		}
		g := group{i.Key, i.Ends}
		if len(sites[g]) == 0 {
			order = append(order, g)
		}
		sites[g] = append(sites[g], i)
	}
	slices.SortFunc(order, func(a, b group) int { return cmp.Or(strings.Compare(a.ends, b.ends), strings.Compare(a.key, b.key)) })
	for _, g := range order[:min(len(order), maxCurrent)] {
		ends, err := time.Parse(time.DateOnly, g.ends)
		if err != nil {
			continue // the database keeps dates only
		}
		days := int(ends.Sub(today) / (24 * time.Hour))
		event := fmt.Sprintf("agreement/%s/%s/%s/%s", p.ID, g.key, g.ends, warningDay(days, in.Policy.CredentialWarnings))
		out = append(out, Ending{Words: agreementWords(sites[g], days), Move: PrerequisiteMove(p, sites[g]), Event: event})
	}
	return out, nil
}

func agreementWords(items []registry.PrerequisiteItem, days int) string {
	what := capital(items[0].Says)
	if items[0].Site != "" {
		var names []string
		for _, i := range items[:min(len(items), sitesNamed)] {
			names = append(names, i.Site)
		}
		what += ", of " + strings.Join(names, ", ")
		if more := len(items) - sitesNamed; more > 0 {
			what += fmt.Sprintf(" and %d more", more)
		}
	}
	when := "ends on " + items[0].Ends
	if days < 0 {
		when = "ended on " + items[0].Ends
	}
	return fmt.Sprintf("%s: it %s. Renew it with the registry, then say so", what, when)
}

// warningDay is the nearest of the policy's days that has come.
func warningDay(days int, warnings []int) string {
	if days < 0 {
		return "over"
	}
	nearest := slices.Max(warnings)
	for _, w := range warnings {
		if w >= days && w < nearest {
			nearest = w
		}
	}
	return fmt.Sprint(nearest)
}

func endingWords(e db.Expiry, days int) (words, move string) {
	when := "works until " + e.Expires.Format(time.DateOnly) // no count of days: it is read later
	if days < 0 {
		when = fmt.Sprintf("ended on %s", e.Expires.Format(time.DateOnly))
	}
	remedy, move := "Ask the registry for a new one", fmt.Sprintf("starter connection rotate %s --secret REFERENCE", e.Connection)
	if e.What == db.CredentialHostKey {
		remedy = "Ask the registry for the new key's fingerprint"
		move = fmt.Sprintf("starter connection host-key accept %s --fingerprint SHA256:… --by \"…\"", e.Connection)
	}
	if e.What == db.CredentialCertificate {
		remedy = "The registry has to renew it; ask for the fingerprint of the new one"
		move = fmt.Sprintf("starter connection host-key accept %s --fingerprint cert-sha256:… --by \"…\"", e.Connection)
	}
	return fmt.Sprintf("%s of connection %s %s. %s", capital(e.What.Words()), e.Connection, when, remedy), move
}

func capital(s string) string { return string(s[0]-'a'+'A') + s[1:] }
