package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
)

// ruleChange is what set and clear are asked for.
type ruleChange struct {
	rule, grade, by, reason string
	practices               []string
	all                     bool // practices
	// heldToo allows to send what the rule holds back.
	heldToo bool
}

// changedRule is what set and clear did for one practice.
type changedRule struct {
	Rule     string `json:"rule"`
	Practice string `json:"practice"`
	Grade    string `json:"grade"`
	// Again: it was so already.
	Again bool `json:"again"`
}

func (c *ruleChange) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&c.practices, "practice", nil, "for which practice; may be repeated")
	cmd.Flags().BoolVar(&c.all, "all", false, "for every practice, one by one")
	cmd.Flags().StringVar(&c.by, "by", "", "who decides, where that is not you (as --as)")
	cmd.Flags().StringVar(&c.reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("reason")
	cmd.MarkFlagsOneRequired("practice", "all")
	cmd.MarkFlagsMutuallyExclusive("practice", "all")
}

func (a *app) rulesSet() *cobra.Command {
	var c ruleChange
	cmd := &cobra.Command{
		Use: "set RULE", Short: "Grade a rule (or a family) anew for a practice, with a reason", Args: cobra.ExactArgs(1),
		Long: `Grades a rule anew for a practice, or for several at once, because it may be wrong
about them: off, info, warning or error. It counts from the next check on, above
the profile's grades, and each file that is judged so says it. With --all it is
done for every practice that there is today, each with an entry in the audit log;
to grade it for those to come as well, write rules.grades into your texas.yaml.

A rule that holds messages back (a patient who asked not to be shared, a test
patient) lets them go when it is graded lower: say --send-held-messages if you
mean that.`,
		Example: `  starter rules set R-10 --grade warning --practice sunrise-plano --reason "DSHS said so"
  starter rules set R-12.pair --grade warning --all --reason "our tables are a year old"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.rule = args[0]
			return a.setRule(cmd.Context(), c)
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&c.grade, "grade", "", "off, info, warning or error")
	cmd.Flags().BoolVar(&c.heldToo, "send-held-messages", false, "yes, messages that this rule holds back are to be sent")
	_ = cmd.MarkFlagRequired("grade")
	_ = cmd.RegisterFlagCompletionFunc("grade", cobra.FixedCompletions(conformance.Grades(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) setRule(ctx context.Context, c ruleChange) error {
	if !slices.Contains(conformance.Grades(), c.grade) {
		return misused("--grade %s: one of %s", c.grade, strings.Join(conformance.Grades(), ", "))
	}
	store, by, practices, err := a.ruleChanger(ctx, c)
	if err != nil {
		return err
	}
	for _, practice := range practices { // before anything is changed
		loaded, err := a.loadProfile(practice)
		if err != nil {
			return err
		}
		held := conformance.HeldRules(c.rule, loaded.Profile.Rules.Held)
		if len(held) > 0 && c.grade != "error" && !c.heldToo {
			return refused("%s holds messages back that must not reach the registry; graded %s they would be sent.\nSay --send-held-messages if that is what you mean",
				strings.Join(held, ", "), c.grade)
		}
	}
	var done []changedRule
	for _, practice := range practices {
		again, err := store.SetRuleGrade(ctx, practice, c.rule, c.grade, a.act(by, "rule/"+practice+"/"+c.rule, c.reason))
		if err != nil {
			return err
		}
		done = append(done, changedRule{c.rule, practice, c.grade, again})
	}
	return a.showChanged(c, done, func(s *screen, whom string, again bool) {
		if again {
			s.line("%s is graded %s for %s already.", c.rule, c.grade, whom)
			return
		}
		parts := ""
		if n := len(conformance.Matching(c.rule)); n > 1 {
			parts = " and its parts (" + plural(n, "rule", "rules") + " in all)"
		}
		s.line("%s%s is graded %s for %s from the next check on, by %s.", c.rule, parts, c.grade, whom, by.Name)
		s.line("Take it back: starter rules clear %s %s --reason \"...\"", c.rule, c.whom())
	})
}

func (a *app) rulesClear() *cobra.Command {
	var c ruleChange
	cmd := &cobra.Command{
		Use: "clear RULE", Short: "Take a person's grade back: the profile's counts again", Args: cobra.ExactArgs(1),
		Example: `  starter rules clear R-10 --practice sunrise-plano --reason "the EHR sends lots now"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.rule = args[0]
			store, by, practices, err := a.ruleChanger(cmd.Context(), c)
			if err != nil {
				return err
			}
			var done []changedRule
			for _, practice := range practices {
				again, err := store.ClearRuleGrade(cmd.Context(), practice, c.rule, a.act(by, "rule/"+practice+"/"+c.rule, c.reason))
				if err != nil {
					return err
				}
				done = append(done, changedRule{c.rule, practice, "", again})
			}
			return a.showChanged(c, done, func(s *screen, whom string, again bool) {
				if again {
					s.line("Nobody graded %s anew for %s; nothing changed.", c.rule, whom)
					return
				}
				s.line("%s is graded for %s as the profile says again.", c.rule, whom)
			})
		},
	}
	c.flags(cmd)
	return cmd
}

// ruleChanger is who changes a rule, and for which practices.
func (a *app) ruleChanger(ctx context.Context, c ruleChange) (*db.Store, registry.Actor, []string, error) {
	if _, err := namedRules(c.rule); err != nil {
		return nil, registry.Actor{}, nil, err
	}
	by, err := a.actorBy(c.by)
	if err != nil {
		return nil, by, nil, err
	}
	store, err := a.store(ctx)
	if err != nil {
		return nil, by, nil, err
	}
	if c.all {
		all, err := store.Practices(ctx)
		if err != nil {
			return nil, by, nil, err
		}
		var ids []string
		for _, p := range all {
			ids = append(ids, p.ID)
		}
		if len(ids) == 0 {
			return nil, by, nil, refused("there is no practice yet")
		}
		return store, by, ids, nil
	}
	for _, id := range c.practices {
		if _, err := a.practice(ctx, store, id); err != nil {
			return nil, by, nil, err
		}
	}
	return store, by, c.practices, nil
}

// whom is how the same practices are named again.
func (c ruleChange) whom() string {
	if c.all {
		return "--all"
	}
	return "--practice " + strings.Join(c.practices, ",")
}

// showChanged tells what was done: of several practices how many, and how many
// were so already.
func (a *app) showChanged(c ruleChange, done []changedRule, text func(s *screen, whom string, again bool)) error {
	var changed, already []string
	for _, d := range done {
		if d.Again {
			already = append(already, d.Practice)
		} else {
			changed = append(changed, d.Practice)
		}
	}
	whom := func(practices []string) string {
		const named = 5
		if len(practices) > named {
			return plural(len(practices), "practice", "practices")
		}
		return strings.Join(practices, ", ")
	}
	var out any = done
	if len(done) == 1 && !c.all {
		out = done[0]
	}
	return a.show(out, func(s *screen) {
		if len(changed) > 0 {
			text(s, whom(changed), false)
		}
		if len(already) > 0 {
			text(s, whom(already), true)
		}
	})
}
