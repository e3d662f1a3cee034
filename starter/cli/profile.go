package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/internal/profiles"
	"immtrail/registry"
	"immtrail/registry/texas"
)

func (a *app) profileCommand() *cobra.Command {
	return folder("profile", "Show what is known and assumed of the registry",
		"  starter profile show\n  starter profile show --unconfirmed\n  starter profile apply --all", a.profileShow(), a.profileApply())
}

func (a *app) profileShow() *cobra.Command {
	var practice string
	var unconfirmed bool
	cmd := &cobra.Command{
		Use: "show", Short: "Show every value of the registry's profile with its source", Args: cobra.NoArgs,
		Long: `Shows each value with where it comes from: a DSHS document, our default, or your
override (profile.dir: texas.yaml and practices/<practice>.yaml). Where DSHS has
the say and nobody has confirmed the value with DSHS, it says so: ask, and write
the answer below "confirmed" in your texas.yaml.`,
		Example: "  starter profile show\n  starter profile show --unconfirmed\n  starter profile show --practice sunrise-plano",
		RunE: func(*cobra.Command, []string) error {
			loaded, err := a.loadProfile(practice)
			if err != nil {
				return err
			}
			values := loaded.Values
			if unconfirmed {
				values = loaded.Unconfirmed()
			}
			return a.show(values, func(s *screen) { s.profile(loaded, values) })
		},
	}
	cmd.Flags().StringVar(&practice, "practice", "", "with the overrides of this practice")
	cmd.Flags().BoolVar(&unconfirmed, "unconfirmed", false, "only what nobody has confirmed with DSHS yet")
	return cmd
}

func (s *screen) profile(loaded *texas.Loaded, values []texas.Value) {
	rows := make([][]string, len(values))
	for i, v := range values {
		confirmed := ""
		switch {
		case v.Confirmed:
			confirmed = "yes"
		case v.RegistryDecides:
			confirmed = "ask DSHS"
		}
		rows[i] = []string{v.Key, short(v.Value, 38), v.Source, confirmed}
	}
	s.table([]string{"VALUE", "IS", "SOURCE", "CONFIRMED"}, rows)
	open := loaded.Unconfirmed()
	if len(open) == 0 {
		return
	}
	s.line("")
	s.line("%s nobody has confirmed with DSHS yet. Ask %s, %s:", plural(len(open), "value that", "values that"),
		loaded.Profile.DataExchangeEmail, loaded.Profile.DataExchangePhone)
	for _, v := range open {
		s.line("  %s (now %s): %s", v.Key, short(v.Value, 40), v.Cite)
	}
}

// short cuts what is too long for a cell.
func short(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

// loadProfile loads the profile as the worker does.
func (a *app) loadProfile(practice string) (*texas.Loaded, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	loaded, err := profiles.Dir(cfg.Profile.Dir).Load(practice)
	if err != nil {
		return nil, couldNot("%w", err)
	}
	return loaded, nil
}

// builtinProfile is the name of the profile that is built in.
const builtinProfile = "texas"

// deskProfile is the profile for `check`: what --profile names, or else the
// overrides of the settings where there are some. Wrong settings do not stop a
// check at the desk, which needs none. Its words say where values come from.
func (a *app) deskProfile(o checkOptions) (*registry.Profile, []string, error) {
	from := []string{builtinProfile}
	var overlays []texas.Overlay
	paths := o.profiles
	if len(paths) == 0 {
		if cfg, err := a.config(); err == nil && cfg.Profile.Dir != "" {
			if path := filepath.Join(cfg.Profile.Dir, profiles.File); exists(path) {
				paths = []string{path}
			}
		}
	}
	for _, path := range paths {
		if path == builtinProfile {
			continue
		}
		if !exists(path) && !strings.ContainsAny(path, `./\`) {
			return nil, nil, misused("--profile %s: the built-in profile is called %s; anything else is the path of a YAML file",
				visible(path), builtinProfile)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, couldNot("%w", err)
		}
		overlays = append(overlays, texas.Overlay{Name: path, Data: data})
		from = append(from, path)
	}
	loaded, err := texas.Load(overlays...)
	if err != nil {
		return nil, nil, refused("the profile cannot be used (%s): %w", strings.Join(from[1:], ", "), err)
	}
	return &loaded.Profile, from, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
