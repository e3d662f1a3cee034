package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
)

func (a *app) retentionCommand() *cobra.Command {
	var reason string
	plan := &cobra.Command{
		Use: "plan [PRACTICE]", Short: "Count what would be destroyed now, and what is kept and why", Args: cobra.MaximumNArgs(1),
		Example: "  starter retention plan\n  starter retention plan sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.planRetention(cmd.Context(), args)
		},
	}
	run := &cobra.Command{
		Use: "run PRACTICE", Short: "Destroy the bytes that retention no longer needs", Args: cobra.ExactArgs(1),
		Long: `Destroys the bytes of files that were settled more than policy.retention_days ago.
Never before a file's report is there, its errors are settled and its messages that
were left out are decided on. What is known of the files stays. Every week it is
done by itself; doing it again finds nothing more.`,
		Example: `  starter retention run sunrise-plano --reason "the disk is nearly full"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runRetention(cmd.Context(), args[0], reason)
		},
	}
	run.Flags().StringVar(&reason, "reason", "", "why now; it goes into the audit log")
	_ = run.MarkFlagRequired("reason")
	return folder("retention", "See and run what destroys old files",
		"  starter retention plan\n  starter retention run sunrise-plano --reason \"the disk is nearly full\"", plan, run)
}

// plannedRetention is a practice's row of the plan.
type plannedRetention struct {
	Practice  string `json:"practice"`
	AfterDays int    `json:"after_days"`
	Due       int    `json:"due"`
	DueBytes  int64  `json:"due_bytes"`
	Young     int    `json:"young"`
	Unsettled int    `json:"unsettled"`
	Errors    int    `json:"open_errors"`
	Held      int    `json:"left_out"`
	Released  int    `json:"destroyed"`
}

func (a *app) planRetention(ctx context.Context, only []string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if len(only) == 0 {
		all, err := store.Practices(ctx)
		if err != nil {
			return err
		}
		for _, p := range all {
			only = append(only, p.ID)
		}
	}
	plans := []plannedRetention{}
	for _, id := range only {
		if _, err := a.practice(ctx, store, id); err != nil {
			return err
		}
		one, err := a.retentionOf(ctx, store, id)
		if err != nil {
			return err
		}
		plans = append(plans, one)
	}
	return a.show(plans, func(s *screen) {
		rows := make([][]string, len(plans))
		for i, p := range plans {
			rows[i] = []string{
				p.Practice, plural(p.AfterDays, "day", "days"), strconv.Itoa(p.Due), bytesWords(p.DueBytes), strconv.Itoa(p.Young), strconv.Itoa(p.Unsettled),
				strconv.Itoa(p.Errors), strconv.Itoa(p.Held), strconv.Itoa(p.Released),
			}
		}
		s.table([]string{"PRACTICE", "AFTER", "DUE", "SIZE", "TOO YOUNG", "NOT ANSWERED", "OPEN ERRORS", "LEFT OUT", "DESTROYED"}, rows)
	})
}

func (a *app) retentionOf(ctx context.Context, store *db.Store, practice string) (plannedRetention, error) {
	loaded, err := a.loadProfile(practice)
	if err != nil {
		return plannedRetention{}, err
	}
	days := loaded.Profile.Policy.RetentionDays
	c, err := store.Retention(ctx, practice, a.now().AddDate(0, 0, -days))
	return plannedRetention{
		Practice: practice, AfterDays: days, Due: c.Due, DueBytes: c.DueBytes, Young: c.Young, Unsettled: c.Unsettled,
		Errors: c.Errors, Held: c.Held, Released: c.Released,
	}, err
}

func (a *app) runRetention(ctx context.Context, id, reason string) error {
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
	plan, err := a.retentionOf(ctx, store, id)
	if err != nil {
		return err
	}
	v, err := a.fileStore(ctx)
	if err != nil {
		return err
	}
	// First the person, then the deed: what was destroyed has somebody to ask.
	if plan.Due > 0 {
		if err := store.RecordAct(ctx, id, "", "retention-run", a.act(by, "retention/"+id, reason)); err != nil {
			return err
		}
	}
	n, err := activities.ReleaseSettled(ctx, store, v, id, plan.AfterDays, a.now())
	if err != nil {
		return err
	}
	return a.show(map[string]any{"practice": id, "destroyed": n}, func(s *screen) {
		if n == 0 {
			s.line("%s: nothing is due. What is kept and why: starter retention plan %s", id, id)
			return
		}
		s.line("%s: the bytes of %s are destroyed; what is known of them stays.", id, plural(n, "file", "files"))
	})
}
