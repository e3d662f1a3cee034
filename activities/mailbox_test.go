package activities_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

func TestAMailboxOfOurPeopleIsRefused(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	const maria, desk = "maria@sunrise.example", "desk@sunrise.example"
	man.gone = []string{maria}
	state := func(t *testing.T, event string) string {
		t.Helper()
		n, ok, err := b.db.NoticeOf(t.Context(), event)
		require.NoError(t, err)
		require.True(t, ok, event)
		return n.State
	}
	t.Run("somebody else is told, and nothing is held", func(t *testing.T) {
		first := b.alert(t, "h-0")
		require.True(t, must(t, a.SendNotice, first).Refused)
		require.Len(t, man.letters, 2)
		told := man.letters[0]
		require.Equal(t, desk, told.To[0].Email)
		require.Equal(t, "immtrail: a mailbox is refused", told.Subject)
		require.Contains(t, told.Body, maria)
		require.Contains(t, told.Body, `The first of them: "sunrise: waiting for you`)
		require.Contains(t, told.Body, "starter letter show "+first.Event)
		require.Contains(t, told.Body, `section "mailbox-refused"`)
		must(t, a.SendNotice, first)
		require.Len(t, man.letters, 2, "again, nobody is told once more")
	})
	t.Run("an alert goes to somebody else in its place, once", func(t *testing.T) {
		alert := b.alert(t, "h-1")
		for range 2 {
			must(t, a.SendNotice, alert)
		}
		require.Len(t, man.letters, 3)
		require.Equal(t, desk, man.to(t))
		require.Contains(t, man.last().Subject, "sunrise: waiting for you")
		require.Equal(t, db.NoticeGivenUp, state(t, alert.Event))
		require.Equal(t, db.NoticeSent, state(t, alert.Event+"/instead"))
	})
	t.Run("a worker killed between the two letters sends neither twice", func(t *testing.T) {
		alert := b.alert(t, "h-2")
		a.Sender = crashing{man, "waiting for you"}
		_, err := run(t, a.SendNotice, alert)
		requireKind(t, registry.Transient, err)
		a.Sender = man
		must(t, a.SendNotice, alert)
		require.Len(t, man.letters, 5)
		require.Equal(t, man.ids[3], man.ids[4], "what may have gone out goes again under its Message-ID")
	})
	t.Run("when the mailbox takes letters again that is told, once", func(t *testing.T) {
		man.gone = nil
		before := len(man.letters)
		must(t, a.SendNotice, b.alert(t, "h-3"))
		require.Len(t, man.letters, before+2)
		require.Equal(t, desk, man.to(t))
		require.Equal(t, "immtrail: over: a mailbox is refused", man.last().Subject)
		require.Contains(t, man.last().Body, maria+" again")
		must(t, a.SendNotice, b.alert(t, "h-4"))
		require.Len(t, man.letters, before+3)
	})
	t.Run("the next time is told anew, also while others of the letter get it", func(t *testing.T) {
		p := b.load(t)
		p.Contacts = append(p.Contacts, registry.Contact{Role: registry.ContactCoordinator, Name: "Olu", Email: "olu@sunrise.example"})
		b.save(t, p, "two coordinators")
		man.gone = []string{maria}
		before := len(man.letters)
		alert := b.alert(t, "h-5")
		for range 2 {
			must(t, a.SendNotice, alert)
		}
		require.Len(t, man.letters, before+2)
		require.Equal(t, []registry.Contact{{Email: "olu@sunrise.example"}, {Email: desk}}, man.last().To)
		require.Equal(t, "immtrail: a mailbox is refused", man.last().Subject)
		require.Equal(t, db.NoticeSent, state(t, alert.Event))
	})
}

func TestARefusedMailboxOfManyAlertsAtOnceIsToldOnce(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	man.gone = []string{"maria@sunrise.example"}
	const alerts = 8
	var sent sync.WaitGroup
	failed := make([]error, alerts)
	for i := range alerts {
		in := b.alert(t, fmt.Sprintf("h-%d", i))
		sent.Go(func() {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			env.RegisterActivity(a.SendNotice)
			_, failed[i] = env.ExecuteActivity(a.SendNotice, in)
		})
	}
	sent.Wait()
	told := 0
	for _, l := range man.letters {
		if strings.Contains(l.Subject, "a mailbox is refused") {
			told++
		}
	}
	require.Equal(t, make([]error, alerts), failed)
	require.Equal(t, 1, told)
	require.Len(t, man.letters, alerts+1, "and each alert goes to somebody else")
}

// crashing gets letters out whose subject holds words, and never hears of it.
type crashing struct {
	*postman
	words string
}

func (c crashing) Send(ctx context.Context, r notify.Rendered, id string) (notify.Receipt, error) {
	receipt, err := c.postman.Send(ctx, r, id)
	if err == nil && strings.Contains(r.Subject, c.words) {
		return notify.Receipt{}, registry.Errorf(registry.Transient, "mail", "no answer")
	}
	return receipt, err
}

func TestARefusedMailboxOfRemindersIsTold(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a, man := b.notices(t)
	b.alert(t, "h-1")
	b.now = b.now.AddDate(0, 0, 1) // not late yet: nobody but Maria hears of it
	man.gone = []string{"maria@sunrise.example"}
	due := must(t, a.DueReminders, activities.DueRemindersInput{})
	require.Len(t, due.Events, 1)
	in := activities.SendNoticeInput{Kind: activities.NoticeReminders, Event: due.Events[0]}
	for range 2 {
		must(t, a.SendNotice, in)
	}
	require.Equal(t, 1, man.turned, "the server is not asked again that day")
	require.Empty(t, must(t, a.DueReminders, activities.DueRemindersInput{}).Events)
	require.Len(t, man.letters, 1, "told once")
	require.Equal(t, "desk@sunrise.example", man.to(t))
	require.Contains(t, man.last().Subject, "a mailbox is refused")

	man.gone, b.now = nil, b.now.AddDate(0, 0, 1)
	due = must(t, a.DueReminders, activities.DueRemindersInput{})
	require.Len(t, due.Events, 1)
	in.Event = due.Events[0]
	must(t, a.SendNotice, in)
	require.Equal(t, "maria@sunrise.example", man.letters[1].To[0].Email)
	require.Contains(t, man.letters[1].Body, "[reminder 1]", "nothing of the day before counts as said")
	require.Equal(t, "immtrail: over: a mailbox is refused", man.last().Subject)
}

func TestNobodyIsLeftToTell(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	chat := &talker{}
	a.Chat = chat
	man.gone = []string{"maria@sunrise.example", "desk@sunrise.example"}
	in := b.alert(t, "h-1")
	for range 2 {
		_, err := run(t, a.SendNotice, in)
		requireKind(t, registry.Refused, err)
	}
	require.Empty(t, man.letters)
	require.Len(t, chat.said, 1, "it is said in chat, once")
	require.Contains(t, chat.said[0], "refused by the mail server")
	require.NotContains(t, chat.said[0], "maria")
}

func TestARefusedMailboxOutsideIsAQuestion(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	man.gone = []string{"hl7@vendor.example"}
	in := letterInput(activities.NoticeProductionVendor, "production/sunrise")
	_, err := run(t, a.SendNotice, in)
	requireKind(t, registry.Refused, err)
	require.Empty(t, man.letters, "the question is the letter")

	t.Run("one of several is told to our people, and the others get the letter", func(t *testing.T) {
		p := b.load(t)
		p.Contacts = append(p.Contacts, registry.Contact{Role: registry.ContactVendor, Name: "Support", Email: "support@vendor.example"})
		b.save(t, p, "two of the vendor's")
		in.Event = "production/sunrise/2"
		for range 2 {
			must(t, a.SendNotice, in)
		}
		require.Len(t, man.letters, 2)
		require.Len(t, man.letters[0].To, 2)
		require.Equal(t, []registry.Contact{{Email: "maria@sunrise.example"}, {Email: "desk@sunrise.example"}}, man.last().To)
		require.Contains(t, man.last().Body, "hl7@vendor.example")
	})
}
