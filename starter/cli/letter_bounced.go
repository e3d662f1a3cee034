package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

func (a *app) letterBounced() *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use: "bounced", Short: "Hand in mails that say that a letter came back", Args: cobra.NoArgs,
		Long: `Reads mails in which a mail server says that it could not deliver a letter (a delivery
status notification, or the report of Exchange or Exim), saved as .eml, and marks the
letter as one that came back. Within the hour the worker tells whoever stands in, as of
a mailbox that is refused. What is no such mail (an answer, an automatic reply, a notice
that a letter is late) changes nothing. The same mail again changes nothing. With
notify.bounces in the settings the worker reads them by itself.`,
		Example: "  starter letter bounced --email undelivered.eml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.lettersBounced(cmd.Context(), files)
		},
	}
	cmd.Flags().StringArrayVar(&files, "email", nil, "the mail as .eml; again for further ones")
	_ = cmd.MarkFlagRequired("email")
	return cmd
}

// shownBounce is what came of one mail.
type shownBounce struct {
	File   string   `json:"file"`
	Letter string   `json:"letter,omitempty"`
	New    []string `json:"new,omitempty"`
	State  string   `json:"state,omitempty"`
	Said   string   `json:"said"`
}

func (a *app) lettersBounced(ctx context.Context, files []string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	shown := []shownBounce{}
	for _, path := range files {
		one, err := a.letterCameBack(ctx, store, path, db.Act{By: by, At: a.now(), Reason: "handed in"})
		if err != nil {
			return err
		}
		shown = append(shown, one)
	}
	return a.show(shown, func(s *screen) {
		for _, b := range shown {
			s.line("%s: %s", b.File, b.Said)
			if b.Letter != "" {
				s.raw("  starter letter show %s", b.Letter)
			}
		}
	})
}

func (a *app) letterCameBack(ctx context.Context, store *db.Store, path string, act db.Act) (shownBounce, error) {
	out := shownBounce{File: path}
	f, err := os.Open(path)
	if err != nil {
		return out, couldNot("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	bounce, ok, err := notify.ReadBounce(f)
	if err != nil {
		return out, refused("%s: %w", path, err)
	}
	if !ok {
		out.Said = "no letter came back: it is an answer, or says that a letter is late or has arrived"
		return out, nil
	}
	kept, err := activities.RecordBounce(ctx, store, bounce, act)
	if registry.KindOf(err) == registry.Missing || registry.KindOf(err) == registry.Invalid {
		return out, refused("%s: %w", path, err)
	}
	if err != nil {
		return out, err
	}
	out.Letter, out.New, out.State = kept.Event, kept.New, letterState(kept.Notice)
	switch {
	case len(kept.New) == 0:
		out.Said = "known already; nothing changes"
	case kept.State == db.NoticeUndelivered:
		out.Said = "nobody got the letter; the worker tells who stands in, within the hour"
	default:
		out.Said = "one mailbox of the letter failed; the worker tells who stands in, within the hour"
	}
	return out, nil
}
