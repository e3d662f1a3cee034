package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) profileApply() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "apply PRACTICE...", Short: "Give what runs the policy of today's profile",
		Long: `What runs keeps the policy (reminders, due days, thresholds, patience) with which it
began. This gives a practice's onboarding, watch and historical load, and its files
on their way, the one that the profile has now, with the practice's own overrides, in
the middle of whatever they wait for; nothing is restarted, and nothing is decided by
it. With --all also the lines in front of the registry's servers and the reminders,
which go by the profile without any practice's overrides.

Without it: what begins later takes today's profile (each submission, each file, each
collection of reports). What is not policy (names, folders, limits of a host, rules,
contacts, holidays, letters) counts from the next step on. How often files are sent is
the schedule's: starter submission set.`,
		Example: "  starter profile apply sunrise-plano\n  starter profile apply --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return misused("name practices, or --all")
			}
			return a.applyProfile(cmd.Context(), args)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every practice")
	return cmd
}

// appliedPolicy says what took the policy of a practice, or with --all that of the
// registry, whose practice is empty.
type appliedPolicy struct {
	Practice string   `json:"practice"`
	Took     []string `json:"took"` // workflow IDs
}

// policyTypes run for a practice under a search attribute; host and reminders run
// for all.
var (
	practiceTypes = []string{"FileSubmission"}
	registryTypes = []string{activities.HostWorkflow, activities.RemindersWorkflow}
)

func (a *app) applyProfile(ctx context.Context, ids []string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	practices, err := a.namedPractices(ctx, store.Practices, ids)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	out := []appliedPolicy{}
	for _, p := range practices {
		own := []string{workflows.OnboardingID(p.ID), workflows.HistoryID(p.ID), workflows.WatchID(p.ID)}
		applied, err := a.giveProfile(ctx, eng, by, p.ID, own, practiceTypes)
		if err != nil {
			return fmt.Errorf("%s: %w", p.ID, err)
		}
		out = append(out, applied)
	}
	if len(ids) == 0 {
		applied, err := a.giveProfile(ctx, eng, by, "", nil, registryTypes)
		if err != nil {
			return err
		}
		out = append(out, applied)
	}
	return a.show(out, func(s *screen) { s.applied(out) })
}

func (s *screen) applied(out []appliedPolicy) {
	for _, p := range out {
		whose := p.Practice
		if whose == "" {
			whose = "the registry's servers and the reminders"
		}
		if len(p.Took) == 0 {
			s.line("%s: nothing runs that has a policy; what begins takes today's.", whose)
			continue
		}
		s.line("%s: %s.", whose, plural(len(p.Took), "workflow has the policy of today's profile", "workflows have the policy of today's profile"))
	}
}

// giveProfile gives the workflows of these IDs, and all that run of these types, the
// policy of a practice, or of the registry where practice is empty.
func (a *app) giveProfile(
	ctx context.Context, eng Engine, by registry.Actor, practice string, ids, types []string,
) (appliedPolicy, error) {
	out := appliedPolicy{Practice: practice, Took: []string{}}
	loaded, err := a.loadProfile(practice)
	if err != nil {
		return out, err
	}
	for _, of := range types {
		found, err := eng.Running(ctx, of, practice)
		if err != nil {
			return out, err
		}
		ids = append(ids, found...)
	}
	for _, id := range ids {
		_, err := update(ctx, eng, id, workflows.UpdateSetPolicy, workflows.SetPolicy{Policy: loaded.Profile.Policy, By: by})
		if errors.Is(err, errGone) {
			continue // it has ended, or never began
		}
		if err != nil {
			return out, err
		}
		out.Took = append(out.Took, id)
	}
	return out, nil
}

// namedPractices are those of the IDs, or all where none is named; withdrawn ones
// have nothing that runs.
func (a *app) namedPractices(
	ctx context.Context, list func(context.Context) ([]*registry.Practice, error), ids []string,
) ([]*registry.Practice, error) {
	all, err := list(ctx)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return all, nil
	}
	var out []*registry.Practice
	for _, id := range ids {
		found := false
		for _, p := range all {
			if p.ID == id {
				out, found = append(out, p), true
			}
		}
		if !found {
			return nil, refused("there is no practice %q; `starter practice list` shows them", id)
		}
	}
	return out, nil
}
