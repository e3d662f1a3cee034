package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) keysReseal() *cobra.Command {
	return &cobra.Command{
		Use: "reseal", Short: "Seal anew, with the newest key, what older keys have sealed in the database", Args: cobra.NoArgs,
		Long: `After "keys rotate --kind sealing" the old key still opens what it sealed. This
command seals all of it anew with the first of sealing.keys, in batches: broken
off, it goes on where it was, and again it changes nothing. The worker may run
meanwhile, once it was started with the new key. When it has ended, the old key
may leave the settings; backups of the database still need it.`,
		Example: "  starter keys reseal",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.reseal(cmd.Context())
		},
	}
}

func (a *app) reseal(ctx context.Context) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	done, err := store.Reseal(ctx, nil)
	if err != nil {
		return err
	}
	left, err := store.StaleSeals(ctx)
	if err != nil {
		return err
	}
	if done > 0 {
		if err := store.RecordAct(ctx, "", "", "keys-resealed", a.act(by, "reseal", "")); err != nil {
			return err
		}
	}
	return a.show(map[string]int{"sealed_anew": done, "left": left}, func(s *screen) {
		switch {
		case left > 0:
			s.line("%s sealed anew; %d came with an older key meanwhile. Restart the worker with the new settings, then again: starter keys reseal",
				plural(done, "value was", "values were"), left)
		case done == 0:
			s.line("Nothing to do: everything is sealed with the newest key.")
		default:
			s.line("%s sealed anew. The older sealing keys may leave the settings; backups of the database still need them.",
				plural(done, "value was", "values were"))
		}
	})
}
