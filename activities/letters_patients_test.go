package activities_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

// letterCases say for each kind of letter what makes it be written, from a
// database full of patients. A kind without a case fails the test below.
var letterCases = map[registry.LetterKind]func(t *testing.T, p *planted) []activities.SendNoticeInput{
	activities.NoticeReviewRequest:    plainLetter,
	activities.NoticeFirstFile:        plainLetter,
	activities.NoticeProductionVendor: plainLetter,
	activities.NoticeHistoryQuestions: plainLetter,
	activities.NoticeApprovalRefused:  plainLetter,
	activities.NoticeFileRefused:      refusedLetters,
	activities.NoticeHold:             holdLetters,
	activities.NoticeReminders:        reminderLetters,
	activities.NoticeByHand:           uploadLetters,
	activities.NoticeWatch:            watchLetters,
	activities.NoticeResolved:         resolvedLetters,
	activities.NoticeDigestWeek:       digestLetters,
}

// A letter leaves the house: whatever an EHR or the registry wrote into files,
// names of files and reports, none of it is about a patient.
func TestNoLetterTellsOfAPatient(t *testing.T) {
	t.Parallel()
	p := plant(t)
	require.Greater(t, len(p.needles), 100)

	t.Run("a planted value is found wherever it stands", func(t *testing.T) {
		name := strings.ToLower(familyAstray)
		for what, r := range map[string]notify.Rendered{
			"subject":         {Subject: "of " + familyAstray},
			"text":            {Body: "of " + familyAstray},
			"attachment name": {Attachment: &notify.Attachment{Name: familyAstray + ".csv"}},
			"attachment":      {Attachment: &notify.Attachment{Text: "a," + familyAstray}},
		} {
			require.Equal(t, []string{name}, p.leaks(t, r, registry.LetterData{}), what)
		}
		require.Equal(t, []string{name}, p.leaks(t, notify.Rendered{}, registry.LetterData{Causes: []registry.LetterCause{{Place: familyAstray}}}))
		require.Contains(t, p.leaks(t, notify.Rendered{Body: "born 02/03/1971"}, registry.LetterData{}), "02/03/1971")
	})

	for _, kind := range registry.LetterKinds() {
		t.Run(string(kind), func(t *testing.T) {
			inputs := letterCases[kind]
			require.NotNil(t, inputs, "say in letterCases what makes this letter be written")
			for i, in := range inputs(t, p) {
				in.Kind = kind
				if in.Event == "" {
					in.Event = fmt.Sprintf("planted/%s/%d", kind, i)
				}
				r, seen := p.send(t, in)
				require.Empty(t, p.leaks(t, r, seen), "letter %d: %s\n%s", i, r.Subject, r.Body)
			}
		})
	}
}

// Each template of the folder is a letter that the test above writes.
func TestEveryTemplateIsALetter(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(filepath.Join("..", "registry", "texas", "letters"))
	require.NoError(t, err)
	var have, want []string
	for _, f := range files {
		have = append(have, strings.TrimSuffix(f.Name(), ".txt"))
	}
	for _, kind := range registry.LetterKinds() {
		want = append(want, string(kind))
	}
	require.ElementsMatch(t, want, have)
	require.Len(t, letterCases, len(want))
}

func plainLetter(*testing.T, *planted) []activities.SendNoticeInput {
	return []activities.SendNoticeInput{{Scope: scope()}}
}

func refusedLetters(t *testing.T, p *planted) (out []activities.SendNoticeInput) {
	t.Helper()
	for _, file := range p.refused {
		in := activities.SendNoticeInput{Scope: scope(), Kind: activities.NoticeFileRefused, FileID: file}
		letter, err := activities.PreviewLetter(t.Context(), p.desk, withEvent(in))
		require.NoError(t, err)
		require.NotNil(t, letter.Attachment, "%s has its table", file)
		require.Greater(t, strings.Count(letter.Attachment.Text, "\n"), 2)
		out = append(out, in)
	}
	return out
}

func withEvent(in activities.SendNoticeInput) activities.SendNoticeInput {
	in.Event = "preview"
	return in
}

// holdLetters are one hold for each reason, in the words of steps that failed on
// planted files, and those of the connection and of its server.
func holdLetters(t *testing.T, p *planted) (out []activities.SendNoticeInput) {
	t.Helper()
	open := func(in activities.OpenHoldInput) {
		in.ID, in.What = fmt.Sprintf("h-%d", len(out)), "upload of a file"
		in.Words = strings.Join(p.held, ". ")
		must(t, p.practices.OpenHold, in)
		out = append(out, activities.SendNoticeInput{Scope: in.Scope, HoldID: in.ID})
	}
	for _, reason := range registry.HoldReasons() {
		open(activities.OpenHoldInput{Scope: scope(), WorkflowID: "file/" + p.refused[0], Reason: reason, Actions: reason.Actions()})
	}
	open(activities.OpenHoldInput{WorkflowID: "host/127.0.0.1", Reason: registry.HoldConnection, Connection: "texas-sftp"})
	open(activities.OpenHoldInput{WorkflowID: "host/127.0.0.1", Reason: registry.HoldConnection, Server: fmt.Sprintf("127.0.0.1:%d", p.server.Port())})
	return out
}

// reminderLetters are those of the next days on which something is due, with the
// week's answers and something that ends.
func reminderLetters(t *testing.T, p *planted) []activities.SendNoticeInput {
	t.Helper()
	p.waits(t, "sunrise", inReview)
	require.NoError(t, p.db.KeepWarnings(t.Context(), "sunrise", "texas-sftp", []db.Warning{{
		Event: "expiry/texas-sftp/password/2026-06-01/30", Connection: "texas-sftp", Words: "the password ends", Move: "starter connection rotate", Page: "credential-ends", At: p.now,
	}}))
	return p.morning(t, "reminders/")
}

// morning is that of the next day on which a letter of a kind is due.
func (p *planted) morning(t *testing.T, prefix string) []activities.SendNoticeInput {
	t.Helper()
	for end := p.now.AddDate(0, 0, 14); p.now.Before(end); {
		due := must(t, p.desk.DueReminders, activities.DueRemindersInput{})
		var out []activities.SendNoticeInput
		for _, event := range due.Events {
			if strings.HasPrefix(event, prefix) {
				out = append(out, activities.SendNoticeInput{Event: event})
			}
		}
		if len(out) > 0 {
			return out
		}
		p.now = due.Next
	}
	t.Fatal("nobody is told of anything")
	return nil
}

// uploadLetters are of a file that a person is to upload.
func uploadLetters(t *testing.T, p *planted) []activities.SendNoticeInput {
	t.Helper()
	was, err := p.db.Connection(t.Context(), "texas-sftp")
	require.NoError(t, err)
	hand := db.Connection{Name: was.Name, Protocol: "byhand", Settings: db.ConnectionSettings{Folder: t.TempDir()}}
	require.NoError(t, p.db.SaveConnection(t.Context(), hand, p.act("by hand")))
	content, _ := p.export(t, 30, registry.LaneProduction, 2)
	f := p.stage(t, registry.LaneProduction, fileName(30), content)
	p.check(t, f, registry.LaneProduction)
	must(t, p.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1})
	must(t, p.practices.OpenHold, activities.OpenHoldInput{
		Scope: scope(), ID: "h-hand", WorkflowID: "file/" + f.ID, Reason: registry.HoldByHand, What: "upload by hand", Actions: registry.HoldByHand.Actions(),
	})
	return []activities.SendNoticeInput{{Scope: scope(), HoldID: "h-hand"}}
}

// watchLetters are one for each incident that the watch finds in the months after.
func watchLetters(t *testing.T, p *planted) []activities.SendNoticeInput {
	t.Helper()
	w := &activities.Watches{DB: p.db, Profiles: p, Known: p.inbox.Known, Clock: func() time.Time { return p.now }}
	out := []activities.SendNoticeInput{
		{Event: "chat-failed/2026-03-02", Words: "rooms that did not take it: 1 of 1."},
		{Event: "mail-fails/2026-03-02", Words: "The last answer: mail: the mail server answered 535 at the login."},
		{Event: "mailbox-refused/0123456789abcdef/1", Words: "The mail server refuses letters to maria@sunrise.example for good."},
	}
	found := map[string]bool{}
	for range 60 {
		p.now = p.now.AddDate(0, 0, 1)
		for _, i := range must(t, w.LookAtPractice, activities.LookInput{Scope: scope(), Policy: p.profile.Policy}).Opened {
			found[i.Kind] = true
			out = append(out, activities.SendNoticeInput{Scope: scope(), IncidentID: i.ID})
		}
	}
	for _, kind := range []string{
		activities.IncidentNewCode, activities.IncidentAcceptanceLow, activities.IncidentReportMissing,
		activities.IncidentErrorsOverdue, activities.IncidentErrorsOld, activities.IncidentFloor,
	} {
		require.True(t, found[kind], "%s of %v: it tells of files or codes", kind, found)
	}
	return out
}

func resolvedLetters(t *testing.T, p *planted) []activities.SendNoticeInput {
	t.Helper()
	must(t, p.practices.CloseHold, activities.CloseHoldInput{Scope: scope(), ID: "h-0", Action: registry.ActionRetry, By: maria})
	open, err := p.db.OpenIncidents(t.Context(), "sunrise")
	require.NoError(t, err)
	require.NotEmpty(t, open)
	out := []activities.SendNoticeInput{{Scope: scope(), HoldID: "h-0"}}
	for _, i := range open {
		out = append(out, activities.SendNoticeInput{Scope: scope(), IncidentID: i.ID})
	}
	return out
}

// digestLetters are those to the practice's own people.
func digestLetters(t *testing.T, p *planted) []activities.SendNoticeInput {
	t.Helper()
	practice := p.load(t)
	practice.Contacts = append(practice.Contacts, registry.Contact{Role: registry.ContactPractice, Name: "Desk", Email: "front@sunrise.example"})
	p.save(t, practice, "front desk")
	return p.morning(t, "digest/")
}
