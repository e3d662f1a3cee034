package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

const (
	// volumeWeeks are read back; patternWeeks of them make what is usual, at least
	// patternLeast; after newUsualWeeks that are all unlike it, they are the new one.
	volumeWeeks   = 26
	patternWeeks  = 8
	patternLeast  = 4
	newUsualWeeks = 12
	// A week with fewer working days says nothing: most clinics are closed then.
	openDaysLeast = 4

	volumeNone = "none"
)

// siteVolume is how a site's last whole week stands to what is usual for it.
type siteVolume struct {
	site string
	// state is empty where it is usual, an incident's kind, or volumeNone; began is the
	// Monday after the first week that was so.
	state string
	began time.Time
	// records came in the week that begins on week; usual would have been usual.
	week           string
	records, usual int
	// only is the one vaccine that was given in it, where several are usual.
	only                string
	onlyBegan           time.Time
	given, usualVaccine int
}

// siteVolumes are those of sites with a pattern, by site.
type siteVolumes map[string]siteVolume

// volume reads and judges the weeks of a practice's sites.
func (a *Watches) volume(ctx context.Context, f db.WatchFacts, in LookInput, profile *registry.Profile, date time.Time) (siteVolumes, error) {
	if f.Phase != registry.PhaseProduction || in.Policy.VolumeLeast <= 0 || in.Policy.VolumeFactor < 2 {
		return nil, nil
	}
	b := profile.BusinessDays()
	this := mondayOf(date, b.Location())
	var err error
	f.Weeks, err = a.DB.SiteWeeks(ctx, in.Practice, b.Location().String(), this.AddDate(0, 0, -7*volumeWeeks), this)
	return volumesOf(f, in.Policy, b, date), err
}

func mondayOf(date time.Time, zone *time.Location) time.Time {
	y, m, d := date.In(zone).Date()
	return time.Date(y, m, d-(int(date.In(zone).Weekday())+6)%7, 0, 0, 0, 0, zone)
}

// volumesOf judges each active site by its own weeks. It is pure.
func volumesOf(f db.WatchFacts, p registry.Policy, b registry.BusinessDays, date time.Time) siteVolumes {
	if p.VolumeLeast <= 0 || p.VolumeFactor < 2 {
		return nil
	}
	bySite := map[string]map[string]db.SiteWeek{}
	first := map[string]string{}
	for _, w := range f.Weeks {
		if bySite[w.Site] == nil {
			bySite[w.Site], first[w.Site] = map[string]db.SiteWeek{}, w.Week
		}
		bySite[w.Site][w.Week] = w
	}
	out := siteVolumes{}
	for _, s := range activeSites(f, date) {
		if bySite[s.ID] == nil {
			continue
		}
		judge := volumeJudge{policy: p, out: siteVolume{site: s.ID}}
		said := latest(s.Attested, f.Attested)
		this := mondayOf(date, b.Location())
		for monday := this.AddDate(0, 0, -7*volumeWeeks); monday.Before(this); monday = monday.AddDate(0, 0, 7) {
			week, open := monday.Format(time.DateOnly), openDays(b, monday)
			// The site's first week may be half of one; what somebody attested is known.
			if week <= first[s.ID] || open < openDaysLeast || !said.Before(monday) {
				continue
			}
			judge.week(bySite[s.ID][week], monday, open)
		}
		if judge.known {
			out[s.ID] = judge.out
		}
	}
	return out
}

func openDays(b registry.BusinessDays, monday time.Time) (n int) {
	for day := range 7 {
		if b.Is(monday.AddDate(0, 0, day).Add(12 * time.Hour)) {
			n++
		}
	}
	return n
}

// volumeJudge walks the weeks of a site, the oldest first.
type volumeJudge struct {
	policy registry.Policy
	out    siteVolume
	known  bool
	// rates are the messages of usual weeks by working day, odd those of the unusual
	// weeks since.
	rates, odd []float64
	// missed are the weeks with too little that a large one may make up for.
	missed   int
	vaccines []float64
}

func (j *volumeJudge) week(w db.SiteWeek, monday time.Time, open int) {
	rate := float64(w.Records) / float64(open)
	usual := int(median(j.rates)*float64(open) + 0.5)
	was := j.out.state
	j.known = len(j.rates) >= patternLeast && usual >= j.policy.VolumeLeast
	j.out.week, j.out.records, j.out.usual = monday.Format(time.DateOnly), w.Records, usual
	j.out.state = ""
	if j.known {
		j.out.state = j.stateOf(w.Records, usual)
	}
	switch j.out.state {
	case "":
		j.rates, j.odd = append(j.rates, rate), nil
	case was:
		j.odd = append(j.odd, rate)
	default:
		j.odd, j.out.began = append(j.odd, rate), monday.AddDate(0, 0, 7)
	}
	j.missed++
	if j.out.state != volumeNone && j.out.state != IncidentVolumeLow {
		j.missed = 0
	}
	if len(j.odd) >= newUsualWeeks {
		j.rates, j.odd, j.out.state = j.odd, nil, ""
	}
	j.rates = j.rates[max(0, len(j.rates)-patternWeeks):]
	j.oneVaccine(w, monday)
}

func (j *volumeJudge) stateOf(records, usual int) string {
	switch {
	case records == 0:
		return volumeNone
	case records*j.policy.VolumeFactor <= usual:
		return IncidentVolumeLow
	case records >= usual*j.policy.VolumeFactor*(1+j.missed):
		return IncidentVolumeHigh
	}
	return ""
}

// oneVaccine judges what was given; weeks with few doses say nothing of it.
func (j *volumeJudge) oneVaccine(w db.SiteWeek, monday time.Time) {
	if w.Given < j.policy.VolumeLeast {
		j.out.only = ""
		return
	}
	usual := int(median(j.vaccines) + 0.5)
	only := w.Vaccines == 1 && w.Top != "" && j.policy.VolumeVaccines > 0 &&
		len(j.vaccines) >= patternLeast && usual >= j.policy.VolumeVaccines
	switch {
	case !only:
		j.out.only = ""
		j.vaccines = append(j.vaccines, float64(w.Vaccines))
		j.vaccines = j.vaccines[max(0, len(j.vaccines)-patternWeeks):]
		return
	case j.out.only == "":
		j.out.onlyBegan = monday.AddDate(0, 0, 7)
	}
	j.out.only, j.out.given, j.out.usualVaccine = w.Top, w.Given, usual
}

func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// vanished says from when on a site is missed whose last week had no record at all,
// while dozens are usual; since is when it was last heard of.
func (v siteVolumes) vanished(s db.SiteWatch, since time.Time) (from time.Time, gone bool) {
	of, ok := v[s.ID]
	return of.began, ok && of.state == volumeNone && since.Before(of.began)
}

// nothingCame reports whether a whole week had no file, of a practice of which each
// site with a pattern is missed.
func (v siteVolumes) nothingCame(f db.WatchFacts, date time.Time) bool {
	came := false
	for _, s := range activeSites(f, date) {
		if _, ok := v[s.ID]; !ok {
			continue
		}
		from, gone := v.vanished(s, siteSince(f, s))
		if !gone || !latest(f.LastDelivery, f.Attested).Before(from.AddDate(0, 0, -7)) {
			return false
		}
		came = true
	}
	return came
}

// incidents are the sites' weeks that are unlike theirs. Sites of which it began in
// the same week, or the week after, are one incident under the name of the first.
func (v siteVolumes) incidents(f db.WatchFacts, open []db.Incident) []db.IncidentSeed {
	var seeds []db.IncidentSeed
	for _, kind := range []string{IncidentVolumeLow, IncidentVolumeHigh, IncidentOneVaccine} {
		var those []siteVolume
		for _, s := range f.Sites {
			of, ok := v[s.ID]
			if ok && (of.state == kind || kind == IncidentOneVaccine && of.only != "") {
				if kind == IncidentOneVaccine {
					of.began = of.onlyBegan
				}
				those = append(those, of)
			}
		}
		slices.SortStableFunc(those, func(x, y siteVolume) int { return x.began.Compare(y.began) })
		for _, have := range open {
			var with []siteVolume
			if have.Kind == kind {
				with, those = splitVolumes(those, func(of siteVolume) bool {
					return of.site == have.Site || !of.began.After(have.OpenedAt.AddDate(0, 0, togetherDays))
				})
			}
			if len(with) > 0 {
				seeds = append(seeds, volumeSeed(kind, have.Site, with))
			}
		}
		for len(those) > 0 {
			first := those[0]
			var with []siteVolume
			with, those = splitVolumes(those, func(of siteVolume) bool { return daysSince(first.began, of.began) <= togetherDays })
			seeds = append(seeds, volumeSeed(kind, first.site, with))
		}
	}
	return seeds
}

func splitVolumes(all []siteVolume, in func(siteVolume) bool) (with, without []siteVolume) {
	for _, v := range all {
		if in(v) {
			with = append(with, v)
		} else {
			without = append(without, v)
		}
	}
	return with, without
}

func volumeSeed(kind, key string, with []siteVolume) db.IncidentSeed {
	var told []string
	for _, v := range with[:min(len(with), maxSitesTold)] {
		if kind == IncidentOneVaccine {
			told = append(told, fmt.Sprintf("%s: %s, all of CVX %s, where %s are usual",
				v.site, amount(v.given, "dose", "doses"), v.only, amount(v.usualVaccine, "vaccine", "vaccines")))
		} else {
			told = append(told, fmt.Sprintf("%s: %s, where about %d are usual", v.site, amount(v.records, "message", "messages"), v.usual))
		}
	}
	if n := len(with) - len(told); n > 0 {
		told = append(told, fmt.Sprintf("and %d more", n))
	}
	what, remedy := "far fewer records than usual", "Ask the clinic what it gave, and the EHR vendor whether a part (a provider, a room, a program) no longer reaches the export."
	switch kind {
	case IncidentVolumeHigh:
		what = "far more records than usual"
		remedy = "Ask the EHR vendor whether records are sent again, or an old period came along; if so, pause until it is mended."
	case IncidentOneVaccine:
		what = "records of one vaccine only"
		remedy = "Ask the EHR vendor whether the export filters by vaccine. A clinic that gave only one is no fault."
	}
	return db.IncidentSeed{
		Kind: kind, Site: key,
		Words: fmt.Sprintf("%s sent %s in the week of %s. %s. %s",
			amount(len(with), "site", "sites"), what, with[0].week, strings.Join(told, "; "), remedy),
	}
}
