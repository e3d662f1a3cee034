package sftptest

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// User is an account: a password, keys, or both, and the folder it sees as "/".
type User struct {
	// Password logs in when it is not empty.
	Password string
	// Keys log in.
	Keys []ssh.PublicKey
	// Root is a folder on disk; it is created when missing.
	Root string
}

// Options start a server.
type Options struct {
	// Addr to listen on; empty is "127.0.0.1:0", a free port.
	Addr string
	// HostKey identifies the server; nil makes one.
	HostKey ssh.Signer
	// MoreHostKeys are offered too, of other types than HostKey.
	MoreHostKeys []ssh.Signer
	// Users by login name.
	Users map[string]User
	// Log tells of logins and faults; nil is silence.
	Log *slog.Logger
	// OnUploaded is called when a file that was opened for writing has been
	// closed by the client, also under a temporary name; not when the
	// connection broke. OnRename is called after a rename with the new path.
	// Paths have slashes, are relative to the user's folder and have no leading
	// slash. Both run before the client gets its answer and hold it up.
	OnUploaded, OnRename func(user, path string)
	// Ciphers are all that the server knows; nil are the library's.
	Ciphers []string
}

// Server is a running SFTP server.
type Server struct {
	opts     Options
	listener net.Listener
	done     chan struct{}
	wg       sync.WaitGroup

	mu     sync.Mutex
	users  map[string]User
	faults Faults
	stats  Stats

	onStrike func()
	conns    map[net.Conn]struct{}
	fresh    map[string]struct{} // "user\x00path" renamed and not looked at since
}

// Start listens and serves until [Server.Close].
func Start(opts Options) (*Server, error) {
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.HostKey == nil {
		key, err := NewHostKey()
		if err != nil {
			return nil, err
		}
		opts.HostKey = key
	}
	s := &Server{
		opts: opts, done: make(chan struct{}), users: map[string]User{},
		conns: map[net.Conn]struct{}{}, fresh: map[string]struct{}{},
	}
	for name, u := range opts.Users {
		if err := s.AddUser(name, u); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("sftp server: %w", err)
	}
	s.listener = l
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is "host:port".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Port is the port of [Server.Addr].
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// HostKey is the server's own public key, whatever a fault offers.
func (s *Server) HostKey() ssh.PublicKey { return s.opts.HostKey.PublicKey() }

// HostKeyLine is [Server.HostKey] as one line of an authorized_keys file.
func (s *Server) HostKeyLine() string {
	line := ssh.MarshalAuthorizedKey(s.HostKey())
	return string(line[:len(line)-1])
}

// AddUser adds an account or replaces it, and makes its folder. Sessions that
// are open keep what they have.
func (s *Server) AddUser(name string, u User) error {
	if err := os.MkdirAll(u.Root, 0o700); err != nil {
		return fmt.Errorf("sftp user: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[name] = u
	return nil
}

// Close stops listening, cuts every connection and waits for them to end.
func (s *Server) Close() error {
	s.mu.Lock()
	select {
	case <-s.done:
		s.mu.Unlock()
		return nil
	default:
	}
	close(s.done)
	err := s.listener.Close()
	s.mu.Unlock()
	s.CutAll()
	s.wg.Wait()
	return err
}

// CutAll closes every open connection, as a firewall or a restart does.
func (s *Server) CutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if !s.admit(conn) {
			_ = conn.Close()
			continue
		}
		s.wg.Go(func() {
			defer s.forget(conn)
			s.serve(conn)
		})
	}
}

// admit counts a connection in, unless the server is closing or full.
func (s *Server) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return false
	default:
	}
	s.stats.Connections++
	if n := s.faults.MaxSessions; n > 0 && len(s.conns) >= n {
		s.stats.Strikes++
		return false
	}
	s.conns[conn] = struct{}{}
	s.stats.MostSessions = max(s.stats.MostSessions, len(s.conns))
	return true
}

func (s *Server) forget(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

var errLogin = errors.New("no such user, or wrong password or key")

func (s *Server) sshConfig(f Faults) *ssh.ServerConfig {
	key := s.opts.HostKey
	if f.HostKey != nil {
		key = f.HostKey
	}
	cfg := &ssh.ServerConfig{
		Config: ssh.Config{Ciphers: s.opts.Ciphers},
		PasswordCallback: func(c ssh.ConnMetadata, pass []byte) (*ssh.Permissions, error) {
			return s.password(c.User(), pass)
		},
		// Servers with PAM take the same password this way too.
		KeyboardInteractiveCallback: func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, errLogin
			}
			return s.password(c.User(), []byte(answers[0]))
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return s.publicKey(c.User(), key)
		},
	}
	cfg.AddHostKey(key)
	for _, more := range s.opts.MoreHostKeys {
		cfg.AddHostKey(more)
	}
	return cfg
}

func (s *Server) password(name string, pass []byte) (*ssh.Permissions, error) {
	u, ok := s.user(name)
	if !ok || u.Password == "" || subtle.ConstantTimeCompare([]byte(u.Password), pass) != 1 {
		return nil, errLogin
	}
	return &ssh.Permissions{}, nil
}

func (s *Server) publicKey(name string, key ssh.PublicKey) (*ssh.Permissions, error) {
	u, _ := s.user(name)
	for _, k := range u.Keys {
		if string(k.Marshal()) == string(key.Marshal()) {
			return &ssh.Permissions{}, nil
		}
	}
	return nil, errLogin
}

// user counts an attempt and finds the account.
func (s *Server) user(name string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Attempts++
	if s.faults.RefuseAuth {
		return User{}, false
	}
	u, ok := s.users[name]
	return u, ok
}

func (s *Server) serve(conn net.Conn) {
	f := s.Faults()
	if f.MuteHandshake {
		s.mute(conn)
		return
	}
	sc, chans, reqs, err := ssh.NewServerConn(conn, s.sshConfig(f))
	if err != nil {
		s.count(func(st *Stats) { st.Refused++ })
		s.opts.Log.Debug("sftp: connection refused", "err", err)
		return
	}
	s.count(func(st *Stats) { st.Logins++ })
	gone := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.requests(reqs) })
	wg.Go(func() {
		_ = sc.Wait() // ends with the connection, whatever the reason
		close(gone)
	})
	for nc := range chans {
		wg.Go(func() { s.channel(conn, gone, sc.User(), nc) })
	}
	wg.Wait()
}

// requests answers what is asked of the connection as a whole: nothing but
// keepalives, which want any answer at all.
func (s *Server) requests(reqs <-chan *ssh.Request) {
	for req := range reqs {
		if req.Type == "keepalive@openssh.com" {
			s.count(func(st *Stats) { st.Keepalives++ })
		}
		if req.WantReply {
			_ = req.Reply(false, nil) // a broken connection ends the loop
		}
	}
}

// mute swallows what comes until the peer or the server gives up.
func (s *Server) mute(conn net.Conn) {
	s.count(func(st *Stats) { st.Strikes++ })
	buf := make([]byte, 512)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// channel serves one SSH channel, which must ask for the subsystem sftp.
func (s *Server) channel(conn net.Conn, gone <-chan struct{}, user string, nc ssh.NewChannel) {
	if nc.ChannelType() != "session" {
		_ = nc.Reject(ssh.UnknownChannelType, "sftp only")
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	defer func() { _ = ch.Close() }()
	for req := range reqs {
		ok := req.Type == "subsystem" && len(req.Payload) >= 4 && string(req.Payload[4:]) == "sftp"
		_ = req.Reply(ok, nil)
		if ok {
			go ssh.DiscardRequests(reqs)
			s.sftp(conn, gone, user, ch)
			return
		}
	}
}

func (s *Server) sftp(conn net.Conn, gone <-chan struct{}, user string, ch ssh.Channel) {
	s.mu.Lock()
	u := s.users[user]
	s.mu.Unlock()
	root, err := os.OpenRoot(u.Root)
	if err != nil {
		s.opts.Log.Error("sftp: user's folder cannot be opened", "user", user, "err", err)
		return
	}
	defer func() { _ = root.Close() }()
	h := &session{srv: s, user: user, root: root, conn: conn, gone: gone}
	rs := sftp.NewRequestServer(hideExtensions(ch, s.Faults()), sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h})
	_ = rs.Serve() // the reason is always the end of the connection
}
