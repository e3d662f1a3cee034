package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/registry/texas"
)

func (a *app) errorsCommand() *cobra.Command {
	return folder("errors", "Work through the errors that the registry reported",
		"  starter errors list --practice sunrise-plano\n  starter errors worklist sunrise-plano -d friday/\n  starter errors show e-12",
		a.errorsList(), a.errorsShow(), a.errorsWorklist(), a.errorsAssign(), a.errorsCorrected(), a.errorsWaive(),
		a.errorsExplain(), a.errorsClassify(), a.errorsRule())
}

// shownError is an error of the registry, without anything about a patient.
type shownError struct {
	ID        string              `json:"id"`
	Practice  string              `json:"practice"`
	Site      string              `json:"site"`
	Code      string              `json:"code"`
	Meaning   string              `json:"meaning"`
	Remedy    string              `json:"remedy"`
	Owner     registry.Owner      `json:"owner"`
	State     registry.ErrorState `json:"state"`
	For       registry.Lane       `json:"for"`
	OpenedAt  time.Time           `json:"opened_at"`
	DueAt     time.Time           `json:"due_at"`
	Times     int                 `json:"times"`
	File      string              `json:"file"`
	Message   int                 `json:"message"`
	Dose      int                 `json:"dose,omitempty"`
	ControlID string              `json:"control_id,omitempty"`
	Location  string              `json:"location,omitempty"`
	Report    string              `json:"report"`
	Assignee  string              `json:"assignee,omitempty"`
	// OwnerSince is when it came to its owner, or into its assignee's hands;
	// AssignedBy is said of one error by itself.
	OwnerSince time.Time `json:"owner_since"`
	AssignedBy string    `json:"assigned_by,omitempty"`
	FixFile    string    `json:"fix_file,omitempty"`
	Reopened   int       `json:"reopened,omitempty"`
	Proof      string    `json:"verified_by,omitempty"`
	SettledBy  string    `json:"settled_by,omitempty"`
	Reason     string    `json:"reason,omitempty"`
}

func showError(e db.RecordError, codes texas.Catalogue) shownError {
	entry := codes[e.Code]
	return shownError{
		ID: e.ID, Practice: e.Practice, Site: e.Site, Code: e.Code, Meaning: entry.Meaning, Remedy: entry.Remedy,
		Owner: e.Owner, State: e.State, For: e.Lane, OpenedAt: e.OpenedAt, DueAt: e.DueAt, Times: e.Times,
		File: e.FileID, Message: e.Message, Dose: e.Dose, ControlID: e.ControlID, Location: e.Location,
		Report: e.LastReport, SettledBy: e.SettledBy, Reason: e.Reason,
		Assignee: e.Assignee, OwnerSince: e.OwnerSince, FixFile: e.FixFile, Reopened: e.Reopened, Proof: e.VerifiedBy,
	}
}

func (a *app) errorsList() *cobra.Command {
	var filter db.ErrorFilter
	var owner, state string
	var overdue, each bool
	var older int
	cmd := &cobra.Command{
		Use: "list", Short: "List open errors by cause, the largest first", Args: cobra.NoArgs,
		Example: `  starter errors list --practice sunrise-plano
  starter errors list --each --site allen
  starter errors list --overdue --owner ehr-vendor
  starter errors list --vendor ehr.example --older-than 30
  starter errors list --state waived --each`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter.Owner, filter.State = registry.Owner(owner), registry.ErrorState(state)
			if owner != "" && !slices.Contains(ownerNames, owner) {
				return misused("--owner %s: one of %s", owner, strings.Join(ownerNames, ", "))
			}
			if older < 0 {
				return misused("--older-than: so many days")
			}
			if older > 0 {
				filter.OpenedBefore = a.now().AddDate(0, 0, -older)
			}
			if !each && !overdue && filter.Assignee == "" {
				return a.errorGroups(cmd.Context(), filter)
			}
			return a.listErrors(cmd.Context(), filter, overdue)
		},
	}
	cmd.Flags().StringVar(&filter.Practice, "practice", "", "one practice only")
	cmd.Flags().StringVar(&filter.Site, "site", "", "one site only")
	cmd.Flags().StringVar(&filter.Code, "code", "", "one code only, such as CLR-100")
	cmd.Flags().StringVar(&owner, "owner", "", "practice, ehr-vendor, data-team or registry")
	cmd.Flags().StringVar(&filter.Vendor, "vendor", "", "practices of this EHR vendor: its contact's name, address or domain")
	cmd.Flags().IntVar(&older, "older-than", 0, "only what was opened more than so many days ago")
	cmd.Flags().StringVar(&state, "state", "", "a state of errors, or all (default: what is not settled)")
	cmd.Flags().StringVar(&filter.Assignee, "assignee", "", "only what this person has in hand, one by one")
	cmd.Flags().BoolVar(&each, "each", false, "one by one, what is due first at the top")
	cmd.Flags().BoolVar(&overdue, "overdue", false, "only what is overdue, one by one")
	cmd.Flags().IntVar(&filter.Limit, "limit", 100, "at most this many")
	return cmd
}

func (a *app) listErrors(ctx context.Context, filter db.ErrorFilter, overdue bool) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if overdue {
		filter.DueBefore = a.now()
	}
	found, err := store.ListErrors(ctx, filter)
	if err != nil {
		return err
	}
	loaded, err := a.loadProfile(filter.Practice)
	if err != nil {
		return err
	}
	shown := []shownError{}
	for _, e := range found {
		shown = append(shown, showError(e, loaded.Catalogue))
	}
	return a.show(shown, func(s *screen) {
		if len(shown) == 0 {
			s.line("There is none.")
			return
		}
		rows := make([][]string, len(shown))
		for i, e := range shown {
			late := ""
			if !e.State.Settled() && e.DueAt.Before(a.now()) {
				late = " (late)"
			}
			rows[i] = []string{e.ID, e.Practice, e.Site, e.Code, string(e.Owner), string(e.State), day(e.DueAt) + late, e.File + " message " + strconv.Itoa(e.Message)}
		}
		s.table([]string{"ERROR", "PRACTICE", "SITE", "CODE", "WHO FIXES IT", "STATE", "DUE", "WHERE"}, rows)
		s.raw("")
		s.line("What each means and what to do: starter errors show %s", shown[0].ID)
	})
}

func (a *app) errorsShow() *cobra.Command {
	var patient bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one error: what it means, what to do, where it is", Args: cobra.ExactArgs(1),
		Long: `Shows what the code means, what to do and where the record stands. With --reveal
it also shows what staff need to find patient and dose, and the registry's own
sentence; that is patient data, and who asked for it stays in the audit log.`,
		Example: "  starter errors show e-12\n  starter errors show e-12 --reveal",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showOneError(cmd.Context(), args[0], patient)
		},
	}
	cmd.Flags().BoolVar(&patient, "reveal", false, "also show patient data; leaves an audit row")
	cmd.Flags().BoolVar(&patient, "patient", false, "as --reveal")
	_ = cmd.Flags().MarkHidden("patient")
	return cmd
}

func (a *app) showOneError(ctx context.Context, id string, patient bool) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	detail, err := store.ShowError(ctx, id)
	if err != nil {
		return err
	}
	loaded, err := a.loadProfile(detail.Practice)
	if err != nil {
		return err
	}
	shown := struct {
		shownError
		Patient string `json:"patient,omitempty"`
		Dose    string `json:"dose_given,omitempty"`
		Text    string `json:"text,omitempty"`
	}{shownError: showError(detail.RecordError, loaded.Catalogue)}
	shown.AssignedBy = detail.AssignedBy
	if patient {
		by, err := a.actor()
		if err != nil {
			return err
		}
		// The audit comes first: what cannot be recorded is not shown.
		if err := store.RecordAct(ctx, detail.Practice, detail.Site, "patient-shown", a.act(by, "patient/"+id, id)); err != nil {
			return err
		}
		shown.Patient, shown.Dose, shown.Text = detail.Patient, detail.Dose, detail.Text
	}
	return a.show(shown, func(s *screen) {
		s.oneError(shown.shownError)
		if patient {
			s.pairs([2]string{"Patient", patientWords(shown.Patient)}, [2]string{"Dose", doseWords(shown.Dose)},
				[2]string{"The registry says", shown.Text})
			return
		}
		s.raw("")
		s.line("To find the patient: starter errors show %s --reveal (goes into the audit log)", id)
	})
}

// whose it is, with the day on which it came to that owner where that is not the day
// on which it was opened.
func (e shownError) whose() string {
	if e.Assignee != "" || day(e.OwnerSince) == day(e.OpenedAt) {
		return string(e.Owner)
	}
	return fmt.Sprintf("%s, since %s", e.Owner, day(e.OwnerSince))
}

// inHand is who has it in hand, since when, and on whose word.
func (e shownError) inHand() string {
	if e.Assignee == "" || e.AssignedBy == "" {
		return e.Assignee
	}
	return fmt.Sprintf("%s, since %s (%s)", e.Assignee, day(e.OwnerSince), e.AssignedBy)
}

func (s *screen) oneError(e shownError) {
	where := "file " + e.File + ", message " + strconv.Itoa(e.Message)
	if e.Dose > 0 {
		where += ", dose " + strconv.Itoa(e.Dose)
	}
	meaning := e.Meaning
	if meaning == "" {
		meaning = "nobody has met this code before; ask the registry, then: starter errors classify " + e.Code + " --help"
	}
	reported := plural(e.Times, "time", "times") + " since " + day(e.OpenedAt) + ", last in " + e.Report
	if e.Reopened > 0 {
		reported += "; came back " + plural(e.Reopened, "time", "times") + " after its end"
	}
	fix := e.FixFile
	if fix != "" {
		fix = "file " + fix + " holds the record anew; a report has to prove it"
	}
	s.pairs(
		[2]string{"Error", e.ID + ", " + string(e.State)},
		[2]string{"Practice", e.Practice}, [2]string{"Site", e.Site}, [2]string{"Code", e.Code},
		[2]string{"It means", meaning}, [2]string{"What to do", e.Remedy}, [2]string{"Who", e.whose()},
		[2]string{"Where", where}, [2]string{"Control ID", e.ControlID}, [2]string{"Place", e.Location},
		[2]string{"Reported", reported}, [2]string{"Due", day(e.DueAt)}, [2]string{"In hand of", e.inHand()},
		[2]string{"Claimed", fix}, [2]string{"Proven by", e.Proof}, [2]string{"Settled by", e.SettledBy}, [2]string{"Reason", e.Reason},
	)
}

// patientWords is what staff need to find a patient, in a line. What is not of
// the form in which it was sealed is shown as it is.
func patientWords(sealed string) string {
	var p conformance.PatientRef
	if err := json.Unmarshal([]byte(sealed), &p); err != nil {
		return sealed
	}
	words := p.Family + ", " + p.Given
	for _, more := range [][2]string{{"born", p.BirthDate}, {"sex", p.Sex}, {"chart", joinWords(" of ", p.ChartNumber, p.ChartAuthority)}} {
		if more[1] != "" {
			words += "; " + more[0] + " " + more[1]
		}
	}
	return words
}

// doseWords is what staff need to find a dose, in a line.
func doseWords(sealed string) string {
	var d conformance.DoseRef
	if err := json.Unmarshal([]byte(sealed), &d); err != nil {
		return sealed
	}
	words := d.Vaccine
	for _, more := range [][2]string{{"given", shortDate(d.Date)}, {"lot", d.Lot}, {"by", d.Provider}, {"at", d.Clinic}} {
		if more[1] != "" {
			words = joinWords("; ", words, more[0]+" "+more[1])
		}
	}
	return words
}

func (a *app) errorsWaive() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "waive ID...", Short: "Give errors up, with a reason", Args: cobra.MinimumNArgs(1),
		Long: `Gives errors up that cannot or need not be put right. An error else closes only
when a later report shows the record accepted.`,
		Example: `  starter errors waive e-12 --reason "the patient refused consent"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.actor()
			if err != nil {
				return err
			}
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			for _, id := range args {
				if err := store.WaiveError(cmd.Context(), id, a.act(by, "waive/"+id, reason)); err != nil {
					return err
				}
			}
			return a.show(map[string]any{"waived": args}, func(s *screen) {
				s.line("%s given up.", plural(len(args), "error", "errors"))
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}
