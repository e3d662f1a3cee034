package activities

import (
	"fmt"
	"slices"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// mover finds what moves an incident of a practice.
type mover struct {
	facts    db.WatchFacts
	waits    []db.Wait
	policy   registry.Policy
	business registry.BusinessDays
	date     time.Time
}

// move is a command to be pasted, with the remark that belongs to it.
func (m mover) move(i db.Incident) string {
	practice := m.facts.Practice
	switch i.Kind {
	case IncidentFloor, IncidentFloorWarning, IncidentQuietSite:
		if w, ok := outboxWait(m.waits); ok {
			return "starter hold explain " + w.HoldID
		}
		if m.facts.Submission == registry.SubmissionPaused {
			return "starter submission resume " + practice + ` --reason "…"`
		}
		return AttestMove(practice, i.Site)
	case IncidentStillNothing:
		return m.longest()
	case IncidentReportMissing:
		return "starter report import FILE --connection " + m.facts.MissingOver + " (when the registry has sent it)"
	case IncidentErrorsOverdue:
		return "starter errors list --practice " + practice + " --overdue"
	case IncidentErrorsOld, IncidentNewCode:
		return "starter errors list --practice " + practice
	case IncidentErrorRate, IncidentAcceptanceLow, IncidentLateDoses:
		return "starter quality " + practice
	case IncidentHistoryOver:
		return "starter history status " + practice
	case IncidentPausedLong, IncidentNoSchedule:
		return "starter submission resume " + practice + ` --reason "…"`
	}
	return "starter status " + practice
}

// AttestMove is the command that says that a practice, or one site of it, had
// nothing to send.
func AttestMove(practice, site string) string {
	of := practice
	if site != "" {
		of += " --site " + site
	}
	return "starter submission attest " + of + ` --reason "…" (if there was nothing to send; else put a file into the outbox)`
}

// longest is what moves the wait that has lasted longest, of those that the alarm is
// about.
func (m mover) longest() string {
	var found db.Wait
	most := -1
	for _, w := range m.waits {
		if passed := m.business.Between(w.Since, m.date); tooLong(w, passed, m.policy) && passed > most {
			found, most = w, passed
		}
	}
	switch {
	case found.HoldID != "":
		return "starter hold explain " + found.HoldID
	case found.Move != "":
		return found.Move
	}
	return "starter status " + m.facts.Practice
}

// tooLong reports whether a wait of so many business days is still nothing. Errors
// have an alarm of their own, and so has what holds a connection or a server.
func tooLong(w db.Wait, passed int, p registry.Policy) bool {
	return p.WaitAlarmDays > 0 && passed >= p.WaitAlarmDays && w.Kind != registry.WaitErrors && !shared(w)
}

// outboxWait is the open question about an outbox from which nothing can be taken.
func outboxWait(waits []db.Wait) (db.Wait, bool) {
	i := slices.IndexFunc(waits, func(w db.Wait) bool { return w.HoldID != "" && w.Reason == registry.HoldOutbox })
	if i < 0 {
		return db.Wait{}, false
	}
	return waits[i], true
}

// blamed says of alarms of missing records what is certain of their cause, in the place
// of what a reader would try first: as long as nothing can be taken from the outbox, or
// submission is paused, nobody need ask the EHR's vendor, or state that there was nothing.
func blamed(seeds []db.IncidentSeed, waits []db.Wait, f db.WatchFacts) {
	cause := ""
	if w, ok := outboxWait(waits); ok {
		cause = fmt.Sprintf("Nothing can be taken from the outbox since %s; settle that first: starter hold explain %s.", w.Since.Format(time.DateOnly), w.HoldID)
	} else if f.Submission == registry.SubmissionPaused {
		cause = fmt.Sprintf("Submission has been paused since %s.", f.PausedSince.Format(time.DateOnly))
	}
	if cause == "" {
		return
	}
	for i := range seeds {
		if slices.Contains(rungs, seeds[i].Kind) {
			seeds[i].Advice = cause
		}
	}
}
