package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
)

func (a *app) findCommand() *cobra.Command {
	var chart string
	cmd := &cobra.Command{
		Use: "find PRACTICE --mrn NUMBER", Short: "Tell of one patient what was sent, when, and what the registry said", Args: cobra.ExactArgs(1),
		Long: `Answers "is my child in the registry?": for the patient with a chart number, every
record that went into a file, when it was sent, and what the registry said of it.
It is patient data; who asked stays in the audit log.

A chart number given with --mrn stays in your shell's history; with "-" it is read
from standard input instead.`,
		Example: "  starter find sunrise-plano --mrn 4711\n  starter find sunrise-plano --mrn - < number.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			if chart == "-" {
				line, err := readLine(a.env.Stdin)
				if err != nil {
					return couldNot("%w", err)
				}
				chart = line
			}
			if strings.TrimSpace(chart) == "" {
				return misused("--mrn: which chart number?")
			}
			return a.find(cmd.Context(), args[0], strings.TrimSpace(chart))
		},
	}
	cmd.Flags().StringVar(&chart, "mrn", "", "the chart number as it stands in the EHR, or - to read it")
	_ = cmd.MarkFlagRequired("mrn")
	return cmd
}

// readLine reads the first line.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 1000)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimSpace(line), err
}

// foundRecord is what `find --output json` prints for each message.
type foundRecord struct {
	Patient    conformancePatient `json:"patient"`
	Doses      []foundDose        `json:"doses"`
	File       string             `json:"file"`
	For        registry.Lane      `json:"for"`
	Message    int                `json:"message"`
	ControlID  string             `json:"control_id"`
	Site       string             `json:"site"`
	Staged     time.Time          `json:"staged"`
	Sent       *time.Time         `json:"sent,omitempty"`
	RemoteName string             `json:"remote_name,omitempty"`
	Answer     string             `json:"answer"`
	Answered   *time.Time         `json:"answered,omitempty"`
	Report     string             `json:"report,omitempty"`
	Codes      []string           `json:"codes"`
	// Words say in a sentence what became of the record.
	Words string `json:"words"`
}

// conformancePatient and foundDose have no methods that hide them: this is the
// place where they are shown.
type (
	conformancePatient struct {
		Family    string `json:"family"`
		Given     string `json:"given"`
		BirthDate string `json:"birth_date"`
	}
	foundDose struct {
		Vaccine string `json:"vaccine"`
		Date    string `json:"date"`
	}
)

func (a *app) find(ctx context.Context, practice, chart string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if _, err := store.Practice(ctx, practice); err != nil {
		return err
	}
	// The audit comes first: what cannot be recorded is not shown.
	if err := store.RecordAct(ctx, practice, "", "patient-looked-up", a.act(by, "find/"+practice, "")); err != nil {
		return err
	}
	records, err := store.FindPatient(ctx, practice, chart)
	if err != nil {
		return err
	}
	found := []foundRecord{}
	for _, r := range records {
		found = append(found, foundOf(r))
	}
	if err := a.show(found, func(s *screen) { s.found(found) }); err != nil {
		return err
	}
	if len(found) == 0 {
		return errFound
	}
	return nil
}

func foundOf(r db.SentRecord) foundRecord {
	var p conformance.PatientRef
	_ = json.Unmarshal([]byte(r.Patient), &p) // blank where it is not of our form
	out := foundRecord{
		Patient: conformancePatient{p.Family, p.Given, p.BirthDate},
		File:    r.FileID, For: r.Lane, Message: r.Message, ControlID: r.ControlID, Site: r.Site, Staged: r.StagedAt,
		Sent: r.SentAt, RemoteName: r.RemoteName, Answer: r.Answer, Answered: r.AnsweredAt, Report: r.Report,
		Codes: append([]string{}, r.Codes...), Doses: []foundDose{},
	}
	for _, sealed := range r.Doses {
		var d conformance.DoseRef
		_ = json.Unmarshal([]byte(sealed), &d)
		out.Doses = append(out.Doses, foundDose{d.Vaccine, d.Date})
	}
	out.Words = fate(r)
	return out
}

// fate says in a sentence what became of a record.
func fate(r db.SentRecord) string {
	switch {
	case r.Held:
		return "left out of the file: see starter file show " + r.FileID
	case r.SentAt == nil:
		return "in a file that was not sent yet"
	case r.Answer == "":
		return "sent; the registry has not answered yet"
	case r.Answer == string(registry.OutcomeAccepted):
		return "in the registry"
	case r.Answer == string(registry.OutcomeWarned):
		return "in the registry, with a remark"
	case r.Answer == string(registry.OutcomeNotObjected):
		return "sent; the registry did not object"
	case r.Answer == string(registry.OutcomeUnknown):
		return "answered in a way that nobody here understands"
	}
	return "refused by the registry"
}

func (s *screen) found(records []foundRecord) {
	if len(records) == 0 {
		s.line("No record of this chart number was ever in a file. Look whether the EHR exports it, and under which number.")
		return
	}
	p := records[0].Patient
	s.title(joinWords(", ", p.Family, p.Given) + ", born " + shortDate(p.BirthDate))
	rows := [][]string{}
	for _, r := range records {
		var doses []string
		for _, d := range r.Doses {
			doses = append(doses, shortDate(d.Date)+" "+d.Vaccine)
		}
		sent := "-"
		if r.Sent != nil {
			sent = day(*r.Sent)
		}
		words := r.Words
		if len(r.Codes) > 0 {
			words += " (" + strings.Join(r.Codes, ", ") + ")"
		}
		rows = append(rows, []string{strings.Join(doses, "\n"), sent, words, r.File + " message " + strconv.Itoa(r.Message)})
	}
	s.table([]string{"GIVEN", "SENT", "WHAT BECAME OF IT", "WHERE"}, rows)
}
