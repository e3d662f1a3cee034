package activities

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

const (
	// togetherDays is how long after the first site others that fall silent are
	// taken for the same trouble: a broken export shows at each clinic on the next
	// day on which that clinic would have sent.
	togetherDays = 7
	// maxSitesTold bounds the sites that a sentence names.
	maxSitesTold = 10
	// rhythmFiles make a rhythm; fewer files say nothing of how often a site sends.
	rhythmFiles = 4
)

// silence is a site that the practice's files no longer speak of, since the day
// on which that became a matter to tell.
type silence struct {
	db.SiteWatch
	told time.Time
	days int
}

// quietSites finds the sites that the practice's files no longer speak of: quiet
// first, then by the days that the registry allows (20, 25, 28, and the limit).
// Sites that fall silent together are one incident, kept under the name of the
// first; it is as grave as its gravest site, and never less than it was. A practice
// that sends nothing at all is one incident of its own, and none where the count of
// days without a file (floor) tells of it; its sites' incidents then wait.
func quietSites(
	f db.WatchFacts, p registry.Policy, date time.Time, open []db.Incident, volume siteVolumes, floor bool,
) []db.IncidentSeed {
	if p.QuietSiteDays <= 0 {
		return nil
	}
	silent := silentSites(f, p, date, volume)
	days := daysSince(latest(f.LastDelivery, f.Attested), date)
	whole := !f.LastDelivery.IsZero() && (days >= p.QuietSiteDays || volume.nothingCame(f, date))
	var seeds []db.IncidentSeed
	for _, have := range open {
		if !slices.Contains(rungs, have.Kind) || have.Site == "" {
			continue
		}
		var with []silence
		with, silent = split(silent, func(s silence) bool { return joins(s, have) })
		if len(with) > 0 {
			seeds = append(seeds, notLess(quietSeed(have.Site, with, p), have, whole || floor))
		}
	}
	if whole {
		if len(silent) > 0 && !floor {
			seeds = append(seeds, db.IncidentSeed{
				Kind: IncidentQuietSite,
				Words: fmt.Sprintf("Nothing of any site for %s; the last file %s was %s on %s.",
					amount(days, "day", "days"), took(p), f.LastName, f.LastDelivery.Format(time.DateOnly)),
				Advice: "Ask the EHR vendor whether the EHR still exports, or attest that there was nothing to send.",
			})
		}
		return seeds
	}
	for len(silent) > 0 {
		first := silent[0]
		var with []silence
		with, silent = split(silent, func(s silence) bool { return daysSince(first.told, s.told) <= togetherDays })
		seeds = append(seeds, quietSeed(first.ID, with, p))
	}
	return seeds
}

// notLess keeps an incident at least as grave as it was told, and just so where
// still is set.
func notLess(s db.IncidentSeed, have db.Incident, still bool) db.IncidentSeed {
	was, is := slices.Index(rungs, have.Kind), slices.Index(rungs, s.Kind)
	if still || is < was || is == was && s.Level < have.Level {
		s.Kind, s.Level, s.Replaces = have.Kind, have.Level, nil
	}
	return s
}

// silentSites are the sites of which something is to be told, the first silent
// one first.
func silentSites(f db.WatchFacts, p registry.Policy, date time.Time, volume siteVolumes) []silence {
	var out []silence
	for _, site := range f.Sites {
		if !site.Active(date) || site.Last.IsZero() && f.FirstDelivery.IsZero() {
			continue
		}
		since := siteSince(f, site)
		told := since.AddDate(0, 0, patience(site, p))
		if from, gone := volume.vanished(site, since); gone && from.Before(told) {
			told = from
		}
		if date.Before(told) {
			continue
		}
		out = append(out, silence{SiteWatch: site, told: told, days: daysSince(since, date)})
	}
	slices.SortStableFunc(out, func(x, y silence) int { return x.told.Compare(y.told) })
	return out
}

// patience is how many days a site may be silent: those of the policy, or twice the
// longest time between two of its files where that is longer, but never longer than
// the registry allows. A site without a rhythm yet is told of by the last warning
// before that.
func patience(s db.SiteWatch, p registry.Policy) int {
	days, last := p.QuietSiteDays, p.FloorDays
	if len(p.FloorWarnings) > 0 {
		days, last = min(days, slices.Min(p.FloorWarnings)), slices.Max(p.FloorWarnings)
	}
	if s.Files < rhythmFiles {
		return max(days, last)
	}
	gap := int((s.Gap + 24*time.Hour - 1) / (24 * time.Hour))
	days = max(days, 2*gap)
	if p.FloorDays > 0 {
		days = min(days, p.FloorDays)
	}
	return days
}

// siteSince is when a site was last heard of: its last confirmed record, a
// person's word, or the day from which it was expected. Where nothing of the site
// was sent from here yet it is expected from the practice's first file on.
func siteSince(f db.WatchFacts, s db.SiteWatch) time.Time {
	return latest(s.Last, s.Attested, f.Attested, f.ProductionSince, s.Begins, f.FirstDelivery)
}

// joins reports whether a silence belongs to an incident that is open.
func joins(s silence, have db.Incident) bool {
	return s.ID == have.Site || !s.told.After(have.OpenedAt.AddDate(0, 0, togetherDays))
}

func split(all []silence, in func(silence) bool) (with, without []silence) {
	for _, s := range all {
		if in(s) {
			with = append(with, s)
		} else {
			without = append(without, s)
		}
	}
	return with, without
}

// quietSeed is one incident of sites, as grave as the one that is silent longest.
func quietSeed(key string, with []silence, p registry.Policy) db.IncidentSeed {
	worst := with[0]
	for _, s := range with {
		if s.days > worst.days {
			worst = s
		}
	}
	seed := rung(worst.days, p)
	seed.Site = key
	limit := ""
	switch seed.Kind {
	case IncidentFloor:
		limit = fmt.Sprintf(" The registry asks for the records of each at least every %s.", amount(p.FloorDays, "day", "days"))
	case IncidentFloorWarning:
		limit = fmt.Sprintf(" %s left until the registry's limit of %d.", amount(p.FloorDays-worst.days, "day is", "days are"), p.FloorDays)
	}
	if len(with) == 1 {
		last := "it was never in a file that was " + took(p)
		if !worst.Last.IsZero() {
			last = fmt.Sprintf("it was last in %s on %s", worst.LastName, worst.Last.Format(time.DateOnly))
		}
		seed.Advice = "Ask the clinic whether its EHR still exports, or attest that there was nothing to send."
		seed.Words = fmt.Sprintf("Site %s has had no record in a file for %s; %s.%s",
			worst.ID, amount(worst.days, "day", "days"), last, limit)
		return seed
	}
	var names []string
	for _, s := range with[:min(len(with), maxSitesTold)] {
		names = append(names, s.ID)
	}
	more := ""
	if n := len(with) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	last := ""
	if !worst.Last.IsZero() {
		last = fmt.Sprintf(" Site %s was last in %s on %s.", worst.ID, worst.LastName, worst.Last.Format(time.DateOnly))
	}
	seed.Advice = "Ask the EHR vendor what happened to the export of these clinics; for one that has nothing to send, attest it."
	seed.Words = fmt.Sprintf("%d sites have had no record in a file for up to %s: %s%s.%s%s",
		len(with), amount(worst.days, "day", "days"), strings.Join(names, ", "), more, last, limit)
	return seed
}
