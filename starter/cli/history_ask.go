package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/workflows"
)

func (a *app) historyAsk() *cobra.Command {
	var ehr workflows.HistoryEHR
	cmd := &cobra.Command{
		Use: "ask PRACTICE", Short: "Ask about the records of another EHR that the practice has used", Args: cobra.ExactArgs(1),
		Long: `Has the questions about a historical load put to the vendor by letter once more, about
the records of another EHR. The present EHR's vendor is asked by itself.`,
		Example: `  starter history ask sunrise-plano --ehr OldChart --vendor "OldChart Inc." --to 2019-06-30 \
    --contact support@oldchart.example --files 'oldchart*'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.actor()
			if err != nil {
				return err
			}
			return ask(cmd.Context(), a, args[0], workflows.HistoryID(args[0]), workflows.UpdateAskHistorical,
				workflows.AskHistorical{HistoryEHR: ehr, By: by})
		},
	}
	f := cmd.Flags()
	f.StringVar(&ehr.EHR, "ehr", "", "what the EHR is called")
	f.StringVar(&ehr.Vendor, "vendor", "", "who makes it")
	f.StringVar(&ehr.From, "from", "", "the first day of its use, YYYY-MM-DD")
	f.StringVar(&ehr.To, "to", "", "the last day of its use, YYYY-MM-DD")
	f.StringVar(&ehr.Contact, "contact", "", "the address to ask; empty: the practice's vendor contact")
	f.StringVar(&ehr.Files, "files", "", "its files, by a pattern of their names: 'old*.hl7'")
	_ = cmd.MarkFlagRequired("ehr")
	return cmd
}

func (a *app) historyAnswer() *cobra.Command {
	var yes, no bool
	var ehr string
	var answer activities.HistoryAnswer
	cmd := &cobra.Command{
		Use: "answer PRACTICE", Short: "Record what an EHR vendor said: can it send one, how far back", Args: cobra.ExactArgs(1),
		Example: `  starter history answer sunrise-plano --yes --since 2019-01-01 --form "zip, a file a year" --size 40,000
  starter history answer sunrise-plano --no
  starter history answer sunrise-plano --ehr OldChart --no`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if yes && answer.Since == "" {
				return misused("--since is missing: how far back does the EHR go (YYYY-MM-DD)?")
			}
			by, err := a.actor()
			if err != nil {
				return err
			}
			answer.Can = yes
			return ask(cmd.Context(), a, args[0], workflows.HistoryID(args[0]), workflows.UpdateAnswerHistorical,
				workflows.AnswerHistorical{EHR: ehr, HistoryAnswer: answer, By: by})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&yes, "yes", false, "the EHR can send a historical load")
	f.BoolVar(&no, "no", false, "it cannot, or there is none")
	f.StringVar(&answer.Since, "since", "", "the first day of the load, YYYY-MM-DD")
	f.StringVar(&answer.Form, "form", "", "in what form it comes, in the vendor's words")
	f.StringVar(&answer.Size, "size", "", "how large it is, in the vendor's words")
	f.StringVar(&ehr, "ehr", "", "of which EHR; empty: the present one")
	cmd.MarkFlagsMutuallyExclusive("yes", "no")
	cmd.MarkFlagsOneRequired("yes", "no")
	return cmd
}

// historySources says what the vendors were asked and said: in a table where there
// is more than the present EHR.
func (s *screen) historySources(sources []workflows.HistorySource) {
	switch {
	case len(sources) == 1 && sources[0].Answer != nil:
		if sources[0].Answer.Can {
			s.line("The EHR's vendor said %s.", joined("; ", "yes, back to "+sources[0].Answer.Since, visible(sources[0].Answer.Form), visible(sources[0].Answer.Size),
				"told by "+visible(sources[0].AnsweredBy)))
		} else {
			s.line("The EHR's vendor said no; told by %s.", visible(sources[0].AnsweredBy))
		}
	case len(sources) == 1 && !sources[0].AskedAt.IsZero():
		s.line("The EHR's vendor was asked on %s.", day(sources[0].AskedAt))
	}
	if len(sources) < 2 {
		return
	}
	s.raw("")
	var rows [][]string
	for _, one := range sources {
		answer, since, kind := "asked on "+day(one.AskedAt), "", ""
		if one.Answer != nil {
			answer = "no"
			if one.Answer.Can {
				answer, since = "yes", one.Answer.Since
			}
			answer += ", by " + one.AnsweredBy
			kind = joined("; ", one.Answer.Form, one.Answer.Size)
		}
		name := one.EHR
		if name == "" {
			name = "the present EHR"
		}
		used := one.From + " to " + one.To
		switch {
		case one.From+one.To == "":
			used = ""
		case one.From == "":
			used = "until " + one.To
		case one.To == "":
			used = "since " + one.From
		}
		rows = append(rows, []string{visible(name), visible(one.Vendor), used, visible(answer), since, visible(kind)})
	}
	s.table([]string{"EHR", "VENDOR", "USED", "CAN SEND", "BACK TO", "FORM AND SIZE"}, rows)
}

// joined are the words that are there.
func joined(between string, words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), between)
}
