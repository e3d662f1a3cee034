package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"immtrail/registry"
)

// Checker is a [Remote] that can tell whether its session still lives.
type Checker interface {
	// Check asks the server for a sign of life; an error ends the session.
	Check(ctx context.Context) error
}

// freshFor is how long a session is taken for alive without asking.
const freshFor = time.Second

// Pool keeps sessions at hand for the driver below it: closing one gives it
// back, and the next Dial for the same connection and [Purpose] gets it. A
// session is kept for [Connection.IdleLife] and thrown away when a call on it
// ended otherwise than by an answer of the server.
//
// It bounds the sessions per host that are open at once
// ([registry.TransferSettings].MaxSessions); whoever comes later waits, an idle
// session for something else makes room. It is safe for concurrent use.
type Pool struct {
	dialer Dialer

	mu     sync.Mutex
	hosts  map[string]*hostSessions
	closed bool
}

var _ Dialer = (*Pool)(nil)

// NewPool puts a pool over a driver. It must be closed.
func NewPool(d Dialer) *Pool { return &Pool{dialer: d, hosts: map[string]*hostSessions{}} }

// hostSessions are the sessions at one host. The pool's lock guards it.
type hostSessions struct {
	open int // idle or in use or being dialled
	idle []*idleSession
	// changed is closed and made anew when a session was given back or ended.
	changed chan struct{}
}

type idleSession struct {
	remote Remote
	key    poolKey
	since  time.Time
	timer  *time.Timer
}

// poolKey says what may share a session: everything that the server or our
// manners towards it depend on. Secrets go in as part of a digest only.
type poolKey struct {
	purpose Purpose
	digest  [sha256.Size]byte
}

func keyOf(c Connection) (poolKey, error) {
	type shared struct {
		Name, Protocol, Host      string
		Port                      int
		User                      string
		Password, Key, Passphrase []byte
		HostKeys                  []string
		CA                        []byte
		Settings                  registry.TransferSettings
	}
	b, err := json.Marshal(shared{
		c.Name, c.Protocol, c.Host, c.Port, c.User, c.Password, c.Key, c.Passphrase, c.HostKeys, c.CA, c.Settings,
	})
	return poolKey{purpose: c.Purpose, digest: sha256.Sum256(b)}, err
}

// Dial implements [Dialer]. Kind Busy when no session got free in the time that
// the connection gives to a dial.
func (p *Pool) Dial(ctx context.Context, c Connection) (Remote, error) {
	key, err := keyOf(c)
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, "dial", "connection %s: %w", c.Name, err)
	}
	host := c.Addr(0)
	for {
		idle, err := p.take(ctx, c, host, key)
		if err != nil {
			return nil, err
		}
		if idle != nil {
			if time.Since(idle.since) < freshFor || alive(ctx, idle.remote) {
				return &pooled{Remote: idle.remote, pool: p, host: host, key: key, life: c.IdleLife()}, nil
			}
			p.end(host, idle.remote)
			continue
		}
		remote, err := p.dialer.Dial(ctx, c)
		if err != nil {
			p.ended(host)
			return nil, err
		}
		return &pooled{Remote: remote, pool: p, host: host, key: key, life: c.IdleLife()}, nil
	}
}

func alive(ctx context.Context, r Remote) bool {
	c, ok := r.(Checker)
	return !ok || c.Check(ctx) == nil
}

// take finds an idle session, or room for a new one (nil).
func (p *Pool) take(ctx context.Context, c Connection, host string, key poolKey) (*idleSession, error) {
	ctx, cancel := context.WithTimeout(ctx, c.DialTimeout())
	defer cancel()
	for {
		got, inTheWay, wait, err := p.tryTake(host, key, c.Settings.MaxSessions)
		switch {
		case err != nil:
			return nil, err
		case inTheWay != nil:
			p.end(host, inTheWay.remote)
			continue
		case wait == nil:
			return got, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			kind := registry.Busy
			if errors.Is(ctx.Err(), context.Canceled) {
				kind = registry.Transient
			}
			return nil, registry.Errorf(kind, "dial", "connection %s: all %d sessions that we may have at this host are in use: %w",
				c.Name, c.Settings.MaxSessions, ctx.Err())
		}
	}
}

// tryTake gives one of: a session, one that has to go first, a channel to wait
// on, or nothing: there is room for a new one, which is counted already.
func (p *Pool) tryTake(host string, key poolKey, most int) (got, inTheWay *idleSession, wait <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, nil, registry.Errorf(registry.Transient, "dial", "the pool of sessions is closed")
	}
	h := p.hosts[host]
	if h == nil {
		h = &hostSessions{changed: make(chan struct{})}
		p.hosts[host] = h
	}
	// The one used last is the likeliest to be alive.
	for i := len(h.idle) - 1; i >= 0; i-- {
		if h.idle[i].key == key {
			return h.remove(i), nil, nil, nil
		}
	}
	switch {
	case most <= 0 || h.open < most:
		h.open++
		return nil, nil, nil, nil
	case len(h.idle) > 0:
		return nil, h.remove(0), nil, nil
	}
	return nil, nil, h.changed, nil
}

// remove takes an idle session out; it still counts as open.
func (h *hostSessions) remove(i int) *idleSession {
	s := h.idle[i]
	h.idle = slices.Delete(h.idle, i, i+1)
	s.timer.Stop()
	return s
}

// end closes a session that is not idle any more.
func (p *Pool) end(host string, r Remote) {
	_ = r.Close() // nothing hangs on how it ends
	p.ended(host)
}

// ended counts a session out.
func (p *Pool) ended(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts[host].open--
	p.hosts[host].tell()
}

func (h *hostSessions) tell() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// giveBack keeps a session for the next one who needs it.
func (p *Pool) giveBack(host string, key poolKey, r Remote, life time.Duration) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.end(host, r)
		return
	}
	defer p.mu.Unlock()
	s := &idleSession{remote: r, key: key, since: time.Now()}
	s.timer = time.AfterFunc(life, func() { p.expire(host, s) })
	h := p.hosts[host]
	h.idle = append(h.idle, s)
	h.tell()
}

// expire ends a session whose idle life is over, unless somebody has it.
func (p *Pool) expire(host string, s *idleSession) {
	p.mu.Lock()
	h := p.hosts[host]
	i := slices.Index(h.idle, s)
	if i >= 0 {
		h.remove(i)
	}
	p.mu.Unlock()
	if i >= 0 {
		p.end(host, s.remote)
	}
}

// Close ends all idle sessions; those in use end when they are given back.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	idle := map[string][]*idleSession{}
	for host, h := range p.hosts {
		for len(h.idle) > 0 {
			idle[host] = append(idle[host], h.remove(0))
		}
	}
	p.mu.Unlock()
	var wg sync.WaitGroup
	for host, sessions := range idle {
		for _, s := range sessions {
			wg.Go(func() { p.end(host, s.remote) })
		}
	}
	wg.Wait()
	return nil
}

// Sessions counts those that are open at all hosts, idle ones included.
func (p *Pool) Sessions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, h := range p.hosts {
		n += h.open
	}
	return n
}
