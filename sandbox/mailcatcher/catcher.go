package mailcatcher

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	loopback = "127.0.0.1"
	// maxMailBytes bounds one mail; ours are letters.
	maxMailBytes  = 16 << 20
	maxRecipients = 100
	patience      = 30 * time.Second
)

// Options say where mails are kept and where the catcher listens.
type Options struct {
	// Dir holds one .eml file per mail. It is created when missing; what it
	// holds already is listed first.
	Dir string
	// SMTPPort and HTTPPort on 127.0.0.1; 0 takes a free one.
	SMTPPort, HTTPPort int
}

// Catcher is a running mail server.
type Catcher struct {
	dir      string
	smtp     *smtp.Server
	http     *http.Server
	smtpAddr string
	url      string
	served   sync.WaitGroup

	mu    sync.Mutex
	mails []Mail
	// news is closed and replaced whenever a mail has been stored.
	news chan struct{}
	// lose is how many mails will be stored without an answer.
	lose int
}

// Start opens the folder and listens. The catcher lives until Stop.
func Start(ctx context.Context, opts Options) (*Catcher, error) {
	c := &Catcher{dir: opts.Dir, news: make(chan struct{})}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	var err error
	if c.mails, err = load(opts.Dir); err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	var lc net.ListenConfig
	in, err := lc.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(opts.SMTPPort)))
	if err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	web, err := lc.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(opts.HTTPPort)))
	if err != nil {
		return nil, fmt.Errorf("mail catcher: %w", errors.Join(err, in.Close()))
	}
	c.smtpAddr, c.url = in.Addr().String(), "http://"+web.Addr().String()
	c.smtp = c.smtpServer()
	c.http = &http.Server{Handler: c.pages(), ReadHeaderTimeout: patience}
	c.served.Go(func() { _ = c.smtp.Serve(in) }) // both return when Stop closes them
	c.served.Go(func() { _ = c.http.Serve(web) })
	return c, nil
}

// SMTPAddr is host and port for senders: no TLS, no login.
func (c *Catcher) SMTPAddr() string { return c.smtpAddr }

// URL is the page that lists the mails.
func (c *Catcher) URL() string { return c.url }

// Stop hangs up. The mails stay in the folder.
func (c *Catcher) Stop() error {
	err := errors.Join(c.smtp.Close(), c.http.Close())
	c.served.Wait()
	return err
}

// List returns all mails, oldest first, those of former lives included.
func (c *Catcher) List() []Mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.mails)
}

// Wait returns the oldest mail that fits, among those that are there and those
// that come until ctx ends.
func (c *Catcher) Wait(ctx context.Context, fits func(Mail) bool) (Mail, error) {
	for seen := 0; ; {
		c.mu.Lock()
		mails, news := c.mails[seen:], c.news
		c.mu.Unlock()
		for _, m := range mails {
			if fits(m) {
				return m, nil
			}
		}
		seen += len(mails)
		select {
		case <-news:
		case <-ctx.Done():
			return Mail{}, fmt.Errorf("no such mail among %d: %w", seen, ctx.Err())
		}
	}
}

// LoseReplies makes the catcher store the next n mails and hang up without an
// answer, so that their senders cannot know that they arrived.
func (c *Catcher) LoseReplies(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose = n
}

// keep stores a mail and reports whether its sender may be told.
func (c *Catcher) keep(raw []byte) (tell bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := 1
	if n := len(c.mails); n > 0 {
		next = sequence(c.mails[n-1].Name) + 1
	}
	m, err := store(c.dir, next, raw)
	if err != nil {
		return false, err
	}
	c.mails = append(c.mails, m)
	close(c.news)
	c.news = make(chan struct{})
	if c.lose > 0 {
		c.lose--
		return false, nil
	}
	return true, nil
}
