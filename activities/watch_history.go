package activities

import (
	"context"
	"fmt"

	"immtrail/db"
	"immtrail/registry"
)

// LeftInHistory counts the files in the historical outbox of a practice, for a watch:
// none where there is no such folder, for nobody is to look there any more.
func LeftInHistory(f *Files) func(practice string) (int, error) {
	return func(practice string) (int, error) {
		o, err := f.openOutbox(practice, registry.LaneHistorical)
		if registry.KindOf(err) == registry.Missing {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		defer o.close()
		files, unready, err := o.list()
		return len(files) + len(unready), err
	}
}

// forgotten adds the incident of files that an EHR laid into the historical outbox of
// a practice whose load is over: nobody takes them.
func (a *Watches) forgotten(ctx context.Context, f db.WatchFacts, seeds []db.IncidentSeed) ([]db.IncidentSeed, error) {
	if a.LeftInHistory == nil || f.Phase != registry.PhaseProduction {
		return seeds, nil
	}
	p, err := a.DB.Practice(ctx, f.Practice)
	if err != nil || p.History != registry.HistoryClosed && p.History != registry.HistoryNone {
		return seeds, err
	}
	n, err := a.LeftInHistory(f.Practice)
	if err != nil {
		// A folder that cannot be read keeps no look from its other alarms, and is no
		// sign that the files are gone.
		return a.stillOpen(ctx, f.Practice, IncidentHistoryOver, seeds)
	}
	if n == 0 {
		return seeds, nil
	}
	words := fmt.Sprintf("%s in the historical outbox, and nothing takes them: ", amount(n, "file lies", "files lie"))
	if p.History == registry.HistoryNone {
		words += fmt.Sprintf("the vendor's answer was that there is no historical load. If one was found after all: "+
			"starter history reopen %s --reason \"…\". Else take them out", f.Practice)
	} else {
		words += "the historical load is closed for ever. Take them out, and ask the EHR vendor what they are; " +
			"what the registry lacks of them can go as a production file (starter submit " + f.Practice + " FILE --production)"
	}
	return append(seeds, db.IncidentSeed{Kind: IncidentHistoryOver, Words: words + "."}), nil
}

// stillOpen adds an incident of that kind as it stands, where there is one.
func (a *Watches) stillOpen(ctx context.Context, practice, kind string, seeds []db.IncidentSeed) ([]db.IncidentSeed, error) {
	open, err := a.DB.OpenIncidents(ctx, practice)
	for _, i := range open {
		if i.Kind == kind {
			seeds = append(seeds, db.IncidentSeed{Kind: i.Kind, Site: i.Site, Level: i.Level, Words: i.Words})
		}
	}
	return seeds, err
}
