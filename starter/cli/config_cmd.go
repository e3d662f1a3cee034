package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"immtrail/config"
)

func (a *app) configCommand() *cobra.Command {
	return folder("config", "Check or show the settings", "  starter config check\n  starter config print",
		a.configCheck(), a.configPrint())
}

func (a *app) configCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Report every fault of the settings at once", Args: cobra.NoArgs,
		Long: `Reads the file of settings and the environment, and opens every secret that they
refer to. Nothing is connected to: "starter doctor" does that.`,
		Example: "  starter config check\n  starter --config /etc/immtrail/immtrail.yaml config check --output json",
		RunE:    func(*cobra.Command, []string) error { return a.runConfigCheck() },
	}
}

func (a *app) runConfigCheck() error {
	cfg, err := config.Load(a.source())
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		return couldNot("%w", err)
	}
	faults = append(faults, cfg.CheckSecrets(a.env.Getenv)...)
	answer := struct {
		File   string        `json:"file"`
		OK     bool          `json:"ok"`
		Faults config.Faults `json:"faults"`
	}{cfg.File, len(faults) == 0, append(config.Faults{}, faults...)}
	err = a.show(answer, func(s *screen) {
		if answer.File == "" {
			s.line("There is no file of settings; the environment and the defaults count.")
		}
		for _, f := range faults {
			s.line("%s  %s (%s): %s", s.paint(badStyle, "wrong"), f.Key, f.Place, f.Words)
		}
		if answer.OK {
			s.line("The settings%s are in order. Next: starter doctor", in(answer.File))
			return
		}
		s.line("")
		s.line("%s. Put them right in%s and run: starter config check", plural(len(faults), "fault", "faults"), orEnvironment(answer.File))
	})
	if err == nil && !answer.OK {
		return errFound
	}
	return err
}

func in(file string) string {
	if file == "" {
		return ""
	}
	return " in " + file
}

func orEnvironment(file string) string {
	if file == "" {
		return " the environment"
	}
	return " " + file
}

func (a *app) configPrint() *cobra.Command {
	return &cobra.Command{
		Use: "print", Short: "Show what is in force and where it was set, without secrets", Args: cobra.NoArgs,
		Example: "  starter config print",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := config.Load(a.source())
			var faults config.Faults
			if err != nil && !errors.As(err, &faults) {
				return couldNot("%w", err)
			}
			settings := cfg.Settings()
			if err := a.show(settings, func(s *screen) {
				rows := make([][]string, len(settings))
				for i, each := range settings {
					rows[i] = []string{each.Key, each.Value, each.Place}
				}
				s.table([]string{"SETTING", "VALUE", "SET IN"}, rows)
			}); err != nil {
				return err
			}
			if len(faults) > 0 {
				a.note("%s; run: starter config check", plural(len(faults), "fault", "faults"))
				return errFound
			}
			return nil
		},
	}
}
