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

// silence adds to an alarm of missing records what is known of their cause, whom to
// call, and what ends it.
func (w *writer) silence(ctx context.Context, i db.IncidentRow) error {
	if !slices.Contains(rungs, i.Kind) {
		return nil
	}
	known, err := w.DB.Silence(ctx, w.in.Practice, i.Site)
	if err != nil {
		return err
	}
	hold, held, err := w.DB.ConnectionHeld(ctx, w.practice.Connection)
	if err != nil {
		return err
	}
	causes := causesOf(known, w.in.Practice, i.Site)
	if held {
		causes = append([]string{fmt.Sprintf("The connection waits for a person: starter hold show %s.", hold.ID)}, causes...)
	}
	w.data.Words += "\n\nLikely causes:"
	for _, c := range causes {
		w.data.Words += "\n- " + c
	}
	if who := callWords(w.practice.Contacts); who != "" {
		w.data.Words += "\n\nWhom to call: " + who + "."
	}
	attest := "starter submission attest " + w.in.Practice
	if i.Site != "" {
		attest += " --site " + i.Site
	}
	w.data.Commands = append(w.data.Commands, attest+` --reason "…"`)
	return nil
}

// causesOf are what the facts point at, what is certain first. That nothing arrived
// and that nothing was in what arrived are different matters.
func causesOf(s db.Silence, practice, site string) []string {
	var out []string
	if !s.Paused.IsZero() {
		out = append(out, fmt.Sprintf("Submission has been paused since %s: starter submission resume %s --reason \"…\".", s.Paused.Format(time.DateOnly), practice))
	}
	if s.OutboxHold != "" {
		out = append(out, fmt.Sprintf("Since %s nothing can be taken from the outbox: starter hold show %s. What the EHR has written since lies there.",
			s.OutboxSince.Format(time.DateOnly), s.OutboxHold))
	}
	if s.Waiting > 0 {
		out = append(out, fmt.Sprintf("%s not sent yet: starter status %s.", amount(s.Waiting, "file has come in and is", "files have come in and are"), practice))
	}
	if s.Unknown > 0 {
		out = append(out, fmt.Sprintf("%s left out because nothing tells their site: a facility identifier may have changed. See: starter held list --practice %s.",
			amount(s.Unknown, "message was", "messages were"), practice))
	}
	whose := "of the practice"
	if site != "" {
		whose = "of the site"
	}
	switch {
	case s.Came == 0 && s.OutboxHold != "": // whether anything arrived nobody can tell
	case s.Came == 0 && s.Arrived.IsZero():
		out = append(out, "Nothing arrived: no production file has ever come into the outbox. The EHR does not export, or not into this folder.")
	case s.Came == 0:
		out = append(out, fmt.Sprintf("Nothing arrived: the last file came into the outbox on %s. The EHR's export has stopped, or writes into another folder.",
			s.Arrived.Format(time.DateOnly)))
	case s.Empty == s.Came:
		out = append(out, fmt.Sprintf("The EHR had nothing to send: %s since, without any message. Its filter or its list of clinics may have changed.",
			amount(s.Came, "file has come", "files have come")))
	case s.Came > s.Waiting:
		out = append(out, fmt.Sprintf("%s since, without a record %s that could be sent: the clinic gave nothing, it has closed, or its export is switched off.",
			amount(s.Came, "file has come", "files have come"), whose))
	}
	return out
}

// callWords are the practice's people and its EHR vendor's.
func callWords(contacts []registry.Contact) string {
	var out []string
	for _, c := range contacts {
		role := "at the practice"
		switch c.Role {
		case registry.ContactVendor:
			role = "at the EHR vendor"
		case registry.ContactPractice:
		case registry.ContactRegistry, registry.ContactCoordinator:
			continue
		}
		out = append(out, fmt.Sprintf("%s %s, %s", c.Name, role, cmp.Or(c.Phone, c.Email)))
	}
	return strings.Join(out, "; ")
}
