package cli

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) fileCommand() *cobra.Command {
	return folder("file", "See what became of a file, or send it in spite of our check",
		"  starter file list sunrise-plano\n  starter file show f-12", a.fileList(), a.fileShow(), a.fileSendAnyway(), a.fileRecord())
}

func (a *app) fileList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list PRACTICE", Short: "List a practice's files, newest first", Args: cobra.ExactArgs(1),
		Example: "  starter file list sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			if _, err := a.practice(cmd.Context(), store, args[0]); err != nil {
				return err
			}
			found, err := store.Files(cmd.Context(), args[0], limit)
			if err != nil {
				return err
			}
			shown := []judgedFile{}
			for _, f := range found {
				shown = append(shown, judgeFile(f))
			}
			return a.show(shown, func(s *screen) { s.fileList(shown) })
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most this many")
	return cmd
}

// judgedFile is a file without anything about a patient: not even the name that
// the EHR gave it.
type judgedFile struct {
	ID       string                 `json:"id"`
	Practice string                 `json:"practice"`
	For      registry.Lane          `json:"for"`
	State    registry.FileState     `json:"state"`
	Came     time.Time              `json:"came"`
	Size     int64                  `json:"size"`
	Check    *registry.CheckSummary `json:"check,omitempty"`
	// Changed are all rules that persons had graded anew for the check.
	Changed []registry.RuleGrade `json:"changed"`
	Anyway  *db.Anyway           `json:"sent_anyway,omitempty"`
}

func judgeFile(f db.File) judgedFile {
	return judgedFile{
		ID: f.ID, Practice: f.Practice, For: f.Lane, State: f.State, Came: f.StagedAt, Size: f.Size, Check: f.Check,
		Changed: append([]registry.RuleGrade{}, f.Changed...), Anyway: f.Anyway,
	}
}

func (s *screen) fileList(files []judgedFile) {
	if len(files) == 0 {
		s.line("There is none.")
		return
	}
	rows := make([][]string, len(files))
	for i, f := range files {
		errors, messages := "", ""
		if f.Check != nil {
			errors, messages = plural(f.Check.Errors, "error", "errors"), plural(f.Check.Messages, "message", "messages")
		}
		anyway := ""
		if f.Anyway != nil {
			anyway = "sent anyway by " + f.Anyway.By
		}
		rows[i] = []string{f.ID, string(f.For), fileWords(f.State), day(f.Came), messages, errors, anyway}
	}
	s.table([]string{"FILE", "FOR", "STATE", "CAME", "HOLDS", "OUR CHECK", ""}, rows)
}

func (a *app) fileShow() *cobra.Command {
	return &cobra.Command{
		Use: "show FILE", Short: "Show one file: our verdict, how it was sent, what the registry said", Args: cobra.ExactArgs(1),
		Long: `Shows what our check found and under which rules, who changed a rule or sent the
file in spite of the check, each attempt to send it, what the registry answered,
and whether the same bytes or messages came before. No patient data.`,
		Example: "  starter file show f-12",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showOneFile(cmd.Context(), args[0])
		},
	}
}

// firedRule is a rule that fired in a file's last check.
type firedRule struct {
	registry.RuleCount
	Says   string `json:"says"`
	Remedy string `json:"remedy"`
}

// fileStory is what `file show --output json` prints.
type fileStory struct {
	judgedFile
	Rules      []firedRule `json:"rules"`
	Deliveries []sentAs    `json:"deliveries"`
	Answer     db.Answer   `json:"answer"`
	// Same are the times when the same bytes or messages came again or had been
	// sent before.
	Same []shownSame `json:"same"`
	// Late are the doses that went more than 30 days after they were given, by site.
	Late []db.LateDoses `json:"late_doses"`
	// LeftOut are messages that stay behind since the same goes or went otherwise.
	LeftOut []stayedBehind `json:"left_out"`
}

type sentAs struct {
	ID        string                `json:"id"`
	Name      string                `json:"name"`
	State     db.DeliveryState      `json:"state"`
	Confirmed *time.Time            `json:"confirmed,omitempty"`
	How       registry.Confirmation `json:"how,omitempty"`
	By        string                `json:"by,omitempty"`
	Messages  int                   `json:"messages"`
	Held      int                   `json:"held"`
}

type shownSame struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Why  string    `json:"why"`
	// SameAs is the file that was sent before.
	SameAs string `json:"same_as,omitempty"`
}

func (a *app) showOneFile(ctx context.Context, id string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	f, err := store.File(ctx, id)
	if err != nil {
		return err
	}
	story := fileStory{judgedFile: judgeFile(f), Rules: []firedRule{}, Deliveries: []sentAs{}, Same: []shownSame{}}
	counts, err := store.RuleCounts(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range counts {
		rule, _ := conformance.Lookup(c.Rule)
		story.Rules = append(story.Rules, firedRule{RuleCount: c, Says: rule.Says, Remedy: rule.Remedy})
	}
	deliveries, err := store.Deliveries(ctx, id)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		story.Deliveries = append(story.Deliveries, sentAs{
			ID: d.ID, Name: d.RemoteName, State: d.State, Confirmed: d.ConfirmedAt, How: d.ConfirmedHow, By: d.ConfirmedBy,
			Messages: d.Messages, Held: d.Held,
		})
	}
	if story.Answer, err = store.FileAnswer(ctx, f.Practice, id); err != nil {
		return err
	}
	if story.Late, err = lateOnly(store.LateDoses(ctx, db.LateFilter{Practice: f.Practice, File: id})); err != nil {
		return err
	}
	if story.LeftOut, err = stayedBehindIn(ctx, store, id); err != nil {
		return err
	}
	if story.Same, err = sameFiles(ctx, store, f); err != nil {
		return err
	}
	return a.show(story, func(s *screen) { s.fileStory(story) })
}

func sameFiles(ctx context.Context, store *db.Store, f db.File) ([]shownSame, error) {
	events, err := store.FileEvents(ctx, f.Practice, f.ID)
	if err != nil {
		return nil, err
	}
	same := []shownSame{}
	for _, e := range events {
		if e.Kind != db.EventCameAgain && e.Kind != db.EventDuplicate {
			continue
		}
		var detail struct {
			SameAs string `json:"same_as"`
		}
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			return nil, couldNot("the audit row %d cannot be read: %w", e.ID, err)
		}
		same = append(same, shownSame{At: e.At, Kind: e.Kind, Why: e.Reason, SameAs: detail.SameAs})
	}
	return same, nil
}

func (s *screen) fileStory(f fileStory) {
	pairs := [][2]string{
		{"File", f.ID + ", " + string(f.For) + " file of " + f.Practice},
		{"State", f.stateWords()},
		{"Came", day(f.Came) + ", " + plural(int(f.Size), "byte", "bytes")},
	}
	if c := f.Check; c != nil {
		pairs = append(
			pairs,
			[2]string{"Holds", plural(c.Messages, "message", "messages") + " with " + plural(c.Doses, "dose", "doses") + heldWords(c.Held)},
			[2]string{"Our verdict", plural(c.Errors, "error", "errors") + ", " + plural(c.Warnings, "warning", "warnings") + ", " +
				plural(c.Infos, "note", "notes") + " (rules " + c.RuleSet + ")"},
			[2]string{"Judged with", changedRulesWords(f.Changed)},
		)
	}
	if f.Anyway != nil {
		pairs = append(pairs, [2]string{"Sent anyway", "by " + f.Anyway.By + " on " + day(f.Anyway.At) + ": " + f.Anyway.Reason})
	}
	for _, d := range f.Deliveries {
		words := d.ID + " as " + d.Name + ": " + string(d.State)
		if d.Confirmed != nil {
			words = d.ID + " as " + d.Name + ", " + d.How.Words() + " on " + day(*d.Confirmed)
		}
		pairs = append(pairs, [2]string{"Sent", words + heldWords(d.Held)})
	}
	if n := f.Answer; n.Messages > 0 && len(f.Deliveries) > 0 {
		pairs = append(pairs, [2]string{"The registry", strconv.Itoa(n.Messages-n.Unanswered) + " of " +
			plural(n.Messages, "message", "messages") + " answered, " + strconv.Itoa(n.Rejected) + " refused"})
	}
	if words := lateWords(f.Late); words != "" {
		pairs = append(pairs, [2]string{"Late", words})
	}
	if words := stayedWords(f.LeftOut); words != "" {
		pairs = append(pairs, [2]string{"Stayed behind", words})
	}
	for _, same := range f.Same {
		pairs = append(pairs, [2]string{"Seen before", day(same.At) + ": " + same.Why})
	}
	s.pairs(pairs...)
	s.filesRules(f)
}

func (s *screen) filesRules(f fileStory) {
	if len(f.Rules) > 0 {
		rows := make([][]string, len(f.Rules))
		for i, r := range f.Rules {
			rows[i] = []string{r.Rule, r.Severity.Words(), strconv.Itoa(r.Count), r.Says}
		}
		s.raw("")
		s.table([]string{"RULE", "GRADE", "TIMES", "WHAT IS WRONG"}, rows)
	}
	if f.State == registry.FileRefused && f.Anyway == nil {
		s.raw("")
		s.line("If the rules are wrong about this file: starter rules show %s, or", f.firstError())
		s.raw("  > starter file send-anyway %s --reason \"...\"", f.ID)
	}
}

func (f fileStory) firstError() string {
	for _, r := range f.Rules {
		if r.Severity == registry.SeverityError {
			return r.Rule
		}
	}
	return "RULE"
}

// stateWords tells a file that was given up from one whose content was sent.
func (f fileStory) stateWords() string {
	if f.State == registry.FileDropped {
		for _, same := range f.Same {
			if same.Kind == db.EventDuplicate {
				return "not sent again: the same messages went with " + same.SameAs
			}
		}
	}
	return fileWords(f.State)
}

func heldWords(held int) string {
	if held == 0 {
		return ""
	}
	return "; " + plural(held, "message", "messages") + " left out"
}

// changedRulesWords names the rules that were changed: "2 rules changed: P-06 is
// a warning (Ana), …".
func changedRulesWords(changed []registry.RuleGrade) string {
	if len(changed) == 0 {
		return ""
	}
	words := make([]string, len(changed))
	for i, c := range changed {
		words[i] = c.Rule + " " + c.Grade + " (" + c.By + ")"
	}
	return plural(len(changed), "rule", "rules") + " changed: " + strings.Join(words, ", ")
}

func (a *app) fileSendAnyway() *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use: "send-anyway FILE", Short: "Send a file that our check refused, with a reason", Args: cobra.ExactArgs(1),
		Long: `Sends a file that our check refused, because our rules may be wrong. Who and why
stays with the file, in the audit log and in the letter that asks for a review.
As a test file it does not count as error-free. Messages that a rule holds back
(such as those of a patient who asked not to be shared) stay behind all the
same. Doing it again changes nothing.`,
		Example: `  starter file send-anyway f-12 --reason "DSHS wants to see the file as it is"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sendAnyway(cmd.Context(), args[0], by, reason)
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "who decides, where that is not you (as --as)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) sendAnyway(ctx context.Context, id, by, reason string) error {
	actor, err := a.actorBy(by)
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	before, err := store.File(ctx, id)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, before.Practice)
	if err != nil {
		return err
	}
	if _, err := laneFor(p, before.Lane); err != nil {
		return err
	}
	eng, err := a.engine(ctx) // before the decision is kept: it needs both
	if err != nil {
		return err
	}
	f, again, err := store.SendAnyway(ctx, id, a.act(actor, "send-anyway/"+id, reason))
	if err != nil {
		return err
	}
	// The second time starts it where the first could not.
	if f.State == registry.FileRefused {
		loaded, err := a.loadProfile(f.Practice)
		if err != nil {
			return err
		}
		err = eng.SendFile(ctx, workflows.FileSubmissionInput{
			Version: 1, Practice: f.Practice, File: registry.FileRef{ID: f.ID, Digest: f.Digest, Size: f.Size}, Lane: f.Lane,
			Calendar: a.cfg.Calendar.Registry(), Policy: loaded.Profile.Policy, Business: loaded.Profile.BusinessDays(),
			Tell: workflows.OnboardingID(f.Practice),
		})
		if err != nil {
			return couldNot("the decision is kept, but the file could not be set on its way: %w\nRun the command again", err)
		}
	}
	answer := struct {
		File  string    `json:"file"`
		By    db.Anyway `json:"sent_anyway"`
		Again bool      `json:"again"`
	}{id, *f.Anyway, again}
	return a.show(answer, func(s *screen) {
		if again {
			s.line("%s is sent on %s's word of %s already: %s", id, f.Anyway.By, day(f.Anyway.At), f.Anyway.Reason)
		} else {
			s.line("%s is on its way in spite of %s; it does not count as error-free.", id, plural(f.Check.Errors, "error", "errors"))
		}
		s.line("Next: starter file show %s", id)
	})
}
