package activities

import (
	"context"
	"io"
	"time"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer/byhand"
	"immtrail/vault"
)

// Hands serves connections whose files a person uploads with a browser.
type Hands struct {
	DB       *db.Store
	Vault    *vault.Vault
	Profiles ProfileSource
	Clock    Clock
}

// LayOutFileInput names the delivery that a person is to upload.
type LayOutFileInput struct {
	Scope
	DeliveryID string `json:"delivery_id"`
}

// LayOutFileResult says where the file lies.
type LayOutFileResult struct {
	Path string `json:"path"`
	// Site is the address of the registry's web client: the connection's host, or
	// else what the profile says.
	Site string `json:"site,omitempty"`
	// Done says that the file was uploaded before.
	Done bool `json:"done,omitempty"`
}

// LayOutFile puts the file under its remote name into the connection's folder,
// which only its owner can read. It checks lane and phase once more. Repeating
// it puts the same file there.
func (a *Hands) LayOutFile(ctx context.Context, in LayOutFileInput) (LayOutFileResult, error) {
	defer beat(ctx, nil)()
	out, err := a.layOut(ctx, in)
	return out, fail(ctx, err)
}

func (a *Hands) layOut(ctx context.Context, in LayOutFileInput) (LayOutFileResult, error) {
	d, err := a.DB.BeginUpload(ctx, in.Practice, in.DeliveryID)
	if err != nil {
		return LayOutFileResult{}, err
	}
	conn, err := a.DB.Connection(ctx, d.Connection)
	if err != nil {
		return LayOutFileResult{}, err
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return LayOutFileResult{}, err
	}
	out := LayOutFileResult{Site: webClient(conn, profile)}
	if d.State == db.DeliveryRenamed || d.State == db.DeliveryConfirmed {
		out.Done = true
		return out, nil
	}
	out.Path, err = byhand.LayOut(byhand.File{
		Folder: conn.Settings.Folder, Name: d.RemoteName, Size: d.Size, SHA256: d.Digest,
		Source: func() (io.ReadCloser, error) { return a.Vault.Open(ctx, d.VaultKey) },
	})
	return out, err
}

// EndHandUploadInput says what became of a laid-out file.
type EndHandUploadInput struct {
	Scope
	DeliveryID string `json:"delivery_id"`
	// Uploaded says that the person did it; otherwise it is only taken away.
	Uploaded bool `json:"uploaded"`
	// Who uploaded it, By says so, At when (zero: now).
	Who string         `json:"who,omitempty"`
	By  registry.Actor `json:"by"`
	At  time.Time      `json:"at,omitzero"`
}

// EndHandUpload records the upload and takes the copy away. Repeating it
// changes nothing.
func (a *Hands) EndHandUpload(ctx context.Context, in EndHandUploadInput) (Done, error) {
	return Done{}, fail(ctx, a.endUpload(ctx, in))
}

func (a *Hands) endUpload(ctx context.Context, in EndHandUploadInput) error {
	d, err := a.DB.Delivery(ctx, in.Practice, in.DeliveryID)
	if err != nil {
		return err
	}
	if in.Uploaded {
		at := in.At
		if at.IsZero() {
			at = in.date(a.Clock)
		}
		if err := a.DB.UploadedByHand(ctx, in.Practice, in.DeliveryID, in.Who, in.By, at); err != nil {
			return err
		}
	}
	conn, err := a.DB.Connection(ctx, d.Connection)
	if err != nil {
		return err
	}
	return byhand.Remove(conn.Settings.Folder, d.RemoteName)
}

// ConfirmByReportInput names a delivery whose file the registry has answered.
type ConfirmByReportInput struct {
	Scope
	DeliveryID string `json:"delivery_id"`
}

// ConfirmByReport records that the report proves the upload. Repeating it
// answers the same.
func (a *Hands) ConfirmByReport(ctx context.Context, in ConfirmByReportInput) (Receipt, error) {
	d, err := a.DB.Confirm(ctx, in.Practice, in.DeliveryID, registry.ConfirmedByReport, registry.System, in.date(a.Clock))
	if err != nil {
		return Receipt{}, fail(ctx, err)
	}
	return receipt(d), nil
}
