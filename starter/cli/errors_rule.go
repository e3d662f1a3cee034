package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
)

func (a *app) errorsRule() *cobra.Command {
	return folder("rule", "Say whose errors are, where the catalogue's word is not to hold",
		"  starter errors rule list\n  starter errors rule set sunrise-plano --code IMR-111 --owner ehr-vendor --reason \"...\"",
		a.ruleOfOwnersList(), a.ruleOfOwnersSet(), a.ruleOfOwnersRemove())
}

func (a *app) ruleOfOwnersList() *cobra.Command {
	return &cobra.Command{
		Use: "list [PRACTICE]", Short: "List the rules, of one practice or of all", Args: cobra.MaximumNArgs(1),
		Example: "  starter errors rule list\n  starter errors rule list sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			practice := ""
			if len(args) > 0 {
				practice = args[0]
			}
			rules, err := store.OwnerRules(cmd.Context(), practice)
			if err != nil {
				return err
			}
			if rules == nil {
				rules = []db.OwnerRule{}
			}
			return a.show(rules, func(s *screen) {
				if len(rules) == 0 {
					s.line("There is none: the catalogue says whose an error is.")
					return
				}
				rows := make([][]string, len(rules))
				for i, r := range rules {
					rows[i] = []string{
						r.Practice, orWord(r.Site, "every"), orWord(r.Code, "every"), string(r.Owner), r.Assignee,
						r.SetBy + ", " + day(r.At), r.Reason,
					}
				}
				s.table([]string{"PRACTICE", "SITE", "CODE", "WHO FIXES IT", "IN HAND OF", "SET BY", "WHY"}, rows)
				s.raw("")
				s.line("Of several the most particular counts: site and code, site, code, practice.")
			})
		},
	}
}

func (a *app) ruleOfOwnersSet() *cobra.Command {
	var rule db.OwnerRule
	var owner, reason string
	cmd := &cobra.Command{
		Use: "set PRACTICE", Short: "Set or replace a rule; open errors in nobody's hands follow it", Args: cobra.ExactArgs(1),
		Long: `Errors of the practice, of one site, of one code, or of both, are then whose the
rule says: those that come, and those that are open and in nobody's hands.`,
		Example: `  starter errors rule set sunrise-plano --code IMR-111 --owner ehr-vendor --reason "their table"
  starter errors rule set sunrise-plano --site allen --owner practice --to Tess --reason "hers"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(ownerNames, owner) {
				return misused("--owner %s: one of %s", owner, strings.Join(ownerNames, ", "))
			}
			by, err := a.actor()
			if err != nil {
				return err
			}
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			rule.Practice, rule.Owner, rule.Code = args[0], registry.Owner(owner), strings.ToUpper(rule.Code)
			moved, err := store.SetOwnerRule(cmd.Context(), rule, a.act(by, "owner-rule", reason))
			if err != nil {
				return err
			}
			return a.show(map[string]any{"rule": rule, "moved": moved}, func(s *screen) {
				s.line("It counts from now on; %s followed it.", plural(moved, "open error", "open errors"))
			})
		},
	}
	cmd.Flags().StringVar(&rule.Site, "site", "", "one site (default: every)")
	cmd.Flags().StringVar(&rule.Code, "code", "", "one code (default: every)")
	cmd.Flags().StringVar(&owner, "owner", "", "practice, ehr-vendor, data-team, registry or nobody")
	cmd.Flags().StringVar(&rule.Assignee, "to", "", "who has them in hand from the start (default: nobody)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("owner")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) ruleOfOwnersRemove() *cobra.Command {
	var site, code, reason string
	cmd := &cobra.Command{
		Use: "remove PRACTICE", Short: "Take a rule away; errors that are open keep their owner", Args: cobra.ExactArgs(1),
		Example: `  starter errors rule remove sunrise-plano --code IMR-111 --reason "mended in their release 9"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.actor()
			if err != nil {
				return err
			}
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			code = strings.ToUpper(code)
			if err := store.RemoveOwnerRule(cmd.Context(), args[0], site, code, a.act(by, "owner-rule", reason)); err != nil {
				return err
			}
			return a.show(map[string]string{"practice": args[0], "site": site, "code": code}, func(s *screen) {
				s.line("The rule is gone.")
			})
		},
	}
	cmd.Flags().StringVar(&site, "site", "", "the rule's site")
	cmd.Flags().StringVar(&code, "code", "", "the rule's code")
	cmd.Flags().StringVar(&reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}
