package activities

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
)

// recordingTime is given to writing down what has happened at the registry,
// even while the activity is being stopped: forgetting it costs a person's time.
const recordingTime = 15 * time.Second

func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordingTime)
}

// uploadProgress is what an attempt leaves for the next one.
type uploadProgress struct {
	Sent int64 `json:"sent"`
	// Acknowledged says that the server acknowledged the last step; the
	// database may not have heard of it.
	Acknowledged bool `json:"acknowledged,omitempty"`
}

// upload sends a prepared delivery. Every state is recorded before the act that
// it names, so that a repeat knows how far the file may have come.
func (a *Deliveries) upload(ctx context.Context, in UploadFileInput) (int64, error) {
	d, err := a.DB.BeginUpload(ctx, in.Practice, in.DeliveryID)
	if err != nil {
		return 0, err
	}
	if d.State == db.DeliveryRenamed || d.State == db.DeliveryConfirmed {
		return d.Size, nil
	}
	before := lastAttempt(ctx, uploadProgress{Sent: in.Sent})
	if before.Acknowledged {
		activity.RecordHeartbeat(ctx, uploadProgress{Sent: d.Size, Acknowledged: true}) // for the next attempt, should this one fail
		return d.Size, a.DB.Published(ctx, d.Practice, d.ID, in.date(a.Clock))
	}
	var sent atomic.Int64
	sent.Store(before.Sent) // until the driver begins again, a failed dial forgets nothing
	var acknowledged atomic.Bool
	progress := func() any { return uploadProgress{Sent: sent.Load(), Acknowledged: acknowledged.Load()} }
	defer beat(ctx, progress)()
	remote, err := a.dial(ctx, d, transfer.ToSend, in.date(a.Clock))
	if err != nil {
		return 0, withSent(err, before.Sent)
	}
	defer func() { _ = remote.Close() }() // the driver has been told that all is well, or not
	s := &sending{a: a, d: d, sent: &sent, before: before.Sent, pace: pace(ctx, in.BytesPerSecond)}
	up, err := remote.Upload(ctx, s.request(ctx))
	if err != nil {
		if activity.IsActivity(ctx) {
			activity.RecordHeartbeat(ctx, progress()) // where a host that resumes goes on from
		}
		s.failed(ctx, err)
		if s.ours.Load() {
			return 0, err
		}
		return 0, withSent(met(d.Connection, err), sent.Load())
	}
	if up.Bytes != d.Size || up.SHA256 != d.Digest {
		return 0, registry.Errorf(registry.Corrupt, "upload", "%s: the driver speaks of another file than the one prepared", d.ID)
	}
	acknowledged.Store(true)
	if activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx, progress())
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	return d.Size, a.DB.Published(ctx, d.Practice, d.ID, in.date(a.Clock))
}

// lastAttempt is what the last attempt was told by the server and could not
// write down anywhere else: how many bytes lie there, and whether the file is
// under its name. Where there was none, it is what an earlier visit came to.
func lastAttempt(ctx context.Context, earlier uploadProgress) uploadProgress {
	var before uploadProgress
	if !activity.IsActivity(ctx) || !activity.HasHeartbeatDetails(ctx) || activity.GetHeartbeatDetails(ctx, &before) != nil {
		return earlier
	}
	return before
}

func (a *Deliveries) dial(ctx context.Context, d db.Delivery, purpose transfer.Purpose, at time.Time) (transfer.Remote, error) {
	profile, err := a.Profiles.Profile(d.Practice)
	if err != nil {
		return nil, err
	}
	conn, err := a.Connections.Connection(ctx, d.Connection, profile.Transfer)
	if err != nil {
		return nil, err
	}
	conn.Purpose = purpose
	return a.Connections.dial(ctx, a.Dialer, conn, at)
}

// sending is one attempt to upload.
type sending struct {
	a    *Deliveries
	d    db.Delivery
	sent *atomic.Int64
	// before is how many bytes the last attempt saw acknowledged.
	before int64
	// again is done when bytes begin to travel.
	again sync.Once
	// published is set once the last step was announced in this attempt.
	published bool
	pace      *paced
	// ours is set where the file store or the database failed: that says nothing
	// about the connection.
	ours atomic.Bool
}

// source opens the bytes that are to travel.
func (s *sending) source(ctx context.Context) (io.ReadCloser, error) {
	r, err := s.a.Vault.Open(ctx, s.d.VaultKey)
	if err != nil {
		s.ours.Store(true)
		return nil, err
	}
	return s.pace.reader(&ownReader{ReadCloser: r, failed: &s.ours}), nil
}

// ownReader notes that it was our own side that failed.
type ownReader struct {
	io.ReadCloser
	failed *atomic.Bool
}

// Unwrap lets the file store's own digest be found ([transfer.Digester]).
func (r *ownReader) Unwrap() io.Reader { return r.ReadCloser }

// Read reads from the file store.
func (r *ownReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed.Store(true)
	}
	return n, err
}

func (s *sending) request(ctx context.Context) transfer.UploadRequest {
	return transfer.UploadRequest{
		Folder: s.d.Folder, Name: s.d.RemoteName, Size: s.d.Size, SHA256: s.d.Digest,
		Acknowledged: s.before,
		Source:       func() (io.ReadCloser, error) { return s.source(ctx) },
		MayBeThere:   s.d.State == db.DeliveryUploaded || s.d.State == db.DeliveryUnknown,
		Progress: func(n int64) {
			s.sent.Store(n)
			s.again.Do(func() { s.notPublished(ctx) })
		},
		BeforePublish: func(ctx context.Context) error {
			if err := s.a.DB.AboutToPublish(ctx, s.d.Practice, s.d.ID); err != nil {
				s.ours.Store(true)
				return err
			}
			s.published = true
			return nil
		},
	}
}

// notPublished takes back that the file may be at the registry: the driver has
// looked and sends it (again), or the server refused the last step for certain.
// A failure to write it down is harmless: a repeat then asks a person where it
// need not have.
func (s *sending) notPublished(ctx context.Context) {
	if s.d.State == db.DeliveryUploaded || s.d.State == db.DeliveryUnknown || s.published {
		ctx, cancel := recording(ctx)
		defer cancel()
		_ = s.a.DB.NotPublished(ctx, s.d.Practice, s.d.ID)
	}
}

// failed records what the error says about where the file is. What cannot be
// written down here is found out by the next attempt, which looks first.
func (s *sending) failed(ctx context.Context, err error) {
	switch registry.KindOf(err) {
	case registry.DeliveryUnknown:
		ctx, cancel := recording(ctx)
		defer cancel()
		_ = s.a.DB.DeliveryLost(ctx, s.d.Practice, s.d.ID)
	case registry.Refused, registry.Busy, registry.Corrupt, registry.Conflict:
		if s.published {
			s.notPublished(ctx)
		}
	default:
	}
}
