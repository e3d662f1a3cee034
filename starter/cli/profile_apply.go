package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) profileApply() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "apply PRACTICE...", Short: "Give what runs the policy of today's profile",
		Long: `A practice's workflows keep the policy (reminders, due days, thresholds) with which
they began. This gives them the one that the profile has now, with the practice's
own overrides, in the middle of whatever they wait for; nothing is restarted, and
nothing is decided by it.`,
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

// appliedPolicy says what took the policy of a practice.
type appliedPolicy struct {
	Practice string   `json:"practice"`
	Took     []string `json:"took"` // onboarding, history, watch
}

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
		loaded, err := a.loadProfile(p.ID)
		if err != nil {
			return err
		}
		applied := appliedPolicy{Practice: p.ID, Took: []string{}}
		for _, wf := range []struct{ name, id string }{
			{"onboarding", workflows.OnboardingID(p.ID)}, {"history", workflows.HistoryID(p.ID)}, {"watch", workflows.WatchID(p.ID)},
		} {
			_, err := update(ctx, eng, wf.id, workflows.UpdateSetPolicy, workflows.SetPolicy{Policy: loaded.Profile.Policy, By: by})
			if errors.Is(err, errGone) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.ID, err)
			}
			applied.Took = append(applied.Took, wf.name)
		}
		out = append(out, applied)
	}
	return a.show(out, func(s *screen) {
		for _, p := range out {
			if len(p.Took) == 0 {
				s.line("%s: nothing runs that has a policy; what begins takes today's.", p.Practice)
				continue
			}
			s.line("%s: %s.", p.Practice, plural(len(p.Took), "workflow has the policy of today's profile", "workflows have the policy of today's profile"))
		}
	})
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
