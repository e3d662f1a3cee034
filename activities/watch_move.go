package activities

import (
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
