package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) onboardingCommand() *cobra.Command {
	return folder("onboarding", "See which test files count and why, or record the registry's answer on one",
		"  starter onboarding explain sunrise-plano\n  starter onboarding answer sunrise-plano f-12 --clean --email answer.eml",
		a.onboardingExplain(), a.onboardingAnswer())
}

// explainedGate is what `onboarding explain --output json` prints.
type explainedGate struct {
	Practice string               `json:"practice"`
	Phase    registry.Phase       `json:"phase"`
	Counted  int                  `json:"counted"`
	Silent   int                  `json:"counted_by_silence"`
	Needed   int                  `json:"needed"`
	Waiting  int                  `json:"waiting_for_the_registry"`
	Open     bool                 `json:"review_may_be_requested"`
	Rules    activities.GateRules `json:"rules"`
	InWords  []string             `json:"rules_in_words"`
	Next     *time.Time           `json:"silence_counts_next,omitempty"`
	Files    []explainedFile      `json:"files"`
	// Changes are what the registry asked for last, in the words of who recorded it.
	Changes string `json:"changes_wanted,omitempty"`
	// Past says that no more test files are counted, and since when.
	Past string `json:"past,omitempty"`
}

type explainedFile struct {
	File     string                `json:"file"`
	Name     string                `json:"name,omitempty"`
	Sent     *time.Time            `json:"sent,omitempty"`
	Messages int                   `json:"messages"`
	Doses    int                   `json:"vaccinations"`
	Counts   bool                  `json:"counts"`
	Waits    bool                  `json:"waits_for_the_registry,omitempty"`
	By       activities.AnsweredBy `json:"answered_by,omitempty"`
	Because  string                `json:"because"`
}

func (a *app) onboardingExplain() *cobra.Command {
	return &cobra.Command{
		Use: "explain PRACTICE", Short: "List every test file with whether it counts, and why", Args: cobra.ExactArgs(1),
		Example: "  starter onboarding explain sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.explainGate(cmd.Context(), args[0])
		},
	}
}

func (a *app) explainGate(ctx context.Context, id string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	rules, err := a.gateRules(ctx, id)
	if err != nil {
		return err
	}
	story, err := a.gateStory(ctx, store, id, rules)
	if err != nil {
		return err
	}
	out := explainedGate{
		Practice: id, Phase: p.Phase, Counted: story.Counted, Silent: story.Silent, Needed: rules.Min, Waiting: story.Waiting,
		Open: story.Open, Rules: rules, InWords: rulesInWords(rules), Next: pointer(story.Next), Files: []explainedFile{},
	}
	if out.Past, err = gatePast(ctx, store, p); err != nil {
		return err
	}
	if out.Changes, err = changesWanted(ctx, store, p); err != nil {
		return err
	}
	for _, v := range story.Verdicts {
		out.Files = append(out.Files, explainedFile{
			File: v.File.ID, Name: v.File.RemoteName, Sent: v.File.DeliveredAt, Messages: v.File.Sent, Doses: v.File.Doses,
			Counts: v.Counts, Waits: v.Waits, By: v.By, Because: v.Because,
		})
	}
	return a.show(out, func(s *screen) { s.explainedGate(out) })
}

// changesWanted is why a practice tests again; empty where it tests for the first time.
func changesWanted(ctx context.Context, store *db.Store, p *registry.Practice) (string, error) {
	if p.Phase != registry.PhaseTesting {
		return "", nil
	}
	events, err := store.Events(ctx, db.EventQuery{Practice: p.ID, Kind: "phase"})
	for _, e := range events { // newest first
		if e.From == string(registry.PhaseInReview) && e.To == string(registry.PhaseTesting) {
			return "the registry asked for changes on " + day(e.At) + ": " + e.Reason, err
		}
	}
	return "", err
}

// gatePast says that the gate lies behind a practice; empty where it does not.
func gatePast(ctx context.Context, store *db.Store, p *registry.Practice) (string, error) {
	switch p.Phase {
	case registry.PhaseWithdrawn:
		return p.ID + " is withdrawn: no more test files are counted.", nil
	case registry.PhaseInReview, registry.PhaseProduction:
	default:
		return "", nil
	}
	past := p.ID + " is " + p.Phase.Words() + ": it needs no more test files."
	entry, ok, err := store.EntryOf(ctx, p.ID)
	if ok && entry.Since != "" && entry.From != registry.PhaseTesting {
		past += " It came in at " + entry.From.Words() + ", since " + entry.Since + ": recorded, not witnessed."
	}
	return past, err
}

func (s *screen) explainedGate(e explainedGate) {
	if e.Past != "" {
		s.line("%s", e.Past)
		if len(e.Files) == 0 {
			return
		}
	}
	s.title(e.Practice + " is " + e.Phase.Words() + ": " + strconv.Itoa(e.Counted) + " of " + strconv.Itoa(e.Needed) + " error-free test files")
	if e.Changes != "" {
		s.hang("- %s", e.Changes)
	}
	for _, w := range e.InWords {
		s.hang("- %s", w)
	}
	s.raw("")
	if len(e.Files) == 0 {
		next := "starter submit " + e.Practice + " FILE --test"
		if e.Phase == registry.PhaseRegistered {
			next = "starter onboard " + e.Practice
		}
		s.line("No test file has come yet. Next: %s", next)
		return
	}
	rows := make([][]string, len(e.Files))
	for i, f := range e.Files {
		counts, sent := "no", ""
		switch {
		case f.Counts:
			counts = "yes, " + string(f.By)
		case f.Waits:
			counts = "not yet"
		}
		if f.Sent != nil {
			sent = day(*f.Sent)
		}
		rows[i] = []string{f.File, sent, strconv.Itoa(f.Messages), strconv.Itoa(f.Doses), counts, f.Because}
	}
	s.table([]string{"FILE", "SENT", "MESSAGES", "DOSES", "COUNTS", "BECAUSE"}, rows)
	if e.Open && e.Phase == registry.PhaseTesting {
		s.line("Next: starter review preview %s", e.Practice)
	}
}

func rulesInWords(r activities.GateRules) []string {
	rule := r.Rule
	if rule == "" {
		rule = registry.GateTotal
	}
	need := strconv.Itoa(r.Min)
	if r.Max > r.Min {
		need += " to " + strconv.Itoa(r.Max)
	}
	words := []string{
		need + " error-free test files, distinct by content, counted " + rule.Words(),
		"a file counts when the registry has answered every message of it and refused none, or says so by email",
	}
	if r.SilentDays > 0 {
		words = append(words, "no word within "+plural(r.SilentDays, "business day", "business days")+" counts as well; the review letter says so")
	} else {
		words = append(words, "silence of the registry never counts")
	}
	if r.FirstSingle {
		words = append(words, "the first file that counts is one message with one vaccination (RXA)")
	}
	if r.KeepCount {
		words = append(words, "files from before the registry asked for changes count on")
	} else {
		words = append(words, "when the registry asks for changes the count begins anew")
	}
	return words
}

// gateRules are those of the running onboarding, whose policy may have been
// changed for it, and else those of the profile.
func (a *app) gateRules(ctx context.Context, practice string) (activities.GateRules, error) {
	loaded, err := a.loadProfile(practice)
	if err != nil {
		return activities.GateRules{}, err
	}
	rules := activities.GateRulesOf(loaded.Profile.Policy)
	// Where Temporal does not answer, the profile is what is known.
	if eng, err := a.engine(ctx); err == nil {
		status, err := query(ctx, eng, workflows.OnboardingID(practice), workflows.QueryStatus)
		if err == nil && status.Rules != nil {
			return *status.Rules, nil
		}
	}
	return rules, nil
}

func (a *app) gateStory(ctx context.Context, store *db.Store, practice string, rules activities.GateRules) (activities.GateStory, error) {
	loaded, err := a.loadProfile(practice)
	if err != nil {
		return activities.GateStory{}, err
	}
	return activities.TellGate(ctx, store, &loaded.Profile, practice, rules, a.now())
}

type answerOptions struct {
	clean, errors          bool
	email, from, emailDate string
	overriding
}

func (a *app) onboardingAnswer() *cobra.Command {
	var o answerOptions
	cmd := &cobra.Command{
		Use: "answer PRACTICE FILE", Short: "Record what the registry said of a test file by email", Args: cobra.ExactArgs(2),
		Long: `Records the registry's answer on a whole test file where it came by email and not
as a report. The email is kept in the file store as evidence; sender and date are
read from an .eml or an Outlook .msg, and given by hand for anything else. A report
that finds an error counts more than a kind email.`,
		Example: `  starter onboarding answer sunrise-plano f-12 --clean --email answer.eml
  starter onboarding answer sunrise-plano f-12 --errors --email answer.pdf \
    --from j.ortiz@dshs.texas.gov --email-date 2026-03-04`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.answerFile(cmd.Context(), args[0], args[1], o)
		},
	}
	cmd.Flags().BoolVar(&o.clean, "clean", false, "the file is without an error")
	cmd.Flags().BoolVar(&o.errors, "errors", false, "something has to be mended")
	cmd.Flags().StringVar(&o.email, "email", "", "the email itself (.eml, .msg, .pdf)")
	cmd.Flags().StringVar(&o.from, "from", "", "address that the email came from, where it cannot be read")
	cmd.Flags().StringVar(&o.emailDate, "email-date", "", "date of the email, YYYY-MM-DD, where it cannot be read")
	o.flags(cmd)
	cmd.MarkFlagsMutuallyExclusive("clean", "errors")
	cmd.MarkFlagsOneRequired("clean", "errors")
	_ = cmd.MarkFlagRequired("email")
	return cmd
}

// answeredFile is what `onboarding answer --output json` prints.
type answeredFile struct {
	Practice string           `json:"practice"`
	File     string           `json:"file"`
	Verdict  registry.Verdict `json:"verdict"`
	From     string           `json:"from"`
	Date     string           `json:"date"`
	Evidence string           `json:"evidence"`
	Again    bool             `json:"again"`
}

func (a *app) answerFile(ctx context.Context, id, file string, o answerOptions) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	over, err := o.actor(a)
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	email, err := a.readEmail(o.email)
	if err != nil {
		return err
	}
	m := db.MailAnswer{
		FileID: file, Verdict: registry.VerdictErrors, Sender: email.sender(o.from), Dated: email.day(o.emailDate), MessageID: email.id(),
	}
	if o.clean {
		m.Verdict = registry.VerdictClean
	}
	if err := a.checkAnswer(m, p, over); err != nil {
		return err
	}
	who, err := a.whose(ctx, store)
	if err != nil {
		return err
	}
	if why, final := who.fault(email, id); final {
		return refused("%s", why)
	}
	if m.Evidence, err = a.keep(ctx, email); err != nil {
		return err
	}
	reason := string(m.Verdict)
	if over != "" {
		reason += "; sender accepted by " + over + ": " + o.reason
	}
	again, err := store.RecordMailAnswer(ctx, id, m, a.act(by, "file-answer/"+file, reason))
	if err != nil && registry.KindOf(err) == registry.Missing {
		return refused("%s has no test file %q; those that it has: starter onboarding explain %s", id, file, id)
	}
	if err != nil {
		return err
	}
	a.nudgeGate(ctx, id, file)
	out := answeredFile{Practice: id, File: file, Verdict: m.Verdict, From: m.Sender, Date: m.Dated, Evidence: m.Evidence, Again: again}
	return a.show(out, func(s *screen) {
		words := "recorded"
		if again {
			words = "recorded already; nothing changed"
		}
		s.line("%s: the registry's answer on %s (%s, %s) is %s. Next: starter onboarding explain %s",
			id, file, map[bool]string{true: "no error", false: "errors"}[o.clean], m.Dated, words, id)
	})
}

// checkAnswer refuses an email that does not say who and when, or whose sender
// nobody knows.
func (a *app) checkAnswer(m db.MailAnswer, p *registry.Practice, over string) error {
	if m.Sender == "" || m.Dated == "" {
		return refused("who wrote the email, and when? It cannot be read from this file: --from ADDRESS --email-date YYYY-MM-DD")
	}
	if _, err := time.Parse(time.DateOnly, m.Dated); err != nil {
		return misused("--email-date %s: a date such as 2026-03-31", m.Dated)
	}
	if why := inFuture(m.Dated, a.now()); why != "" && over == "" {
		return refused("%s (a named person may accept it all the same: --override-by NAME --reason WHY)", why)
	}
	return a.knownSender(p, m.Sender, over)
}

// inFuture says that an email is of a day that has not come; a day of grace is for
// time zones. Empty where it has, and for what is no date.
func inFuture(day string, now time.Time) string {
	if _, err := time.Parse(time.DateOnly, day); err != nil || day <= now.AddDate(0, 0, 1).Format(time.DateOnly) {
		return ""
	}
	return "the email is of " + day + ", and that day has not come: is the year right?"
}

// knownSender refuses an email whose sender is nobody at the registry, unless a
// named person (over) accepts it.
func (a *app) knownSender(p *registry.Practice, sender, over string) error {
	loaded, err := a.loadProfile(p.ID)
	if err != nil {
		return err
	}
	if over == "" && !registry.SenderKnown(sender, registry.DecisionSenders(&loaded.Profile, p)) {
		return refused("the email's sender is none of the registry's contacts and of no domain in policy.approval_senders " +
			"(a named person may accept it all the same: --override-by NAME --reason WHY)")
	}
	return nil
}

// nudgeGate has the file and the gate look again. What cannot be told now is seen
// with the next file: the answer is stored.
func (a *app) nudgeGate(ctx context.Context, practice, file string) {
	eng, err := a.engine(ctx)
	if err == nil {
		err = eng.Signal(ctx, workflows.FileID(file), workflows.SignalReportImported.Name, workflows.ReportImported{ReportID: "email"})
	}
	if err == nil {
		err = eng.Signal(ctx, workflows.OnboardingID(practice), workflows.SignalFileSettled.Name,
			workflows.FileSettled{FileID: file, Lane: registry.LaneTest, State: activities.FileDelivered})
	}
	if err != nil {
		a.note("The answer is stored; the process could not be told now and counts it with the next file: %v", err)
	}
}
