package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) practiceCommand() *cobra.Command {
	return folder("practice", "Add, list, pause and withdraw practices",
		"  starter practice add sunrise-plano.yaml\n  starter practice list\n  starter practice show sunrise-plano",
		a.practiceAdd(), a.practiceImport(), a.practiceExport(), a.practiceList(), a.practiceShow(),
		a.switchCommand("pause", "Stop sending files for a practice; reports are still collected", workflows.UpdatePause),
		a.switchCommand("resume", "Go on sending files for a practice", workflows.UpdateResume),
		a.switchCommand("withdraw", "End a practice for good", workflows.UpdateWithdraw),
		a.practiceWaive())
}

const practiceExample = `  id: sunrise-plano
  name: Sunrise Pediatrics of Plano
  org_code: BURL6343               # DSHS's code of the organization
  iis_id: "0001112000"             # its ten digits
  connection: dshs                 # see: starter connection list
  sites:
    - id: plano
      name: Sunrise Plano
      facilities: [BURL6343]       # how messages name the clinic (MSH-4)
      prescribers: ["1234567893"]
  contacts:
    - {role: practice, name: Ann Grey, email: ann@sunrise.example}
    - {role: ehr-vendor, name: EHR Desk, email: desk@ehr.example}
    - {role: coordinator, name: Mary Major, email: mary@example.org}`

func (a *app) practiceAdd() *cobra.Command {
	return &cobra.Command{
		Use: "add FILE.yaml", Short: "Make a practice known, or change what is known of it", Args: cobra.ExactArgs(1),
		Long: "Adds a practice from a file such as\n\n" + practiceExample + `

A practice that is live already comes in with "starter onboard --from". Adding the
same practice again replaces its data; where it stands stays as it is.`,
		Example: "  starter practice add sunrise-plano.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.addPractice(cmd.Context(), args[0])
		},
	}
}

func (a *app) addPractice(ctx context.Context, path string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	p, err := readPractice(path)
	if err != nil {
		return err
	}
	if _, err := a.loadProfile(p.ID); err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if _, err := store.Connection(ctx, p.Connection); err != nil {
		return refused("connection: %w; add it first: starter connection add FILE.yaml", err)
	}
	_, missing := store.Practice(ctx, p.ID)
	if err := store.SavePractice(ctx, p, a.act(by, "practice/"+p.ID, "")); err != nil {
		return err
	}
	saved, err := store.Practice(ctx, p.ID)
	if err != nil {
		return err
	}
	if err := a.makeOutboxes(ctx, store, p.ID); err != nil {
		a.note("The folders of the outbox could not be made: %v", err)
	}
	if missing == nil {
		a.nudge(ctx, saved) // what testing waited for may be there now
	}
	return a.show(saved, func(s *screen) {
		s.line("%s is known: %s, %s, %s.", saved.ID, saved.Name, plural(len(saved.Sites), "site", "sites"), saved.Phase.Words())
		s.line("Next: starter onboard %s", saved.ID)
	})
}

// makeOutbox makes the folders that the EHR puts its files into, with their markers.
func (a *app) makeOutbox(practice string) error {
	if a.cfg.Outbox.Dir == "" {
		return errors.New("outbox.dir is not set")
	}
	return activities.MakeOutbox(a.cfg.Outbox.Dir, practice)
}

func (a *app) practiceList() *cobra.Command {
	var phase string
	cmd := &cobra.Command{
		Use: "list", Short: "List the practices and where they stand", Args: cobra.NoArgs,
		Example: "  starter practice list\n  starter practice list --phase testing",
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			all, err := store.Practices(cmd.Context())
			if err != nil {
				return err
			}
			found := []*registry.Practice{}
			for _, p := range all {
				if phase == "" || string(p.Phase) == phase || p.Phase.Words() == phase {
					found = append(found, p)
				}
			}
			return a.show(found, func(s *screen) { s.practices(found) })
		},
	}
	cmd.Flags().StringVar(&phase, "phase", "", "registered, testing, in_review, production or withdrawn")
	return cmd
}

func (s *screen) practices(found []*registry.Practice) {
	if len(found) == 0 {
		s.line("There is none. Add one: starter practice add FILE.yaml")
		return
	}
	rows := make([][]string, len(found))
	for i, p := range found {
		rows[i] = []string{
			p.ID, short(p.Name, 30), p.Phase.Words(), plural(len(p.Sites), "site", "sites"),
			string(p.Submission), historyWords(p.History), p.Connection,
		}
	}
	s.table([]string{"PRACTICE", "NAME", "STAGE", "SITES", "SENDING", "HISTORY", "CONNECTION"}, rows)
}

func historyWords(h registry.HistoryState) string {
	return strings.ReplaceAll(string(h), "_", " ")
}

// shownPractice is what `practice show --output json` prints.
type shownPractice struct {
	*registry.Practice
	Approval *registry.Approval `json:"approval,omitempty"`
	// Early is an approval that is kept until the review is reached.
	Early *registry.Approval `json:"early_approval,omitempty"`
	// Outbox are the folders of which files are taken: its own, and one that it shares
	// with others, where these patterns are its files.
	Outbox         string   `json:"outbox,omitempty"`
	SharedOutbox   string   `json:"shared_outbox,omitempty"`
	SharedPatterns []string `json:"shared_patterns,omitempty"`
}

func (a *app) practiceShow() *cobra.Command {
	return &cobra.Command{
		Use: "show PRACTICE", Short: "Show all that is known of a practice", Args: cobra.ExactArgs(1),
		Long: `Shows what is known of a practice: its stage, sites, contacts and approval. With
-o yaml it prints the file that "starter practice add" reads, to change it there.`,
		Annotations: map[string]string{annotationOutputs: "text,json,yaml"},
		Example:     "  starter practice show sunrise-plano\n  starter practice show sunrise-plano -o yaml > sunrise-plano.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			p, err := a.practice(cmd.Context(), store, args[0])
			if err != nil {
				return err
			}
			if a.output == outputYAML {
				return a.practiceFile(p)
			}
			shown := shownPractice{Practice: p}
			if err := a.showOutbox(&shown); err != nil {
				return err
			}
			approval, ok, err := store.Approval(cmd.Context(), p.ID)
			if err != nil {
				return err
			}
			if ok {
				shown.Approval = &approval
			}
			early, ok, err := store.EarlyApproval(cmd.Context(), p.ID)
			if err != nil {
				return err
			}
			if ok {
				shown.Early = &early.Approval
			}
			return a.show(shown, func(s *screen) { s.practice(shown) })
		},
	}
}

func (s *screen) practice(p shownPractice) {
	early := approvalWords(p.Early)
	if early != "" {
		early += "; kept until the review is reached"
	}
	s.pairs([][2]string{
		{"Practice", p.ID},
		{"Name", p.Name},
		{"Stage", p.Phase.Words()},
		{"Org code", p.OrgCode},
		{"TX IIS ID", p.IISID},
		{"Agreement until", p.Agreement},
		{"Connection", p.Connection},
		{"Outbox", p.Outbox},
		{"Shared outbox", p.sharedWords()},
		{"Time zone", p.Zone},
		{"Sending", string(p.Submission)},
		{"Historical load", historyWords(p.History)},
		{"Production approved", approvalWords(p.Approval)},
		{"Approved early", early},
	}...)
	s.raw("")
	rows := [][]string{}
	for _, site := range p.Sites {
		rows = append(rows, []string{site.ID, site.Name, strings.Join(site.Facilities, ", "), plural(len(site.Prescribers), "prescriber", "prescribers"), site.Agreement})
	}
	s.table([]string{"SITE", "NAME", "IN MESSAGES AS", "PRESCRIBERS", "AGREEMENT UNTIL"}, rows)
	s.raw("")
	rows = [][]string{}
	for _, c := range p.Contacts {
		rows = append(rows, []string{string(c.Role), c.Name, c.Email, c.Phone})
	}
	s.table([]string{"CONTACT", "NAME", "EMAIL", "PHONE"}, rows)
}

func approvalWords(a *registry.Approval) string {
	if a == nil {
		return ""
	}
	words := "by " + a.ApprovedBy + ", email of " + a.EmailDate
	if a.MessageID == "" && a.EvidenceID == "" {
		words += " (the email is not on file)"
	}
	if a.OverrideBy != "" {
		words += "; accepted by " + a.OverrideBy + " in spite of its age or sender: " + a.OverrideReason
	}
	return words
}

// practice reads a practice and says where to look when there is none.
func (a *app) practice(ctx context.Context, store *db.Store, id string) (*registry.Practice, error) {
	p, err := store.Practice(ctx, id)
	if registry.KindOf(err) == registry.Missing && err != nil {
		return nil, refused("there is no practice %q; `starter practice list` shows them", id)
	}
	return p, err
}

// switchCommand is pause, resume or withdraw: an act of the practice's watch.
func (a *app) switchCommand(verb, short string, m workflows.Message[workflows.Act]) *cobra.Command {
	var reason string
	var yes bool
	cmd := &cobra.Command{
		Use: verb + " PRACTICE", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if verb == "withdraw" && !yes {
				return misused("a practice that is withdrawn does not come back; add --yes if that is meant")
			}
			if verb == "withdraw" {
				return a.withdraw(cmd.Context(), args[0], reason)
			}
			return a.actOn(cmd.Context(), args[0], workflows.WatchID(args[0]), m, reason)
		},
	}
	cmd.Example = "  starter practice " + verb + ` sunrise-plano --reason "the EHR moves to another server"`
	if verb == "withdraw" {
		cmd.Example = `  starter practice withdraw sunrise-plano --reason "the clinic has closed" --yes`
		cmd.Flags().BoolVar(&yes, "yes", false, "it is meant")
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it goes into the audit log")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) practiceWaive() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "waive PRACTICE", Short: "Begin testing although a prerequisite is missing", Args: cobra.ExactArgs(1),
		Example: `  starter practice waive sunrise-plano --reason "the agreement is signed, the copy follows"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.actOn(cmd.Context(), args[0], workflows.OnboardingID(args[0]), workflows.UpdateWaivePrerequisites, reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it goes into the audit log")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

// actOn does a plain act as the person who runs the command.
func (a *app) actOn(ctx context.Context, practice, workflowID string, m workflows.Message[workflows.Act], reason string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	return ask(ctx, a, practice, workflowID, m, workflows.Act{By: by, Reason: reason})
}

// ask sends an update and shows the workflow's answer.
func ask[T any](ctx context.Context, a *app, practice, workflowID string, m workflows.Message[T], arg T) error {
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	answer, err := update(ctx, eng, workflowID, m, arg)
	if err != nil && workflowID == workflows.HistoryID(practice) {
		return a.explainLoad(ctx, practice, err)
	}
	if err != nil {
		return a.explain(ctx, practice, err)
	}
	return a.show(answer, func(s *screen) {
		s.line("%s: %s.", practice, strings.TrimSuffix(answer.Words, "."))
	})
}

// withdraw asks the practice's watch, or does it itself where the practice was only
// made known: no workflow stands for it that could.
func (a *app) withdraw(ctx context.Context, id, reason string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	answer, err := update(ctx, eng, workflows.WatchID(id), workflows.UpdateWithdraw, workflows.Act{By: by, Reason: reason})
	if errors.Is(err, errGone) {
		if answer, err = a.withdrawUnbegun(ctx, eng, id, by, reason); errors.Is(err, errGone) {
			return a.explain(ctx, id, err)
		}
	}
	if err != nil {
		return err
	}
	return a.show(answer, func(s *screen) { s.line("%s: %s.", id, strings.TrimSuffix(answer.Words, ".")) })
}

// withdrawUnbegun withdraws a practice that is registered and no further; of others
// it is errGone that nothing stands for them.
func (a *app) withdrawUnbegun(ctx context.Context, eng Engine, id string, by registry.Actor, reason string) (workflows.Answer, error) {
	store, err := a.store(ctx)
	if err != nil {
		return workflows.Answer{}, err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return workflows.Answer{}, err
	}
	if p.Phase != registry.PhaseRegistered {
		return workflows.Answer{}, errGone
	}
	phase, err := store.MovePhase(ctx, id, registry.EventWithdrawn, a.act(by, "withdrawn/"+id, reason), nil)
	if err != nil {
		return workflows.Answer{}, err
	}
	// One that began this very moment hears of it, too.
	err = eng.Signal(ctx, workflows.OnboardingID(id), workflows.SignalWithdrawn.Name, workflows.Withdrawn{By: by})
	return workflows.Answer{Words: "the practice is withdrawn; nothing was under way", Phase: phase}, err
}

// explain says what to do where the workflow that should answer does not run.
func (a *app) explain(ctx context.Context, practice string, err error) error {
	if !errors.Is(err, errGone) {
		return err
	}
	store, dbErr := a.store(ctx)
	if dbErr != nil {
		return refused("%s: no such step is under way; `starter status %s` shows where it stands", practice, practice)
	}
	p, dbErr := a.practice(ctx, store, practice)
	if dbErr != nil {
		return dbErr
	}
	if p.Phase == registry.PhaseRegistered || p.Phase == registry.PhaseTesting {
		return refused("%s is not on its way yet; begin with: starter onboard %s", practice, practice)
	}
	return refused("%s is %s and no such step is under way; `starter status %s` shows where it stands",
		practice, p.Phase.Words(), practice)
}
