package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"immtrail/db"
)

// lateDays is how far back `status` tells of late doses.
const lateDays = 30

// lateNow are a practice's doses of the last days by site, where any was late.
func (a *app) lateNow(ctx context.Context, store *db.Store, practice string) ([]db.LateDoses, error) {
	return lateOnly(store.LateDoses(ctx, db.LateFilter{Practice: practice, From: a.now().AddDate(0, 0, -lateDays)}))
}

// lateOnly leaves nothing where no dose was late, and puts the worst site first.
func lateOnly(sites []db.LateDoses, err error) ([]db.LateDoses, error) {
	if err != nil {
		return nil, err
	}
	sites = slices.DeleteFunc(sites, func(s db.LateDoses) bool { return s.Late == 0 })
	slices.SortStableFunc(sites, func(x, y db.LateDoses) int { return cmp.Compare(y.Late, x.Late) })
	return append([]db.LateDoses{}, sites...), nil
}

// lateWords are a sentence on late doses; empty where none was.
func lateWords(sites []db.LateDoses) string {
	const most = 5
	late := 0
	var told []string
	for i, s := range sites {
		late += s.Late
		if i < most {
			told = append(told, fmt.Sprintf("%s %d of %d", orWord(s.Site, "no known site"), s.Late, s.Given))
		}
	}
	if late == 0 {
		return ""
	}
	if more := len(sites) - most; more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s given more than 30 days before they went (25 TAC 100.6): %s.",
		plural(late, "dose was", "doses were"), strings.Join(told, "; "))
}
