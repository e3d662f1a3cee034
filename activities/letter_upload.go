package activities

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// FileUploadedSignal is the name of the signal by which a person says that a
// file was uploaded; it is frozen.
const FileUploadedSignal = "file-uploaded-by-hand"

// fileWorkflow begins the workflow ID of a file's submission.
const fileWorkflow = "file/"

// UploadInput is what a person pastes into the Web UI to say that a file was
// uploaded by hand.
func UploadInput(delivery string) string {
	return fmt.Sprintf(`{"delivery_id": %q, "by": "YOUR NAME"}`, delivery)
}

// upload tells a person which file to upload, where it lies, under which name
// and where to upload it, how to say so, by when, and what happens next.
func (w *writer) upload(ctx context.Context) error {
	h, err := w.DB.Hold(ctx, w.in.HoldID)
	if err != nil {
		return err
	}
	file, ok := strings.CutPrefix(h.WorkflowID, fileWorkflow)
	if !ok {
		return registry.Errorf(registry.Invalid, "letter", "%s is not the wait of a file", h.ID)
	}
	d, err := w.laidOut(ctx, file)
	if err != nil {
		return err
	}
	conn, err := w.DB.Connection(ctx, d.Connection)
	if err != nil {
		return err
	}
	w.data.HoldID, w.data.What, w.data.Page = h.ID, h.Reason.Words(), string(h.Reason)
	w.data.Upload = registry.LetterUpload{
		File: file, Name: d.RemoteName, Path: filepath.Join(conn.Settings.Folder, d.RemoteName),
		Where: webClient(conn, w.profile), Messages: d.Messages, Bytes: int(d.Size), SHA256: d.Digest,
		Delivery: d.ID, Workflow: h.WorkflowID, Signal: FileUploadedSignal, Input: UploadInput(d.ID),
	}
	w.data.Due = w.profile.BusinessDays().After(h.OpenedAt, w.profile.Policy.UploadDays).Format(time.DateOnly)
	w.since(h.OpenedAt)
	return nil
}

// laidOut is the delivery of a file that waits for a person. Kind Missing where
// there is none.
func (w *writer) laidOut(ctx context.Context, file string) (db.Delivery, error) {
	found, err := w.DB.FindDeliveries(ctx, file)
	if err != nil {
		return db.Delivery{}, err
	}
	var last db.Delivery
	for _, d := range found {
		if d.FileID == file && d.Practice == w.in.Practice && d.State != db.DeliveryAbandoned && d.Attempt > last.Attempt {
			last = d
		}
	}
	if last.ID == "" {
		return last, registry.Errorf(registry.Missing, "letter", "%s has no delivery that could be uploaded", file)
	}
	return last, nil
}

// webClient is where a person uploads: what the connection says, or else the
// registry's own page.
func webClient(c db.Connection, profile *registry.Profile) string {
	return cmp.Or(c.Host, profile.Transfer.WebClient)
}
