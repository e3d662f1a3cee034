package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/workflows"
)

func (a *app) letterCommand() *cobra.Command {
	return folder("letter", "List, read, preview and send letters and alerts; say which came back",
		"  starter letter list --waiting\n  starter letter preview alert-hold\n  starter letter send first-file/sunrise-plano",
		a.letterList(), a.letterShow(), a.letterPreview(), a.letterSend(), a.letterBounced())
}

// shownLetter is a letter as it is kept.
type shownLetter struct {
	Letter    string              `json:"letter"`
	Kind      registry.LetterKind `json:"kind"`
	Practice  string              `json:"practice,omitempty"`
	State     string              `json:"state"`
	Written   time.Time           `json:"written"`
	Sent      *time.Time          `json:"sent,omitempty"`
	To        []string            `json:"to"`
	Subject   string              `json:"subject"`
	MessageID string              `json:"message_id"`
	// Answers is to whom an answer goes, where that is not whoever the settings name.
	Answers string `json:"answers_to,omitempty"`
	// Body and Attachment are shown by `letter show` alone.
	Body       string `json:"body,omitempty"`
	Attachment string `json:"attachment,omitempty"`
}

func showLetter(n db.Notice) shownLetter {
	return shownLetter{
		Letter: n.Event, Kind: n.Kind, Practice: n.Practice, State: letterState(n), Written: n.PreparedAt, Sent: n.SentAt,
		To: append([]string{}, n.Recipients...), Subject: n.Subject, MessageID: n.MessageID, Answers: n.SenderEmail,
	}
}

func (a *app) letterList() *cobra.Command {
	var filter db.NoticeFilter
	var waiting bool
	var kind string
	cmd := &cobra.Command{
		Use: "list", Short: "List letters and alerts, newest first", Args: cobra.NoArgs,
		Long: `Lists letters and alerts with what became of them. --waiting lists those that are
written and have not left: a letter to the registry that waits for you, or one that a
mail server does not take.`,
		Example: "  starter letter list --practice sunrise-plano\n  starter letter list --waiting",
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter.Kind = registry.LetterKind(kind)
			if kind != "" && !slices.Contains(registry.LetterKinds(), filter.Kind) {
				return refused("there is no letter %q; there are %s", kind, letterNames())
			}
			if waiting {
				filter.State = db.NoticePrepared
			}
			return a.listLetters(cmd.Context(), filter)
		},
	}
	f := cmd.Flags()
	f.StringVar(&filter.Practice, "practice", "", "one practice only")
	f.StringVar(&kind, "kind", "", "one kind only, such as review-request")
	f.BoolVar(&waiting, "waiting", false, "only those that have not left")
	f.IntVar(&filter.Limit, "limit", 50, "how many at most")
	return cmd
}

func letterNames() string {
	var names []string
	for _, k := range registry.LetterKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func (a *app) listLetters(ctx context.Context, filter db.NoticeFilter) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	kept, err := store.ListNotices(ctx, filter)
	if err != nil {
		return err
	}
	letters := []shownLetter{}
	for _, n := range kept {
		letters = append(letters, showLetter(n))
	}
	return a.show(letters, func(s *screen) {
		if len(letters) == 0 {
			s.line("There is no such letter.")
			return
		}
		rows := [][]string{}
		for _, l := range letters {
			rows = append(rows, []string{day(l.Written), l.Letter, l.Subject, l.State})
		}
		s.table([]string{"WRITTEN", "LETTER", "SUBJECT", "STATE"}, rows)
		s.raw("")
		s.line("To read one: starter letter show %s", letters[0].Letter)
	})
}

func (a *app) letterShow() *cobra.Command {
	return &cobra.Command{
		Use: "show LETTER", Short: "Read a letter as it was written", Args: cobra.ExactArgs(1),
		Example: "  starter letter show first-file/sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			n, ok, err := store.NoticeOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !ok {
				return refused("there is no letter %s; `starter letter list` shows them", args[0])
			}
			l := showLetter(n)
			l.Body, l.Attachment = n.Body, n.Attachment
			return a.show(l, func(s *screen) {
				s.pairs([2]string{"Letter", l.Letter}, [2]string{"Kind", string(l.Kind)}, [2]string{"State", l.State},
					[2]string{"Written", day(l.Written)}, [2]string{"Message-ID", l.MessageID}, [2]string{"Answers to", l.Answers})
				s.letter(l.To, l.Subject, l.Body)
				if n.AttachmentName != "" {
					s.raw("")
					s.line("With it goes %s, %s (-o json prints it).", n.AttachmentName, plural(strings.Count(l.Attachment, "\n"), "line", "lines"))
				}
			})
		},
	}
}

// letter prints a letter as its reader sees it.
func (s *screen) letter(to []string, subject, body string) {
	s.pairs([2]string{"To", strings.Join(to, ", ")}, [2]string{"Subject", subject})
	s.raw("")
	for line := range strings.SplitSeq(strings.TrimRight(body, "\n"), "\n") {
		s.raw("%s", line)
	}
}

func (a *app) letterPreview() *cobra.Command {
	var practice string
	cmd := &cobra.Command{
		Use: "preview KIND", Short: "Show how a letter reads, without writing it", Args: cobra.ExactArgs(1),
		Long: `Shows a letter of a kind as your templates write it, about an invented practice; so
a template that you have changed can be looked at before it is used. With --practice
it is written of that practice's data, where its kind needs no more than that.
Kinds: ` + wrapNames(letterNames()) + `.`,
		Example: `  starter letter preview file-refused-vendor
  starter letter preview first-production-file-registry --practice sunrise-plano`,
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := registry.LetterKind(args[0])
			if !slices.Contains(registry.LetterKinds(), kind) {
				return refused("there is no letter %q; there are %s", args[0], letterNames())
			}
			return a.previewLetter(cmd.Context(), kind, practice)
		},
	}
	cmd.Flags().StringVar(&practice, "practice", "", "write it of this practice's data")
	return cmd
}

// wrapNames breaks a list for the screen of --help.
func wrapNames(names string) string { return strings.Join(wrap(names, screenWidth-15), "\n") }

// previewed is what `letter preview --output json` prints.
type previewed struct {
	Kind    registry.LetterKind `json:"kind"`
	From    string              `json:"template"`
	To      []string            `json:"to"`
	Subject string              `json:"subject"`
	Body    string              `json:"body"`
}

func (a *app) previewLetter(ctx context.Context, kind registry.LetterKind, practice string) error {
	w, err := a.wire()
	if err != nil {
		return err
	}
	letters, err := w.Profiles().Letters()
	if err != nil {
		return couldNot("%w", err)
	}
	out := previewed{Kind: kind, From: letters.Source(kind), To: []string{}}
	if practice == "" {
		if out.Subject, out.Body, err = letters.Render(kind, texas.SampleLetterData()); err != nil {
			return err
		}
	} else {
		r, err := a.previewOf(ctx, kind, practice)
		if err != nil {
			return err
		}
		out.Subject, out.Body = r.Subject, r.Body
		for _, c := range r.To {
			out.To = append(out.To, c.Email)
		}
	}
	return a.show(out, func(s *screen) {
		s.pairs([2]string{"Template", out.From})
		s.letter(out.To, out.Subject, out.Body)
	})
}

// aboutPractice are the letters that need no more than a practice.
var aboutPractice = []registry.LetterKind{
	registry.LetterReviewRequest, registry.LetterFirstFile, registry.LetterProductionVendor, registry.LetterHistoryQuestions,
	registry.LetterApprovalRefused,
}

func (a *app) previewOf(ctx context.Context, kind registry.LetterKind, practice string) (notify.Rendered, error) {
	if !slices.Contains(aboutPractice, kind) {
		return notify.Rendered{}, refused("%s is about one file, one alert or one week; leave --practice out", kind)
	}
	store, err := a.store(ctx)
	if err != nil {
		return notify.Rendered{}, err
	}
	if _, err := a.practice(ctx, store, practice); err != nil {
		return notify.Rendered{}, err
	}
	n, err := a.notices(store)
	if err != nil {
		return notify.Rendered{}, err
	}
	return activities.PreviewLetter(ctx, n, activities.SendNoticeInput{
		Scope: activities.Scope{Practice: practice, Calendar: a.cfg.Calendar.Registry()},
		Kind:  kind, Event: "preview/" + practice,
	})
}

// notices renders letters and sends none.
func (a *app) notices(store *db.Store) (*activities.Notices, error) {
	w, err := a.wire()
	if err != nil {
		return nil, err
	}
	letters, err := w.Profiles().Letters()
	if err != nil {
		return nil, couldNot("%w", err)
	}
	return &activities.Notices{DB: store, Letters: letters, Profiles: w.Profiles(), From: w.Sender(), Clock: a.env.Now}, nil
}

func (a *app) letterSend() *cobra.Command {
	return &cobra.Command{
		Use: "send LETTER", Short: "Send a letter to the registry that waits for you", Args: cobra.ExactArgs(1),
		Long: `Sends a letter to the registry that is written and waits for you (the profile says
policy.registry_letters: ask). It goes out exactly as "starter letter show" prints it,
once. A request for review is sent with "starter review send PRACTICE". What waits
for a mail server instead goes on with "starter hold resolve".`,
		Example: "  starter letter send first-file/sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sendLetter(cmd.Context(), args[0])
		},
	}
}

func (a *app) sendLetter(ctx context.Context, event string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	n, ok, err := store.NoticeOf(ctx, event)
	if err != nil {
		return err
	}
	if practice, isReview := strings.CutPrefix(event, "review/"); isReview && !ok {
		practice, _, _ = strings.Cut(practice, "/")
		return refused("a request for review is sent with: starter review send %s", practice)
	}
	switch {
	case !ok:
		return refused("there is no letter %s; `starter letter list --waiting` shows those that wait", event)
	case n.State != db.NoticePrepared:
		return refused("%s: %s", event, letterState(n))
	case n.Practice == "":
		return refused("%s waits for a mail server, not for you: starter hold list", event)
	}
	return ask(ctx, a, n.Practice, workflows.OnboardingID(n.Practice), workflows.UpdateSendLetter,
		workflows.SendLetter{Event: event, By: by})
}
