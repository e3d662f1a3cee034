package transfer

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"immtrail/registry"
)

// pooled is a session on loan. It serves one caller at a time, as every
// [Remote]; Close may come from anywhere.
type pooled struct {
	Remote
	pool *Pool
	host string
	key  poolKey
	life time.Duration

	broken, returned atomic.Bool
}

var _ Remote = (*pooled)(nil)

// sound reports whether the session may be used by somebody else after err:
// when the server answered, even with a refusal. After anything else nobody
// knows what is still on its way in it.
func sound(err error) bool {
	if err == nil {
		return true
	}
	switch registry.KindOf(err) {
	case registry.Refused, registry.Missing, registry.Conflict, registry.Invalid, registry.NotAllowed:
		return true
	case registry.Transient, registry.Busy, registry.Corrupt, registry.Unauthorised,
		registry.HostKeyChanged, registry.DeliveryUnknown:
	}
	return false
}

func (r *pooled) after(err error) error {
	if !sound(err) {
		r.broken.Store(true)
	}
	return err
}

// ready refuses a session that was given back: it may be somebody else's.
func (r *pooled) ready() error {
	if r.returned.Load() {
		return registry.Errorf(registry.Transient, "session", "it was closed")
	}
	return nil
}

// Close implements [Remote]: the session goes back to the pool, or ends.
func (r *pooled) Close() error {
	switch {
	case r.returned.Swap(true):
	case r.broken.Load() || r.life <= 0:
		r.pool.end(r.host, r.Remote)
	default:
		r.pool.giveBack(r.host, r.key, r.Remote, r.life)
	}
	return nil
}

// Upload implements [Remote].
func (r *pooled) Upload(ctx context.Context, req UploadRequest) (Uploaded, error) {
	if err := r.ready(); err != nil {
		return Uploaded{}, err
	}
	up, err := r.Remote.Upload(ctx, req)
	return up, r.after(err)
}

// Stat implements [Remote].
func (r *pooled) Stat(ctx context.Context, folder, name string) (Seen, error) {
	if err := r.ready(); err != nil {
		return Seen{}, err
	}
	seen, err := r.Remote.Stat(ctx, folder, name)
	return seen, r.after(err)
}

// List implements [Remote].
func (r *pooled) List(ctx context.Context, folder string) (Listing, error) {
	if err := r.ready(); err != nil {
		return Listing{}, err
	}
	l, err := r.Remote.List(ctx, folder)
	if err != nil {
		r.broken.Store(true) // one that was cut off in the middle leaves its rest in the session
	}
	return l, err
}

// Download implements [Remote].
func (r *pooled) Download(ctx context.Context, folder, name string, w io.Writer) (Downloaded, error) {
	if err := r.ready(); err != nil {
		return Downloaded{}, err
	}
	d, err := r.Remote.Download(ctx, folder, name, w)
	return d, r.after(err)
}

// ReadBack implements [Remote].
func (r *pooled) ReadBack(ctx context.Context, folder, name string) (Downloaded, error) {
	if err := r.ready(); err != nil {
		return Downloaded{}, err
	}
	d, err := r.Remote.ReadBack(ctx, folder, name)
	return d, r.after(err)
}

// Remove implements [Remote].
func (r *pooled) Remove(ctx context.Context, folder, name string) error {
	if err := r.ready(); err != nil {
		return err
	}
	return r.after(r.Remote.Remove(ctx, folder, name))
}
