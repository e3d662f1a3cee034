package oracle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/sandbox/oracle"
)

const requestSubject = "Request for review of test files: Sunrise Plano (SUNR1234)"

func TestLettersAreHeldAgainstTheCaughtMails(t *testing.T) {
	judged(t, []damage{
		{"the same letter once more, under its Message-ID", func(w *world) {
			w.caught("review.sunrise-plano.1@coordinator.example", requestSubject, "Please review.", coordinator, w.approved, reviewer)
		}, nil},
		{"another letter under a Message-ID that was used", func(w *world) {
			w.caught("review.sunrise-plano.1@coordinator.example", requestSubject, "Now!", coordinator, w.approved, reviewer)
		}, []string{oracle.OneLetter}},
		{"a letter that nobody recorded", func(w *world) {
			w.caught("x@coordinator.example", "sunrise-plano: hello", "", coordinator, w.approved, coordinator)
		}, []string{oracle.OneLetter}},
		{"a second review request in one round", func(w *world) {
			w.letter("review/sunrise-plano/2", requestSubject, "Please look again.", reviewer)
		}, []string{oracle.OneLetter}},
		{"a second production notice", func(w *world) {
			w.letter("production/sunrise-plano/2", "Sunrise Plano is in production with the Registry", "SUNR1234, again.", vendor)
		}, []string{oracle.OneLetter}},
		{"a second first-file notice", func(w *world) {
			w.letter("first-file/2", "First production file delivered: Sunrise Plano (SUNR1234)", "SUNR_5.HL7", reviewer)
		}, []string{oracle.OneLetter}},
		{"two alerts that say the same about two events", func(w *world) {
			w.letter("hold/h-2/0", "sunrise-plano: waiting for you", "Number: h-1", coordinator)
		}, nil},
		{"an alert to the registry", func(w *world) {
			w.letter("hold/h-2/0", "sunrise-plano: waiting for you", "Number: h-2", "ImmTracMU@dshs.texas.gov")
		}, []string{oracle.LetterRecipients}},
		{"an alert to the practice's own contact at the registry", func(w *world) {
			w.sql(`insert into contacts (practice, ordinal, role, name, email) values ('sunrise-plano', 3, 'registry', 'R', 'r@elsewhere.example')`)
			w.letter("hold/h-2/0", "sunrise-plano: waiting for you", "Number: h-2", "R@elsewhere.example")
		}, []string{oracle.LetterRecipients}},
		{"a review request that went to the EHR vendor", func(w *world) {
			w.sql(`delete from notices where event like 'review/%'`)
			require.NoError(w.t, os.Remove(filepath.Join(w.MailDir, "000001-test.eml")))
			w.letter("review/sunrise-plano/1", requestSubject, "Please review.", vendor)
		}, []string{oracle.LetterRecipients}},
		{"a letter to another practice's contact", func(w *world) {
			w.sql(`insert into contacts (practice, ordinal, role, name, email) values ('lakeside-waco', 1, 'ehr-vendor', 'L', 'l@waco.example')`)
			w.letter("history-questions/sunrise-plano", "Two questions about historical records: Sunrise Plano", "SUNR1234", "l@waco.example")
		}, []string{oracle.LetterRecipients}},
		{"a mail that is not ours", func(w *world) {
			w.caught("p2@registry.example", "Production approval SUNR1234", "Again.", reviewer, w.approved, coordinator)
		}, nil},
	})
}

// The kinds of letters are told by their subjects; this fails when a template's
// subject changes, so that no letter slips out of the count.
func TestTheSubjectsAreThoseOfTheTemplates(t *testing.T) {
	templates, err := texas.LoadLetters()
	require.NoError(t, err)
	for kind, told := range map[registry.LetterKind]string{
		registry.LetterReviewRequest: "review request", registry.LetterProductionVendor: "production notice",
		registry.LetterFirstFile: "first-file notice", registry.LetterHistoryQuestions: "questions about history",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			data := texas.SampleLetterData()
			data.Practice.OrgCode = orgCode
			subject, body, err := templates.Render(kind, data)
			require.NoError(t, err)
			w := newWorld(t)
			to := reviewer
			if strings.HasSuffix(string(kind), "vendor") {
				to = vendor
			}
			w.letter("extra/1", subject, mailBody(body), to)
			w.letter("extra/2", subject, mailBody(body)+"more", to)
			require.Contains(t, strings.Join(w.broken(oracle.OneLetter), "\n"), told)
		})
	}
}

// mailBody survives quoted-printable as it is.
func mailBody(body string) string { return strings.ReplaceAll(body, "=", "-") }
