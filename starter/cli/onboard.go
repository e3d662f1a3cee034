package cli

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

// entryAsked is where a practice stands when it comes here, as a person says it.
type entryAsked struct {
	from, since, history  string
	evidence              string
	approvedBy, emailDate string
}

func (a *app) onboardCommand() *cobra.Command {
	var e entryAsked
	cmd := &cobra.Command{
		Use: "onboard PRACTICE", Short: "Begin a practice's way to production, or go on where it is", Args: cobra.ExactArgs(1),
		Long: `Begins the onboarding: prerequisites, three to five error-free test files, the
registry's review, the Production email, the first production file. It runs for
weeks by itself; "starter status" says what it waits for. Beginning again
changes nothing.

A practice that is further along comes in with --from and --since. Nothing is
sent for what is past, and all guards hold from then on. The stages before are
in the audit log as recorded by you, not witnessed. For one that is live say what
became of the historical load: none (the vendor has no old records), done (they
were sent) or due (the vendor is asked now). The Production email, if you have
it, is the evidence. Files that were sent already are named with
"starter file record", so that they are not sent again.`,
		Example: `  starter onboard sunrise-plano
  starter onboard sunrise-plano --from in-review --since 2026-03-02
  starter onboard lakeside --from production --since 2025-09-15 --history done --evidence go.eml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onboard(cmd.Context(), args[0], e)
		},
	}
	cmd.Flags().StringVar(&e.from, "from", "", "the stage it has reached: testing, in-review or production")
	cmd.Flags().StringVar(&e.since, "since", "", "the day on which it reached that stage, YYYY-MM-DD")
	cmd.Flags().StringVar(&e.history, "history", "", "the historical load: none, due or done")
	cmd.Flags().StringVar(&e.evidence, "evidence", "", "a file (the Production email), or words")
	cmd.Flags().StringVar(&e.approvedBy, "approved-by", "", "who at the registry approved production, where the email does not say")
	cmd.Flags().StringVar(&e.emailDate, "email-date", "", "date of the Production email, where it is not at hand")
	cmd.MarkFlagsRequiredTogether("from", "since")
	return cmd
}

// onboarded is what `onboard --output json` prints.
type onboarded struct {
	Practice   string         `json:"practice"`
	WorkflowID string         `json:"workflow_id"`
	Phase      registry.Phase `json:"phase"`
	Again      bool           `json:"again"`
	// From and Since are set where it came in at a later stage.
	From  registry.Phase `json:"from,omitempty"`
	Since string         `json:"since,omitempty"`
}

func (a *app) onboard(ctx context.Context, id string, e entryAsked) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	if e.from == "" && (e.history != "" || e.evidence != "" || e.approvedBy != "" || e.emailDate != "") {
		return misused("--history, --evidence, --approved-by and --email-date go with --from")
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	if p.Phase == registry.PhaseWithdrawn {
		return refused("%s was withdrawn; a practice that comes back gets another ID", id)
	}
	if e.from != "" {
		if err := a.enter(ctx, store, p, e, by); err != nil {
			return err
		}
	}
	again, err := a.begin(ctx, store, id, by)
	if err != nil {
		return err
	}
	if p, err = a.practice(ctx, store, id); err != nil {
		return err
	}
	entry, _, err := store.EntryOf(ctx, id)
	if err != nil {
		return err
	}
	out := onboarded{
		Practice: id, WorkflowID: workflows.OnboardingID(id), Phase: p.Phase, Again: again, From: entry.From, Since: entry.Since,
	}
	return a.show(out, func(s *screen) {
		if again {
			s.line("%s is on its way already.", id)
		} else {
			s.line("%s is on its way.", id)
		}
		if out.Since != "" {
			s.line("It came in at %s, since %s: recorded, not witnessed.", out.From.Words(), out.Since)
		}
		s.line("Next: starter status %s", id)
	})
}

// begin starts a practice's process; one that runs already is told to look.
func (a *app) begin(ctx context.Context, store *db.Store, id string, by registry.Actor) (again bool, err error) {
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return false, err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return false, err
	}
	again, err = eng.Onboard(ctx, p, workflows.OnboardingInput{
		Version: 1, Practice: p.ID, Calendar: a.cfg.Calendar.Registry(), By: by,
	})
	if err == nil && again {
		a.nudge(ctx, p)
	}
	return again, err
}

// phaseNamed reads a stage as people write it.
func phaseNamed(text string) registry.Phase {
	text = strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(text)))
	return registry.Phase(text)
}

// enter records where a practice stands. Where it stood there already nothing
// changes, but for evidence that follows.
func (a *app) enter(ctx context.Context, store *db.Store, p *registry.Practice, asked entryAsked, by registry.Actor) error {
	e := db.Entry{From: phaseNamed(asked.from), Since: asked.since, History: asked.history}
	if fault := e.Fault(a.now().Format(time.DateOnly)); fault != "" {
		return misused("--%s", fault)
	}
	var email registry.Approval
	var err error
	if e.Evidence, e.EvidenceID, err = a.keepEvidence(ctx, asked.evidence); err != nil {
		return err
	}
	if e.EvidenceID != "" {
		if email, err = emailAt(asked.evidence); err != nil {
			return err
		}
	}
	act := a.act(by, "entry/"+p.ID, "recorded, not witnessed")
	var approval *registry.Approval
	if e.From == registry.PhaseProduction {
		approval = &registry.Approval{
			Practice:   p.ID,
			ApprovedBy: cmp.Or(asked.approvedBy, email.ApprovedBy, "not known (recorded by "+by.Name+")"),
			EmailDate:  cmp.Or(asked.emailDate, email.EmailDate, e.Since),
			MessageID:  email.MessageID, EvidenceID: e.EvidenceID,
		}
		if why := approval.Fault(p.ID); why != "" {
			return refused("%s", why)
		}
	}
	again, err := store.Enter(ctx, p.ID, e, approval, act)
	if err != nil || !again || approval == nil || approval.EvidenceID == "" {
		return err
	}
	// The evidence may follow.
	known, ok, err := store.Approval(ctx, p.ID)
	if err != nil || !ok || known.EvidenceID == approval.EvidenceID {
		return err
	}
	known.EvidenceID, known.MessageID = approval.EvidenceID, cmp.Or(known.MessageID, approval.MessageID)
	return store.RecordEvidence(ctx, known, act)
}

// emailAt reads what the head of an email says; of another document nothing.
func emailAt(path string) (registry.Approval, error) {
	f, err := os.Open(path)
	if err != nil {
		return registry.Approval{}, couldNot("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxEmail))
	if err != nil {
		return registry.Approval{}, couldNot("%w", err)
	}
	var a registry.Approval
	a.ApprovedBy, a.EmailDate, a.MessageID = emailHead(bytes.TrimSpace(data))
	return a, nil
}

type recordOptions struct {
	sent                         string
	test, production, historical bool
}

func (a *app) fileRecord() *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use: "record PRACTICE FILE...", Short: "Name files that were sent before, so that they are never sent again", Args: cobra.MinimumNArgs(2),
		Long: `Keeps the digests of files that reached the registry before immtrail was there,
or by other ways: of their bytes, and of their messages without the envelope. A
file that is the same by either is not sent again. The files stay where they are,
and nothing of what they hold is kept. Doing it again changes nothing.`,
		Example: `  starter file record sunrise-plano sent/*.hl7 --sent 2026-02-27
  starter file record sunrise-plano old.hl7 --sent 2025-11-01 --historical`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.recordSent(cmd.Context(), args[0], args[1:], o)
		},
	}
	cmd.Flags().StringVar(&o.sent, "sent", "", "the day on which they were sent, YYYY-MM-DD")
	cmd.Flags().BoolVar(&o.test, "test", false, "they were test files")
	cmd.Flags().BoolVar(&o.production, "production", false, "they were production files")
	cmd.Flags().BoolVar(&o.historical, "historical", false, "they were of the historical load")
	cmd.MarkFlagsMutuallyExclusive("test", "production", "historical")
	_ = cmd.MarkFlagRequired("sent")
	return cmd
}

func (o recordOptions) lane(p *registry.Practice) (registry.Lane, error) {
	switch {
	case o.test:
		return registry.LaneTest, nil
	case o.production:
		return registry.LaneProduction, nil
	case o.historical:
		return registry.LaneHistorical, nil
	}
	lane, ok := registry.LaneOf(p.Phase)
	if !ok {
		return "", misused("%s is %s: add --test, --production or --historical", p.ID, p.Phase.Words())
	}
	return lane, nil
}

// recordedFile is one file as `file record --output json` prints it.
type recordedFile struct {
	File     string `json:"file"`
	Messages int    `json:"messages"`
	Digest   string `json:"digest"`
}

func (a *app) recordSent(ctx context.Context, id string, paths []string, o recordOptions) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	if sent, err := time.Parse(time.DateOnly, o.sent); err != nil || sent.After(a.now()) {
		return misused("--sent %q: a day that is past, such as 2026-02-27", o.sent)
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	lane, err := o.lane(p)
	if err != nil {
		return err
	}
	shown, files := []recordedFile{}, []db.SentFile{}
	for _, path := range paths {
		print, err := fingerprint(path)
		if err != nil {
			return err
		}
		shown = append(shown, recordedFile{path, print.Messages, print.Digest})
		files = append(files, db.SentFile{
			Lane: lane, Digest: print.Digest, ContentDigest: print.Content, Size: print.Size, Messages: print.Messages, SentOn: o.sent,
		})
	}
	fresh, err := store.RecordSent(ctx, id, files, a.act(by, "sent-before/"+id, ""))
	if err != nil {
		return err
	}
	slices.SortFunc(shown, func(a, b recordedFile) int { return strings.Compare(a.File, b.File) })
	return a.show(shown, func(s *screen) {
		s.line("%s: %s recorded as sent on %s, %d of them new. They are never sent again.",
			id, plural(len(shown), "file is", "files are"), o.sent, fresh)
	})
}

func fingerprint(path string) (activities.Fingerprint, error) {
	f, err := os.Open(path)
	if err != nil {
		return activities.Fingerprint{}, couldNot("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	print, err := activities.FingerprintOf(f)
	if err != nil {
		return print, refused("%s: %w", path, err)
	}
	return print, nil
}
