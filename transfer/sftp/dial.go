package sftp

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"immtrail/registry"
	"immtrail/transfer"
)

// Protocol is the name of this driver.
const Protocol = "sftp"

const standardPort = 22

// Dialer opens SFTP sessions; it has no state. See [transfer.Dialer] for the
// kinds of its errors.
type Dialer struct{}

var _ transfer.Dialer = Dialer{}

// ciphers leaves ChaCha20-Poly1305 and CBC out: with a server that lacks
// strict key exchange they are open to prefix truncation (CVE-2023-48795).
var ciphers = []string{
	ssh.CipherAES128GCM, ssh.CipherAES256GCM,
	ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
}

// Dial implements [transfer.Dialer].
func (Dialer) Dial(ctx context.Context, c transfer.Connection) (transfer.Remote, error) {
	return dial(ctx, c)
}

func dial(ctx context.Context, c transfer.Connection) (*session, error) {
	if c.Protocol != Protocol || c.Host == "" || c.User == "" {
		return nil, registry.Errorf(registry.Invalid, opDial, "connection %s: protocol sftp, host and user are needed", c.Name)
	}
	pins, err := parsePins(c.HostKeys, c.At)
	if err != nil {
		return nil, err
	}
	auth, err := authMethods(&c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.DialTimeout())
	defer cancel()
	check := &hostKeyCheck{pins: pins}
	client, conn, err := connect(ctx, &c, &ssh.ClientConfig{
		User:              c.User,
		Auth:              auth,
		HostKeyCallback:   check.callback,
		HostKeyAlgorithms: pins.algorithms(),
		Config:            ssh.Config{Ciphers: ciphers},
	})
	if err != nil {
		err = check.explain(ctx, &c, err)
		if check.proven == nil {
			err = transfer.BeforeLogin(err)
		}
		return nil, err
	}
	s := &session{conn: conn, ssh: client, c: c, hostKey: check.proven, packet: packetFor(&c)}
	if err := s.openSFTP(ctx, c.DialTimeout()); err != nil {
		_ = s.Close() //nolint:contextcheck // left properly even when the caller's time is up
		return nil, err
	}
	return s, nil
}

// connect does TCP and the SSH handshake within ctx. ssh.ClientConfig.Timeout
// bounds the first only, so the deadline lies on the connection itself.
func connect(ctx context.Context, c *transfer.Connection, cfg *ssh.ClientConfig) (*ssh.Client, *countingConn, error) {
	addr := c.Addr(standardPort)
	raw, err := c.DialTCP(ctx, addr)
	if err != nil {
		return nil, nil, err
	}
	conn := &countingConn{Conn: raw}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
	}
	sc, chans, reqs, err := ssh.NewClientConn(conn, addr, cfg)
	if err != nil {
		_ = conn.Close() // the handshake's error is the one to tell
		if ctx.Err() != nil {
			err = errors.Join(err, ctx.Err())
		}
		return nil, nil, err
	}
	client := ssh.NewClient(sc, chans, reqs)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return client, conn, nil
}

// openSFTP starts the subsystem, bounded as every other step.
func (s *session) openSFTP(ctx context.Context, limit time.Duration) error {
	err := s.step(ctx, limit, s.startSFTP)
	if err != nil {
		return fail(opDial, kindOf(err), "start of file transfer", err)
	}
	s.keepalive() //nolint:contextcheck // lives as long as the session, not as the dial
	return nil
}

// startSFTP opens the subsystem. The library would do it too, but hides the
// answers' side then, which tells whether a server still answers.
func (s *session) startSFTP() error {
	channel, err := s.ssh.NewSession()
	if err != nil {
		return err
	}
	in, err := channel.StdinPipe()
	if err != nil {
		return err
	}
	out, err := channel.StdoutPipe()
	if err != nil {
		return err
	}
	said, err := channel.StderrPipe()
	if err != nil {
		return err
	}
	if err := channel.RequestSubsystem("sftp"); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // unread it would stop the channel; ends with it
	// No concurrency that the library decides on: how much is on its way is our
	// affair (manner), and a short answer must not look like an end.
	s.requests = newRequests(in)
	s.sftp, err = sftp.NewClientPipe(&answers{Reader: out, s: s}, s.requests,
		sftp.MaxPacketUnchecked(s.packet), sftp.UseConcurrentWrites(false), sftp.UseConcurrentReads(false))
	return err
}

// authMethods are the key, then the password. The password is offered once:
// servers count failures and lock accounts.
func authMethods(c *transfer.Connection) ([]ssh.AuthMethod, error) {
	var methods []ssh.AuthMethod
	if len(c.Key) > 0 {
		signer, err := parseKey(c)
		if err != nil {
			return nil, err
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if len(c.Password) > 0 {
		once := &passwordOnce{password: string(c.Password)}
		methods = append(methods, ssh.PasswordCallback(once.ask), ssh.KeyboardInteractive(once.answer))
	}
	if len(methods) == 0 {
		return nil, registry.Errorf(registry.Unauthorised, opDial, "connection %s has neither a password nor a key", c.Name)
	}
	return methods, nil
}

// parseKey reads the private key. The library's errors do not repeat it.
func parseKey(c *transfer.Connection) (ssh.Signer, error) {
	var signer ssh.Signer
	var err error
	if len(c.Passphrase) > 0 {
		signer, err = ssh.ParsePrivateKeyWithPassphrase(c.Key, c.Passphrase)
	} else {
		signer, err = ssh.ParsePrivateKey(c.Key)
	}
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, registry.Errorf(registry.Unauthorised, opDial, "connection %s: the private key is locked and no passphrase is set", c.Name)
	case err != nil:
		return nil, registry.Errorf(registry.Unauthorised, opDial, "connection %s: the private key cannot be read (wrong passphrase, or not a key): %w", c.Name, err)
	}
	return signer, nil
}

// passwordOnce gives the password away one time, whichever way it is asked.
type passwordOnce struct {
	mu       sync.Mutex
	password string
	given    bool
}

var errGiven = errors.New("the password was refused and is not offered twice")

func (p *passwordOnce) ask() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given {
		return "", errGiven
	}
	p.given = true
	return p.password, nil
}

// answer replies to a single hidden question, which is how servers ask for a
// password by keyboard-interactive. Anything more is a second factor that no
// process can answer.
func (p *passwordOnce) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	if len(questions) > 1 || echos[0] {
		return nil, errors.New("the server asks for more than a password")
	}
	password, err := p.ask()
	if err != nil {
		return nil, err
	}
	return []string{password}, nil
}

// refusedLogin recognises a refused login. The library has no type for it, so
// this is the one place that matches its text; a test holds it against the
// library and against OpenSSH.
func refusedLogin(err error) bool {
	text := err.Error()
	return errors.Is(err, errGiven) ||
		strings.Contains(text, "ssh: unable to authenticate") ||
		strings.Contains(text, "Too many authentication failures")
}
