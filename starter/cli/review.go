package cli

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) reviewCommand() *cobra.Command {
	send := &cobra.Command{
		Use: "send PRACTICE", Aliases: []string{"request"}, Short: "Ask the registry to review the test files", Args: cobra.ExactArgs(1),
		Long: `Asks the registry to review the practice's error-free test files. The letter lists
them with how the registry's answer on each is known; "starter review preview"
shows it. It is sent once. It is refused until enough test files are answered
without an error.`,
		Example: "  starter review send sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.actOn(cmd.Context(), args[0], workflows.OnboardingID(args[0]), workflows.UpdateRequestReview, "")
		},
	}
	return folder("review", "Preview, edit and send the request for review, or record that changes are wanted",
		"  starter review preview sunrise-plano\n  starter review send sunrise-plano",
		a.reviewPreview(), a.reviewEdit(), send, a.reviewChanges())
}

// reviewLetter is what `review preview --output json` prints.
type reviewLetter struct {
	Practice string `json:"practice"`
	// State is "not sent yet", or what became of the letter.
	State     string     `json:"state"`
	MessageID string     `json:"message_id,omitempty"`
	Sent      *time.Time `json:"sent,omitempty"`
	To        []string   `json:"to"`
	Subject   string     `json:"subject"`
	Body      string     `json:"body"`
	Words     string     `json:"covering_words,omitempty"`
	WordsBy   string     `json:"covering_words_by,omitempty"`
	Counted   int        `json:"counted"`
	Needed    int        `json:"needed"`
	Open      bool       `json:"may_be_sent"`
}

func (a *app) reviewPreview() *cobra.Command {
	return &cobra.Command{
		Use: "preview PRACTICE", Short: "Show the request for review as it would be sent now, or as it was sent", Args: cobra.ExactArgs(1),
		Example: "  starter review preview sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			p, err := a.practice(cmd.Context(), store, args[0])
			if err != nil {
				return err
			}
			l, err := a.reviewLetter(cmd.Context(), store, p)
			if err != nil {
				return err
			}
			return a.show(l, func(s *screen) { s.reviewLetter(l) })
		},
	}
}

func (s *screen) reviewLetter(l reviewLetter) {
	s.pairs([2]string{"State", l.State}, [2]string{"Message-ID", l.MessageID}, [2]string{"To", strings.Join(l.To, ", ")},
		[2]string{"Subject", l.Subject})
	s.raw("")
	for line := range strings.SplitSeq(strings.TrimRight(l.Body, "\n"), "\n") {
		s.line("%s", line)
	}
	s.raw("")
	switch {
	case l.Sent != nil || l.MessageID != "":
	case l.Open:
		s.line("Next: starter review send %s (starter review edit %s changes the covering words)", l.Practice, l.Practice)
	default:
		s.line("It cannot be sent yet: %d of %d error-free test files. Next: starter onboarding explain %s", l.Counted, l.Needed, l.Practice)
	}
}

// reviewLetter is the letter of the round under way: written anew from the
// evidence, or as it was sent.
func (a *app) reviewLetter(ctx context.Context, store *db.Store, p *registry.Practice) (reviewLetter, error) {
	l := reviewLetter{Practice: p.ID, State: "not sent yet"}
	n, _, _, err := store.Reviews(ctx, p.ID)
	if err != nil {
		return l, err
	}
	if p.Phase != registry.PhaseTesting && p.Phase != registry.PhaseRegistered {
		kept, ok, err := store.NoticeOf(ctx, workflows.ReviewNotice(p.ID, n))
		if err != nil || !ok {
			if err == nil {
				err = refused("%s is %s, and no letter asked for that review from here", p.ID, p.Phase.Words())
			}
			return l, err
		}
		l.State, l.MessageID, l.Sent = letterState(kept), kept.MessageID, kept.SentAt
		l.To, l.Subject, l.Body = kept.Recipients, kept.Subject, kept.Body
		return l, nil
	}
	rules, err := a.gateRules(ctx, p.ID)
	if err != nil {
		return l, err
	}
	letter, err := a.previewReview(ctx, store, p.ID, "", rules)
	if err != nil {
		return l, err
	}
	words, err := store.ReviewWords(ctx, p.ID)
	if err != nil {
		return l, err
	}
	story, err := a.gateStory(ctx, store, p.ID, rules)
	l.Subject, l.Body, l.Words, l.WordsBy = letter.Subject, letter.Body, words.Words, words.By
	l.Counted, l.Needed, l.Open = story.Counted, rules.Min, story.Open && p.Phase == registry.PhaseTesting
	for _, c := range letter.To {
		l.To = append(l.To, c.Email)
	}
	return l, err
}

func letterState(n db.Notice) string {
	switch n.State {
	case db.NoticeSent:
		return "sent on " + n.SentAt.Format(time.DateOnly)
	case db.NoticeUndelivered:
		return "came back: nobody got it"
	case db.NoticeOff:
		return "kept, not sent: letters are switched off (notify.deliver)"
	case db.NoticeGivenUp:
		if n.GivenUpBy == registry.System.Name {
			return "not sent: the mail server does not take it"
		}
		return "not sent: given up by " + n.GivenUpBy
	}
	return "written, not sent yet"
}

// previewReview renders the letter; words stand in for those on record.
func (a *app) previewReview(ctx context.Context, store *db.Store, practice, words string, rules activities.GateRules) (notify.Rendered, error) {
	n, err := a.notices(store)
	if err != nil {
		return notify.Rendered{}, err
	}
	return activities.PreviewLetter(ctx, n, activities.SendNoticeInput{
		Scope: activities.Scope{Practice: practice, Calendar: a.cfg.Calendar.Registry()},
		Kind:  activities.NoticeReviewRequest, Event: "preview/" + practice, Words: words, Gate: &rules,
	})
}

// maxWords is the most that a coordinator adds to a letter, in bytes.
const maxWords = 4000

func (a *app) reviewEdit() *cobra.Command {
	var file string
	var remove bool
	cmd := &cobra.Command{
		Use: "edit PRACTICE", Short: "Change the covering words of the next request for review", Args: cobra.ExactArgs(1),
		Long: `Changes what you add to the letter in your own words; the rest is written from the
evidence. Give the words as a file, on standard input (-), or in your editor
($VISUAL, $EDITOR). They go out by mail: no patient's name, number or date.`,
		Example: "  starter review edit sunrise-plano --words words.txt\n  starter review edit sunrise-plano --remove",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.editReview(cmd.Context(), args[0], file, remove)
		},
	}
	cmd.Flags().StringVar(&file, "words", "", "file with the words; - is standard input")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the words away")
	cmd.MarkFlagsMutuallyExclusive("words", "remove")
	return cmd
}

func (a *app) editReview(ctx context.Context, id, file string, remove bool) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if _, err := a.practice(ctx, store, id); err != nil {
		return err
	}
	words := ""
	if !remove {
		now, err := store.ReviewWords(ctx, id)
		if err != nil {
			return err
		}
		if words, err = a.newWords(ctx, file, now.Words); err != nil {
			return err
		}
		rules, err := a.gateRules(ctx, id)
		if err != nil {
			return err
		}
		// What cannot be sent is refused now and not when the letter goes out.
		if _, err := a.previewReview(ctx, store, id, words, rules); err != nil {
			return err
		}
	}
	if err := store.SetReviewWords(ctx, id, words, a.act(by, "review-words/"+id, "")); err != nil {
		return err
	}
	return a.show(map[string]any{"practice": id, "covering_words": words}, func(s *screen) {
		s.line("%s: the covering words are %s. Next: starter review preview %s", id,
			map[bool]string{true: "taken away", false: "changed"}[remove], id)
	})
}

// newWords reads the words from a file, or has them edited.
func (a *app) newWords(ctx context.Context, file, now string) (string, error) {
	var data []byte
	var err error
	switch {
	case file == "-":
		data, err = io.ReadAll(io.LimitReader(a.env.Stdin, maxWords+1))
	case file != "":
		data, err = os.ReadFile(file)
	default:
		data, err = a.inEditor(ctx, now)
	}
	if err != nil {
		if exitCode(err) == ExitUsage {
			return "", err
		}
		return "", couldNot("%w", err)
	}
	words := strings.TrimSpace(strings.ReplaceAll(string(data), "\r\n", "\n"))
	switch {
	case words == "":
		return "", refused("there are no words; --remove takes the old ones away")
	case len(words) > maxWords:
		return "", refused("the words are longer than a letter bears (%d bytes)", maxWords)
	case strings.ContainsFunc(words, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return "", refused("the words hold control characters; save them as plain text")
	}
	return words, nil
}

// inEditor opens the words in the person's editor.
func (a *app) inEditor(ctx context.Context, now string) ([]byte, error) {
	editor := a.env.Getenv("VISUAL")
	if editor == "" {
		editor = a.env.Getenv("EDITOR")
	}
	if editor == "" || !a.env.IsTerminal {
		return nil, misused("where are the words? --words FILE, or set VISUAL or EDITOR")
	}
	f, err := os.CreateTemp("", "review-*.txt")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(now)
	if closeErr := f.Close(); err != nil || closeErr != nil {
		return nil, couldNot("the words could not be laid out for the editor")
	}
	parts := strings.Fields(editor)
	cmd := exec.CommandContext(ctx, parts[0], append(parts[1:], f.Name())...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.env.Stdin, a.env.Stdout, a.env.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(f.Name())
}

func (a *app) reviewChanges() *cobra.Command {
	var reason, email string
	cmd := &cobra.Command{
		Use: "changes PRACTICE", Short: "Record that the registry wants changes: back to testing", Args: cobra.ExactArgs(1),
		Long: `Records the registry's decision that something has to change first. The practice
is testing again; whether the error-free test files so far count on is said by the
profile (policy.keep_count). The registry's email is kept in the file store.`,
		Example: `  starter review changes sunrise-plano --reason "consent is missing" --email changes.eml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.recordChanges(cmd.Context(), args[0], reason, email)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "what the registry asked for, without patients' names")
	cmd.Flags().StringVar(&email, "email", "", "the registry's email (.eml, .msg, .pdf); kept in the file store")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) recordChanges(ctx context.Context, id, reason, path string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	email, err := a.readEmail(path)
	if err != nil {
		return err
	}
	if email != nil {
		store, err := a.store(ctx)
		if err != nil {
			return err
		}
		w, err := a.whose(ctx, store)
		if err != nil {
			return err
		}
		if why, final := w.fault(email, id); final {
			return refused("%s", why)
		}
	}
	key, err := a.keep(ctx, email)
	if err != nil {
		return err
	}
	return ask(ctx, a, id, workflows.OnboardingID(id), workflows.UpdateRecordRevision,
		workflows.Act{By: by, Reason: reason, EvidenceID: key})
}
