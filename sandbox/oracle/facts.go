package oracle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
	"immtrail/registry/texas"
)

// facts is everything that was seen.
type facts struct {
	w *World
	// before is what PostgreSQL claimed before anything else was looked at,
	// after is what it knew when all was seen.
	before, after *store
	shore         *shore
	mails         []caught
	engine        *engine
	scan          *scanner
	catalogue     map[string]registry.CatalogueEntry
}

const connectTimeout = time.Minute

func gather(ctx context.Context, w World) (*facts, error) {
	f := &facts{w: &w, scan: newScanner(newNeedles(w.Patients))}
	catalogue, err := texas.BuiltinCatalogue()
	if err != nil {
		return nil, err
	}
	f.catalogue = catalogue
	conn, err := connect(ctx, w.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read
	if f.before, err = readStore(ctx, conn); err != nil {
		return nil, err
	}
	if f.shore, err = readShore(w.RegistryDir, w.Practices); err != nil {
		return nil, err
	}
	if f.mails, err = readMails(w.MailDir); err != nil {
		return nil, err
	}
	if f.engine, err = readEngine(ctx, &w, f.scan); err != nil {
		return nil, err
	}
	if f.after, err = readStore(ctx, conn); err != nil {
		return nil, err
	}
	return f, errors.Join(f.lookThrough(ctx, conn))
}

// lookThrough scans what no other look has read.
func (f *facts) lookThrough(ctx context.Context, conn *pgx.Conn) error {
	for i := range f.mails {
		m := &f.mails[i]
		f.scan.text(SinkMails, "mail "+m.file, m.raw)
		f.scan.text(SinkMails, "mail "+m.file+" (decoded)", []byte(m.subject+"\n"+m.body))
	}
	for _, a := range f.shore.all {
		f.scan.text(SinkRemoteNames, "the name of a file at the registry", []byte(a.name))
	}
	if err := scanTables(ctx, conn, f.scan); err != nil {
		return err
	}
	return f.scan.everything(ctx, f.w)
}

// connect never repeats the address, which holds a password.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database's address cannot be used")
	}
	cfg.ConnectTimeout = connectTimeout
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

func (f *facts) account(practice string) string {
	for _, p := range f.w.Practices {
		if p.ID == practice {
			return p.Account
		}
	}
	return ""
}

// practiceOf is the practice whose login an account is.
func (f *facts) practiceOf(account string) (Practice, bool) {
	for _, p := range f.w.Practices {
		if p.Account == account {
			return p, true
		}
	}
	return Practice{}, false
}

// processingID is the MSH-11 that a lane wants.
func (f *facts) processingID(l registry.Lane) string {
	if id := f.w.Message.ProcessingID(l); id != "" {
		return id
	}
	if l == registry.LaneTest {
		return "T"
	}
	return "P"
}

// registryMail reports whether an address is the registry's.
func (f *facts) registryMail(address string) bool {
	for _, k := range append([]string{"@dshs.texas.gov", "@registry.example"}, f.w.RegistryMail...) {
		at := strings.LastIndexByte(address, '@')
		if strings.EqualFold(k, address) || at >= 0 && strings.EqualFold(k, address[at:]) {
			return true
		}
	}
	for _, c := range f.after.contacts {
		if c.Role == "registry" && strings.EqualFold(c.Email, address) {
			return true
		}
	}
	return false
}
