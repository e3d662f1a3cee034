package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/crypto/ssh"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/internal/pglocal"
	"immtrail/internal/sftptest"
	"immtrail/internal/temporalconn"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/vault"
)

const (
	practice   = "bench"
	queue      = "immtrail"
	connection = "loopback"
)

var bench = registry.Actor{Name: "The Bench", Via: "cli"}

// site is everything that a load needs, each a process of its own.
type site struct {
	dir            string
	part, sessions int

	pg       *pglocal.Cluster
	explain  bool
	sshd     *sftptest.OpenSSH
	server   *exec.Cmd
	worker   *exec.Cmd
	store    *db.Store
	temporal client.Client
	policy   registry.Policy
	user     string
	hostKey  string
	env      []string
	talk     *os.File // of the worker

	workerEnded chan struct{}
	stops       []func()
}

func (s *site) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *site) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}

func (s *site) start(ctx context.Context) error {
	for _, dir := range []string{"outbox", "profiles", "vault", "in/inbound/historical", "in/reports", "load"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{s.startPostgres, s.startServer, s.startSSHD, s.enrol, s.startWorker} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) startPostgres(ctx context.Context) (err error) {
	if s.pg, err = pglocal.Start(ctx, pglocal.Options{Dir: s.path("postgres"), Statements: s.explain}); err != nil {
		return err
	}
	s.stops = append(s.stops, func() { _ = s.pg.Stop() })
	url := s.pg.URL("postgres")
	if err := db.Migrate(ctx, url); err != nil {
		return err
	}
	key := bytes.Repeat([]byte("k"), 32)
	sealer, err := db.NewSealer(key, db.SealKey{ID: "a", Key: key})
	if err != nil {
		return err
	}
	secret, recipient, err := vault.NewIdentity()
	if err != nil {
		return err
	}
	if s.store, err = db.Open(ctx, db.Options{URL: url, Sealer: sealer}); err != nil {
		return err
	}
	s.stops = append(s.stops, s.store.Close)
	s.env = append(os.Environ(), "DB_URL="+url, "KEY="+base64.StdEncoding.EncodeToString(key), "IDENTITY="+secret)
	return os.WriteFile(s.path("settings"), []byte(recipient), 0o600)
}

// built compiles a command.
func (s *site) built(pkg string) (string, error) {
	out := s.path(filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", out, pkg) //nolint:gosec // names stand below
	cmd.Stderr = os.Stderr
	return out, cmd.Run()
}

func (s *site) startServer(ctx context.Context) error {
	binary, err := s.built("immtrail/sandbox/engine/serve")
	if err != nil {
		return err
	}
	s.server = exec.Command(binary, s.path("temporal")) //nolint:gosec // just built
	in, err := s.server.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.server.StdoutPipe()
	if err != nil {
		return err
	}
	s.server.Stderr = os.Stderr
	if err := s.server.Start(); err != nil {
		return err
	}
	s.stops = append(s.stops, func() { _ = in.Close(); _ = s.server.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the Temporal server did not start: %w", err)
	}
	s.temporal, err = temporalconn.Dial(ctx, temporalconn.Settings{HostPort: strings.TrimSpace(address), Namespace: "default", Identity: "bench"},
		slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	s.stops = append(s.stops, s.temporal.Close)
	recipient, err := os.ReadFile(s.path("settings"))
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("immtrail.yaml"), fmt.Appendf(nil, settings, strings.TrimSpace(address), s.dir, recipient), 0o600)
}

const settings = `
temporal: {address: %[1]q}
database: {url: env:DB_URL}
vault: {url: "file://%[2]s/vault", recipients: [%[3]s], identities: [env:IDENTITY]}
sealing: {keys: [{id: a, secret: env:KEY}], digest_key: env:KEY}
outbox: {dir: %[2]s/outbox, stable: 1s}
metrics: {listen: "127.0.0.1:0"}
health: {listen: "127.0.0.1:0"}
profile: {dir: %[2]s/profiles}
notify: {deliver: "off", from: The Bench <bench@practice.example>}
`

const overlay = `
policy: {history_part_messages: %[1]d, history_window: %[2]d}
host: {sessions: %[2]d, sessions_per_login: %[2]d}
`

func (s *site) startSSHD(context.Context) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	s.user = me.Username
	key, pub, err := sftptest.NewClientKey()
	if err != nil {
		return err
	}
	host, err := sftptest.LoadOrCreateHostKey(s.path("hostkey"))
	if err != nil {
		return err
	}
	s.hostKey = keyLine(host.PublicKey())
	if err := os.WriteFile(s.path("key"), key, 0o600); err != nil {
		return err
	}
	if s.sshd, err = sftptest.StartOpenSSHIn(s.dir, keyLine(pub), s.path("hostkey"), s.path("in")); err != nil {
		return err
	}
	s.stops = append(s.stops, s.sshd.Stop)
	return nil
}

func keyLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// enrol makes the practice known, in production, with its vendor asked.
func (s *site) enrol(ctx context.Context) error {
	text := fmt.Appendf(nil, overlay, s.part, s.sessions)
	if err := os.WriteFile(s.path("profiles", "texas.yaml"), text, 0o600); err != nil {
		return err
	}
	loaded, err := texas.Load(texas.Overlay{Name: "texas.yaml", Data: text})
	if err != nil {
		return err
	}
	s.policy = loaded.Profile.Policy
	now := time.Now()
	act := func(key string) db.Act { return db.Act{Key: key, By: bench, At: now} }
	if err := s.store.SaveConnection(ctx, db.Connection{
		Name: connection, Protocol: "sftp", Host: "127.0.0.1", Port: s.sshd.Port, Username: s.user,
		SecretRef: "file:" + s.path("key"), HostKeys: []string{s.hostKey}, Settings: db.ConnectionSettings{Auth: db.AuthKey},
	}, act("connection")); err != nil {
		return err
	}
	if err := s.store.SavePractice(ctx, &registry.Practice{
		ID: practice, Name: "Bench Pediatrics", Registry: "texas", OrgCode: "TEST0001", IISID: "0001112000",
		Zone: "America/Chicago", Connection: connection, Phase: registry.PhaseProduction,
		Sites: []registry.Site{{ID: "plano", Name: "Plano", Facilities: []string{"TEST0001"}, Prescribers: []string{"1234567893"}}},
		Contacts: []registry.Contact{
			{Role: registry.ContactVendor, Name: "Vendor", Email: "hl7@vendor.example"},
			{Role: registry.ContactCoordinator, Name: "The Bench", Email: "bench@practice.example"},
		},
	}, act("practice")); err != nil {
		return err
	}
	if err := activities.MakeOutbox(s.path("outbox"), practice); err != nil {
		return err
	}
	return s.store.SetHistory(ctx, practice, registry.HistoryAsked, nil, act("asked"))
}

func (s *site) startWorker(ctx context.Context) (err error) {
	binary, err := s.built("immtrail/worker")
	if err != nil {
		return err
	}
	if s.talk, err = os.Create(s.path("worker.log")); err != nil {
		return err
	}
	s.worker = exec.Command(binary, "-config", s.path("immtrail.yaml")) //nolint:gosec // just built
	s.worker.Env, s.worker.Stdout, s.worker.Stderr = s.env, s.talk, s.talk
	if err := s.worker.Start(); err != nil {
		return err
	}
	s.workerEnded = make(chan struct{})
	go func() {
		_ = s.worker.Wait() // its end is its own news
		close(s.workerEnded)
	}()
	s.stops = append(s.stops, func() {
		_ = s.worker.Process.Signal(os.Interrupt)
		<-s.workerEnded
		_ = s.talk.Close() // a log
	})
	for giveUp := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		polled, err := s.temporal.DescribeTaskQueue(ctx, queue, 1)
		if err == nil && len(polled.Pollers) > 0 {
			return nil
		}
		select {
		case <-s.workerEnded:
			said, _ := os.ReadFile(s.path("worker.log")) // whatever there is
			return fmt.Errorf("the worker has ended: %s", words(string(said)))
		default:
		}
		if time.Now().After(giveUp) {
			return errors.New("the worker does not poll")
		}
	}
}

// generate writes the files of the load. Messages of a file are of people of its
// own.
func (s *site) generate(messages, perFile int) (files []string, size int64, err error) {
	now := time.Now().UTC()
	for n := 0; messages > 0; n++ {
		path := s.path("load", fmt.Sprintf("load-%03d.hl7", n))
		f, err := os.Create(path)
		if err != nil {
			return nil, 0, err
		}
		w := bufio.NewWriterSize(f, 1<<20)
		gen := hl7gen.New(uint64(n+1), hl7gen.Options{OrgCode: "TEST0001", Now: now, ProcessingID: "P", Series: n})
		_, err = gen.Batch(w, hl7gen.BatchOptions{
			Messages: min(messages, perFile), Historical: true, From: now.AddDate(-10, 0, 0), To: now.AddDate(0, -2, 0),
		})
		if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
			return nil, 0, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, 0, err
		}
		files, size, messages = append(files, path), size+info.Size(), messages-perFile
	}
	return files, size, nil
}

// sftpPut sends the files with OpenSSH's own client, over one session.
func (s *site) sftpPut(files []string) (time.Duration, error) {
	var batch strings.Builder
	for i, f := range files {
		fmt.Fprintf(&batch, "put %s %s\n", f, s.path("in", fmt.Sprintf("put-%d", i)))
	}
	known := s.path("known_hosts")
	if err := os.WriteFile(known, []byte("[127.0.0.1]:"+strconv.Itoa(s.sshd.Port)+" "+s.hostKey+"\n"), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.Command("sftp", "-q", "-b", "-", "-i", s.path("key"), "-P", strconv.Itoa(s.sshd.Port), //nolint:gosec // our own names
		"-o", "UserKnownHostsFile="+known, "-o", "IdentitiesOnly=yes", s.user+"@127.0.0.1")
	cmd.Stdin = strings.NewReader(batch.String())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("sftp: %w: %s", err, words(said.String()))
	}
	took := time.Since(began)
	for i := range files {
		if err := os.Remove(s.path("in", fmt.Sprintf("put-%d", i))); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// handIn moves the files into the outbox, old enough to be taken.
func (s *site) handIn(files []string) error {
	old := time.Now().Add(-time.Hour)
	for _, f := range files {
		to := s.path("outbox", practice, "historical", filepath.Base(f))
		if err := errors.Join(os.Rename(f, to), os.Chtimes(to, old, old)); err != nil {
			return err
		}
	}
	return nil
}
