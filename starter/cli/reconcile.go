package cli

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/reconcile"
	"immtrail/registry"
	"immtrail/vault"
	"immtrail/workflows"
)

func (a *app) reconcileCommand() *cobra.Command {
	var asked reconcileAsked
	cmd := &cobra.Command{
		Use: "reconcile", Short: "After a restore: list what Temporal did that the database does not know", Args: cobra.NoArgs,
		Long: `After a backup of the database was restored, hours are missing in it: files that
were sent, stages that were reached. A worker refuses to start then, since what it
does not know of it would send again. This command lists the differences; it
changes nothing without --apply.

With --apply files that were sent are recorded as sent, so that they are never
sent again; numbers that Temporal knows are given to no other file; workflows of
files that the database does not know are ended; files on which nobody is at work
go on, and so do onboardings that are ahead of the database, from where that stands.
What was perhaps sent is for you to find out: look for its name at the registry.
Doing it again changes nothing.`,
		Example: `  starter reconcile
  starter reconcile --apply --reason "backup of 3 March restored"
  starter reconcile --since 2026-03-02`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd.Context(), asked) },
	}
	cmd.Flags().StringVar(&asked.since, "since", "", "look back to this day; without it, to the database's newest file")
	cmd.Flags().BoolVar(&asked.apply, "apply", false, "settle what can be settled")
	cmd.Flags().StringVar(&asked.reason, "reason", "", "what was restored; it goes into the audit log")
	cmd.MarkFlagsRequiredTogether("apply", "reason")
	return cmd
}

type reconcileAsked struct {
	since, reason string
	apply         bool
}

// reconciled is what `reconcile --output json` prints.
type reconciled struct {
	// Database and Temporal are the highest file numbers that each knows.
	Database int64 `json:"database_knows"`
	Temporal int64 `json:"temporal_knows"`
	// Files are what the database does not know of, Idle what nobody is at work on.
	Files []lostFile `json:"files"`
	Idle  []idleFile `json:"idle"`
	// Ahead are onboardings that are further than the database.
	Ahead []aheadOf `json:"ahead"`
	// Objects of the file store belong to nothing in the database. They are kept.
	Objects []string `json:"objects"`
	Applied bool     `json:"applied"`
}

type lostFile struct {
	reconcile.File
	// Recorded says that it is known by its digest as sent, and is never sent again.
	Recorded bool `json:"recorded"`
}

type idleFile struct {
	File     string        `json:"file"`
	Practice string        `json:"practice"`
	For      registry.Lane `json:"for"`
	Since    time.Time     `json:"since"`
}

type aheadOf struct {
	Practice string         `json:"practice"`
	Workflow registry.Phase `json:"workflow"`
	// Database is empty where that does not know the practice.
	Database registry.Phase `json:"database"`
}

func (a *app) reconcile(ctx context.Context, asked reconcileAsked) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	out, err := a.differences(ctx, store, eng, asked.since)
	if err != nil {
		return err
	}
	if asked.apply {
		by, err := a.actor()
		if err != nil {
			return err
		}
		settle := settlement{app: a, store: store, eng: eng, by: by, reason: asked.reason}
		if err := settle.all(ctx, &out); err != nil {
			return err
		}
	}
	return a.show(out, func(s *screen) { s.reconciled(out) })
}

// grace is how long a file may be staged before somebody must be at work on it.
const grace = time.Hour

func (a *app) differences(ctx context.Context, store *db.Store, eng Engine, since string) (reconciled, error) {
	out := reconciled{Files: []lostFile{}, Idle: []idleFile{}, Ahead: []aheadOf{}, Objects: []string{}}
	mark, err := store.FileMark(ctx)
	if err != nil {
		return out, err
	}
	from := reconcile.Since(mark.Newest)
	if since != "" {
		if from, err = time.Parse(time.DateOnly, since); err != nil {
			return out, misused("--since %q: a day such as 2026-03-02", since)
		}
	}
	files, err := eng.Travelled(ctx, from, func(ids []string) ([]string, error) { return store.UnknownFiles(ctx, ids) })
	if err != nil {
		return out, err
	}
	out.Database, out.Temporal = mark.Last, mark.Last
	for _, f := range files {
		out.Temporal = max(out.Temporal, reconcile.Number(f.ID))
		known, err := store.WasRecordedSent(ctx, f.Practice, f.Lane, f.Digest)
		if err != nil {
			return out, err
		}
		out.Files = append(out.Files, lostFile{f, known})
	}
	if out.Idle, err = a.idle(ctx, store, eng); err != nil {
		return out, err
	}
	if out.Ahead, err = ahead(ctx, store, eng); err != nil {
		return out, err
	}
	out.Objects, err = a.unknownObjects(ctx, store, mark.Newest)
	return out, err
}

// idle are staged files whose submission does not run: Temporal was restored, or
// lost.
func (a *app) idle(ctx context.Context, store *db.Store, eng Engine) ([]idleFile, error) {
	staged, err := store.StagedFiles(ctx)
	if err != nil {
		return nil, err
	}
	running, err := eng.RunningFiles(ctx)
	idle := []idleFile{}
	for _, f := range staged {
		if !running[f.ID] && a.now().Sub(f.StagedAt) > grace {
			idle = append(idle, idleFile{f.ID, f.Practice, f.Lane, f.StagedAt})
		}
	}
	return idle, err
}

// ahead are onboardings that are further than the database: a step writes the
// database first, so that this cannot be unless it was restored.
func ahead(ctx context.Context, store *db.Store, eng Engine) ([]aheadOf, error) {
	onboardings, err := eng.Onboardings(ctx)
	if err != nil {
		return nil, err
	}
	practices, err := store.Practices(ctx)
	if err != nil {
		return nil, err
	}
	found := []aheadOf{}
	for _, p := range practices {
		if onboardings[p.ID].After(p.Phase) {
			found = append(found, aheadOf{p.ID, onboardings[p.ID], p.Phase})
		}
		delete(onboardings, p.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(onboardings)) {
		found = append(found, aheadOf{Practice: id, Workflow: onboardings[id]})
	}
	return found, nil
}

// unknownObjects are those of the file store that came after the database's newest
// file and belong to nothing in it.
func (a *app) unknownObjects(ctx context.Context, store *db.Store, after time.Time) ([]string, error) {
	v, err := a.fileStore(ctx)
	if err != nil {
		return nil, err
	}
	keys := []string{}
	for o, err := range v.List(ctx) {
		if err != nil {
			return nil, err
		}
		if o.ModTime.After(after) {
			keys = append(keys, o.Key)
		}
	}
	return store.UnknownObjects(ctx, keys)
}

// settlement is a person who settles differences.
type settlement struct {
	*app
	store  *db.Store
	eng    Engine
	by     registry.Actor
	reason string
}

func (s settlement) all(ctx context.Context, out *reconciled) error {
	if _, err := s.store.SkipNumbers(ctx, out.Temporal, s.act(s.by, "reconcile", s.reason)); err != nil {
		return err
	}
	for i := range out.Files {
		if err := s.file(ctx, &out.Files[i]); err != nil {
			return err
		}
	}
	for _, f := range out.Idle {
		if err := s.goOn(ctx, f); err != nil {
			return err
		}
	}
	for _, p := range out.Ahead {
		if p.Database == "" {
			continue // a person enrols it again
		}
		if err := s.eng.Terminate(ctx, workflows.OnboardingID(p.Practice), "reconciled with the database"); err != nil {
			return err
		}
		if _, err := s.begin(ctx, s.store, p.Practice, s.by); err != nil {
			return err
		}
	}
	out.Applied = true
	return nil
}

// file records one that was sent, and ends the workflow that cannot go on.
func (s settlement) file(ctx context.Context, f *lostFile) error {
	if f.Sent == reconcile.WasSent && !f.Recorded {
		content, err := s.content(ctx, f.Digest)
		if err != nil {
			return err
		}
		_, err = s.store.RecordSent(ctx, f.Practice, []db.SentFile{{
			Lane: f.Lane, Digest: f.Digest, ContentDigest: content, Size: f.Size, Messages: max(f.Messages, 1),
			SentOn: f.At.Format(time.DateOnly),
		}}, s.act(s.by, "reconcile/"+f.ID, s.reason))
		if registry.KindOf(err) == registry.Missing {
			return nil // its practice is listed as unknown
		}
		if err != nil {
			return err
		}
		f.Recorded = true
	}
	if !f.Running {
		return nil
	}
	f.Running = false
	return s.eng.Terminate(ctx, workflows.FileID(f.ID), "the database does not know this file")
}

// content is the digest of a file's messages, so that the same records under
// another envelope are known again; that of its bytes where the file store has it
// no more.
func (s settlement) content(ctx context.Context, digest string) (string, error) {
	v, err := s.fileStore(ctx)
	if err != nil {
		return "", err
	}
	content, err := contentOf(ctx, v, digest)
	if registry.KindOf(err) == registry.Missing {
		return digest, nil
	}
	return content, err
}

func contentOf(ctx context.Context, v *vault.Vault, digest string) (string, error) {
	key, err := vault.KeyOf(digest)
	if err != nil {
		return "", err
	}
	src, err := v.Open(ctx, key)
	if err != nil {
		return "", err
	}
	defer func() { _ = src.Close() }() // only read from
	print, err := activities.FingerprintOf(src)
	return print.Content, err
}

// goOn sets a staged file on its way again.
func (s settlement) goOn(ctx context.Context, idle idleFile) error {
	f, err := s.store.File(ctx, idle.File)
	if err != nil {
		return err
	}
	loaded, err := s.loadProfile(f.Practice)
	if err != nil {
		return err
	}
	return s.eng.StartFile(ctx, workflows.FileSubmissionInput{
		Version: 1, Practice: f.Practice, File: registry.FileRef{ID: f.ID, Digest: f.Digest, Size: f.Size}, Lane: f.Lane,
		Calendar: s.cfg.Calendar.Registry(), Policy: loaded.Profile.Policy, Business: loaded.Profile.BusinessDays(),
		Tell: workflows.OnboardingID(f.Practice),
	})
}

func (s *screen) reconciled(r reconciled) {
	s.reconciledFiles(r)
	if len(r.Idle) > 0 {
		s.title("Files on which nobody is at work")
		rows := [][]string{}
		for _, f := range r.Idle {
			rows = append(rows, []string{f.File, f.Practice, string(f.For), day(f.Since)})
		}
		s.table([]string{"FILE", "PRACTICE", "FOR", "SINCE"}, rows)
		s.raw("")
	}
	if len(r.Ahead) > 0 {
		s.title("Practices that are further than the database says")
		rows := [][]string{}
		for _, p := range r.Ahead {
			db, todo := p.Database.Words(), "goes on from there; give the approval again"
			if p.Database == "" {
				db, todo = "unknown", "starter practice add FILE"
			}
			rows = append(rows, []string{p.Practice, p.Workflow.Words(), db, todo})
		}
		s.table([]string{"PRACTICE", "TEMPORAL", "DATABASE", "TO DO"}, rows)
		s.raw("")
	}
	if n := len(r.Objects); n > 0 {
		s.line("%s in the file store belong to nothing in the database. They are kept; "+
			"a report among them is fetched again where the registry still has it.", plural(n, "object", "objects"))
	}
	switch {
	case r.Applied:
		s.line("Settled. A worker may start: see starter doctor")
	case len(r.Files)+len(r.Idle)+len(r.Ahead) == 0:
		s.line("Temporal and the database agree.")
	case r.settled():
		s.line("All of it is settled. A worker may start: see starter doctor")
	default:
		s.line("Nothing was changed. Next: starter reconcile --apply --reason \"…\"")
	}
}

// settled says that --apply would find nothing to do.
func (r reconciled) settled() bool {
	return len(r.Idle)+len(r.Ahead) == 0 && r.Database >= r.Temporal &&
		!slices.ContainsFunc(r.Files, func(f lostFile) bool { return !f.Recorded })
}

func (s *screen) reconciledFiles(r reconciled) {
	if len(r.Files) == 0 {
		return
	}
	s.title("Files that the database does not know")
	rows, perhaps := [][]string{}, 0
	for _, f := range r.Files {
		what, todo := "not sent", "outbox again"
		switch f.Sent {
		case reconcile.WasSent:
			what, todo = "sent as "+orWord(f.RemoteName, "a name that is not known"), "to be recorded"
			if f.Recorded {
				todo = "recorded"
			}
		case reconcile.PerhapsSent:
			what, todo = "perhaps as "+orWord(f.RemoteName, "a name that is not known"), "look there"
			perhaps++
		case reconcile.NotSent:
		}
		rows = append(rows, []string{f.ID, f.Practice, string(f.Lane), f.Started.Format("2006-01-02 15:04"), what, todo})
	}
	s.table([]string{"FILE", "PRACTICE", "FOR", "CAME", "WHAT BECAME OF IT", "TO DO"}, rows)
	if perhaps > 0 {
		s.line("Perhaps sent: look into the registry's folder. Where the name is there, starter file record PRACTICE " +
			"FILE --sent DAY; where it is not, put the file into the outbox again.")
	}
	s.line("The database knows files up to f-%s, Temporal up to f-%s.", strconv.FormatInt(r.Database, 10), strconv.FormatInt(r.Temporal, 10))
	s.raw("")
}
