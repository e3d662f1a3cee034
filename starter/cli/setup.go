package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// Migrations, search attributes and schedules belong to the installation and
// not to a person: whoever installs may run them, root too.

func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database to the schema of this build", Args: cobra.NoArgs,
		Long: `Brings the database to the schema that this build needs. It never goes back, and
repeating it changes nothing. Make a backup before an upgrade.`,
		Example: "  starter migrate",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.migrate(cmd.Context()); err != nil {
				return err
			}
			return a.show(map[string]any{"schema": db.SchemaVersion}, func(s *screen) {
				s.line("The database is at version %d. Next: starter setup", db.SchemaVersion)
			})
		},
	}
}

func (a *app) migrate(ctx context.Context) error {
	w, err := a.wire()
	if err != nil {
		return err
	}
	url, err := w.DatabaseURL()
	if err != nil {
		return couldNot("%w", err)
	}
	if err := db.Migrate(ctx, url); err != nil {
		return couldNot("%w", err)
	}
	return nil
}

// step is one step of setup.
type step struct {
	Step string `json:"step"`
	Done bool   `json:"done"`
	// Fault says why not.
	Fault string `json:"fault,omitempty"`
}

func (a *app) setupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "setup", Short: "Prepare database, Temporal, folders and schedules; may be repeated", Args: cobra.NoArgs,
		Long: `Brings the database to the schema of this build, registers the search attributes
by which practices are found in the Web UI, makes the folders of the outbox, and
makes the schedules of all practices as they should be. Run it after installing
and after each upgrade; repeating it changes nothing.`,
		Example: "  starter setup",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.setup(cmd.Context())
		},
	}
}

func (a *app) setup(ctx context.Context) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	steps, failed := []step{}, false
	do := func(name string, work func() error) {
		s := step{Step: name, Done: true}
		if err := work(); err != nil {
			s.Done, s.Fault, failed = false, err.Error(), true
		}
		steps = append(steps, s)
	}
	do("the database has the schema of this build", func() error { return a.migrate(ctx) })
	do("Temporal knows the search attributes", func() error {
		eng, err := a.engine(ctx)
		if err != nil {
			return err
		}
		return eng.EnsureSearchAttributes(ctx)
	})
	if !failed {
		do("folders and schedules of the practices are there", func() error { return a.setupPractices(ctx) })
	}
	err = a.show(steps, func(s *screen) {
		for _, each := range steps {
			if each.Done {
				s.line("%s  %s", s.paint(goodStyle, "done"), each.Step)
				continue
			}
			s.line("%s  %s: %s", s.paint(badStyle, "failed"), each.Step, each.Fault)
		}
		if !failed {
			s.line("Next: start the worker (namespace %s, task queue %s), then: starter doctor", cfg.Temporal.Namespace, cfg.Temporal.TaskQueue)
		}
	})
	if err == nil && failed {
		return &exit{code: ExitCouldNot, quiet: true, err: errFound}
	}
	return err
}

func (a *app) setupPractices(ctx context.Context) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	practices, err := store.Practices(ctx)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	// One practice whose share is not mounted keeps no other from its schedule, nor
	// itself: a submission that finds nothing mounted asks a person.
	var faults []string
	for _, p := range practices {
		if p.Phase == registry.PhaseWithdrawn {
			continue
		}
		if err := a.remakeOutbox(ctx, store, p.ID); err != nil {
			faults = append(faults, strings.TrimPrefix(err.Error(), "outbox: "))
		}
		if _, sends := registry.LaneOf(p.Phase); !sends || p.Submission == registry.SubmissionOff {
			continue
		}
		if err := a.ensureSchedules(ctx, store, eng, p); err != nil {
			faults = append(faults, "schedule of "+p.ID+": "+err.Error())
		}
	}
	if err := a.setupShared(ctx, store, practices); err != nil {
		faults = append(faults, err.Error())
	}
	if len(faults) > 0 {
		return couldNot("%s", strings.Join(faults, "; and "))
	}
	return nil
}

// ensureSchedules makes the schedules of a practice that sends as they should be.
func (a *app) ensureSchedules(ctx context.Context, store *db.Store, eng Engine, p *registry.Practice) error {
	loaded, err := a.loadProfile(p.ID)
	if err != nil {
		return err
	}
	in := activities.EnsureSchedulesInput{
		Scope:      activities.Scope{Practice: p.ID, Calendar: a.cfg.Calendar.Registry()},
		Connection: p.Connection, Zone: p.Zone, CadenceDays: loaded.Profile.Policy.CadenceDays,
		Holidays: loaded.Profile.Holidays,
		Paused:   p.Submission == registry.SubmissionPaused, Policy: loaded.Profile.Policy,
	}
	set, ok, err := store.Cadence(ctx, p.ID)
	if err != nil {
		return err
	}
	if ok {
		in.Cadence = &set
	}
	return eng.EnsureSchedules(ctx, in)
}

// remakeOutbox makes the folders of a practice that has never sent a file. Where
// files came from them they are on a share that is not mounted: made anew, they
// would be an empty outbox for ever.
func (a *app) remakeOutbox(ctx context.Context, store *db.Store, practice string) error {
	if a.cfg.Outbox.Dir == "" {
		return errors.New("outbox.dir is not set")
	}
	sent, err := store.Files(ctx, practice, 1)
	if err != nil {
		return err
	}
	if len(sent) == 0 {
		return a.makeOutbox(practice)
	}
	for _, lane := range registry.Lanes() {
		dir := filepath.Join(a.cfg.Outbox.Dir, practice, string(lane))
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("%w, although %s has sent files: mount the share; if the folder is gone for good, run: mkdir -p %s && touch %s",
				err, practice, dir, filepath.Join(dir, activities.OutboxMarker))
		}
		if err := activities.CheckMarker(a.cfg.Outbox.Dir, practice, lane); err != nil {
			return err
		}
	}
	return nil
}

// lookTimeout bounds each look of doctor.
const lookTimeout = 20 * time.Second
