package evidence_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/starter/evidence"
)

var (
	made  = time.Date(2026, 7, 1, 15, 0, 0, 0, time.UTC)
	carla = registry.Actor{Name: "Carla Coordinator", Via: "cli"}
)

func at(day string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", day)
	if err != nil {
		panic(err)
	}
	return t
}

func ptr(t time.Time) *time.Time { return &t }

func sample() evidence.Pack {
	can, answered := true, at("2026-03-20 12:00")
	known := db.Evidence{
		EHRs: []db.HistoryEHR{
			{}, {EHR: "OldChart", Vendor: "Old | Inc.", To: "2019-06-30", Can: &can, Since: "2012-01-01", Form: "zip", AnsweredBy: "Carla Coordinator", AnsweredAt: &answered},
		},
		Approval: &registry.Approval{Practice: "sunrise", ApprovedBy: "R. Reviewer", EmailDate: "2026-03-15", MessageID: "<1@registry.test>"},
		Moves: []db.Event{
			{Kind: "practice-added", To: "registered", By: carla, At: at("2026-03-01 12:00")},
			{Kind: "phase", From: "in_review", To: "production", By: carla, Reason: "a|b\nc", At: at("2026-03-16 12:00"), Recorded: true},
			{Kind: "attested-nothing-to-send", Site: "plano", By: carla, Reason: "closed for two weeks", At: at("2026-04-20 12:00")},
			{Kind: "attested-nothing-to-send", By: carla, Reason: "no patients", At: at("2026-05-20 12:00")},
			{Kind: "hold-resolved", By: carla, At: at("2026-03-17 12:00")},
		},
		Files: []db.EvidenceFile{
			{
				ID: "f-1", Lane: registry.LaneTest, StagedAt: at("2026-03-02 12:00"), State: "answered", Messages: 3, Accepted: 3,
				RemoteName: "T1.hl7", ConfirmedAt: ptr(at("2026-03-02 13:00")), ConfirmedHow: "stat",
			},
			{ID: "f-2", Lane: registry.LaneTest, StagedAt: at("2026-03-03 12:00"), State: "refused", Messages: 3, Errors: 2},
			// 03:00 UTC on the first of the month is the last evening of the month before in Texas.
			{
				ID: "f-3", Lane: registry.LaneProduction, StagedAt: at("2026-04-01 02:00"), State: "answered", Messages: 10, Held: 1,
				Accepted: 6, Warned: 1, NotObjected: 1, Refused: 1, RemoteName: "P1.hl7", ConfirmedAt: ptr(at("2026-04-01 03:00")), Reports: []string{"r-1", "r-2"},
			},
			{
				ID: "f-4", Lane: registry.LaneHistorical, StagedAt: at("2026-04-02 12:00"), State: "delivered", Messages: 5,
				RemoteName: "H1.hl7", ConfirmedAt: ptr(at("2026-04-02 13:00")),
			},
		},
		Verdicts: []db.EvidenceVerdict{{File: "f-2", Rule: "P-06", Severity: "E", Count: 2}},
		Reports:  []db.EvidenceReport{{ID: "r-1", FetchedAt: at("2026-04-02 12:00"), Items: 9, Refused: 1}},
		Notices: []db.Notice{{
			Kind: registry.LetterReviewRequest, State: db.NoticeSent, Subject: "=Please review", MessageID: "<2@clinic.test>",
			Recipients: []string{"reviews@registry.test"}, Body: "Dear reviewers\n", PreparedAt: at("2026-03-10 12:00"), SentAt: ptr(at("2026-03-10 12:05")),
		}},
		Errors: []db.EvidenceErrors{{Code: "IMR-111", All: 5, Verified: 2, Corrected: 1, Waived: 1}},
	}
	return evidence.Pack{Made: made, By: "Carla Coordinator", Practices: []evidence.Practice{{
		Practice: registry.Practice{
			ID: "sunrise", Name: "Sunrise Clinics", OrgCode: "SUNR1234", Zone: "America/Chicago", Phase: registry.PhaseProduction,
			Submission: registry.SubmissionOn, History: registry.HistoryClosed, Sites: []registry.Site{{ID: "plano"}},
		},
		RegistryName: "Texas Immunization Registry", From: at("2026-01-01 06:00"), To: at("2026-07-01 05:00"), Known: known,
	}}}
}

func unpack(t *testing.T, p evidence.Pack) map[string]string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, p.Write(&b))
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files[f.Name] = string(text)
	}
	return files
}

func rows(t *testing.T, text string) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return all
}

func TestPack(t *testing.T) {
	got := unpack(t, sample())
	summary := got["sunrise/README.md"]

	t.Run("who attested that there was nothing to send, for which site and why, is told", func(t *testing.T) {
		require.Contains(t, summary, "| 2026-04-20 | plano | Carla Coordinator | closed for two weeks |")
		require.Contains(t, summary, "| 2026-05-20 | all sites | Carla Coordinator | no patients |")
	})
	t.Run("the summary tells the stages, and what was only recorded", func(t *testing.T) {
		require.Contains(t, summary, "# Sunrise Clinics: immunization reporting to Texas Immunization Registry")
		require.Contains(t, summary, "From 2026-01-01 to 2026-06-30.")
		require.Contains(t, summary, "| the present EHR |  |  |  | none yet |  |  |")
		require.Contains(t, summary, "| OldChart | Old \\| Inc. |  to 2019-06-30 |  | yes, back to 2012-01-01; zip | Carla Coordinator | 2026-03-20 |")
		require.Contains(t, summary, "Production email is of 2026-03-15, by R. Reviewer, Message-ID <1@registry.test>.")
		require.Contains(t, summary, "| 2026-03-01 | practice added: registered | Carla Coordinator |  | witnessed |")
		require.Contains(t, summary, "| 2026-03-16 | phase: production | Carla Coordinator | a\\|b c | recorded |")
	})
	t.Run("a stage that was recorded tells since when and what shows it, an approval who accepted it in spite of what", func(t *testing.T) {
		p := sample()
		known := &p.Practices[0].Known
		known.Moves = append(known.Moves,
			db.Event{
				Kind: "entered", To: "in_review", By: carla, At: at("2026-03-02 12:00"), Recorded: true,
				Detail: []byte(`{"since":"2025-12-01","history":"","evidence":"","evidence_id":"sha256/aa","secret":"x"}`),
			},
			db.Event{
				Kind: "phase", To: "production", By: carla, At: at("2026-03-03 12:00"),
				Detail: []byte(`{"approved_by":"Bob","email_date":"2026-03-01","override_by":"Mary Major","override_reason":"forwarded"}`),
			})
		known.Approval.OverrideBy, known.Approval.OverrideReason = "Mary Major", "forwarded"
		known.Files[0].Accepted, known.Files[0].MailVerdict, known.Files[0].MailDated = 0, registry.VerdictClean, "2026-03-04"
		got := unpack(t, p)
		require.Contains(t, got["sunrise/README.md"],
			"| 2026-03-02 | entered: in review (since 2025-12-01; shown by sha256/aa) | Carla Coordinator |  | recorded |")
		require.Contains(t, got["sunrise/README.md"], "Mary Major accepted it in spite of its age or sender. The reason: forwarded.")
		require.Contains(t, got["sunrise/README.md"], "| no errors | no errors, by email of 2026-03-04 |")
		require.Contains(t, got["sunrise/dates.csv"], "approved by Bob; email of 2026-03-01; accepted in spite of its age or sender by Mary Major; because: forwarded")
		require.NotContains(t, got["sunrise/dates.csv"], "secret", "what is not known to be told is not told")
	})
	t.Run("documents are named, and enclosed where that is asked for", func(t *testing.T) {
		p := sample()
		one := &p.Practices[0]
		one.Known.Documents = []db.EvidenceDocument{{Key: "sha256/aa", Kind: "approved", At: at("2026-03-16 12:00"), By: "R. Reviewer"}}
		got := unpack(t, p)
		require.Equal(t, []string{"2026-03-16T07:00:00-05:00", "approved", "", "R. Reviewer", "sha256/aa", ""}, rows(t, got["sunrise/documents.csv"])[1])
		require.Contains(t, got["sunrise/README.md"], "documents that people handed in (1)")
		one.Open = func(key string) ([]byte, string, error) { return []byte("\x00" + key + "\r\n"), ".eml", nil }
		got = unpack(t, p)
		require.Equal(t, "\x00sha256/aa\r\n", got["sunrise/documents/0001-approved.eml"], "byte for byte")
		require.Contains(t, got["SHA256SUMS"], "sunrise/documents/0001-approved.eml")
		require.NotContains(t, got["sunrise/README.md"], "by Carla Coordinator. No patient data.\n", "nobody has read what others wrote")
		one.Open = func(string) ([]byte, string, error) { return nil, "", errors.New("gone") }
		require.ErrorContains(t, p.Write(io.Discard), "gone")
	})
	t.Run("a Production email that came before the review is told of, and that it opened nothing", func(t *testing.T) {
		early := sample()
		known := &early.Practices[0].Known
		known.Early, known.Approval = &db.Early{Approval: *known.Approval, By: carla}, nil
		text := unpack(t, early)["sunrise/README.md"]
		require.Contains(t, text, "A Production email of 2026-03-15, by R. Reviewer, Message-ID <1@registry.test>, came before the review (relayed by Carla Coordinator).")
		require.NotContains(t, text, "The registry's Production email is of")
		require.NotContains(t, summary, "came before the review")
	})
	t.Run("test files stand with what our check and the registry said", func(t *testing.T) {
		require.Contains(t, summary, "| 2026-03-02 | f-1 | T1.hl7 | 3 | no errors | no errors |")
		require.Contains(t, summary, "| 2026-03-03 | f-2 |  | 3 | errors | not sent |")
		require.Contains(t, summary, "(1 of them not seen there)")
	})
	t.Run("months are the practice's, without test files and held records", func(t *testing.T) {
		require.Equal(t, [][]string{
			{"month", "files", "messages", "accepted", "accepted_with_warnings", "not_objected_to", "refused", "unanswered"},
			{"2026-03", "1", "9", "6", "1", "1", "1", "0"},
			{"2026-04", "1", "5", "0", "0", "0", "0", "5"},
		}, rows(t, got["sunrise/months.csv"]))
		require.Contains(t, summary, "| 2026-03 | 1 | 9 | 6 | 1 | 1 | 1 | 0 | 88.9 % |")
		require.Contains(t, summary, "| 2026-04 | 1 | 5 | 0 | 0 | 0 | 0 | 5 | not answered |")
		require.Contains(t, summary, "First production file in this time: f-3, seen at the registry on 2026-03-31 as P1.hl7.")
		require.Contains(t, summary, "1 files with 5 messages are the historical load.")
	})
	t.Run("errors are counted by how they ended", func(t *testing.T) {
		require.Contains(t, summary, "| IMR-111 | 5 | 2 | 1 | 1 | 1 |")
	})
	t.Run("letters are there as they were written", func(t *testing.T) {
		require.Contains(t, got["sunrise/letters/0001-review-request.txt"], "Dear reviewers")
		require.Contains(t, got["sunrise/letters/0001-review-request.txt"], "Message-ID: <2@clinic.test>")
		require.Equal(t, "'=Please review", rows(t, got["sunrise/letters.csv"])[1][6], "no cell is taken for a formula")
	})
	t.Run("every file is named with its digest", func(t *testing.T) {
		for name, text := range got {
			if name != "SHA256SUMS" {
				require.Contains(t, got["SHA256SUMS"], fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(text)), name))
			}
		}
	})
	t.Run("the same facts give the same bytes", func(t *testing.T) {
		var one, two bytes.Buffer
		require.NoError(t, sample().Write(&one))
		require.NoError(t, sample().Write(&two))
		require.Equal(t, one.Bytes(), two.Bytes())
	})
}

func TestPackOfNothing(t *testing.T) {
	p := sample()
	p.Practices[0].Known, p.Practices[0].From = db.Evidence{}, time.Time{}
	summary := unpack(t, p)["sunrise/README.md"]
	require.Contains(t, summary, "Until 2026-06-30.")
	require.Contains(t, summary, "No errors in this time.")
	require.NotContains(t, summary, "Production email")
}

type full struct{ left int }

func (w *full) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errors.New("the disk is full")
	}
	return len(b), nil
}

func TestPackOnAFullDisk(t *testing.T) {
	require.Error(t, sample().Write(&full{left: 512}))
}
