package evidence

import (
	"cmp"
	_ "embed"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

//go:embed summary.md.tmpl
var summaryText string

var summaryTemplate = template.Must(template.New("summary").Funcs(template.FuncMap{
	"cell": func(text string) string { // what is typed by people must not break the table
		return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ").Replace(text)
	},
}).Parse(summaryText))

// summary is all that the template sees.
type summary struct {
	Practice registry.Practice
	Registry string
	From, To string
	Made, By string
	Approval *registry.Approval
	Early    *db.Early
	Stages   []stage
	// Attested are persons' words that there was nothing to send.
	Attested  []stage
	TestFiles []testFile
	Months    monthly
	First     *testFile
	Errors    []db.EvidenceErrors
	Letters   int
	Files     int
	Reports   int
	Unsent    int
	// Documents were handed in; Enclosed says that the pack holds them.
	Documents  int
	Enclosed   bool
	Held       db.HeldCount
	Historical struct{ Files, Messages int }
	// EHRs are what vendors said of historical records.
	EHRs []ehr
}

type ehr struct{ Name, Vendor, Used, Asked, Answer, By, Day string }

// answers are what vendors said, each with who relayed it and when.
func answers(known []db.HistoryEHR, day func(time.Time) string) []ehr {
	var rows []ehr
	for _, e := range known {
		row := ehr{Name: cmp.Or(e.EHR, "the present EHR"), Vendor: e.Vendor, By: e.AnsweredBy, Answer: "none yet"}
		if e.From+e.To != "" {
			row.Used = e.From + " to " + e.To
		}
		if e.AskedAt != nil {
			row.Asked = day(*e.AskedAt)
		}
		if e.Can != nil {
			row.Day, row.Answer = day(*e.AnsweredAt), "no"
		}
		if e.Can != nil && *e.Can {
			row.Answer = strings.Join(slices.DeleteFunc([]string{"yes, back to " + e.Since, e.Form, e.Size},
				func(s string) bool { return s == "" }), "; ")
		}
		rows = append(rows, row)
	}
	return rows
}

type stage struct{ Day, What, By, Reason, Known string }

type testFile struct {
	Day, File, Name string
	Messages        int
	Check, Answer   string
}

func (p Pack) summarise(w io.Writer, of Practice, zone *time.Location) error {
	day := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.In(zone).Format(time.DateOnly)
	}
	s := summary{
		Practice: of.Practice, Registry: of.RegistryName, From: day(of.From), Made: stamp(p.Made, zone), By: p.By,
		To: day(of.To.Add(-time.Nanosecond)), Approval: of.Known.Approval, Early: of.Known.Early, Months: months(of.Known.Files, zone),
		Errors: of.Known.Errors, Letters: len(of.Known.Notices), Files: len(of.Known.Files), Reports: len(of.Known.Reports),
		Held: of.Known.Held, EHRs: answers(of.Known.EHRs, day), Documents: len(of.Known.Documents), Enclosed: of.Open != nil,
	}
	for _, e := range of.Known.Moves {
		if e.Kind == db.AttestedNothing {
			s.Attested = append(s.Attested, stage{day(e.At), cmp.Or(e.Site, "all sites"), e.By.Name, e.Reason, witnessed(e)})
		}
		switch e.Kind {
		case "phase", "history", "submission", "practice-added", "entered":
			what := strings.ReplaceAll(strings.ReplaceAll(e.Kind, "-", " ")+": "+e.To, "_", " ")
			if more := particulars(e); more != "" {
				what += " (" + more + ")"
			}
			s.Stages = append(s.Stages, stage{day(e.At), what, e.By.Name, e.Reason, witnessed(e)})
		}
	}
	for _, f := range of.Known.Files {
		s.file(f, day)
	}
	return summaryTemplate.Execute(w, s)
}

func (s *summary) file(f db.EvidenceFile, day func(time.Time) string) {
	seen := f.ConfirmedAt != nil
	if !seen {
		s.Unsent++
	}
	switch {
	case f.Lane == registry.LaneTest:
		s.TestFiles = append(s.TestFiles, rowOf(f, day))
	case !seen:
	case f.Lane == registry.LaneHistorical:
		s.Historical.Files++
		s.Historical.Messages += f.Messages - f.Held
	case s.First == nil || day(*f.ConfirmedAt) < s.First.Day:
		first := rowOf(f, day)
		s.First = &first
	}
}

func rowOf(f db.EvidenceFile, day func(time.Time) string) testFile {
	row := testFile{Day: day(f.StagedAt), File: f.ID, Name: f.RemoteName, Messages: f.Messages, Check: "no errors", Answer: "not answered"}
	if f.ConfirmedAt != nil {
		row.Day = day(*f.ConfirmedAt)
	}
	if f.Errors > 0 {
		row.Check = "errors"
	}
	answered := f.Accepted + f.Warned + f.NotObjected + f.Refused
	switch {
	case f.RemoteName == "":
		row.Answer = "not sent"
	case f.Refused > 0:
		row.Answer = "errors"
	case f.MailVerdict != "":
		row.Answer = map[registry.Verdict]string{registry.VerdictClean: "no errors"}[f.MailVerdict]
		row.Answer = cmp.Or(row.Answer, "errors") + ", by email of " + f.MailDated
	case answered > 0:
		row.Answer = "no errors"
	}
	return row
}
