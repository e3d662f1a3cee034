package oracle_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/oracle"
)

// damage is one way to break, or not to break, a world.
type damage struct {
	name string
	do   func(*world)
	want []string
}

func judged(t *testing.T, cases []damage) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.do(w)
			w.broken(c.want...)
		})
	}
}

func TestNothingLeavesBeforeTheProductionEmail(t *testing.T) {
	judged(t, []damage{
		{"a production file of a practice that never was in production", func(w *world) {
			w.sql(`update practices set phase = 'in_review'`)
			w.sql(`delete from events where to_state = 'production'`)
		}, []string{oracle.EarlyProduction}},
		{"a production file that lies in the folder unjudged, too early", func(w *world) {
			w.drop(registry.LaneProduction, "SUNR_9.HL7", []byte("FHS|"))
			path := filepath.Join(w.RegistryDir, "homes", account, "inbound", "production", "SUNR_9.HL7")
			require.NoError(w.t, os.Chtimes(path, w.start, w.start))
		}, []string{oracle.EarlyProduction}},
		{"production before the Production email was caught", func(w *world) {
			path := filepath.Join(w.MailDir, "000005-test.eml")
			require.NoError(w.t, os.Chtimes(path, w.approved.Add(time.Minute), w.approved.Add(time.Minute)))
		}, []string{oracle.EarlyProduction}},
		{"production before the rehearsal wrote the email", func(w *world) {
			require.NoError(w.t, os.Remove(filepath.Join(w.MailDir, "000005-test.eml")))
			w.Practices[0].ApprovedAt = w.approved.Add(time.Minute)
		}, []string{oracle.EarlyProduction}},
		{"a practice that was live before it came", func(w *world) {
			w.sql(`delete from events where kind = 'phase'`)
			w.sql(`update events set to_state = 'production' where kind = 'practice-added'`)
			w.sql(`delete from notices where event like 'review/%'`)
			require.NoError(w.t, os.Remove(filepath.Join(w.MailDir, "000001-test.eml")))
			require.NoError(w.t, os.Remove(filepath.Join(w.MailDir, "000005-test.eml")))
		}, nil},
	})
}

func TestMessagesAreOfTheirFoldersKind(t *testing.T) {
	judged(t, []damage{
		{"a test file with processing ID P", func(w *world) {
			w.ledger[1].ProcessingIDs = map[string]int{"T": 4, "P": 1}
			w.saveLedger()
		}, []string{oracle.WrongProcessingID}},
		{"a test patient in a test file", func(w *world) {
			w.ledger[1].TestPatients = 2
			w.saveLedger()
		}, nil},
		{"a test patient in the historical load", func(w *world) {
			w.ledger[4].TestPatients = 1
			w.saveLedger()
		}, []string{oracle.TestPatient}},
	})
}

func TestNothingIsSentTwice(t *testing.T) {
	judged(t, []damage{
		{"a test file sent twice", func(w *world) {
			w.ledger[2].ContentSHA256 = w.ledger[1].ContentSHA256
			w.saveLedger()
		}, []string{oracle.SentTwice}},
		{"two files of which nothing can be read", func(w *world) {
			for _, n := range []int{1, 2} {
				w.ledger[n].Messages, w.ledger[n].Codes, w.ledger[n].ContentSHA256 = nil, nil, "e3b0"
			}
			w.saveLedger()
			w.sql(`update report_items set control_id = '' where report_id in ('r-2', 'r-3')`)
		}, nil},
		{"an accepted message in a historical file again", func(w *world) {
			w.ledger[5].Messages[0].SHA256 = w.ledger[4].Messages[0].SHA256
			w.saveLedger()
		}, []string{oracle.HistoryTwice}},
		{"the same where files overlap by themselves", func(w *world) {
			w.Overlap = true
			w.ledger[5].Messages[0].SHA256 = w.ledger[4].Messages[0].SHA256
			w.saveLedger()
		}, nil},
		{"a historical file after the load was closed", func(w *world) {
			w.move("history", "loading", "sent", "", w.ledger[5].Time.Add(-2*time.Minute))
			w.move("history", "sent", "closed", "", w.ledger[5].Time.Add(-time.Minute))
			w.sql(`update practices set history_state = 'closed'`)
		}, []string{oracle.HistoryTwice}},
		{"a message that was refused comes again in production", func(w *world) {
			w.again(registry.LaneProduction, 1)
		}, nil},
		{"a message that was accepted comes again in production", func(w *world) {
			w.again(registry.LaneProduction, 0)
		}, []string{oracle.SentTwice}},
	})
}

// again gives the fifth file to the production lane, with one message of the
// production file before it: 0 was accepted, 1 refused for want of consent.
func (w *world) again(l registry.Lane, message int) {
	w.t.Helper()
	r := &w.ledger[4]
	r.Lane, r.Folder = l, w.ledger[3].Folder
	r.Messages[0].SHA256 = w.ledger[3].Messages[message].SHA256
	w.saveLedger()
	w.sql(`update files set lane = $1 where id = 'f-5'`, l)
	w.sql(`update deliveries set lane = $1 where id = 'd-5'`, l)
}

func TestSuccessIsHeldAgainstWhatArrived(t *testing.T) {
	judged(t, []damage{
		{"a delivery that arrived smaller", func(w *world) {
			w.ledger[1].Size--
			w.saveLedger()
		}, []string{oracle.FalseSuccess}},
		{"a delivery that arrived as something else", func(w *world) {
			w.ledger[1].SHA256 = w.ledger[2].SHA256
			w.saveLedger()
		}, []string{oracle.FalseSuccess}},
		{"a delivery that lies in the folder still", func(w *world) {
			w.lying("")
		}, nil},
		{"a delivery of which only a part lies there", func(w *world) {
			w.lying(".part")
		}, []string{oracle.FalseSuccess}},
		{"a delivery that a person vouches for", func(w *world) {
			w.lying(".part")
			w.sql(`update deliveries set confirmed_how = 'person' where id = 'd-7'`)
		}, nil},
		{"a file that no delivery brought", func(w *world) {
			w.sql(`update deliveries set remote_name = 'OTHER.HL7', state = 'abandoned', confirmed_how = null,
				confirmed_at = null, confirmed_by = null where id = 'd-3'`)
		}, []string{oracle.UnknownFile}},
		{"a letter that was prepared and not sent yet", func(w *world) {
			w.sql(`update notices set state = 'prepared', sent_at = null where event like 'hold/%'`)
			require.NoError(w.t, os.Remove(filepath.Join(w.MailDir, "000004-test.eml")))
		}, nil},
		{"a letter that was sent and not caught", func(w *world) {
			require.NoError(w.t, os.Remove(filepath.Join(w.MailDir, "000004-test.eml")))
		}, []string{oracle.FalseSuccess}},
	})
}

// lying adds a confirmed delivery whose file the registry has not taken yet.
func (w *world) lying(suffix string) {
	w.t.Helper()
	content := []byte("FHS|^~\\&|EHR\r")
	w.drop(registry.LaneProduction, "SUNR_7.HL7"+suffix, content)
	w.sql(`insert into files (id, practice, lane, digest, size, vault_key, state, staged_at, settled_at)
		select 'f-7', practice, lane, encode(sha256('seven'), 'hex'), $1, 'v', 'delivered', staged_at, settled_at
		from files where id = 'f-4'`, len(content))
	w.sql(`insert into deliveries (id, file_id, practice, lane, attempt, connection, folder, remote_name, content_digest, digest,
			vault_key, size, messages, held, state, prepared_at, sent_at, confirmed_how, confirmed_at, confirmed_by)
		select 'd-7', 'f-7', practice, lane, 1, connection, folder, 'SUNR_7.HL7', encode(sha256('seven'), 'hex'),
			encode(sha256($1::bytea), 'hex'), 'v', $2, 1, 0, 'confirmed', prepared_at, sent_at, 'stat', confirmed_at, confirmed_by
		from deliveries where id = 'd-4'`, content, len(content))
}

func TestAnswersAreHeldAgainstTheLedger(t *testing.T) {
	judged(t, []damage{
		{"an item that the registry did not write", func(w *world) {
			w.sql(`update report_items set code = 'IMR-111' where report_id = 'r-4' and code = 'CLR-100'`)
			w.sql(`update errors set code = 'IMR-111' where first_report = 'r-4'`)
		}, []string{oracle.ReportOnce, oracle.AckJudged}},
		{"an item that was lost", func(w *world) {
			w.sql(`delete from report_items where report_id = 'r-4' and code = 'IMR-109'`)
		}, []string{oracle.ReportOnce}},
		{"an item about a message that nobody sent", func(w *world) {
			w.sql(`update report_items set control_id = 'X1' where report_id = 'r-5' and ordinal = 1`)
		}, []string{oracle.ReportOnce}},
		{"an item that was matched with another file", func(w *world) {
			w.sql(`update report_items set file_id = 'f-6' where report_id = 'r-5' and ordinal = 1`)
		}, []string{oracle.ReportOnce}},
		{"a report with other bytes than were published", func(w *world) {
			w.sql(`update reports set digest = encode(sha256('other'), 'hex') where id = 'r-5'`)
		}, []string{oracle.ReportOnce}},
		{"a report that lists bad records only", func(w *world) {
			w.sql(`delete from report_items where code = ''`)
		}, nil},
		{"reports that were not imported yet", func(w *world) {
			w.sql(`delete from report_items where report_id = 'r-4'`)
			w.sql(`delete from errors where first_report = 'r-4'`)
			w.sql(`delete from reports where id = 'r-4'`)
		}, nil},
		{"a refusal that no error tells of", func(w *world) {
			w.sql(`delete from errors where first_report = 'r-4'`)
		}, []string{oracle.AckJudged}},
		{"a refusal whose error was verified since", func(w *world) {
			w.sql(`update errors set state = 'verified', verified_by = 'r-5', settled_at = now()`)
		}, nil},
		{"two refusals in one error that counts them", func(w *world) {
			w.sql(`update errors set times = 2 where first_report = 'r-4'`)
			w.sql(`delete from errors where first_report = 'r-1'`)
		}, nil},
		{"a report that is not reconciled yet", func(w *world) {
			w.sql(`update reports set reconciled_at = null where id = 'r-4'`)
			w.sql(`delete from errors where first_report = 'r-4'`)
		}, nil},
		{"an error for a dose that was there already", func(w *world) {
			w.sql(`update errors set code = 'IMR-109', file_id = 'f-4' where first_report = 'r-1'`)
		}, []string{oracle.AckJudged}},
		{"an error for a code of which the registry said nothing", func(w *world) {
			w.sql(`update errors set message = 5 where first_report = 'r-4'`)
		}, []string{oracle.AckJudged}},
	})
}

func TestMovesAreHeldAgainstTheDiagram(t *testing.T) {
	judged(t, []damage{
		{"a practice that stands elsewhere than the audit says", func(w *world) {
			w.sql(`update practices set phase = 'withdrawn'`)
		}, []string{oracle.LegalMoves}},
		{"a gap in the audit", func(w *world) {
			w.sql(`delete from events where kind = 'phase' and to_state = 'testing'`)
		}, []string{oracle.LegalMoves}},
		{"an arrow under the wrong event", func(w *world) {
			w.sql(`update events set detail = '{"event": "withdrawn"}' where to_state = 'testing'`)
		}, []string{oracle.LegalMoves}},
		{"a historical load that goes back", func(w *world) {
			w.move("history", "loading", "planned", "", w.approved)
			w.sql(`update practices set history_state = 'planned'`)
		}, []string{oracle.LegalMoves}},
		{"a practice that was added twice", func(w *world) {
			w.move("practice-added", "", "registered", "", w.approved)
		}, []string{oracle.LegalMoves}},
		{"a submission that nobody paused", func(w *world) {
			w.sql(`update practices set submission_state = 'paused'`)
		}, []string{oracle.LegalMoves}},
		{"a second round of review", func(w *world) {
			w.sql(`delete from events where to_state = 'production'`)
			w.move("phase", "in_review", "testing", "changes-needed", w.start)
			w.move("phase", "testing", "in_review", "review-requested", w.start)
			w.move("phase", "in_review", "production", "approved", w.approved)
			w.letter("review/sunrise-plano/2", "Request for review of test files: Sunrise Plano (SUNR1234)", "Once more.", reviewer)
		}, nil},
	})
}
