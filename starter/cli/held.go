package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) heldCommand() *cobra.Command {
	return folder("held", "See and decide on messages that were left out of their file",
		"  starter held list\n  starter held release f-12/3 --reason \"no test patient: the name is real\"\n  starter held drop f-12/4 --reason \"a test patient\"",
		a.heldList(), a.heldRelease(), a.heldDrop())
}

// shownHeld is a message that was left out. No patient: staff find it by file
// and place in it.
type shownHeld struct {
	ID       string        `json:"id"` // file/message
	Practice string        `json:"practice"`
	For      registry.Lane `json:"for"`
	Site     string        `json:"site,omitempty"`
	Since    time.Time     `json:"since"`
	Rules    []string      `json:"rules"`
	State    db.HeldState  `json:"state"`
	Ended    *time.Time    `json:"ended,omitempty"`
	// Into is the file in which it was released, or in which its correction came.
	Into   string `json:"into,omitempty"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (h shownHeld) words() string {
	switch h.State {
	case db.HeldReleased:
		return "released by " + h.By + ", in " + h.Into
	case db.HeldDropped:
		return "dropped by " + h.By
	case db.HeldReplaced:
		return "replaced by a correction in " + h.Into
	default:
	}
	return "waits for you"
}

func (a *app) heldList() *cobra.Command {
	var practice string
	var all bool
	var most int
	cmd := &cobra.Command{
		Use: "list", Short: "List messages that were left out, the oldest first", Args: cobra.NoArgs,
		Long: `Lists messages that a rule held back when their file was sent: a test patient, a
wrong processing ID, an unreadable message, an unknown site, or whatever else the
profile names (rules.held). Each ends replaced by a correction, which is found by
itself when it was sent, released by a person, or dropped with a reason. Messages that
stayed behind since the historical load had sent the same wait for nobody; they are
counted below, and by "starter file show".`,
		Example: "  starter held list\n  starter held list --practice sunrise-plano --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			found, err := a.heldOf(cmd.Context(), store, db.HeldFilter{Practice: practice, Ended: all, Max: most})
			if err != nil {
				return err
			}
			behind, err := store.LeftWithLoad(cmd.Context(), practice, a.now().AddDate(0, 0, -lateDays))
			if err != nil {
				return err
			}
			return a.show(found, func(s *screen) {
				s.held(found, most)
				if words := withLoadWords(behind); words != "" {
					s.raw("")
					s.line("In the last %d days %s", lateDays, words)
				}
			})
		},
	}
	cmd.Flags().StringVar(&practice, "practice", "", "one practice only")
	cmd.Flags().BoolVar(&all, "all", false, "those that ended too")
	cmd.Flags().IntVar(&most, "max", 100, "at most so many")
	return cmd
}

// heldOf lists held messages with the rules that hold them at their practice.
func (a *app) heldOf(ctx context.Context, store *db.Store, f db.HeldFilter) ([]shownHeld, error) {
	loaded, err := a.loadProfile(f.Practice)
	if err != nil {
		return nil, err
	}
	f.Rules = loaded.Profile.Rules.Held
	found, err := store.HeldMessages(ctx, f)
	if err != nil {
		return nil, err
	}
	out := []shownHeld{}
	for _, h := range found {
		out = append(out, shownHeld{
			ID: h.File + "/" + strconv.Itoa(h.Message), Practice: h.Practice, For: h.Lane, Site: h.Site, Since: h.Since,
			Rules: append([]string{}, h.Rules...), State: h.State, Ended: h.EndedAt, Into: h.Into, By: h.By, Reason: h.Reason,
		})
	}
	return out, nil
}

func (s *screen) held(all []shownHeld, most int) {
	if len(all) == 0 {
		s.line("No message is left out.")
		return
	}
	rows := make([][]string, len(all))
	for i, h := range all {
		rows[i] = []string{h.ID, h.Practice, h.Site, day(h.Since), strings.Join(h.Rules, " "), h.words()}
	}
	s.table([]string{"MESSAGE", "PRACTICE", "SITE", "SINCE", "RULE", "STATE"}, rows)
	if len(all) == most {
		s.line("These are the first %d; --max shows more.", most)
	}
	s.raw("")
	if !slices.ContainsFunc(all, func(h shownHeld) bool { return h.State == db.HeldOpen }) {
		s.line("What a rule means: starter rules show %s", firstRule(all))
		return
	}
	s.line("What a rule means: starter rules show %s. To decide:", firstRule(all))
	s.raw("  > starter held release MESSAGE --reason \"...\"")
	s.raw("  > starter held drop MESSAGE --reason \"...\"")
}

func firstRule(all []shownHeld) string {
	for _, h := range all {
		if len(h.Rules) > 0 {
			return h.Rules[0]
		}
	}
	return "RULE"
}

// heldIn are messages of one file that a command names.
type heldIn struct {
	file     string
	messages []int
}

// parseHeld reads f-12/3, and f-12 for all that are open in it, file by file.
func (a *app) parseHeld(ctx context.Context, store *db.Store, args []string) ([]heldIn, error) {
	byFile := map[string][]int{}
	var order []string
	add := func(file string, n int) {
		if _, ok := byFile[file]; !ok {
			order = append(order, file)
		}
		byFile[file] = append(byFile[file], n)
	}
	for _, arg := range args {
		file, message, one := strings.Cut(arg, "/")
		if one {
			n, err := strconv.Atoi(message)
			if err != nil || n < 1 {
				return nil, misused("%s: a message is named by its file and its place in it, such as f-12/3", arg)
			}
			add(file, n)
			continue
		}
		open, err := store.HeldMessages(ctx, db.HeldFilter{File: file, Max: mostHeldAtOnce})
		if err != nil {
			return nil, err
		}
		if len(open) == 0 {
			return nil, refused("no message of %s waits for a decision; see: starter held list --all", file)
		}
		for _, h := range open {
			add(file, h.Message)
		}
	}
	var out []heldIn
	for _, file := range order {
		slices.Sort(byFile[file])
		out = append(out, heldIn{file, slices.Compact(byFile[file])})
	}
	return out, nil
}

// mostHeldAtOnce bounds what one command decides on.
const mostHeldAtOnce = 10_000

func (a *app) heldDrop() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "drop MESSAGE...", Short: "Give messages up that were left out, with a reason", Args: cobra.MinimumNArgs(1),
		Long: `Says that messages are never sent: a test patient, an empty message. A file's ID
alone means all of its messages that wait. Doing it again changes nothing.`,
		Example: "  starter held drop f-12/3 f-12/4 --reason \"test patients\"\n  starter held drop f-12 --reason \"a test export\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.dropHeld(cmd.Context(), args, reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

// needReason refuses blanks before anything is looked up.
func needReason(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return refused("why? a reason is needed, without patients' names")
	}
	return nil
}

func (a *app) dropHeld(ctx context.Context, args []string, reason string) error {
	if err := needReason(reason); err != nil {
		return err
	}
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	named, err := a.parseHeld(ctx, store, args)
	if err != nil {
		return err
	}
	dropped := 0
	for _, in := range named {
		if err := wereHeld(ctx, store, in); err != nil {
			return err
		}
		n, err := store.DropHeld(ctx, in.file, in.messages, a.act(by, "held-drop/"+in.file, reason))
		if err != nil {
			return err
		}
		dropped += n
	}
	return a.show(map[string]int{"dropped": dropped}, func(s *screen) {
		if dropped == 0 {
			s.line("They were dropped before.")
			return
		}
		s.line("%s dropped; never sent.", plural(dropped, "message is", "messages are"))
	})
}

func (a *app) heldRelease() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "release MESSAGE...", Short: "Send messages that were left out, as they are", Args: cobra.MinimumNArgs(1),
		Long: `Sends messages that a rule held back, byte for byte, in a file of their own that is
delivered and answered like any other. A message is released once: doing it again
sends nothing twice. A file's ID alone means all of its messages that wait. Those
of a patient who asked not to be shared (D-02) are not released by anybody: the
practice corrects them.`,
		Example: `  starter held release f-12/3 --reason "no test patient: the practice says the name is real"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.releaseHeld(cmd.Context(), args, reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

// releasedHeld is what a release came to, for each file that messages came from.
type releasedHeld struct {
	From     string `json:"from"`
	Into     string `json:"into"`
	Messages int    `json:"messages"`
	Again    bool   `json:"again"`
}

func (a *app) releaseHeld(ctx context.Context, args []string, reason string) error {
	if err := needReason(reason); err != nil {
		return err
	}
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	named, err := a.parseHeld(ctx, store, args)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx) // before anything is kept: it needs both
	if err != nil {
		return err
	}
	var out []releasedHeld
	for _, in := range named {
		one, err := a.releaseIn(ctx, store, eng, in, by, reason)
		if err != nil {
			return err
		}
		out = append(out, one)
	}
	return a.show(out, func(s *screen) {
		for _, r := range out {
			if r.Again {
				s.line("%s of %s went as %s before; nothing is sent twice.", plural(r.Messages, "message", "messages"), r.From, r.Into)
			} else {
				s.line("%s of %s on the way as %s.", plural(r.Messages, "message", "messages"), r.From, r.Into)
			}
			s.line("Next: starter file show %s", r.Into)
		}
	})
}

func (a *app) releaseIn(ctx context.Context, store *db.Store, eng Engine, in heldIn, by registry.Actor, reason string) (releasedHeld, error) {
	out := releasedHeld{From: in.file, Messages: len(in.messages)}
	f, err := store.File(ctx, in.file)
	if err != nil {
		return out, err
	}
	p, err := a.practice(ctx, store, f.Practice)
	if err != nil {
		return out, err
	}
	if _, err := laneFor(p, f.Lane); err != nil {
		return out, err
	}
	loaded, err := a.loadProfile(f.Practice)
	if err != nil {
		return out, err
	}
	if err := wereHeld(ctx, store, in); err != nil {
		return out, err
	}
	if err := releasable(ctx, store, in, loaded.Profile.Rules.Held); err != nil {
		return out, err
	}
	v, err := a.fileStore(ctx)
	if err != nil {
		return out, err
	}
	object, err := activities.PackReleased(ctx, v, f, p, in.messages)
	if err != nil {
		return out, err
	}
	ref, again, err := store.ReleaseHeld(ctx, f.ID, in.messages, db.NewFile{
		Digest: object.SHA256, Size: object.Size, VaultKey: object.Key, At: a.now(),
	}, a.act(by, "held-release/"+f.ID, reason))
	if err != nil {
		return out, err
	}
	out.Into, out.Again = ref.ID, again
	into, err := store.File(ctx, ref.ID)
	if err != nil || into.State != registry.FileStaged {
		return out, err
	}
	// The second time starts it where the first could not.
	if err := eng.SendFile(ctx, workflows.FileSubmissionInput{
		Version: 1, Practice: f.Practice, File: ref, Lane: f.Lane, Calendar: a.cfg.Calendar.Registry(),
		Policy: loaded.Profile.Policy, Business: loaded.Profile.BusinessDays(), Tell: workflows.OnboardingID(f.Practice),
	}); err != nil {
		return out, couldNot("the decision is kept, but %s could not be set on its way: %w\nRun the command again", ref.ID, err)
	}
	return out, nil
}

// wereHeld refuses messages that were not left out of the file.
func wereHeld(ctx context.Context, store *db.Store, in heldIn) error {
	held, err := store.HeldMessages(ctx, db.HeldFilter{File: in.file, Ended: true, Max: mostHeldAtOnce})
	if err != nil {
		return err
	}
	for _, n := range in.messages {
		if !slices.ContainsFunc(held, func(h db.HeldMessage) bool { return h.Message == n }) {
			return refused("%s/%d was not left out of its file; see: starter held list --all", in.file, n)
		}
	}
	return nil
}

// releasable refuses messages of which a rule keeps persons from releasing them,
// or of which the check kept no rule.
func releasable(ctx context.Context, store *db.Store, in heldIn, rules []string) error {
	held, err := store.HeldMessages(ctx, db.HeldFilter{File: in.file, Rules: rules, Ended: true, Max: mostHeldAtOnce})
	if err != nil {
		return err
	}
	for _, h := range held {
		if !slices.Contains(in.messages, h.Message) || h.State != db.HeldOpen {
			continue
		}
		if len(h.Rules) == 0 {
			return refused("%s/%d: its check kept no word of the rule that holds it; correct and send it anew", h.File, h.Message)
		}
		if !activities.Releasable(h.Rules) {
			return refused("%s/%d: the patient asked not to be shared (%s); only the practice can correct that, in its EHR",
				h.File, h.Message, strings.Join(h.Rules, ", "))
		}
	}
	return nil
}
