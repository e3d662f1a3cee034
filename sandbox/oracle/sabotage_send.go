package oracle

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// sendTwice brings a file of a lane to the registry once more.
func sendTwice(l registry.Lane) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		ledger, err := fakeregistry.ReadLedger(w.RegistryDir)
		if err != nil {
			return fmt.Errorf("sabotage: %w", err)
		}
		for i := range ledger {
			r := &ledger[i]
			if r.Lane != l || len(r.Messages) == 0 {
				continue
			}
			file := strings.TrimPrefix(r.ID, r.Account+"/"+string(l)+"/")
			content, err := os.ReadFile(filepath.Join(w.RegistryDir, "archive", r.Account, string(l), file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("sabotage: %w", err)
			}
			return send(ctx, &w, r.Account, l, content)
		}
		return cannot("a " + string(l) + " file")
	}
}

// sendNew brings a file to the registry of which the product knows nothing, for
// a practice that is in production.
func sendNew(processingID string, defect hl7gen.Defect) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		p, _, err := livePractice(ctx, &w)
		if err != nil {
			return err
		}
		content, err := makeFile(&w, p, processingID, defect)
		if err != nil {
			return err
		}
		return send(ctx, &w, p.Account, registry.LaneProduction, content)
	}
}

// sendEarly lays a file among those that the registry took but has not judged,
// as one that it took a minute before the practice went to production.
func sendEarly(ctx context.Context, w World) error {
	p, live, err := livePractice(ctx, &w)
	if err != nil {
		return err
	}
	content, err := makeFile(&w, p, "P", "")
	if err != nil {
		return err
	}
	at := live.Add(-time.Minute)
	name := newName()
	spooled := fmt.Sprintf("%019d_%011d_%s", at.UnixNano(), w.Calendar.Date(at).Unix(), name)
	if err := put(filepath.Join(w.RegistryDir, "spool", p.Account, string(registry.LaneProduction)), spooled, content); err != nil {
		return fmt.Errorf("sabotage: %w", err)
	}
	return untilJudged(ctx, &w, name)
}

func makeFile(w *World, p Practice, processingID string, defect hl7gen.Defect) ([]byte, error) {
	opt := hl7gen.Options{OrgCode: p.OrgCode, Now: w.Calendar.Date(time.Now()), ProcessingID: processingID}
	if a, ok := accountOf(w, p.Account); ok {
		opt.Prescribers = a.Prescribers
		for _, id := range a.Facilities {
			opt.Facilities = append(opt.Facilities, hl7gen.Facility{ID: id})
		}
	}
	batch := hl7gen.BatchOptions{Messages: 3}
	if defect != "" {
		batch.Defects = []hl7gen.Defect{defect}
	}
	var file bytes.Buffer
	if _, err := hl7gen.New(uint64(time.Now().UnixNano()), opt).Batch(&file, batch); err != nil {
		return nil, fmt.Errorf("sabotage: %w", err)
	}
	return file.Bytes(), nil
}

// livePractice is the first that is in production, and since when.
func livePractice(ctx context.Context, w *World) (Practice, time.Time, error) {
	conn, err := connect(ctx, w.DatabaseURL)
	if err != nil {
		return Practice{}, time.Time{}, fmt.Errorf("sabotage: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read
	s, err := readStore(ctx, conn)
	if err != nil {
		return Practice{}, time.Time{}, fmt.Errorf("sabotage: %w", err)
	}
	for _, p := range w.Practices {
		if at, ok := approvedAt(s, p.ID); ok {
			return p, at, nil
		}
	}
	return Practice{}, time.Time{}, cannot("a practice in production")
}

func accountOf(w *World, user string) (fakeregistry.Account, bool) {
	i := slices.IndexFunc(w.Accounts, func(a fakeregistry.Account) bool { return a.User == user })
	if i < 0 {
		return fakeregistry.Account{}, false
	}
	return w.Accounts[i], true
}

// send brings a file to the registry under a new name and waits until its
// ledger has it.
func send(ctx context.Context, w *World, account string, l registry.Lane, content []byte) error {
	name := newName()
	folder := fakeregistry.DefaultFolders().For(l)
	a, _ := accountOf(w, account)
	var err error
	if w.RegistryAddr != "" && a.Password != "" {
		err = upload(ctx, w, &a, path.Join(folder, name), content)
	} else {
		err = put(filepath.Join(w.RegistryDir, "homes", account, filepath.FromSlash(folder)), name, content)
	}
	if err != nil {
		return fmt.Errorf("sabotage: send: %w", err)
	}
	return untilJudged(ctx, w, name)
}

func newName() string { return "SABOTAGE_" + rand.Text()[:8] + ".HL7" }

func untilJudged(ctx context.Context, w *World, name string) error {
	return until(ctx, "the registry judges the file", func() (bool, error) {
		ledger, err := fakeregistry.ReadLedger(w.RegistryDir)
		return slices.ContainsFunc(ledger, func(r fakeregistry.Received) bool { return r.Name == name }), err
	})
}

// put lays a file into the account's folder, for accounts that log in by key.
func put(dir, name string, content []byte) error {
	part := filepath.Join(dir, "."+name)
	if err := os.WriteFile(part, content, 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(dir, name))
}

const netTimeout = time.Minute

func upload(ctx context.Context, w *World, a *fakeregistry.Account, name string, content []byte) error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(w.HostKey))
	if err != nil {
		return fmt.Errorf("the registry's host key: %w", err)
	}
	dialer := net.Dialer{Timeout: netTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", w.RegistryAddr)
	if err != nil {
		return err
	}
	defer raw.Close() //nolint:errcheck // what counts is in the ledger
	if err := raw.SetDeadline(time.Now().Add(netTimeout)); err != nil {
		return err
	}
	conn, channels, requests, err := ssh.NewClientConn(raw, w.RegistryAddr, &ssh.ClientConfig{
		User: a.User, Auth: []ssh.AuthMethod{ssh.Password(a.Password)}, HostKeyCallback: ssh.FixedHostKey(key),
	})
	if err != nil {
		return err
	}
	client, err := sftp.NewClient(ssh.NewClient(conn, channels, requests))
	if err != nil {
		return err
	}
	f, err := client.Create(name + ".part")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return client.PosixRename(name+".part", name)
}

// until looks again and again, until done says so or ctx ends.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("sabotage: waiting until %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}
