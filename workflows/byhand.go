package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// FileUploadedByHand tells that a person has uploaded a file with a browser. It
// can be typed in the Web UI: {"delivery_id": "d-7", "by": "Ana Example", "at":
// "2026-03-02T15:00:00Z"}.
type FileUploadedByHand struct {
	DeliveryID string `json:"delivery_id"`
	// By is who uploaded it.
	By string `json:"by"`
	// At is when; empty is now.
	At time.Time `json:"at,omitzero"`
	// EnteredBy is who says so, where that is known.
	EnteredBy registry.Actor `json:"entered_by,omitzero"`
}

// handUpload is the part of a file's way that a person goes.
type handUpload struct {
	// delivery is the one that travels now; sent is set once a person has
	// uploaded it.
	delivery string
	sent     bool
	// said is what a person said of it.
	said *FileUploadedByHand
}

// hearUpload takes in what a person did. What does not fit is shown, and
// changes nothing.
func (f *fileSubmission) hearUpload(u FileUploadedByHand) {
	switch {
	case strings.TrimSpace(u.By) == "" || registry.Unfilled(u.By):
		f.notUsed(`who uploaded it? give your own name: "by": "…"`)
		return
	case u.DeliveryID != f.hand.delivery:
		f.notUsed(fmt.Sprintf("it names the delivery %q, and %q is on its way here", u.DeliveryID, f.hand.delivery))
		return
	case f.hand.said != nil:
		return // the first word counts
	}
	f.hand.said, f.refused = &u, ""
	for _, h := range f.sortedHolds() {
		if h.Reason == registry.HoldByHand && h.decision == nil {
			h.decision = &ResolveHold{HoldID: h.ID, Action: registry.ActionArrived, By: u.actor()}
		}
	}
}

func (u FileUploadedByHand) actor() registry.Actor {
	if u.EnteredBy.Name != "" {
		return actor(u.EnteredBy)
	}
	return actor(registry.Actor{Name: u.By})
}

// notUsed shows why a signal changed nothing.
func (f *fileSubmission) notUsed(why string) {
	f.refused = "The signal " + SignalFileUploadedByHand.Name + " was not used: " + why + "."
	f.chores = append(f.chores, func(ctx workflow.Context) error { return f.show(ctx) })
}

// byHand lays the file out for a person, says what to upload under which name,
// and waits for that person's word. The proof comes later: it is the report.
func (f *fileSubmission) byHand(ctx workflow.Context, d activities.PreparedDelivery) (registry.HoldAction, error) {
	f.hand = handUpload{delivery: d.DeliveryID}
	laid, action, err := attempt(ctx, f.process, fileWork, "lay out "+d.RemoteName, hands.LayOutFile,
		activities.LayOutFileInput{Scope: f.scope(), DeliveryID: d.DeliveryID}, registry.ActionRetry, registry.ActionDrop)
	if err != nil || action != "" {
		return action, err
	}
	if !laid.Done && f.hand.said == nil {
		action, err := f.hold(ctx, registry.HoldByHand, "upload "+d.RemoteName+" by hand", uploadWords(d, laid))
		if err != nil {
			return "", err
		}
		if action == registry.ActionDrop {
			_, err := must(ctx, f.process, fileWork, "take "+d.RemoteName+" away again", hands.EndHandUpload,
				activities.EndHandUploadInput{Scope: f.scope(), DeliveryID: d.DeliveryID})
			return action, err
		}
	}
	end := activities.EndHandUploadInput{Scope: f.scope(), DeliveryID: d.DeliveryID, Uploaded: true}
	if said := f.hand.said; said != nil {
		end.Who, end.By, end.At = said.By, said.actor(), said.At
	} else {
		end.Who, end.By = f.lastDecider.Name, f.lastDecider
	}
	if !laid.Done {
		if _, err := must(ctx, f.process, fileWork, "note the upload and take the copy away", hands.EndHandUpload, end); err != nil {
			return "", err
		}
	}
	f.hand.sent = true
	return "", nil
}

// uploadWords say what to do, in commands and in what to paste.
func uploadWords(d activities.PreparedDelivery, laid activities.LayOutFileResult) string {
	where := "the registry's web client"
	if laid.Site != "" {
		where = laid.Site
	}
	return fmt.Sprintf(`The file lies at %s. Upload it at %s under exactly this name; then type: starter delivery uploaded %s --by NAME. `+
		`In the Web UI send this workflow the signal %s with %s`,
		laid.Path, where, d.DeliveryID, SignalFileUploadedByHand.Name, activities.UploadInput(d.DeliveryID))
}

// proveByReport records that the report which answers the file proves its
// upload.
func (f *fileSubmission) proveByReport(ctx workflow.Context) error {
	if !f.hand.sent {
		return nil
	}
	receipt, err := must(ctx, f.process, ledgerWork, "the report proves the upload", hands.ConfirmByReport,
		activities.ConfirmByReportInput{Scope: f.scope(), DeliveryID: f.hand.delivery})
	if err != nil {
		return err
	}
	f.first = receipt.First
	return nil
}
