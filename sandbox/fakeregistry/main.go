package fakeregistry

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"immtrail/internal/sftptest"
	"immtrail/registry"
)

// Options start a registry. The JSON form is for a parent that hands them over
// in a file ([ReadOptions]).
type Options struct {
	// Dir is the registry's folder, see the package's page. Required.
	Dir string `json:"dir"`
	// Addr to listen on. Empty: the address of the last time in this folder, if
	// it is free, or else a free port of 127.0.0.1.
	Addr string `json:"addr,omitempty"`
	// Calendar tells the date, and how long a day lasts.
	Calendar registry.Calendar `json:"calendar,omitzero"`
	// Tick is how often the registry looks at its folders; 0 is a quarter of a
	// day, at least 100 ms and at most 10 s.
	Tick time.Duration `json:"tick,omitempty"`
	// Accounts, when there are any, replace those in the folder. Without any,
	// those in the folder hold.
	Accounts []Account `json:"accounts,omitempty"`
	// Folders as an account sees them; the zero value is [DefaultFolders].
	Folders registry.FolderSettings `json:"folders,omitzero"`
	// Message holds the MSH-11 of each folder; the zero value is T, P, P.
	Message registry.MessageSettings `json:"message,omitzero"`
	// Stdin, when set, is watched: the registry ends when it closes, that is
	// when the parent is gone.
	Stdin io.Reader `json:"-"`
	// Stdout gets the ready line; nil is os.Stdout.
	Stdout io.Writer `json:"-"`
	// Log gets what went wrong; nil is silence. No patient is ever named.
	Log *slog.Logger `json:"-"`
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time `json:"-"`
}

// DefaultFolders are the folders of an account when nothing else is said.
func DefaultFolders() registry.FolderSettings {
	return registry.FolderSettings{
		Test: "inbound/test", Production: "inbound/production",
		Historical: "inbound/historical", Reports: "reports",
	}
}

// ReadOptions reads options from a JSON file.
func ReadOptions(path string) (Options, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Options{}, fmt.Errorf("read options: %w", err)
	}
	var o Options
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("read options: %w", err)
	}
	return o, nil
}

// WriteOptions writes what [ReadOptions] reads.
func WriteOptions(path string, o Options) error { return writeJSON(path, o) }

func (o Options) withDefaults() Options {
	if o.Folders == (registry.FolderSettings{}) {
		o.Folders = DefaultFolders()
	}
	if o.Message == (registry.MessageSettings{}) {
		o.Message = registry.MessageSettings{
			TestProcessingID: "T", ProductionProcessingID: "P", HistoricalProcessingID: "P",
		}
	}
	if o.Tick == 0 {
		quarter := o.Calendar.WallDuration(6 * time.Hour)
		o.Tick = min(max(quarter, 100*time.Millisecond), 10*time.Second)
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) fault() error {
	if o.Dir == "" {
		return errors.New("dir is missing")
	}
	seen := map[string]bool{}
	for _, f := range []string{o.Folders.Test, o.Folders.Production, o.Folders.Historical, o.Folders.Reports} {
		if !filepath.IsLocal(filepath.FromSlash(f)) || seen[f] {
			return errors.New("folders: four different folders inside the account's home")
		}
		seen[f] = true
	}
	return nil
}

// Ready is the line that [Main] prints once it can be reached.
type Ready struct {
	Addr string `json:"addr"`
	Host string `json:"host"`
	Port int    `json:"port"`
	// HostKey is the line to pin: "ssh-ed25519 AAAA…".
	HostKey string `json:"host_key"`
}

// ReadReady reads the ready line from the output of a registry. Where the
// registry ended without one the error is io.EOF.
func ReadReady(out io.Reader) (Ready, error) {
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return Ready{}, fmt.Errorf("the registry did not become ready: %w", err)
	}
	var r Ready
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("ready line: %w", err)
	}
	return r, nil
}

// controlEvery is how often orders and accounts are looked for.
const controlEvery = 40 * time.Millisecond

type program struct {
	opts     Options
	registry *Registry
	server   *sftptest.Server
	obeyed   string
	asleep   atomic.Bool
	accounts time.Time // of the accounts file when it was read last
}

// Main runs the registry until ctx ends or opts.Stdin closes; both are a
// normal end. It returns an error when it cannot start. What goes wrong later
// is logged and tried again at the next look.
func Main(ctx context.Context, opts Options) error {
	opts = opts.withDefaults()
	if err := opts.fault(); err != nil {
		return fmt.Errorf("fake registry: %w", err)
	}
	p, err := start(opts)
	if err != nil {
		return fmt.Errorf("fake registry: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if opts.Stdin != nil {
		go func() {
			_, _ = io.Copy(io.Discard, opts.Stdin) // its end is the news
			cancel()
		}()
	}
	if err := p.ready(); err != nil {
		return errors.Join(fmt.Errorf("fake registry: %w", err), p.close())
	}
	p.run(ctx)
	return p.close()
}

func start(opts Options) (*program, error) {
	p := &program{opts: opts}
	if len(opts.Accounts) > 0 {
		if err := WriteAccounts(opts.Dir, opts.Accounts); err != nil {
			return nil, err
		}
	}
	var err error
	if p.registry, err = Open(opts); err != nil {
		return nil, err
	}
	key, err := sftptest.LoadOrCreateHostKey(filepath.Join(opts.Dir, "hostkey"))
	if err == nil {
		p.server, err = p.listen(sftptest.Options{
			HostKey: key, Log: opts.Log, OnRename: p.renamed, OnUploaded: p.renamed,
		})
	}
	if err != nil {
		return nil, errors.Join(err, p.registry.Close())
	}
	if err := errors.Join(p.readAccounts(), p.obey()); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// listen prefers the address of the last time: a connection that was set up
// before a restart must still lead here.
func (p *program) listen(so sftptest.Options) (*sftptest.Server, error) {
	file := filepath.Join(p.opts.Dir, "addr")
	so.Addr = p.opts.Addr
	last, err := os.ReadFile(file)
	if so.Addr == "" && err == nil {
		so.Addr = strings.TrimSpace(string(last))
		if s, err := sftptest.Start(so); err == nil {
			return s, nil
		}
		so.Addr = ""
	}
	s, err := sftptest.Start(so)
	if err != nil {
		return nil, err
	}
	if err := writeWhole(file, []byte(s.Addr()+"\n")); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (p *program) ready() error {
	host, _, err := net.SplitHostPort(p.server.Addr())
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	return json.NewEncoder(p.opts.Stdout).Encode(Ready{
		Addr: p.server.Addr(), Host: host, Port: p.server.Port(), HostKey: p.server.HostKeyLine(),
	})
}

func (p *program) renamed(user, name string) {
	if p.asleep.Load() {
		return
	}
	if err := p.registry.Renamed(user, name, p.opts.Now()); err != nil {
		p.opts.Log.Error("fake registry: pick up at once", "err", err)
	}
}

func (p *program) run(ctx context.Context) {
	looks, orders := time.NewTicker(p.opts.Tick), time.NewTicker(controlEvery)
	defer looks.Stop()
	defer orders.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-orders.C:
			err = errors.Join(p.readAccounts(), p.obey())
		case <-looks.C:
			if !p.asleep.Load() {
				err = p.registry.Step(p.opts.Now())
			}
		}
		if err != nil {
			p.opts.Log.Error("fake registry", "err", err)
		}
	}
}

// readAccounts takes over the accounts file when it changed.
func (p *program) readAccounts() error {
	info, err := os.Stat(filepath.Join(p.opts.Dir, accountsFile))
	if err != nil || info.ModTime().Equal(p.accounts) {
		return nil //nolint:nilerr // no file, no accounts yet
	}
	accounts, err := ReadAccounts(p.opts.Dir)
	if err != nil {
		return err
	}
	if err := p.registry.SetAccounts(accounts); err != nil {
		return err
	}
	for i := range accounts {
		u, err := accounts[i].login(p.registry.store.home(accounts[i].User))
		if err != nil {
			return fmt.Errorf("account %d: %w", i+1, err)
		}
		if err := p.server.AddUser(accounts[i].User, u); err != nil {
			return err
		}
	}
	p.accounts = info.ModTime()
	return nil
}

func (p *program) close() error { return errors.Join(p.server.Close(), p.registry.Close()) }
