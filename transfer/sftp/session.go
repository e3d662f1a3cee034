package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"immtrail/registry"
	"immtrail/transfer"
)

// Operations, as errors name them.
const (
	opDial     = "dial"
	opUpload   = "upload"
	opStat     = "look"
	opList     = "list"
	opDownload = "download"
	opRemove   = "remove"
)

const (
	posixRename = "posix-rename@openssh.com"
	fsync       = "fsync@openssh.com"
	statVFS     = "statvfs@openssh.com"
)

// keepalives per idle time keep firewalls from forgetting a session whose
// caller is busy elsewhere: every 15 s with the usual settings.
const keepalives = 4

// checkLimit bounds the question whether an idle session lives.
const checkLimit = 5 * time.Second

// closeLimit bounds the polite end of a session.
const closeLimit = 5 * time.Second

// session is one SSH connection with SFTP on it.
type session struct {
	conn    *countingConn
	ssh     *ssh.Client
	sftp    *sftp.Client
	c       transfer.Connection
	hostKey ssh.PublicKey
	// packet is the payload in bytes of one read or write.
	packet int
	// requests is our side of the transfer.
	requests *requests
	// pulse, while set, is called whenever the server answers something.
	pulse atomic.Pointer[func()]
	// acks counts what the server has acknowledged.
	acks acks
	// lost is set once no answer can come any more.
	lost atomic.Bool
	// watch, while set, reads along what the server answers.
	watch atomic.Pointer[nameWatch]

	stopKeepalive func()
}

var (
	_ transfer.Remote  = (*session)(nil)
	_ transfer.Checker = (*session)(nil)
)

// errLost ends the reading of a source whose bytes nobody takes any more.
var errLost = errors.New("the connection is lost")

// errSilent ends a step that the server did not answer in time.
var errSilent = errors.New("the server did not answer in time")

// step runs one exchange with the server. When ctx ends, or nothing has come
// after limit, the connection is closed, which makes every wait return; the
// session is useless then.
func (s *session) step(ctx context.Context, limit time.Duration, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var silent atomic.Bool
	timer := time.AfterFunc(limit, func() {
		silent.Store(true)
		_ = s.conn.Close()
	})
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	err := f()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w (%w)", ctx.Err(), err)
	case silent.Load():
		return fmt.Errorf("%w: %v", errSilent, limit)
	}
	return err
}

// flow is a step that lasts as long as the server goes on answering: it ends
// when nothing has come for the wait that the settings give to one answer.
func (s *session) flow(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limit := s.c.IdleTimeout()
	var over, silent atomic.Bool
	timer := time.AfterFunc(limit, func() {
		if !over.Load() {
			silent.Store(true)
			_ = s.conn.Close()
		}
	})
	pulse := func() { timer.Reset(limit) }
	s.pulse.Store(&pulse)
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	err := f()
	stop()
	s.pulse.Store(nil)
	over.Store(true) // an answer that is being read this moment may start the timer once more
	timer.Stop()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w (%w)", ctx.Err(), err)
	case silent.Load():
		return fmt.Errorf("%w: %v", errSilent, limit)
	}
	return err
}

// answers is the server's side of the file transfer, without the keepalives of
// the connection below it.
type answers struct {
	io.Reader
	s *session
}

// Read implements [io.Reader].
func (a *answers) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil {
		a.s.lost.Store(true)
	}
	a.s.acks.read(p[:n])
	if watch := a.s.watch.Load(); watch != nil {
		watch.read(p[:n])
	}
	if pulse := a.s.pulse.Load(); pulse != nil && n > 0 {
		(*pulse)()
	}
	return n, err
}

// Check implements [transfer.Checker].
func (s *session) Check(ctx context.Context) error {
	return s.step(ctx, min(s.c.IdleTimeout(), checkLimit), func() error {
		_, err := s.sftp.Getwd()
		return err
	})
}

// ask is a step with the wait that the settings give to one answer.
func (s *session) ask(ctx context.Context, f func() error) error {
	return s.step(ctx, s.c.IdleTimeout(), f)
}

// keepalive asks the server for a sign of life until the session is closed,
// and closes the connection when none comes.
func (s *session) keepalive() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(max(s.c.IdleTimeout()/keepalives, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := s.ask(ctx, func() error {
				_, _, err := s.ssh.SendRequest("keepalive@openssh.com", true, nil)
				return err
			})
			if err != nil {
				return // whoever uses the session next is told by its own step
			}
		}
	})
	s.stopKeepalive = func() { cancel(); wg.Wait() }
}

// Close implements [transfer.Remote].
func (s *session) Close() error {
	if s.stopKeepalive != nil {
		s.stopKeepalive()
	}
	ctx := context.Background() // a session is to be left properly even when the caller's time is up
	_ = s.step(ctx, min(s.c.IdleTimeout(), closeLimit), func() error {
		if s.sftp != nil {
			_ = s.sftp.Close() // the server may have closed first
		}
		return s.ssh.Close()
	})
	_ = s.conn.Close() // closed twice is closed
	return nil
}

// Capabilities implements [transfer.Remote].
func (s *session) Capabilities() transfer.Capabilities {
	return transfer.Capabilities{
		HostKey:     ssh.FingerprintSHA256(s.hostKey),
		Server:      printable(string(s.ssh.ServerVersion())),
		From:        s.conn.LocalAddr().String(),
		To:          s.conn.RemoteAddr().String(),
		PosixRename: s.offers(posixRename),
		FSync:       s.offers(fsync),
		StatVFS:     s.offers(statVFS),
		Limits:      s.offers("limits@openssh.com"),
	}
}

// printable is a server's text fit for a screen.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func (s *session) offers(extension string) bool {
	_, ok := s.sftp.HasExtension(extension)
	return ok
}

// fail builds the error of an operation. Server texts in err come quoted.
func fail(op string, kind registry.Kind, what string, err error) error {
	return registry.Errorf(kind, op, "%s: %w", what, err)
}

// kindOf gives an error of the libraries its kind. What says nothing is
// weather.
func kindOf(err error) registry.Kind {
	var own *registry.Error
	var status *sftp.StatusError
	var channel *ssh.OpenChannelError
	var mismatch *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &own):
		return own.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errSilent):
		return registry.Transient
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return registry.Refused
	case errors.As(err, &mismatch):
		return registry.Refused // it will not learn our ciphers by being asked again
	case errors.As(err, &status):
		return statusKind(status)
	case errors.As(err, &channel):
		if channel.Reason == ssh.ResourceShortage {
			return registry.Busy
		}
		return registry.Refused
	}
	return registry.Transient
}

// statusKind reads SSH_FXP_STATUS. "Failure" is what OpenSSH says for a full
// disk and for most other troubles: Busy is retried for long and then held;
// [session.whyFailure] finds out more where it can.
func statusKind(status *sftp.StatusError) registry.Kind {
	code := status.FxCode()
	switch {
	case errors.Is(code, sftp.ErrSSHFxFailure):
		return registry.Busy
	case errors.Is(code, sftp.ErrSSHFxOpUnsupported), errors.Is(code, sftp.ErrSSHFxPermissionDenied),
		errors.Is(code, sftp.ErrSSHFxNoSuchFile):
		return registry.Refused
	}
	return registry.Transient
}

// whyFailure adds to a bare "Failure" whether the disk is full, when the
// server tells.
func (s *session) whyFailure(ctx context.Context, folder string, err error) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) || !errors.Is(status.FxCode(), sftp.ErrSSHFxFailure) || !s.offers(statVFS) {
		return err
	}
	var free uint64
	ask := s.ask(ctx, func() error {
		v, err := s.sftp.StatVFS(folder)
		if err == nil {
			free = v.Frsize * v.Bavail
		}
		return err
	})
	switch {
	case ask != nil:
		return err
	case free == 0:
		return registry.Errorf(registry.Busy, opUpload, "the server's disk is full: %w", err)
	}
	return registry.Errorf(registry.Busy, opUpload, "the server's disk has %d bytes free, a quota may be used up: %w", free, err)
}
