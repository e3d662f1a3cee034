package activities_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/notify"
	"immtrail/registry"
)

// Names that an EHR and a report put where no name belongs: into MSH-10, the name
// of a file, a line that is no segment, a place, a code. The day is a birth date.
const (
	familyAstray = "QUARROW"
	givenAstray  = "ZEBEDINE"
	bornAstray   = "1971-02-03"
)

// planted is a bundle whose database and files are full of patients.
type planted struct {
	*bundle
	desk    *activities.Notices
	man     *postman
	ear     *ear
	inbox   *activities.Reports
	needles map[string]bool // in small letters
	// held are the words of steps that failed on planted files.
	held []string
	// refused are files with a letter of their own: by our check, by the registry
	// in acknowledgements, by the registry in a table.
	refused []string
}

// ear hears what a template may see: a letter of a practice's own making
// (templates can be overlaid) prints any of it.
type ear struct {
	notify.Templates
	data []registry.LetterData
}

func (e *ear) Render(kind registry.LetterKind, data registry.LetterData) (subject, body string, err error) {
	e.data = append(e.data, data)
	return e.Templates.Render(kind, data)
}

func plant(t *testing.T) *planted {
	t.Helper()
	p := &planted{bundle: open(t, registry.PhaseTesting), needles: map[string]bool{}}
	p.profile.Policy.AcceptanceMessages, p.profile.Policy.JumpRefused, p.profile.Policy.ErrorOldDays = 4, 2, 40
	p.desk, p.man = p.notices(t)
	p.ear = &ear{Templates: p.desk.Letters}
	p.desk.Letters = p.ear
	p.inbox = p.reports(t)
	p.needle(familyAstray, givenAstray)
	p.born(bornAstray)

	clean, ids := p.sent(t, 1, registry.LaneTest, 2)
	p.acks(t, ids, "", "")
	acked, ids := p.sent(t, 2, registry.LaneTest, 3)
	p.acks(t, ids, "CLR-100", "IMR-111", "IMR-999")
	listed, ids := p.sent(t, 3, registry.LaneTest, 3)
	p.table(t, listed, ids)
	p.refused = []string{p.stopped(t), acked, listed}
	require.NotEmpty(t, clean)

	p.move(t, registry.EventReviewRequested, registry.EventApproved)
	_, ids = p.sent(t, 10, registry.LaneProduction, 10)
	must(t, p.desk.SendNotice, letterInput(activities.NoticeFirstFile, activities.FirstFileNotice("sunrise")))
	p.acks(t, ids)
	p.now = p.now.AddDate(0, 0, 7)
	_, ids = p.sent(t, 11, registry.LaneProduction, 10)
	p.acks(t, ids, "IMR-111", "IMR-111", "IMR-999", "CLR-100")
	p.sent(t, 12, registry.LaneProduction, 4) // never answered
	p.failures(t)
	return p
}

func (p *planted) needle(values ...string) {
	for _, v := range values {
		p.needles[strings.ToLower(v)] = true
	}
}

// born plants a birth date in the forms in which people and machines write it.
func (p *planted) born(day string) {
	date, err := time.Parse(time.DateOnly, day)
	if err == nil && date.Year() < 2026 { // later ones are the days of our letters, too
		p.needle(date.Format("20060102"), day, date.Format("01/02/2006"), date.Format("1/2/2006"))
	}
}

// export is a file of an EHR that writes names into MSH-10.
func (p *planted) export(t *testing.T, seed uint64, lane registry.Lane, n int, defects ...hl7gen.Defect) (content []byte, ids []string) {
	t.Helper()
	content, facts := p.batch(t, seed, lane, n, defects...)
	for i, id := range facts.ControlIDs {
		name := fmt.Sprintf("%s-%d-%d", familyAstray, seed, i)
		content = bytes.ReplaceAll(content, []byte("|"+id+"|"), []byte("|"+name+"|"))
		ids = append(ids, name)
	}
	for _, patient := range facts.Patients {
		p.needle(patient.Needles()...)
		born, err := time.Parse("20060102", patient.BirthDate)
		require.NoError(t, err)
		p.born(born.Format(time.DateOnly))
	}
	return content, ids
}

// fileName is what an EHR calls a file that it should not.
func fileName(seed uint64) string {
	return fmt.Sprintf("%s_%s_19710203_%d.hl7", familyAstray, givenAstray, seed)
}

// sent brings such a file to the registry.
func (p *planted) sent(t *testing.T, seed uint64, lane registry.Lane, n int) (file string, ids []string) {
	t.Helper()
	content, ids := p.export(t, seed, lane, n)
	f := p.stage(t, lane, fileName(seed), content)
	p.check(t, f, lane)
	d := must(t, p.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: lane, Attempt: 1})
	must(t, p.deliveries.UploadFile, p.uploadInput(d))
	must(t, p.deliveries.ConfirmDelivery, p.confirmInput(d))
	return f.ID, ids
}

// stopped is a file that our check stops, with whatever can be wrong.
func (p *planted) stopped(t *testing.T) (file string) {
	t.Helper()
	defects := hl7gen.Defects()
	content, _ := p.export(t, 4, registry.LaneTest, len(defects)+2, defects...)
	astray := fmt.Sprintf("%s %s %s\rZQU|%s^%s\rPID|%s|%s||%[1]s\r", familyAstray, givenAstray, bornAstray, familyAstray, givenAstray, familyAstray, givenAstray)
	at := bytes.LastIndex(content, []byte("\rPID|"))
	require.Positive(t, at)
	content = append(append(bytes.Clone(content[:at+1]), astray...), content[at+1:]...)
	f := p.stage(t, registry.LaneTest, fileName(4), content)
	require.NotZero(t, p.check(t, f, registry.LaneTest).Errors)
	must(t, p.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: f.ID, State: activities.FileRefused})
	return f.ID
}

// acks are the registry's answers: a code each, the rest are acceptances.
func (p *planted) acks(t *testing.T, ids []string, codes ...string) {
	t.Helper()
	name := strings.Join([]string{familyAstray, givenAstray}, " ")
	var text strings.Builder
	for i, id := range ids {
		if i >= len(codes) || codes[i] == "" {
			text.WriteString(ack(id, "", ""))
			continue
		}
		one := ack(id, codes[i], name+" born "+bornAstray+" "+familyAstray+"-100:: "+givenAstray)
		one = strings.Replace(one, "RXA^1^5", familyAstray+"^1^"+givenAstray+"~RXA^1^5^"+givenAstray, 1)
		text.WriteString(strings.Replace(one, "Data type error", name, 1))
	}
	file := fmt.Sprintf("%s_ack_%d.hl7", familyAstray, p.count(t, `select count(*) from reports`))
	p.layReport(t, file, text.String())
	p.collect(t, p.inbox, file)
}

// table is the registry's answer as a table whose columns hold names.
func (p *planted) table(t *testing.T, file string, ids []string) {
	t.Helper()
	require.Positive(t, p.count(t, `select count(*) from deliveries where file_id = '`+file+`'`))
	var text strings.Builder
	text.WriteString("Control ID,Error Code,Location,Description,File Name\n")
	for i, row := range []string{
		"%s,CLR-100," + familyAstray + "," + givenAstray + " has no consent," + familyAstray + ".HL7\n",
		"%s,IMR-111," + familyAstray + "-7,born " + bornAstray + "," + fileName(3) + "\n",
		"%s," + familyAstray + ",PID-" + givenAstray + ",Rejected: " + givenAstray + "," + givenAstray + "\n",
	} {
		fmt.Fprintf(&text, row, ids[i])
	}
	p.layReport(t, "table.csv", text.String())
	p.collect(t, p.inbox, "table.csv")
}

// failures gathers what steps say that fail on such files: those are the words of
// holds.
func (p *planted) failures(t *testing.T) {
	t.Helper()
	say := func(err error) {
		var app *temporal.ApplicationError // its message is what a hold is opened with
		require.ErrorAs(t, err, &app)
		p.held = append(p.held, app.Message())
	}
	_, err := run(t, p.inbox.FetchReport, activities.FetchReportInput{Connection: "texas-sftp", Name: fileName(99)})
	say(err)
	require.NoError(t, os.Mkdir(filepath.Join(p.drop, p.profile.Folders.Reports, fileName(98)), 0o755))
	_, err = run(t, p.inbox.FetchReport, activities.FetchReportInput{Connection: "texas-sftp", Name: fileName(98)})
	say(err)
	content, _ := p.export(t, 20, registry.LaneProduction, 2)
	f := p.stage(t, registry.LaneProduction, fileName(20), content)
	p.check(t, f, registry.LaneProduction)
	d := must(t, p.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1})
	path := filepath.Join(p.drop, p.profile.Folders.Production, d.RemoteName)
	require.NoError(t, os.WriteFile(path, []byte(familyAstray), 0o644))
	_, err = run(t, p.deliveries.UploadFile, p.uploadInput(d))
	say(err)
	p.layReport(t, "unread.bin", familyAstray+"\x00\x01"+givenAstray)
	fetched := must(t, p.inbox.FetchReport, activities.FetchReportInput{Connection: "texas-sftp", Name: "unread.bin"})
	unread := must(t, p.inbox.ImportReport, activities.ImportReportInput{ReportID: fetched.ReportID})
	require.True(t, unread.Unreadable)
	p.held = append(p.held, unread.Reason)
}

// leaks are the planted values in a letter, in its table, and in what its
// template could have told.
func (p *planted) leaks(t *testing.T, r notify.Rendered, seen registry.LetterData) []string {
	t.Helper()
	all, err := json.Marshal(seen)
	require.NoError(t, err)
	text := strings.Join([]string{r.Event, r.Subject, r.Body, string(all)}, "\n")
	if r.Attachment != nil {
		text += "\n" + r.Attachment.Name + "\n" + r.Attachment.Text
	}
	text = strings.ToLower(text)
	var found []string
	for needle := range p.needles {
		if strings.Contains(text, needle) {
			found = append(found, needle)
		}
	}
	return found
}

// send sends one letter, and gives it with what its template saw.
func (p *planted) send(t *testing.T, in activities.SendNoticeInput) (notify.Rendered, registry.LetterData) {
	t.Helper()
	before := len(p.man.letters)
	must(t, p.desk.SendNotice, in)
	require.Len(t, p.man.letters, before+1)
	return p.man.last(), p.ear.data[len(p.ear.data)-1]
}
