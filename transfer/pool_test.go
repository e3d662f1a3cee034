package transfer_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

// house is a driver that counts its sessions.
type house struct {
	mu     sync.Mutex
	opened []*guest
	refuse error
}

func (h *house) Dial(context.Context, transfer.Connection) (transfer.Remote, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return nil, h.refuse
	}
	g := &guest{id: len(h.opened) + 1}
	h.opened = append(h.opened, g)
	return g, nil
}

func (h *house) living() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, g := range h.opened {
		if !g.closed.Load() {
			n++
		}
	}
	return n
}

// guest is a session that answers what it is told to.
type guest struct {
	transfer.Remote
	id     int
	answer error
	sick   atomic.Bool
	closed atomic.Bool
}

func (g *guest) Stat(context.Context, string, string) (transfer.Seen, error) {
	return transfer.Seen{Size: int64(g.id)}, g.answer
}

func (g *guest) Download(context.Context, string, string, io.Writer) (transfer.Downloaded, error) {
	return transfer.Downloaded{}, g.answer
}

func (g *guest) Close() error { g.closed.Store(true); return nil }

func (g *guest) Check(context.Context) error {
	if g.sick.Load() {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func pooled(t *testing.T, h *house) *transfer.Pool {
	t.Helper()
	p := transfer.NewPool(h)
	t.Cleanup(func() {
		require.NoError(t, p.Close())
		require.Zero(t, h.living(), "a closed pool leaves no session behind")
		require.Zero(t, p.Sessions())
	})
	return p
}

func at(host string) transfer.Connection {
	return transfer.Connection{Name: "dshs", Protocol: "sftp", Host: host, User: "u", Settings: registry.TransferSettings{
		SFTPIdleLife: time.Hour, DialTimeout: 20 * time.Second,
	}}
}

// session dials and tells which session it got.
func session(t *testing.T, p *transfer.Pool, c transfer.Connection) (transfer.Remote, int64) {
	t.Helper()
	r, err := p.Dial(t.Context(), c)
	require.NoError(t, err)
	seen, _ := r.Stat(t.Context(), "", "x")
	return r, seen.Size
}

func TestPoolReuses(t *testing.T) {
	t.Run("a session that was given back serves the next caller", func(t *testing.T) {
		h := &house{}
		p := pooled(t, h)
		for range 3 {
			r, id := session(t, p, at("a"))
			require.EqualValues(t, 1, id)
			require.NoError(t, r.Close())
			require.NoError(t, r.Close(), "twice is once")
			_, err := r.Stat(t.Context(), "", "x")
			require.Equal(t, registry.Transient, registry.KindOf(err), "it may be somebody else's by now")
		}
	})
	t.Run("what confirms is never what sent", func(t *testing.T) {
		p := pooled(t, &house{})
		look := at("a")
		look.Purpose = transfer.ToLook
		for range 3 {
			sender, sends := session(t, p, at("a"))
			require.NoError(t, sender.Close())
			looker, looks := session(t, p, look)
			require.NoError(t, looker.Close())
			require.NotEqual(t, sends, looks)
		}
		require.Equal(t, 2, p.Sessions())
	})
	t.Run("other credentials, pins or manners never share a session", func(t *testing.T) {
		p := pooled(t, &house{})
		changed := []func(*transfer.Connection){
			func(*transfer.Connection) {},
			func(c *transfer.Connection) { c.User = "v" },
			func(c *transfer.Connection) { c.Password = []byte("new") },
			func(c *transfer.Connection) { c.Key = []byte("new") },
			func(c *transfer.Connection) { c.HostKeys = []string{"another"} },
			func(c *transfer.Connection) { c.Settings.IdleTimeout = time.Second },
			func(c *transfer.Connection) { c.Name = "other" },
		}
		for i, change := range changed {
			c := at("a")
			change(&c)
			r, id := session(t, p, c)
			require.EqualValues(t, i+1, id)
			require.NoError(t, r.Close())
		}
	})
	t.Run("a session whose idle life is 0 ends with its use", func(t *testing.T) {
		h := &house{}
		p := pooled(t, h)
		c := at("a")
		c.Protocol = "ftps"
		r, _ := session(t, p, c)
		require.Equal(t, 1, h.living())
		require.NoError(t, r.Close())
		require.Zero(t, h.living())
	})
	t.Run("an idle session ends when its time is over, not before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := &house{}
			p := pooled(t, h)
			r, _ := session(t, p, at("a"))
			require.NoError(t, r.Close())
			time.Sleep(time.Hour - time.Second)
			require.Equal(t, 1, h.living())
			time.Sleep(2 * time.Second)
			synctest.Wait()
			require.Zero(t, h.living())
		})
	})
}

func TestPoolThrowsAway(t *testing.T) {
	for kind, kept := range map[registry.Kind]bool{
		registry.Refused: true, registry.Missing: true, registry.Conflict: true, registry.Invalid: true,
		registry.Transient: false, registry.Busy: false, registry.Corrupt: false, registry.DeliveryUnknown: false,
	} {
		t.Run("after "+string(kind), func(t *testing.T) {
			h := &house{}
			p := pooled(t, h)
			r, _ := session(t, p, at("a"))
			h.opened[0].answer = registry.Errorf(kind, "x", "y")
			_, err := r.Download(t.Context(), "", "x", io.Discard)
			require.Error(t, err)
			require.NoError(t, r.Close())
			require.Equal(t, !kept, h.opened[0].closed.Load())
		})
	}
	t.Run("a session that died while nobody used it is not handed out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := &house{}
			p := pooled(t, h)
			r, _ := session(t, p, at("a"))
			require.NoError(t, r.Close())
			h.opened[0].sick.Store(true)
			time.Sleep(time.Minute) // of the bubble's clock
			r, id := session(t, p, at("a"))
			require.EqualValues(t, 2, id)
			require.True(t, h.opened[0].closed.Load())
			require.NoError(t, r.Close())
		})
	})
}

func TestPoolBoundsTheSessionsAtAHost(t *testing.T) {
	capped := func(host string, most int) transfer.Connection {
		c := at(host)
		c.Settings.MaxSessions = most
		return c
	}
	t.Run("who comes later waits for one that gets free", func(t *testing.T) {
		h := &house{}
		p := pooled(t, h)
		r, _ := session(t, p, capped("a", 1))
		got := make(chan error, 1)
		go func() {
			next, err := p.Dial(context.WithoutCancel(t.Context()), capped("a", 1))
			if err == nil {
				err = next.Close()
			}
			got <- err
		}()
		select {
		case <-got:
			t.Fatal("it did not wait")
		case <-time.After(20 * time.Millisecond):
		}
		require.NoError(t, r.Close())
		require.NoError(t, <-got)
		require.Len(t, h.opened, 1)
	})
	t.Run("an idle session for something else makes room", func(t *testing.T) {
		h := &house{}
		p := pooled(t, h)
		r, _ := session(t, p, capped("a", 1))
		require.NoError(t, r.Close())
		look := capped("a", 1)
		look.Purpose = transfer.ToLook
		r, id := session(t, p, look)
		require.EqualValues(t, 2, id)
		require.True(t, h.opened[0].closed.Load())
		require.NoError(t, r.Close())
	})
	t.Run("when none gets free in time the host is busy", func(t *testing.T) {
		p := pooled(t, &house{})
		c := capped("a", 1)
		c.Settings.DialTimeout = 10 * time.Millisecond
		r, _ := session(t, p, c)
		_, err := p.Dial(t.Context(), c)
		require.Equal(t, registry.Busy, registry.KindOf(err))
		require.NoError(t, r.Close())
	})
	t.Run("another host is not concerned, and a failed dial takes no place", func(t *testing.T) {
		h := &house{}
		p := pooled(t, h)
		h.refuse = registry.Errorf(registry.Unauthorised, "dial", "no")
		for range 3 {
			_, err := p.Dial(t.Context(), capped("a", 1))
			require.Equal(t, registry.Unauthorised, registry.KindOf(err))
		}
		h.refuse = nil
		a, _ := session(t, p, capped("a", 1))
		b, _ := session(t, p, capped("b", 1))
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	})
	t.Run("many at once never exceed it", func(t *testing.T) {
		h := &house{}
		p := pooled(t, h)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				c := capped("a", 3)
				if i%2 == 0 {
					c.Purpose = transfer.ToLook
				}
				r, err := p.Dial(context.WithoutCancel(t.Context()), c)
				if err == nil {
					if h.living() > 3 {
						err = io.ErrShortBuffer
					}
					r.Close()
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("a closed pool opens nothing, and takes back what is still out", func(t *testing.T) {
		h := &house{}
		p := transfer.NewPool(h)
		r, _ := session(t, p, at("a"))
		require.NoError(t, p.Close())
		_, err := p.Dial(t.Context(), at("a"))
		require.Error(t, err)
		require.NoError(t, r.Close())
		require.Zero(t, h.living())
	})
}

func TestDialTCPStaysWithItsHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c := transfer.Connection{Name: "dshs", Host: "localhost", Port: l.Addr().(*net.TCPAddr).Port}
	dial := func(allowed ...string) error {
		c.Settings.AllowedAddresses = allowed
		conn, err := c.DialTCP(t.Context(), c.Addr(22))
		if err == nil {
			conn.Close()
		}
		return err
	}
	require.NoError(t, dial())
	require.NoError(t, dial("127.0.0.0/8", "::1/128"))
	err = dial("192.0.2.0/24", "2001:db8::/32")
	require.Equal(t, registry.Refused, registry.KindOf(err), "the address counts, not the name that leads to it")
	require.ErrorContains(t, err, "allowed_addresses")
	require.Equal(t, registry.Invalid, registry.KindOf(dial("localhost")))
	_, err = c.DialTCP(t.Context(), "127.0.0.2:22")
	require.Equal(t, registry.Refused, registry.KindOf(err), "a server cannot send us to another host")
}

func TestTrustedHosts(t *testing.T) {
	c := transfer.Connection{Host: "a.example", Port: 2222}
	for marks, trusted := range map[string]bool{"": false, "a.example": true, "a.example:2222": true, "a.example:22": false, "b.example": false} {
		c.Settings.TrustedParallel = []string{marks}
		require.Equal(t, trusted, c.Trusted(), marks)
	}
}
