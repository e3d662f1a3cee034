package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/internal/profiles"
	"immtrail/registry"
)

func (a *app) errorsAssign() *cobra.Command {
	var to, owner string
	cmd := &cobra.Command{
		Use: "assign ID...", Short: "Put errors into somebody's hands", Args: cobra.MinimumNArgs(1),
		Example: `  starter errors assign e-12 e-13 --to "Tess Mallow"
  starter errors assign e-14 --to "EHR Desk" --owner ehr-vendor`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if owner != "" && !slices.Contains(ownerNames, owner) {
				return misused("--owner %s: one of %s", owner, strings.Join(ownerNames, ", "))
			}
			return a.eachError(cmd.Context(), args, "assign", "", func(ctx context.Context, store *db.Store, id string, act db.Act) error {
				return store.AssignError(ctx, id, strings.TrimSpace(to), registry.Owner(owner), act)
			}, "given to "+to)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "who has it in hand now; empty: nobody")
	cmd.Flags().StringVar(&owner, "owner", "", "who can mend it: practice, ehr-vendor, data-team or registry")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

var ownerNames = []string{
	string(registry.OwnerPractice), string(registry.OwnerVendor), string(registry.OwnerDataTeam),
	string(registry.OwnerRegistry), string(registry.OwnerNobody),
}

func (a *app) errorsCorrected() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use: "corrected ID...", Short: "Say that errors were mended in ImmTrac2 itself", Args: cobra.MinimumNArgs(1),
		Long: `Ends errors that somebody mended in ImmTrac2 on the screen: a consent entered
there, an old record that the EHR never exports again. It counts apart from what
a report proved. A later report that still complains opens the error again.`,
		Example: `  starter errors corrected e-12 --note "consent entered in ImmTrac2, form scanned"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachError(cmd.Context(), args, "corrected", note, func(ctx context.Context, store *db.Store, id string, act db.Act) error {
				return store.CorrectError(ctx, id, act)
			}, "corrected in ImmTrac2")
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "what was done there, without patients' names")
	_ = cmd.MarkFlagRequired("note")
	return cmd
}

// eachError does one thing to errors, one after the other.
func (a *app) eachError(
	ctx context.Context, ids []string, what, reason string,
	do func(context.Context, *db.Store, string, db.Act) error, words string,
) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := do(ctx, store, id, a.act(by, what+"/"+id, reason)); err != nil {
			return err
		}
	}
	return a.show(map[string]any{what: ids}, func(s *screen) {
		s.line("%s %s.", plural(len(ids), "error", "errors"), words)
	})
}

func (a *app) errorsExplain() *cobra.Command {
	return &cobra.Command{
		Use: "explain CODE", Short: "Say what a code of the registry means and what to do", Args: cobra.ExactArgs(1),
		Example: "  starter errors explain CLR-100",
		RunE: func(_ *cobra.Command, args []string) error {
			loaded, _, err := a.deskValues(nil)
			if err != nil {
				return err
			}
			code := strings.ToUpper(args[0])
			entry, ok := loaded.Catalogue[code]
			if !ok {
				return refused("%s is not in the catalogue; ask the registry what it means, then: starter errors classify %s --help", code, code)
			}
			return a.show(entry, func(s *screen) { s.codeExplained(entry) })
		},
	}
}

func (s *screen) codeExplained(e registry.CatalogueEntry) {
	counts := "it is an error: it stays open until it is settled"
	if e.Harmless {
		counts = "it is a notice: it opens no error and counts nowhere"
	}
	scope := ""
	switch {
	case e.PerPatient:
		scope = "the patient: one error for each, whatever the number of doses"
	case e.Scope != "":
		scope = "the " + string(e.Scope)
	}
	page := ""
	if e.Page != "" {
		page = "docs/runbook.md, section " + e.Page
	}
	s.pairs(
		[2]string{"Code", e.Code}, [2]string{"It means", e.Meaning}, [2]string{"What to do", e.Remedy},
		[2]string{"Who fixes it", string(e.Owner)}, [2]string{"Severity", string(e.Severity)}, [2]string{"It is about", scope}, [2]string{"Counts", counts},
		[2]string{"Our check", foretoldWords(e.Foretold)},
		[2]string{"How sure", e.Confidence}, [2]string{"More", page}, [2]string{"Source", e.Source},
	)
}

// foretoldWords say whether our check says it before the registry does.
func foretoldWords(foretold []string) string {
	own := slices.Contains(foretold, registry.ForetoldOwnData)
	var rules []string
	for _, w := range foretold {
		if w != registry.ForetoldOwnData && w != registry.ForetoldNever {
			rules = append(rules, w)
		}
	}
	switch {
	case len(rules) == 0 && own:
		return "foretells it only from the practice's own data"
	case len(rules) == 0:
		return "does not foretell it: no file shows it, or no rule is known for it"
	case own:
		return "foretells it where the practice's own data are known, by " + strings.Join(rules, ", ")
	}
	return "foretells it by " + strings.Join(rules, ", ")
}

// classification are the flags of `errors classify`.
type classification struct {
	entry registry.CatalogueEntry
	owner string
	to    string
}

func (a *app) errorsClassify() *cobra.Command {
	var c classification
	cmd := &cobra.Command{
		Use: "classify CODE", Short: "Teach what a new code means, without a new release", Args: cobra.ExactArgs(1),
		Long: `Writes what a code means into catalogue.yaml of your profile folder. It counts from
the next report on; errors that are open already keep their owner (starter errors
assign changes it).`,
		Example: `  starter errors classify IMR-160 --owner practice --meaning "The interval is too short." \
      --remedy "Check the dates with the chart and send again." --source "DSHS, 12 March"
  starter errors classify IEE-600 --harmless --owner nobody --meaning Notice. --remedy None.`,
		RunE: func(_ *cobra.Command, args []string) error {
			c.entry.Code, c.entry.Owner = strings.ToUpper(args[0]), registry.Owner(c.owner)
			return a.classify(c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.owner, "owner", "", "practice, ehr-vendor, data-team, registry or nobody")
	f.StringVar(&c.entry.Meaning, "meaning", "", "one sentence for practice staff")
	f.StringVar(&c.entry.Remedy, "remedy", "", "what to do about it")
	f.StringVar(&c.entry.Source, "source", "", "who says so, and when")
	f.BoolVar(&c.entry.Harmless, "harmless", false, "a notice: it opens no error")
	f.StringVar((*string)(&c.entry.Scope), "scope", "", "file, message, patient or dose (default: as its family says)")
	f.StringVar((*string)(&c.entry.Severity), "severity", "", "high, normal or low: by when it is due (default: by scope and family)")
	f.StringSliceVar(&c.entry.Foretold, "foretold", nil, "our rules that foretell it, own-data, or never")
	f.StringVar(&c.entry.Confidence, "confidence", "", "how sure that is: high, medium or low")
	f.StringVar(&c.entry.Page, "page", "", "section of docs/runbook.md that says more")
	f.BoolVar(&c.entry.PerPatient, "per-patient", false, "one error for each patient, not for each dose")
	f.StringVar(&c.to, "to", "", "file to write (default: catalogue.yaml in profile.dir)")
	for _, flag := range []string{"owner", "meaning", "remedy"} {
		_ = cmd.MarkFlagRequired(flag)
	}
	return cmd
}

func (a *app) classify(c classification) error {
	if c.to == "" {
		cfg, err := a.config()
		if err != nil || cfg.Profile.Dir == "" {
			return misused("there is no profile folder (profile.dir in the settings): say with --to which file to write")
		}
		c.to = filepath.Join(cfg.Profile.Dir, profiles.CatalogueFile)
	}
	if c.entry.Source == "" {
		c.entry.Source = "our own"
	}
	if err := profiles.SaveCode(c.to, c.entry); err != nil {
		return refused("%w", err)
	}
	return a.show(map[string]any{"code": c.entry, "written": c.to}, func(s *screen) {
		s.codeExplained(c.entry)
		s.line("")
		s.line("Written to %s. It counts from the next report on.", c.to)
	})
}

// errorGroups shows what a coordinator works through at once.
func (a *app) errorGroups(ctx context.Context, filter db.ErrorFilter) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	groups, err := store.GroupErrors(ctx, filter)
	if err != nil {
		return err
	}
	loaded, err := a.loadProfile(filter.Practice)
	if err != nil {
		return err
	}
	shown := []shownGroup{}
	for _, g := range groups {
		_, known := loaded.Catalogue[g.Code]
		shown = append(shown, shownGroup{
			Practice: g.Practice, Code: g.Code, New: g.Code != "" && !known, Owner: g.Owner, Errors: g.Errors,
			Sites: g.Sites, Times: g.Times, Meaning: loaded.Catalogue[g.Code].Meaning,
		})
	}
	// A code that nobody has met before comes first.
	slices.SortStableFunc(shown, func(x, y shownGroup) int { return boolRank(y.New) - boolRank(x.New) })
	ends, err := store.ErrorEnds(ctx, filter.Practice)
	if err != nil {
		return err
	}
	return a.show(shown, func(s *screen) { s.groups(shown, ends) })
}

// shownGroup is one cause.
type shownGroup struct {
	Practice string         `json:"practice"`
	Code     string         `json:"code"`
	New      bool           `json:"new"`
	Owner    registry.Owner `json:"owner"`
	Errors   int            `json:"errors"`
	Sites    int            `json:"sites"`
	Times    int            `json:"times"`
	Meaning  string         `json:"meaning"`
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *screen) groups(groups []shownGroup, ends map[registry.ErrorState]int) {
	if len(groups) == 0 {
		s.line("There is none.")
	} else {
		rows := [][]string{}
		for _, g := range groups {
			meaning := g.Meaning
			if g.New {
				meaning = "NEW CODE: ask the registry, then starter errors classify " + g.Code
			}
			rows = append(rows, []string{
				strconv.Itoa(g.Errors), g.Code, g.Practice, strconv.Itoa(g.Sites), string(g.Owner), meaning,
			})
		}
		s.table([]string{"ERRORS", "CODE", "PRACTICE", "SITES", "WHO FIXES IT", "MEANS"}, rows)
		s.raw("")
		s.line("One by one: starter errors list --each. For the sites: starter errors worklist.")
	}
	s.line("Ended so far: %d proven by a report, %d corrected in ImmTrac2, %d given up.",
		ends[registry.ErrorVerified], ends[registry.ErrorCorrected], ends[registry.ErrorWaived])
}
