package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/registry/texas"
)

func (a *app) rulesCommand() *cobra.Command {
	return folder("rules", "See the checker's rules, and change one that is wrong for a practice",
		"  starter rules show R-10\n  starter rules set R-10 --grade warning --practice sunrise-plano --reason \"DSHS said so\"",
		a.rulesList(), a.rulesShow(), a.rulesSet(), a.rulesClear())
}

// shownRule is a rule with the grade in force and where that comes from.
type shownRule struct {
	ID     string `json:"rule"`
	Where  string `json:"where"`
	Says   string `json:"says"`
	Remedy string `json:"remedy"`
	Source string `json:"source"`
	// Test, Production and Historical are E, W, I, or - where the rule is off.
	Test       string `json:"test"`
	Production string `json:"production"`
	Historical string `json:"historical"`
	// From is what set the grade: the rule itself, a file, or a person.
	From string `json:"from"`
	// By, Reason and At are set where it was a person.
	By     string     `json:"by,omitempty"`
	Reason string     `json:"reason,omitempty"`
	At     *time.Time `json:"at,omitempty"`
	// Held: a message that breaks it is not sent to the registry's production.
	Held bool `json:"held,omitempty"`
}

// fromRule is where a grade comes from that nobody changed.
const fromRule = "the rule itself"

// gradebook knows the grades in force for a practice, or without persons'
// grades where none is named.
type gradebook struct {
	loaded  *texas.Loaded
	persons []db.RuleGrade
	held    map[string]bool
	lanes   map[registry.Lane]map[string]registry.Severity
}

func (a *app) gradebook(ctx context.Context, practice string) (*gradebook, error) {
	loaded, err := a.loadProfile(practice)
	if err != nil {
		return nil, err
	}
	b := &gradebook{loaded: loaded, lanes: map[registry.Lane]map[string]registry.Severity{}, held: map[string]bool{}}
	for _, named := range loaded.Profile.Rules.Held {
		for _, id := range conformance.HeldRules(named, loaded.Profile.Rules.Held) {
			b.held[id] = true
		}
	}
	if practice != "" {
		store, err := a.store(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := a.practice(ctx, store, practice); err != nil {
			return nil, err
		}
		if b.persons, err = store.RuleGrades(ctx, practice); err != nil {
			return nil, err
		}
	}
	var changed []registry.RuleGrade
	for _, g := range b.persons {
		changed = append(changed, registry.RuleGrade{Rule: g.Rule, Grade: g.Grade, By: g.By})
	}
	grades := conformance.Regrade(loaded.Profile.Rules.Grades, changed)
	for _, lane := range registry.Lanes() {
		b.lanes[lane] = conformance.Graded(lane, grades)
	}
	return b, nil
}

func (b *gradebook) show(r conformance.Rule) shownRule {
	grade := func(lane registry.Lane) string { return cmp.Or(string(b.lanes[lane][r.ID]), "-") }
	out := shownRule{
		ID: r.ID, Where: r.Where, Says: r.Says, Remedy: r.Remedy, Source: r.Source, From: fromRule,
		Test: grade(registry.LaneTest), Production: grade(registry.LaneProduction), Historical: grade(registry.LaneHistorical),
		Held: b.held[r.ID],
	}
	grades := b.loaded.Profile.Rules.Grades
	if grades[r.ID] != "" || grades[r.Family()] != "" {
		out.From = b.profileSource()
	}
	for _, id := range []string{r.Family(), r.ID} { // the more exact one last
		for _, g := range b.persons {
			if g.Rule == id {
				at := g.At
				out.From, out.By, out.Reason, out.At = g.By+", "+day(g.At), g.By, g.Reason, &at
			}
		}
	}
	return out
}

// profileSource is the file that set the grades of the profile.
func (b *gradebook) profileSource() string {
	for _, v := range b.loaded.Values {
		if v.Key == "rules.grades" {
			return strings.TrimPrefix(v.Source, texas.SourceOverride)
		}
	}
	return "the profile"
}

func (a *app) rulesList() *cobra.Command {
	var practice string
	var changed, all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the rules with the grades in force and where they come from", Args: cobra.NoArgs,
		Long: `Lists the checker's rules with their grades for test, production and historical
files: E error, W warning, I note, - off. A grade comes from the rule itself, from
your texas.yaml or practices/PRACTICE.yaml (rules.grades), or from a person
(starter rules set), the later above the earlier.

The general rules that come from the tables of profile Z22 (Z-...) are many: they
are listed where their grade was changed, and with --all.`,
		Example: "  starter rules list --changed --practice sunrise-plano\n  starter rules list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, err := a.gradebook(cmd.Context(), practice)
			if err != nil {
				return err
			}
			shown := []shownRule{}
			general := 0
			for _, r := range conformance.Rules() {
				row := book.show(r)
				switch own := row.From == fromRule; {
				case changed && own:
				case own && !all && strings.HasPrefix(r.ID, "Z-"):
					general++
				default:
					shown = append(shown, row)
				}
			}
			return a.show(shown, func(s *screen) {
				s.rules(shown)
				if general > 0 {
					s.raw("")
					s.line("and %s of profile Z22 (Z-...): starter rules list --all", plural(general, "general rule", "general rules"))
				}
			})
		},
	}
	cmd.Flags().StringVar(&practice, "practice", "", "as they hold for a practice")
	cmd.Flags().BoolVar(&all, "all", false, "also the general rules of profile Z22")
	cmd.Flags().BoolVar(&changed, "changed", false, "only those whose grade is not the rule's own")
	return cmd
}

func (s *screen) rules(rules []shownRule) {
	if len(rules) == 0 {
		s.line("No rule has been changed.")
		return
	}
	rows := make([][]string, len(rules))
	for i, r := range rules {
		held := ""
		if r.Held {
			held = "yes"
		}
		rows[i] = []string{r.ID, r.Test, r.Production, r.Historical, held, r.From, short(r.Says, 36)}
	}
	s.table([]string{"RULE", "TEST", "PROD", "HIST", "HELD", "FROM", "SAYS"}, rows)
}

func (a *app) rulesShow() *cobra.Command {
	var practice string
	cmd := &cobra.Command{
		Use: "show RULE", Short: "Show a rule (or a family): what it says, its source, its grade", Args: cobra.ExactArgs(1),
		Example: "  starter rules show P-06.future\n  starter rules show R-10 --practice sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := namedRules(args[0])
			if err != nil {
				return err
			}
			book, err := a.gradebook(cmd.Context(), practice)
			if err != nil {
				return err
			}
			shown := []shownRule{}
			for _, r := range rules {
				shown = append(shown, book.show(r))
			}
			return a.show(shown, func(s *screen) {
				for i, r := range shown {
					if i > 0 {
						s.raw("")
					}
					s.rule(r)
				}
			})
		},
	}
	cmd.Flags().StringVar(&practice, "practice", "", "as it holds for a practice")
	return cmd
}

func (s *screen) rule(r shownRule) {
	held := ""
	if r.Held {
		held = "a message that breaks it is not sent in production and historical files"
	}
	s.pairs(
		[2]string{"Rule", r.ID}, [2]string{"Where", r.Where}, [2]string{"It says", r.Says}, [2]string{"What to do", r.Remedy},
		[2]string{"Grade", "test " + r.Test + ", production " + r.Production + ", historical " + r.Historical},
		[2]string{"Set by", r.From}, [2]string{"Reason", r.Reason}, [2]string{"Held", held}, [2]string{"Source", r.Source},
	)
}

// namedRules are the rules that id names, as an ID or as a family; otherwise a
// refusal that says what was perhaps meant.
func namedRules(id string) ([]conformance.Rule, error) {
	if rules := conformance.Matching(id); len(rules) > 0 {
		return rules, nil
	}
	rules, near := findRules(id)
	return nil, refused("there is no rule %s%s", visible(id), nearWords(append(rules, near...)))
}
