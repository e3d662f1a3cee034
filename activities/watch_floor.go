package activities

import (
	"fmt"
	"slices"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// The rungs of silence, the lesser first: each takes the place of those before it.
var rungs = []string{IncidentQuietSite, IncidentFloorWarning, IncidentFloor}

// rung is how grave so many days without a record are, by the policy: the kind, its
// level, and the lesser kinds that it takes the place of.
func rung(days int, p registry.Policy) (s db.IncidentSeed) {
	s.Kind = IncidentQuietSite
	for _, warn := range p.FloorWarnings {
		if days >= warn {
			s.Kind, s.Level = IncidentFloorWarning, max(s.Level, warn)
		}
	}
	if p.FloorDays > 0 && days >= p.FloorDays {
		s.Kind, s.Level = IncidentFloor, p.FloorDays
	}
	s.Replaces = rungs[:slices.Index(rungs, s.Kind)]
	return s
}

// floorSince is from when a practice's days count: the last confirmed production
// file (or the last accepted one, as the policy says), the last word that there was
// nothing to send, or the Production email, whichever is latest. A word for every
// site is one for the practice.
func floorSince(f db.WatchFacts, date time.Time) time.Time {
	attested := time.Time{}
	for n, s := range activeSites(f, date) {
		said := latest(s.Attested, f.Attested)
		if n == 0 || said.Before(attested) {
			attested = said
		}
	}
	return latest(f.LastDelivery, f.Attested, attested, f.ProductionSince)
}

func activeSites(f db.WatchFacts, date time.Time) []db.SiteWatch {
	return slices.DeleteFunc(slices.Clone(f.Sites), func(s db.SiteWatch) bool { return !s.Active(date) })
}

// floorIncident is the practice's own: no file of any site.
func floorIncident(f db.WatchFacts, p registry.Policy, date time.Time) (s db.IncidentSeed, wrong bool) {
	since := floorSince(f, date)
	days := daysSince(since, date)
	s = rung(days, p)
	if s.Kind == IncidentQuietSite {
		return s, false
	}
	last := "No production file was ever " + took(p)
	if !f.LastDelivery.IsZero() {
		last = fmt.Sprintf("The last file %s was %s on %s", took(p), f.LastName, f.LastDelivery.Format(time.DateOnly))
	}
	if s.Kind == IncidentFloor {
		s.Words = fmt.Sprintf("Nothing since %s, %s, and the registry asks for a file at least every %d. %s.",
			since.Format(time.DateOnly), amount(days, "day", "days"), p.FloorDays, last)
	} else {
		s.Words = fmt.Sprintf("Nothing since %s, %s; %s left until the registry's limit of %d. %s.",
			since.Format(time.DateOnly), amount(days, "day", "days"), amount(p.FloorDays-days, "day is", "days are"), p.FloorDays, last)
	}
	s.Advice = "Put a file into the outbox, or attest that there was nothing to send."
	return s, true
}

// took says what counts by the policy.
func took(p registry.Policy) string {
	if p.FloorFrom == registry.FloorAccepted {
		return "accepted"
	}
	return "confirmed"
}

// FloorDays are the days that count towards the registry's limit at date, of the
// practice and of the site that counts most.
func FloorDays(f db.WatchFacts, date time.Time) (days int, site string, siteDays int) {
	site, siteDays = floorSite(f, date)
	return max(0, daysSince(floorSince(f, date), date)), site, siteDays
}

// floorSite is the active site whose days count most.
func floorSite(f db.WatchFacts, date time.Time) (site string, days int) {
	for _, s := range activeSites(f, date) {
		if d := daysSince(siteSince(f, s), date); d > days {
			site, days = s.ID, d
		}
	}
	return site, days
}
