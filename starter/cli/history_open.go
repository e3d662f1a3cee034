package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) historyLook() *cobra.Command {
	return &cobra.Command{
		Use: "look PRACTICE", Short: "Look into the historical outbox now, instead of tomorrow", Args: cobra.ExactArgs(1),
		Long: `Has the files in the practice's historical outbox taken and planned now. By itself
that happens once a day. A file that has just come is left until it no longer grows.`,
		Example: "  starter history look sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.actor()
			if err != nil {
				return err
			}
			return ask(cmd.Context(), a, args[0], workflows.HistoryID(args[0]), workflows.UpdatePlanHistorical, workflows.Act{By: by})
		},
	}
}

func (a *app) historyReopen() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "reopen PRACTICE", Short: "Begin again with a load that ended without being closed", Args: cobra.ExactArgs(1),
		Long: `Begins again with the historical load of a practice whose vendor had said that there is
none and has found an export since: the answer is asked for anew. A load that stands still
since its workflow ended goes on where it was; nothing is sent twice. A load that was closed
is never opened again.`,
		Example: `  starter history reopen sunrise-plano --reason "the vendor found an export of 2014"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" || registry.Unfilled(reason) {
				return misused("--reason %q: why is it begun again?", reason)
			}
			return a.reopenHistory(cmd.Context(), args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

// kindReopened is the audit event of a load that a person began again.
const kindReopened = "history-reopened"

func (a *app) reopenHistory(ctx context.Context, id, reason string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	switch {
	case p.History == registry.HistoryClosed:
		return refused("%s: %s", id, loadEnded[p.History])
	case p.Phase != registry.PhaseProduction:
		return refused("%s is %s; a historical load is of production", id, p.Phase.Words())
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	runs, err := eng.Running(ctx, "HistoricalLoad", id)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		return refused("%s: the historical load is on its way (starter history status %s)", id, id)
	}
	in, err := a.loadAgain(ctx, store, p)
	if err != nil {
		return err
	}
	// The ledger first: cut short here, the same command again goes on.
	if err := store.RecordAct(ctx, id, "", kindReopened, a.act(by, "history-reopened/"+id, reason)); err != nil {
		return err
	}
	if p.History == registry.HistoryNone {
		if err := store.SetHistory(ctx, id, registry.HistoryAsked, nil, a.act(by, "history-asked/"+id, reason)); err != nil {
			return err
		}
	}
	if again, err := eng.StartHistory(ctx, in); err != nil {
		return err
	} else if again {
		return refused("%s: the historical load is on its way (starter history status %s)", id, id)
	}
	words := "the historical load goes on where it was"
	next := "starter history status " + id
	if p.History == registry.HistoryNone {
		words, next = "the historical load is open again, and the vendor's answer is waited for", fmt.Sprintf("starter history answer %s --yes --since YYYY-MM-DD (or --no)", id)
	}
	return a.show(workflows.Answer{Words: words}, func(s *screen) {
		s.line("%s: %s.", id, words)
		s.raw("Next: %s", next)
	})
}

// loadAgain is the input of a load that is begun again, with what the ledger knows of
// its sources.
func (a *app) loadAgain(ctx context.Context, store *db.Store, p *registry.Practice) (workflows.HistoricalLoadInput, error) {
	loaded, err := a.loadProfile(p.ID)
	if err != nil {
		return workflows.HistoricalLoadInput{}, err
	}
	ehrs, err := store.HistoryEHRs(ctx, p.ID)
	if err != nil {
		return workflows.HistoricalLoadInput{}, err
	}
	before, err := store.Events(ctx, db.EventQuery{Practice: p.ID, Kind: kindReopened})
	if err != nil {
		return workflows.HistoricalLoadInput{}, err
	}
	state := workflows.HistoricalState{Opened: len(before) + 1}
	for _, e := range ehrs {
		one := workflows.HistorySource{
			HistoryEHR: workflows.HistoryEHR{EHR: e.EHR, Vendor: e.Vendor, From: e.From, To: e.To, Contact: e.Contact, Files: e.Files},
		}
		if e.AskedAt != nil {
			one.AskedAt = *e.AskedAt
		}
		// Where all said no, all are asked for an answer anew.
		if e.Can != nil && p.History != registry.HistoryNone {
			one.Answer = &activities.HistoryAnswer{Can: *e.Can, Since: e.Since, Form: e.Form, Size: e.Size}
			one.AnsweredBy = e.AnsweredBy
			if e.AnsweredAt != nil {
				one.AnsweredAt = *e.AnsweredAt
			}
		}
		state.Sources = append(state.Sources, one)
	}
	if len(state.Sources) == 0 || state.Sources[0].EHR != "" {
		state.Sources = slices.Insert(state.Sources, 0, workflows.HistorySource{})
	}
	policy := loaded.Profile.Policy
	if policy.ReportDueDays == 0 {
		policy.ReportDueDays = loaded.Profile.Reports.DueBusinessDays
	}
	return workflows.HistoricalLoadInput{
		Version: 1, Practice: p.ID, Calendar: a.cfg.Calendar.Registry(), Policy: policy,
		Business: loaded.Profile.BusinessDays(), State: &state,
	}, nil
}

// explainLoad says why nothing answers for a load: it may have ended.
func (a *app) explainLoad(ctx context.Context, id string, err error) error {
	if !errors.Is(err, errGone) {
		return err
	}
	store, dbErr := a.store(ctx)
	if dbErr != nil {
		return a.explain(ctx, id, err)
	}
	p, dbErr := a.practice(ctx, store, id)
	switch {
	case dbErr != nil:
		return dbErr
	case loadEnded[p.History] != "":
		return refused("%s: %s%s", id, loadEnded[p.History], reopenHint(p))
	case p.Phase == registry.PhaseWithdrawn:
		return a.explain(ctx, id, err)
	case p.Phase != registry.PhaseProduction:
		return refused("%s is %s; the historical load begins with production (starter status %s)", id, p.Phase.Words(), id)
	case p.History == registry.HistoryNotAsked:
		return a.explain(ctx, id, err)
	}
	return refused("%s: the historical load is %s, and nothing works on it any more; to go on: starter history reopen %s --reason \"…\"",
		id, historyWords(p.History), id)
}

// reopenHint says how a load that the vendor had none of is begun after all.
func reopenHint(p *registry.Practice) string {
	if p.History != registry.HistoryNone {
		return ""
	}
	return fmt.Sprintf("; if one was found after all: starter history reopen %s --reason \"…\"", p.ID)
}

// noPlan says what a load without a plan waits for.
func (s *screen) noPlan(id string, h workflows.HistoryProgress) {
	next := "starter status " + id
	switch {
	case h.State == registry.HistoryClosed:
		return
	case h.State == registry.HistoryNone:
		s.line("If an export was found after all:")
		s.raw("starter history reopen %s --reason \"…\"", id)
		return
	case slices.ContainsFunc(h.Sources, func(x workflows.HistorySource) bool { return x.Answer != nil && x.Answer.Can }):
		s.line("There is no plan yet: no file of the load has come. They are looked for once a day.")
		s.raw("Next: starter submit %s FILE --historical", id)
		s.raw("      starter history look %s", id)
		return
	case h.State == registry.HistoryAsked:
		of := ""
		if i := slices.IndexFunc(h.Sources, func(x workflows.HistorySource) bool { return x.Answer == nil }); i >= 0 && h.Sources[i].EHR != "" {
			of = fmt.Sprintf(" --ehr %q", h.Sources[i].EHR)
		}
		next = "starter history answer " + id + of + " --yes --since YYYY-MM-DD (or --no)"
	}
	s.line("There is no plan yet.")
	s.raw("Next: %s", next)
}

// foundWords are the rules that fired most in a dry run, without mere notes.
func foundWords(top []registry.RuleCount) string {
	var words []string
	for _, c := range top {
		if c.Severity != registry.SeverityInfo {
			words = append(words, fmt.Sprintf("%s %d×", c.Rule, c.Count))
		}
	}
	return strings.Join(words, ", ")
}
