package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// stillNothingPart stands in the event of an alarm that nobody settles a hold.
const stillNothingPart = "/still-nothing/"

// alarms are the "still nothing" of what holds a connection or a server. It is many
// practices', so no practice's watch tells it: it goes by the registry's profile
// (policy.wait_alarm_days and its working days) without any practice's overrides, to
// the coordinators of all practices on it and to the registry's lead
// (policy.lead, or else whoever letters come from), and again after as many days.
// Its all-clear is the hold's.
func (a *Notices) alarms(_ context.Context, waits []db.Wait, date time.Time) ([]dueLetter, error) {
	var out []dueLetter
	for _, w := range waits {
		if w.HoldID == "" || !shared(w) {
			continue
		}
		profile, err := a.Profiles.Profile("")
		if err != nil {
			return nil, err
		}
		days := profile.Policy.WaitAlarmDays
		if days <= 0 {
			continue
		}
		if level := profile.BusinessDays().Between(w.Since, date) / days; level > 0 {
			out = append(out, dueLetter{event: fmt.Sprintf("hold/%s%s%d", w.HoldID, stillNothingPart, level)})
		}
	}
	return out, nil
}

// shared reports whether what waits is of a connection or a server and not of one
// practice.
func shared(w db.Wait) bool { return w.Connection != "" || w.Server != "" }

// stillNothing makes the alarm of a hold that nobody settles, for the lead to read too.
func (w *writer) stillNothing(h db.Hold) {
	if !strings.Contains(w.in.Event, stillNothingPart) {
		return
	}
	passed := w.profile.BusinessDays().Between(h.OpenedAt, w.date)
	w.data.What = "still nothing: " + w.data.What
	w.data.Words = joinSentences(fmt.Sprintf("Nobody has settled this in %s", amount(passed, "business day", "business days")), w.data.Words)
	w.lead = leadContact(w.profile.Policy, w.From)
}

// toldOf adds to an all-clear whoever was told of the matter: the lead, and those who
// got an alert in somebody else's place.
func (w *writer) toldOf(ctx context.Context, matter string) error {
	if w.in.Kind != NoticeResolved {
		return nil
	}
	told, err := w.DB.ToldOf(ctx, matter)
	for _, address := range told {
		w.told = append(w.told, registry.Contact{Email: address})
	}
	return err
}
