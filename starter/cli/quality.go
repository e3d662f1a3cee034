package cli

import (
	"context"
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
)

func (a *app) predictionsCommand() *cobra.Command {
	var practice, since string
	cmd := &cobra.Command{
		Use: "predictions", Short: "Show where our verdict and the registry's reports agree, by code and by rule", Args: cobra.NoArgs,
		Long: `Compares what our check said of each message with what the registry answered:

  hit          the registry said it, and so did we
  miss         the registry said it, and we did not
  false alarm  we said it, and the registry took the message whole

A hit rate is how much of what the registry said was foretold; how often a rule is
right is how much of what it said the registry said too. A rule that is often
wrong can be graded anew (starter rules set). Numbers are of messages; a thing
that several reports say counts once.`,
		Example: `  starter quality predictions
  starter quality predictions --practice sunrise-plano --since 2026-01-01
  starter quality predictions -o csv > predictions.csv`,
		Annotations: map[string]string{annotationOutputs: "text,json,csv"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter := db.PredictionFilter{Practice: practice}
			if since != "" {
				var err error
				if filter.Since, err = time.Parse(time.DateOnly, since); err != nil {
					return misused("--since %s: a date such as 2026-01-31", since)
				}
			}
			return a.predictions(cmd.Context(), filter)
		},
	}
	cmd.Flags().StringVar(&practice, "practice", "", "one practice only")
	cmd.Flags().StringVar(&since, "since", "", "only what was reported from this date on (YYYY-MM-DD)")
	return cmd
}

// fewest is how many messages a rate needs; fewer are chance.
const fewest = 20

// rate is a share in per cent; nil where there is too little to tell.
type rate *int

func rateOf(part, whole int) rate {
	if whole < fewest {
		return nil
	}
	percent := int(math.Round(100 * float64(part) / float64(whole)))
	return &percent
}

func rateWords(r rate) string {
	if r == nil {
		return "too few"
	}
	return strconv.Itoa(*r) + " %"
}

// scoredCode is one code of the registry, or a place where it gave none.
type scoredCode struct {
	Code string `json:"code"`
	// Rules that are known to foretell it, or that did.
	Rules   []string `json:"rules"`
	Hits    int      `json:"hits"`
	Misses  int      `json:"misses"`
	HitRate rate     `json:"hit_rate_percent"`
	// Unforeseeable depends on what only the registry has.
	Unforeseeable bool   `json:"unforeseeable,omitempty"`
	Meaning       string `json:"meaning,omitempty"`
}

// scoredRule is one rule of ours.
type scoredRule struct {
	Rule        string `json:"rule"`
	Hits        int    `json:"hits"`
	FalseAlarms int    `json:"false_alarms"`
	// Misses are of the codes that the rule is known to foretell.
	Misses int `json:"misses"`
	// Right is how often the registry said it too, in per cent.
	Right rate   `json:"right_percent"`
	Says  string `json:"says,omitempty"`
}

// shownPredictions is what `quality predictions --output json` prints.
type shownPredictions struct {
	Practice string `json:"practice,omitempty"`
	Since    string `json:"since,omitempty"`
	// Fewest is how many messages a rate needs.
	Fewest   int `json:"fewest"`
	Messages struct {
		Answered    int `json:"answered"`
		BothTook    int `json:"both_took"`
		BothRefused int `json:"both_refused"`
		WeTook      int `json:"refused_by_registry_only"`
		TheyTook    int `json:"refused_by_us_only"`
	} `json:"messages"`
	Codes []scoredCode `json:"codes"`
	Rules []scoredRule `json:"rules"`
}

func (a *app) predictions(ctx context.Context, filter db.PredictionFilter) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if filter.Practice != "" {
		if _, err := a.practice(ctx, store, filter.Practice); err != nil {
			return err
		}
	}
	got, err := store.Predictions(ctx, filter)
	if err != nil {
		return err
	}
	loaded, err := a.loadProfile(filter.Practice)
	if err != nil {
		return err
	}
	shown := score(got, loaded.Foretold, loaded.Catalogue)
	shown.Practice, shown.Since = filter.Practice, day(filter.Since)
	if a.output == outputCSV {
		return a.predictionsCSV(shown)
	}
	return a.show(shown, func(s *screen) { s.predictions(shown) })
}

// score gives the counts their meaning: what is known of codes and rules.
func score(got db.Predictions, foretold []registry.Foretold, codes map[string]registry.CatalogueEntry) shownPredictions {
	out := shownPredictions{Fewest: fewest, Codes: []scoredCode{}, Rules: []scoredRule{}}
	m := got.Agreement
	out.Messages.BothTook, out.Messages.BothRefused, out.Messages.WeTook, out.Messages.TheyTook = m.BothTook, m.BothRefused, m.WeTook, m.TheyTook
	out.Messages.Answered = m.BothTook + m.BothRefused + m.WeTook + m.TheyTook
	missed := map[string]int{} // by the rule that is known for a code
	for _, c := range got.Codes {
		row := scoredCode{Code: c.Code, Hits: c.Hits, Misses: c.Misses, HitRate: rateOf(c.Hits, c.Hits+c.Misses), Rules: []string{}}
		if c.Code == "" {
			row.Code = c.Place
		}
		row.Meaning = codes[c.Code].Meaning
		for _, f := range foretold {
			switch {
			case f.Key != row.Code:
			case f.Rule == "":
				row.Unforeseeable, row.HitRate = true, nil
			default:
				row.Rules = append(row.Rules, f.Rule)
				missed[f.Rule] += c.Misses
			}
		}
		if len(row.Rules) == 0 {
			row.Rules = append(row.Rules, c.Rules...)
		}
		out.Codes = append(out.Codes, row)
	}
	seen := map[string]bool{}
	for _, r := range got.Rules {
		out.Rules = append(out.Rules, scoredRule{Rule: r.Rule, Hits: r.Hits, FalseAlarms: r.FalseAlarms})
		seen[r.Rule] = true
	}
	for _, rule := range sortedRules(missed) { // those that never spoke
		if !seen[rule] && missed[rule] > 0 && !slices.ContainsFunc(out.Rules, func(r scoredRule) bool { return familyOf(r.Rule) == rule }) {
			out.Rules = append(out.Rules, scoredRule{Rule: rule})
		}
	}
	for i := range out.Rules {
		r := &out.Rules[i]
		rule, _ := conformance.Lookup(r.Rule)
		r.Misses = missed[r.Rule]
		if family := familyOf(r.Rule); family != r.Rule {
			r.Misses += missed[family]
		}
		r.Right, r.Says = rateOf(r.Hits, r.Hits+r.FalseAlarms), rule.Says
	}
	return out
}

func familyOf(rule string) string {
	family, _, _ := strings.Cut(rule, ".")
	return family
}

func sortedRules(counts map[string]int) []string {
	rules := make([]string, 0, len(counts))
	for rule := range counts {
		rules = append(rules, rule)
	}
	slices.Sort(rules)
	return rules
}

func (s *screen) predictions(p shownPredictions) {
	m := p.Messages
	if m.Answered == 0 {
		s.line("The registry has answered no message yet: nothing can be said about our check. Next: starter report list")
		return
	}
	s.line("%s answered. As our check said: %d taken, %d refused in part or whole.",
		plural(m.Answered, "message", "messages"), m.BothTook, m.BothRefused)
	s.line("Refused by the registry alone: %d. Refused by our check alone: %d.", m.WeTook, m.TheyTook)
	if m.Answered < fewest {
		s.line("That is too little to judge the check by: at least %d messages are needed for a rate.", fewest)
	}
	if len(p.Codes) > 0 {
		rows := make([][]string, len(p.Codes))
		for i, c := range p.Codes {
			rate := rateWords(c.HitRate)
			if c.Unforeseeable {
				rate = "no file can show it"
			}
			rows[i] = []string{c.Code, strings.Join(c.Rules, ", "), strconv.Itoa(c.Hits), strconv.Itoa(c.Misses), rate, short(c.Meaning, 36)}
		}
		s.raw("")
		s.table([]string{"REGISTRY SAYS", "OUR RULES", "HITS", "MISSES", "HIT RATE", "MEANING"}, rows)
	}
	if len(p.Rules) > 0 {
		rows := make([][]string, len(p.Rules))
		for i, r := range p.Rules {
			rows[i] = []string{r.Rule, strconv.Itoa(r.Hits), strconv.Itoa(r.FalseAlarms), strconv.Itoa(r.Misses), rateWords(r.Right), short(r.Says, 40)}
		}
		s.raw("")
		s.table([]string{"OUR RULE", "HITS", "FALSE ALARMS", "MISSES", "RIGHT", "SAYS"}, rows)
	}
	s.raw("")
	s.line("A rate needs %d messages. What each means: starter quality predictions --help", fewest)
}

func (a *app) predictionsCSV(p shownPredictions) error {
	w := csv.NewWriter(a.env.Stdout)
	percent := func(r rate) string {
		if r == nil {
			return ""
		}
		return strconv.Itoa(*r)
	}
	rows := [][]string{{"kind", "id", "rules", "hits", "misses", "false_alarms", "rate_percent", "unforeseeable", "says"}}
	for _, c := range p.Codes {
		rows = append(rows, []string{
			"code", plain(c.Code), strings.Join(c.Rules, " "), strconv.Itoa(c.Hits), strconv.Itoa(c.Misses), "", percent(c.HitRate),
			strconv.FormatBool(c.Unforeseeable), plain(c.Meaning),
		})
	}
	for _, r := range p.Rules {
		rows = append(rows, []string{
			"rule", r.Rule, "", strconv.Itoa(r.Hits), strconv.Itoa(r.Misses), strconv.Itoa(r.FalseAlarms), percent(r.Right), "", r.Says,
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return couldNot("write: %w", err)
	}
	return nil
}
