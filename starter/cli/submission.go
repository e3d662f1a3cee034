package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/registry"
)

func (a *app) submissionSet() *cobra.Command {
	var c registry.Cadence
	var reason string
	var back bool
	cmd := &cobra.Command{
		Use: "set PRACTICE", Short: "Say when files are sent", Args: cobra.ExactArgs(1),
		Long: `Says when a practice's outbox is emptied, instead of the profile's policy.cadence_days.
It is seen on the practice's Schedule in the Web UI. A submission that is due while
one runs comes after it; what an outage left out is made up for, once.

monthly is never more than 30 days apart, as 25 TAC 100.6(b) asks: after a month of
31 days a file goes a day earlier too. A time that is left out on the day on which
clocks are put forward is refused, and so is a cron after which nothing is due for more
than 30 days. A cron's day of the month and weekday have both to be met.`,
		Example: `  starter submission set sunrise-plano --cadence daily --at 18:00
  starter submission set sunrise-plano --cadence weekdays --at 12:00,18:00 --jitter 15m
  starter submission set sunrise-plano --cadence weekly --weekday friday --at 18:00
  starter submission set sunrise-plano --cadence cron --cron "0 18 * * 1-5" --zone America/Denver
  starter submission set sunrise-plano --profile`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if back == (c.Every != "") {
				return misused("either --cadence or --profile")
			}
			return a.setCadence(cmd.Context(), args[0], c, reason)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&c.Every, "cadence", "", strings.Join(registry.Cadences(), ", "))
	flags.StringSliceVar(&c.At, "at", nil, "times of the day, such as 18:00 or 06:00,18:00")
	flags.StringVar(&c.Weekday, "weekday", "", "day of weekly, such as friday")
	flags.IntVar(&c.Day, "day", 0, "day of monthly, 1 to 28")
	flags.StringVar(&c.Cron, "cron", "", "five fields: minute, hour, day of the month, month, weekday")
	flags.StringVar(&c.Zone, "zone", "", "time zone (else the practice's)")
	flags.DurationVar(&c.Jitter, "jitter", 0, "begin within so long after the time, such as 15m")
	flags.BoolVar(&c.SkipHolidays, "skip-holidays", false, "not on the registry's holidays; files go with the next one")
	flags.BoolVar(&back, "profile", false, "go back to what the profile says")
	flags.StringVar(&reason, "reason", "", "why; it goes into the audit log")
	return cmd
}

// shownCadence is what `submission set --output json` prints.
type shownCadence struct {
	Practice string            `json:"practice"`
	Cadence  *registry.Cadence `json:"cadence,omitempty"`
	Again    bool              `json:"again"`
	// Scheduled says that a Schedule exists and has it.
	Scheduled bool   `json:"scheduled"`
	Words     string `json:"words"`
}

func (a *app) setCadence(ctx context.Context, id string, c registry.Cadence, reason string) error {
	by, err := a.actor()
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
	out := shownCadence{Practice: id}
	if c.Every != "" {
		if c.Zone == "" {
			c.Zone = p.Zone
		}
		c.At = c.Times()
		if err := checkCadence(c); err != nil {
			return refused("%w", err)
		}
		out.Cadence, out.Words = &c, c.Words()
	} else if out.Words, err = a.profileCadence(p); err != nil {
		return err
	}
	eng, err := a.engine(ctx) // before it is kept: it needs both
	if err != nil {
		return err
	}
	if out.Again, err = store.SetCadence(ctx, id, c, a.act(by, "cadence/"+id, reason)); err != nil {
		return err
	}
	// Again too: it ends what the first time could not.
	if _, sends := registry.LaneOf(p.Phase); sends && p.Submission != registry.SubmissionOff {
		if err := a.ensureSchedules(ctx, store, eng, p); err != nil {
			return couldNot("it is kept, but the Schedule could not be changed: %w\nRun the command again", err)
		}
		out.Scheduled = true
	}
	return a.show(out, func(s *screen) {
		if out.Again {
			s.line("%s sends %s, as before.", id, out.Words)
		} else {
			s.line("%s sends %s.", id, out.Words)
		}
		if !a.cfg.Calendar.Registry().Dated() {
			s.line("In this rehearsal only how many days lie between counts, not the hour.")
		}
		if !out.Scheduled {
			s.line("Its Schedule is made once it tests: starter onboard %s", id)
			return
		}
		s.line("Next: starter submission show %s", id)
	})
}
