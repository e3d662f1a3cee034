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

const (
	// lateFor is for how many days after a file with late doses they are told of: a
	// clinic that enters one every other day is one incident and not one a day.
	lateFor = 7
	// lateBack is how many days back the last file with late doses is looked for. One a
	// month is the least that the registry allows.
	lateBack = 62
)

// late adds the incident of doses that went more than 30 days after they were given
// (25 TAC 100.6). It ends a week after the last file with any, once a later file of
// the practice has none. A historical load is old by its nature and is no part of it.
func (a *Watches) late(ctx context.Context, f db.WatchFacts, seeds []db.IncidentSeed, date time.Time) ([]db.IncidentSeed, error) {
	if f.Phase != registry.PhaseProduction {
		return seeds, nil
	}
	last, err := a.DB.LatestDoses(ctx, f.Practice, date.AddDate(0, 0, -lateBack))
	if err != nil || last.Late.IsZero() {
		return seeds, err
	}
	week := date.AddDate(0, 0, -lateFor)
	if last.Late.Before(week) && last.Any.After(last.Late) {
		return seeds, nil
	}
	from := week
	if last.Late.Before(from) {
		from = last.Late
	}
	sites, err := a.DB.LateDoses(ctx, db.LateFilter{Practice: f.Practice, From: from})
	if err != nil {
		return nil, err
	}
	return append(seeds, lateIncident(sites, from, last)...), nil
}

func lateIncident(sites []db.LateDoses, from time.Time, last db.LatestDoses) []db.IncidentSeed {
	sites = slices.DeleteFunc(slices.Clone(sites), func(s db.LateDoses) bool { return s.Late == 0 })
	if len(sites) == 0 {
		return nil
	}
	slices.SortStableFunc(sites, func(x, y db.LateDoses) int { return cmp.Compare(y.Late, x.Late) })
	late := 0
	var told []string
	for i, s := range sites {
		late += s.Late
		if i < maxTold {
			told = append(told, fmt.Sprintf("%s %d of %d", cmp.Or(s.Site, "no known site"), s.Late, s.Given))
		}
	}
	if more := len(sites) - len(told); more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	was, it := "it was", "it"
	if late > 1 {
		was, it = "they were", "them"
	}
	return []db.IncidentSeed{{
		Kind: IncidentLateDoses,
		Words: fmt.Sprintf("Since %s %s sent more than 30 days after %s given (25 TAC 100.6(b)): %s. The last came with %s of %s. "+
			"Ask the clinic why %s entered late, or the EHR vendor whether the export held %s back.",
			from.Format(time.DateOnly), amount(late, "dose was", "doses were"), was, strings.Join(told, "; "),
			last.File, last.Late.Format(time.DateOnly), was, it),
	}}
}
