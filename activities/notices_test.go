package activities_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/registry/texas"
)

// postman keeps what he was given, and can lose the answer.
type postman struct {
	mu      sync.Mutex
	letters []notify.Rendered
	ids     []string
	fail    error
	// gone are mailboxes that are refused.
	gone []string
	// turned is how many letters they were refused; those are not in letters.
	turned int
}

func (p *postman) Send(_ context.Context, r notify.Rendered, id string) (notify.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters, p.ids = append(p.letters, r), append(p.ids, id)
	if p.fail != nil {
		return notify.Receipt{}, p.fail
	}
	var refused []string
	for _, c := range r.To {
		if slices.Contains(p.gone, c.Email) {
			refused = append(refused, c.Email)
		}
	}
	if len(refused) == len(r.To) {
		p.letters, p.ids = p.letters[:len(p.letters)-1], p.ids[:len(p.ids)-1]
		p.turned++
		return notify.Receipt{}, notify.RefuseMailboxes(registry.Errorf(registry.Refused, "mail", "the mail server answered 550"), refused...)
	}
	return notify.Receipt{MessageID: id, Delivered: true, Refused: refused}, nil
}

func (p *postman) last() notify.Rendered { return p.letters[len(p.letters)-1] }

func (b *bundle) notices(t *testing.T) (*activities.Notices, *postman) {
	t.Helper()
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	loaded, err := texas.Load()
	require.NoError(t, err)
	man := &postman{}
	return &activities.Notices{
		DB: b.db, Sender: man, Letters: letters, Profiles: b, Catalogue: loaded.Catalogue,
		From:  registry.Contact{Name: "Immunization Desk", Email: "desk@sunrise.example"},
		Clock: func() time.Time { return b.now },
	}, man
}

func letterInput(kind activities.NoticeKind, event string) activities.SendNoticeInput {
	return activities.SendNoticeInput{Scope: scope(), Kind: kind, Event: event}
}

func (p *postman) to(t *testing.T) string {
	t.Helper()
	require.Len(t, p.last().To, 1)
	return p.last().To[0].Email
}

func TestGiveUpNotice(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	in := letterInput(activities.NoticeProductionVendor, "production/sunrise")
	up := activities.GiveUpNoticeInput{Scope: scope(), Event: in.Event, By: registry.Actor{Name: "carla", Via: "cli"}}
	man.fail = registry.Errorf(registry.Refused, "mail", "no such mailbox")
	_, err := run(t, a.SendNotice, in)
	require.Error(t, err)

	t.Run("what a person let go is given up, once in the audit", func(t *testing.T) {
		must(t, a.GiveUpNotice, up)
		must(t, a.GiveUpNotice, up)
		n, ok, err := b.db.NoticeOf(t.Context(), in.Event)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "given-up", n.State)
		events, err := b.db.Events(t.Context(), db.EventQuery{Practice: "sunrise", Kind: "letter-given-up"})
		require.NoError(t, err)
		require.Len(t, events, 1)
	})
	t.Run("a letter that went out stays sent", func(t *testing.T) {
		man.fail = nil
		sent := letterInput(activities.NoticeHistoryQuestions, "history-questions/sunrise")
		must(t, a.SendNotice, sent)
		up.Event = sent.Event
		must(t, a.GiveUpNotice, up)
		n, _, err := b.db.NoticeOf(t.Context(), sent.Event)
		require.NoError(t, err)
		require.Equal(t, db.NoticeSent, n.State)
	})
}

func TestSendNoticeOnce(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	in := letterInput(activities.NoticeProductionVendor, "production/sunrise")

	t.Run("an unknown outcome repeats the very same letter", func(t *testing.T) {
		man.fail = registry.Errorf(registry.Transient, "mail", "the connection broke")
		_, err := run(t, a.SendNotice, in)
		requireKind(t, registry.Transient, err)
		man.fail = nil
		b.now = b.now.AddDate(0, 0, 1)
		in.Words = "Other words that came later."
		must(t, a.SendNotice, in)
		require.Len(t, man.letters, 2)
		require.Equal(t, man.letters[0], man.letters[1])
		require.Equal(t, man.ids[0], man.ids[1])
	})

	t.Run("a sent letter is not sent again", func(t *testing.T) {
		before := len(man.letters)
		out := must(t, a.SendNotice, in)
		require.Equal(t, man.ids[0], out.MessageID)
		require.Len(t, man.letters, before)
		require.False(t, out.Off)
	})

	t.Run("a worker killed before it could write that it was sent repeats the Message-ID", func(t *testing.T) {
		in := letterInput(activities.NoticeHistoryQuestions, "history-questions/sunrise")
		man.fail = context.DeadlineExceeded // sent, and the word never came back
		_, err := run(t, a.SendNotice, in)
		require.Error(t, err)
		kept, ok, err := b.db.NoticeOf(t.Context(), in.Event)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, db.NoticePrepared, kept.State)
		man.fail = nil
		require.Equal(t, kept.MessageID, must(t, a.SendNotice, in).MessageID)
	})

	t.Run("letters that are switched off are kept", func(t *testing.T) {
		a.Sender = notify.Off{}
		in := letterInput(activities.NoticeHistoryQuestions, "off")
		require.True(t, must(t, a.SendNotice, in).Off)
		a.Sender = man
		require.True(t, must(t, a.SendNotice, in).Off, "switching them on does not send old ones")
	})

	t.Run("an event is one letter", func(t *testing.T) {
		_, err := run(t, a.SendNotice, letterInput(activities.NoticeHold, "off"))
		requireKind(t, registry.Invalid, err)
		_, err = run(t, a.SendNotice, letterInput(activities.NoticeHold, ""))
		requireKind(t, registry.Invalid, err)
	})
}

func TestLetters(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a, man := b.notices(t)
	r := b.reports(t)
	good, facts := b.delivered(t, 1, registry.LaneTest, 2)
	bad, badFacts := b.delivered(t, 2, registry.LaneTest, 2)
	b.layReport(t, "ack.hl7", ack(facts.ControlIDs[0], "", "")+ack(facts.ControlIDs[1], "", "")+ack(badFacts.ControlIDs[0], "CLR-100", "x"))
	b.collect(t, r, "ack.hl7")

	t.Run("a review is asked of the registry, with the files that were error-free", func(t *testing.T) {
		must(t, a.SendNotice, letterInput(activities.NoticeReviewRequest, "review/sunrise/1"))
		require.Equal(t, b.profile.DataExchangeEmail, man.to(t))
		body := man.last().Body
		require.Contains(t, body, good.RemoteName)
		require.Contains(t, body, "error-free")
		require.Contains(t, body, "2026-03-02, 2 messages")
		require.NotContains(t, body, bad.RemoteName)
		require.Contains(t, body, "maria@sunrise.example")
	})

	t.Run("a refused file is told to the vendor by code and remedy", func(t *testing.T) {
		in := letterInput(activities.NoticeFileRefused, "refused/1")
		in.FileID = bad.FileID
		must(t, a.SendNotice, in)
		require.Equal(t, "hl7@vendor.example", man.to(t))
		require.Contains(t, man.last().Body, "CLR-100")
		require.Contains(t, man.last().Body, "no consent on file")
	})

	t.Run("a file that our check stopped tells rule, place and nothing of the patient", func(t *testing.T) {
		content, facts := b.batch(t, 3, registry.LaneTest, 3, hl7gen.MissingBirthDate)
		f := b.stage(t, registry.LaneTest, "Hopper_Grace.hl7", content)
		b.check(t, f, registry.LaneTest)
		in := letterInput(activities.NoticeFileRefused, "refused/2")
		in.FileID = f.ID
		must(t, a.SendNotice, in)
		body := man.last().Body
		require.Contains(t, body, "not sent: our check found 1 error")
		require.Contains(t, body, "P-06")
		require.Contains(t, body, "PID")
		require.NotContains(t, body, "Hopper")
		for _, p := range facts.Patients {
			for _, needle := range p.Needles() {
				require.NotContains(t, body, needle)
			}
		}
	})
}

func TestLettersToOurPeople(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a, man := b.notices(t)
	file, _ := b.delivered(t, 1, registry.LaneTest, 2)

	t.Run("a hold is told to our people with the commands that settle it", func(t *testing.T) {
		must(t, b.practices.OpenHold, activities.OpenHoldInput{
			Scope: scope(), ID: "h-1", WorkflowID: "file/f-1", Reason: registry.HoldConflict, What: "upload of a file", Words: "it differs",
		})
		in := letterInput(activities.NoticeHold, "hold/h-1/0")
		in.HoldID = "h-1"
		must(t, a.SendNotice, in)
		require.Equal(t, "maria@sunrise.example", man.to(t))
		require.Contains(t, man.last().Body, "Since:  2026-03-02")
		require.Contains(t, man.last().Body, "starter hold resolve h-1 --action resend")
	})

	t.Run("a hold of a connection is told to whoever letters come from", func(t *testing.T) {
		must(t, b.practices.OpenHold, activities.OpenHoldInput{
			ID: "h-2", WorkflowID: "reports/texas-sftp", Reason: registry.HoldReport, What: "report r-1",
		})
		in := activities.SendNoticeInput{Kind: activities.NoticeHold, Event: "hold/h-2/0", HoldID: "h-2"}
		must(t, a.SendNotice, in)
		require.Equal(t, "desk@sunrise.example", man.to(t))
	})

	t.Run("every letter can be written for a practice without contacts", func(t *testing.T) {
		p, err := b.db.Practice(t.Context(), "sunrise")
		require.NoError(t, err)
		p.Contacts = nil
		require.NoError(t, b.db.SavePractice(t.Context(), p, b.act("no contacts")))
		for _, kind := range registry.LetterKinds() {
			if kind == activities.NoticeFirstFile || kind == activities.NoticeByHand || kind == activities.NoticeReminders {
				continue // there is no production file, and none that waits, to tell of; reminders are of no practice
			}
			in := letterInput(kind, "bare/"+string(kind))
			in.FileID = file.FileID
			must(t, a.SendNotice, in)
			require.NotEmpty(t, man.to(t))
			require.NotContains(t, man.last().Body, "<no value>", kind)
		}
		_, err = run(t, a.SendNotice, letterInput(activities.NoticeFirstFile, "first"))
		requireKind(t, registry.Missing, err)
	})
}

func TestFirstFileLetter(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	first, _ := b.delivered(t, 1, registry.LaneProduction, 2)
	second, _ := b.delivered(t, 2, registry.LaneProduction, 2)
	must(t, a.SendNotice, letterInput(activities.NoticeFirstFile, "first-file/sunrise"))
	require.Contains(t, man.last().Body, first.RemoteName)
	require.NotContains(t, man.last().Body, second.RemoteName)
	require.Contains(t, man.last().Body, "delivered 2026-03-02, 2 messages")
}
