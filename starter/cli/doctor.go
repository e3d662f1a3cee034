package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/config"
	"immtrail/conformance/codes"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/transfer/byhand"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "See what is wrong with this installation, and what to do", Args: cobra.NoArgs,
		Long: `Looks at settings, secrets, profile, database, Temporal, worker, file store,
folders, clock, connections and mail server, each with the remedy, and ends with
the next command to run. Nothing is changed, and no letter is sent.

Exit code 1: something is wrong.`,
		Example: "  starter doctor\n  starter doctor --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context())
		},
	}
}

// How a look ends.
const (
	lookOK    = "ok"
	lookWarn  = "warning"
	lookWrong = "wrong"
	lookSkip  = "skipped"
)

// look is one look of doctor.
type look struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Words say what was found; Remedy is what to do.
	Words  string `json:"words"`
	Remedy string `json:"remedy,omitempty"`
}

type diagnosis struct {
	OK    bool   `json:"ok"`
	Looks []look `json:"looks"`
	// Next is the next command to run.
	Next string `json:"next"`
}

// patient is the installation while it is looked at.
type patient struct {
	*app
	cfg   *config.Config
	store *db.Store
	looks []look
	// next is the first remedy that is a command.
	next string
}

func (p *patient) found(name, state, remedy, format string, args ...any) {
	p.looks = append(p.looks, look{Name: name, State: state, Words: fmt.Sprintf(format, args...), Remedy: remedy})
	if state == lookWrong && p.next == "" {
		p.next = remedy
	}
}

func (a *app) doctor(ctx context.Context) error {
	p := &patient{app: a}
	if p.settings() {
		p.people()
		p.profile()
		p.codes()
		p.database(ctx)
		p.temporal(ctx)
		p.fileStore(ctx)
		p.outbox()
		p.outboxes(ctx)
		p.connections(ctx)
		p.mail(ctx)
	}
	out := diagnosis{OK: true, Looks: p.looks, Next: p.next}
	for _, l := range p.looks {
		out.OK = out.OK && l.State != lookWrong
	}
	if out.Next == "" {
		out.Next = p.nextStep(ctx)
	}
	if err := a.show(out, func(s *screen) { s.diagnosis(out) }); err != nil {
		return err
	}
	if !out.OK {
		return errFound
	}
	return nil
}

func (s *screen) diagnosis(d diagnosis) {
	for _, l := range d.Looks {
		style := goodStyle
		switch l.State {
		case lookWarn, lookSkip:
			style = warnStyle
		case lookWrong:
			style = badStyle
		}
		head := fmt.Sprintf("%-8s %-12s ", l.State, l.Name)
		for i, part := range wrap(l.Words, screenWidth-len(head)) {
			if i == 0 {
				s.raw("%s%s", s.paint(style, head), part)
				continue
			}
			s.raw("%s%s", strings.Repeat(" ", len(head)), part)
		}
		if l.Remedy != "" {
			s.raw("%s> %s", strings.Repeat(" ", len(head)), l.Remedy)
		}
	}
	s.raw("")
	s.raw("Next: %s", d.Next)
}

func (p *patient) settings() bool {
	cfg, err := config.Load(p.source())
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		p.found("settings", lookWrong, "starter config check", "%v", err)
		return false
	}
	if len(faults) > 0 {
		p.found("settings", lookWrong, "starter config check", "%s in %s, the first: %s", plural(len(faults), "fault", "faults"),
			orWord(cfg.File, "the environment"), faults[0])
		return false
	}
	p.cfg, p.app.cfg = cfg, cfg
	if secrets := cfg.CheckSecrets(p.env.Getenv); len(secrets) > 0 {
		p.found("secrets", lookWrong, "starter config check", "%s cannot be read, the first: %s", plural(len(secrets), "secret", "secrets"), secrets[0])
	} else {
		p.found("settings", lookOK, "", "%s; every secret can be read", orWord(cfg.File, "the environment and the defaults"))
	}
	if !cfg.Calendar.Registry().Real() {
		p.found("calendar", lookWarn, "", "a day lasts %s: this is a rehearsal", cfg.Calendar.Day)
	}
	return true
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (p *patient) people() {
	by, err := p.actor()
	switch {
	case err == nil:
		p.found("people", lookOK, "", "you are %s; %s known", by.Name, plural(len(p.cfg.People), "person is", "people are"))
	case p.env.Login == "root" && len(p.cfg.People) > 0:
		p.found("people", lookWarn, "log in as yourself", "root may look and not change anything")
	default:
		p.found("people", lookWarn, "add your login below people in "+p.settingsName(),
			"the login %q may look and not change anything", p.env.Login)
	}
}

func (p *patient) profile() {
	loaded, err := p.loadProfile("")
	if err != nil {
		p.found("profile", lookWrong, "correct the file that is named", "%v", err)
		return
	}
	w, _ := p.wire() // the settings are there
	if _, err := w.Profiles().Letters(); err != nil {
		p.found("letters", lookWrong, "correct the file that is named", "%v", err)
	}
	open := len(loaded.Unconfirmed())
	if open > 0 {
		p.found("profile", lookOK, "", "%s; %s nobody has confirmed with DSHS yet (starter profile show --unconfirmed)",
			loaded.Profile.Title, plural(open, "value", "values"))
		return
	}
	p.found("profile", lookOK, "", "%s", loaded.Profile.Title)
}

// codes looks at the tables that the worker judges by.
func (p *patient) codes() {
	w, _ := p.wire() // the settings are there
	t, err := w.Codes()
	if err != nil {
		p.found("codes", lookWrong, "import them again, or remove the folder (starter codes --help)", "%v", err)
		return
	}
	p.found("codes", lookOK, "", "code tables of %s (starter codes list)", codes.Day(t.Edition()))
}

// maxSkew is how far our clock may be from the database's.
const maxSkew = 5 * time.Second

func (p *patient) database(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	w, _ := p.wire() // the settings are there
	if p.cfg.Database.URL == "" {
		p.found("database", lookWrong, "set database.url in "+p.settingsName(), "none is set")
		return
	}
	if _, err := w.Sealer(); err != nil {
		p.found("sealing", lookWrong, "starter keys new --kind sealing", "%v", err)
		return
	}
	store, err := w.Store(ctx)
	if err != nil {
		p.found("database", lookWrong, "start PostgreSQL, or correct database.url in "+p.settingsName(), "%v", err)
		return
	}
	p.closers = append(p.closers, store.Close)
	if err := store.CheckSchema(ctx); err != nil {
		p.found("database", lookWrong, "starter migrate", "%v", err)
		return
	}
	p.store, p.db = store, store
	p.found("database", lookOK, "", "it answers, with the schema of this build (version %d)", db.SchemaVersion)
	p.sealing(store)
	p.clock(ctx, store)
}

func (p *patient) sealing(store *db.Store) {
	probe := []byte("doctor")
	opened, err := store.Sealer().Open(store.Sealer().Seal(probe))
	if err != nil || !bytes.Equal(opened, probe) {
		p.found("sealing", lookWrong, "starter keys list", "what is sealed cannot be opened again: %v", err)
		return
	}
	p.found("sealing", lookOK, "", "what is sealed can be opened again")
}

func (p *patient) clock(ctx context.Context, store *db.Store) {
	before := p.env.Now()
	server, err := store.Clock(ctx)
	if err != nil {
		p.found("clock", lookSkip, "", "the database did not say what time it is")
		return
	}
	skew := server.Sub(before.Add(p.env.Now().Sub(before) / 2))
	if skew.Abs() > maxSkew {
		p.found("clock", lookWrong, "set the clock of this computer by NTP", "this computer's clock and the database's are %s apart", skew.Abs().Round(time.Second))
		return
	}
	p.found("clock", lookOK, "", "it agrees with the database's")
}

func (p *patient) temporal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	eng, err := p.engine(ctx)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		p.found("temporal", lookWrong, "start Temporal, or correct temporal.address in "+p.settingsName(), "%s", first)
		return
	}
	missing, err := eng.MissingSearchAttributes(ctx)
	switch {
	case err != nil:
		p.found("temporal", lookWrong, "starter setup", "%v", err)
	case len(missing) > 0:
		p.found("temporal", lookWrong, "starter setup", "it does not know the search attributes %s", strings.Join(missing, ", "))
	default:
		p.found("temporal", lookOK, "", "%s answers, namespace %s", p.cfg.Temporal.Address, p.cfg.Temporal.Namespace)
	}
	workers, err := eng.Workers(ctx)
	switch {
	case err != nil:
		p.found("worker", lookWrong, "start the worker", "%v", err)
	case len(workers) == 0:
		p.found("worker", lookWrong, "start the worker", "none has asked for work on the task queue %s in the last minutes", p.cfg.Temporal.TaskQueue)
	default:
		p.found("worker", lookOK, "", "%s on the task queue %s", plural(len(workers), "worker", "workers"), p.cfg.Temporal.TaskQueue)
	}
}

// fileStore puts a few bytes in, takes them out and destroys them.
func (p *patient) fileStore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if p.cfg.Vault.URL == "" {
		p.found("file store", lookWrong, "set vault.url in "+p.settingsName(), "none is set")
		return
	}
	v, err := p.app.fileStore(ctx)
	if err != nil {
		p.found("file store", lookWrong, "starter keys list", "%v", err)
		return
	}
	probe := []byte("doctor " + p.env.Now().UTC().Format(time.RFC3339Nano))
	kept, err := v.Put(ctx, bytes.NewReader(probe))
	if err != nil {
		p.found("file store", lookWrong, "give the user of the worker the folder of vault.url", "nothing can be put in: %v", err)
		return
	}
	defer func() { _ = v.Delete(ctx, kept.Key) }() // a few bytes that say nothing
	if len(p.cfg.Vault.Identities) == 0 {
		p.found("file store", lookWarn, "set vault.identities where files are to be read", "files can be put in and not read here")
		return
	}
	r, err := v.Open(ctx, kept.Key)
	if err != nil {
		p.found("file store", lookWrong, "starter keys list", "what was put in cannot be opened: %v", err)
		return
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, probe) {
		p.found("file store", lookWrong, "starter keys list", "what was put in comes out differently: %v", err)
		return
	}
	p.found("file store", lookOK, "", "what is put in can be opened again")
}

// lowDisk is the free space in bytes below which to warn.
const lowDisk = 1 << 30

func (p *patient) outbox() {
	dir := p.cfg.Outbox.Dir
	if dir == "" {
		p.found("outbox", lookWrong, "set outbox.dir in "+p.settingsName(), "none is set")
		return
	}
	f, err := os.CreateTemp(dir, ".doctor-*.part")
	if err != nil {
		p.found("outbox", lookWrong, "make the folder, and let the worker's user write to it: "+dir, "%v", err)
		return
	}
	_ = errors.Join(f.Close(), os.Remove(f.Name())) // empty
	free, ok := freeDisk(dir)
	if ok && free < lowDisk {
		p.found("outbox", lookWarn, "make room on the disk of "+dir, "%s can be written to, but only %d MB are free", dir, free>>20)
		return
	}
	p.found("outbox", lookOK, "", "%s can be written to", filepath.Clean(dir))
}

// certificateWarning is how long before its end a certificate is warned of.
const certificateWarning = 30 * 24 * time.Hour

func (p *patient) connections(ctx context.Context) {
	if p.store == nil {
		return
	}
	found, err := p.store.Connections(ctx)
	if err != nil {
		p.found("connection", lookWrong, "starter doctor", "%v", err)
		return
	}
	holds, err := p.store.Holds(ctx, "", true)
	if err != nil {
		p.found("connection", lookWrong, "starter doctor", "%v", err)
		return
	}
	for _, c := range found {
		p.credentials(ctx, c.Name)
		if h := heldBy(holds, c); h != nil { // another login could lock the account
			p.found("connection", lookWrong, "starter hold show "+h.ID, "%s waits for you; it is not logged in to until that is settled", c.Name)
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 2*lookTimeout)
		tested, err := p.testConnection(ctx, c.Name)
		cancel()
		remedy := "starter connection test " + c.Name
		switch {
		case err != nil:
			p.found("connection", lookWrong, remedy, "%s: %v", c.Name, err)
		case tested.Fault != "":
			p.found("connection", lookWrong, remedy, "%s: %s", c.Name, tested.Fault)
		case !tested.OK:
			p.found("connection", lookWarn, remedy, "%s: logged in, but not every folder can be listed", c.Name)
		case !tested.Expires.IsZero() && tested.Expires.Before(p.env.Now().Add(certificateWarning)):
			p.found("connection", lookWarn, remedy, "%s: logged in, but the server's certificate ends on %s; ask the registry for its successor",
				c.Name, day(tested.Expires))
		case c.Protocol == byhand.Protocol:
			p.found("connection", lookOK, "", "%s: files can be laid out for whoever uploads them", c.Name)
		default:
			p.found("connection", lookOK, "", "%s: logged in, the server's key is the accepted one", c.Name)
		}
	}
}

// soonDays is how long before its end a credential is worth a warning.
const soonDays = 30

// credentials looks at what of a connection ends soon.
func (p *patient) credentials(ctx context.Context, name string) {
	found, err := p.store.Expiries(ctx, name, p.now().AddDate(0, 0, soonDays))
	if err != nil {
		return // the look at the database says so
	}
	for _, e := range p.showExpiries(found) {
		state, remedy := lookWarn, "starter connection rotate "+name+" --secret REFERENCE"
		if e.Days < 0 {
			state = lookWrong
		}
		if e.Credential == db.CredentialHostKey {
			remedy = "starter connection host-key accept " + name + ` --fingerprint SHA256:… --by "…"`
		}
		p.found("credentials", state, remedy, "%s: %s", name, e.words())
	}
}

func (p *patient) mail(ctx context.Context) {
	n := p.cfg.Notify
	if n.Deliver != "send" {
		p.found("mail", lookWarn, "", "letters are written and kept, not sent (notify.deliver is %s)", n.Deliver)
		return
	}
	w, _ := p.wire() // the settings are there
	if _, err := w.SMTP(); err != nil {
		p.found("mail", lookWrong, "starter config check", "%v", err)
		return
	}
	if err := greet(ctx, n.SMTP); err != nil {
		p.found("mail", lookWrong, "correct notify.smtp in "+p.settingsName(), "%v", err)
		return
	}
	p.found("mail", lookOK, "", "%s answers", n.SMTP.Host)
	p.bounces(n.Bounces)
	if len(n.Chat) == 0 {
		return
	}
	if _, err := w.Chat(); err != nil {
		p.found("chat", lookWrong, "correct notify.chat in "+p.settingsName(), "%v", err)
		return
	}
	p.found("chat", lookOK, "", "rooms that are told of alerts: %d; nothing was said now", len(n.Chat))
}

// bounces looks at the folder in which letters come back.
func (p *patient) bounces(dir string) {
	if dir == "" {
		return
	}
	if _, err := (notify.MailFolder{Dir: dir}).Unread(1); err != nil {
		p.found("bounces", lookWrong, "correct notify.bounces in "+p.settingsName()+", or let the worker's user read it", "%v", err)
		return
	}
	p.found("bounces", lookOK, "", "letters that come back are read from %s", dir)
}

// nextStep is what a healthy installation needs next.
func (p *patient) nextStep(ctx context.Context) string {
	if p.store == nil {
		return "starter doctor"
	}
	connections, err := p.store.Connections(ctx)
	if err == nil && len(connections) == 0 {
		return "starter connection add FILE.yaml"
	}
	practices, err := p.store.Practices(ctx)
	if err == nil && len(practices) == 0 {
		return "starter practice add FILE.yaml"
	}
	lines, err := p.statusLines(ctx, p.store, practices, "")
	if err != nil {
		return "starter status"
	}
	for _, l := range lines {
		if l.Source == "" && l.Phase != registry.PhaseWithdrawn {
			return l.Move
		}
	}
	return "starter status"
}
