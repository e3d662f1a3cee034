package activities_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

// talker keeps what was said, and can have no voice.
type talker struct {
	said []string
	fail error
}

func (c *talker) Say(_ context.Context, text string) error {
	c.said = append(c.said, text)
	return c.fail
}

// alert opens a hold and asks for its letter.
func (b *bundle) alert(t *testing.T, id string) activities.SendNoticeInput {
	t.Helper()
	must(t, b.practices.OpenHold, activities.OpenHoldInput{
		Scope: scope(), ID: id, WorkflowID: "file/f-1", Reason: registry.HoldConflict, What: "upload of a file", Words: "it differs",
	})
	in := letterInput(activities.NoticeHold, "hold/"+id+"/0")
	in.HoldID = id
	return in
}

func TestAlertsAreSaidInChat(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	chat := &talker{}
	a.Chat = chat
	first := b.alert(t, "h-1")

	t.Run("nothing is said of a letter that did not go out", func(t *testing.T) {
		man.fail = registry.Errorf(registry.Transient, "mail", "come again")
		_, err := run(t, a.SendNotice, first)
		requireKind(t, registry.Transient, err)
		require.Empty(t, chat.said)
		man.fail = nil
	})
	t.Run("the subject is said once, whatever is repeated, and nothing else of the letter", func(t *testing.T) {
		must(t, a.SendNotice, first)
		must(t, a.SendNotice, first)
		require.Equal(t, []string{man.last().Subject}, chat.said)
		require.Contains(t, chat.said[0], "sunrise: waiting for you")
		require.NotContains(t, chat.said[0], "it differs")
	})
	t.Run("so is the all-clear", func(t *testing.T) {
		over := letterInput(activities.NoticeResolved, "hold/h-1/over")
		over.HoldID = "h-1"
		must(t, a.SendNotice, over)
		must(t, a.SendNotice, over)
		require.Len(t, chat.said, 2)
		require.Contains(t, chat.said[1], "sunrise: over")
	})
	t.Run("letters that are no alerts are not said", func(t *testing.T) {
		must(t, a.SendNotice, letterInput(activities.NoticeProductionVendor, "production/sunrise"))
		require.Len(t, chat.said, 2)
	})
	t.Run("letters that are switched off are not said either", func(t *testing.T) {
		a.Sender = notify.Off{}
		must(t, a.SendNotice, b.alert(t, "h-2"))
		require.Len(t, chat.said, 2)
		a.Sender = man
	})
	t.Run("a room that did not take it is told of by letter, once a day, and holds nothing up", func(t *testing.T) {
		chat.fail = registry.Errorf(registry.Transient, "chat", "rooms that did not take it: 2 of 3")
		before := len(man.letters)
		must(t, a.SendNotice, b.alert(t, "h-3"))
		must(t, a.SendNotice, b.alert(t, "h-4"))
		require.Len(t, man.letters, before+3, "two alerts, and one letter about the room")
		told := man.letters[before+1]
		require.Equal(t, "desk@sunrise.example", told.To[0].Email)
		require.Equal(t, "immtrail: a chat room was not reached", told.Subject)
		require.Contains(t, told.Body, "rooms that did not take it: 2 of 3")
		require.Contains(t, told.Body, `section "chat-silent"`)
		require.NotContains(t, told.Body, "again when it is over", "nobody can tell when it is")
		b.now = b.now.AddDate(0, 0, 1)
		must(t, a.SendNotice, b.alert(t, "h-5"))
		require.Len(t, man.letters, before+5, "another day")
	})
}

func TestThatLettersDoNotGoOutIsSaidInChat(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	chat := &talker{}
	a.Chat = chat
	fails := func(t *testing.T, kind registry.Kind) {
		t.Helper()
		man.fail = registry.Errorf(kind, "mail", "the mail server answered 535 at the login")
		_, err := run(t, a.SendNotice, letterInput(activities.NoticeProductionVendor, "production/sunrise"))
		requireKind(t, kind, err)
	}
	t.Run("not while it may be weather", func(t *testing.T) {
		fails(t, registry.Transient)
		require.Empty(t, chat.said)
		for _, kind := range []registry.Kind{registry.Transient, registry.Busy} {
			cause := registry.Errorf(kind, "mail", "come again")
			require.False(t, activities.MailFails(cause, 9))
			require.True(t, activities.MailFails(cause, 10), "after about an hour it is said")
		}
	})
	t.Run("not for one mailbox, nor for a letter that is none", func(t *testing.T) {
		require.False(t, activities.MailFails(notify.RefuseMailboxes(registry.Errorf(registry.Refused, "mail", "550"), "a@b.example"), 10))
		require.False(t, activities.MailFails(registry.Errorf(registry.Invalid, "mail", "nobody is addressed"), 10))
	})
	t.Run("when the server refuses us, once a day", func(t *testing.T) {
		fails(t, registry.Unauthorised)
		fails(t, registry.Unauthorised)
		require.Equal(t, []string{"immtrail: letters do not go out (mail: the mail server answered 535 at the login)"}, chat.said)
		n, ok, err := b.db.NoticeOf(t.Context(), "mail-fails/2026-03-02")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, db.NoticeGivenUp, n.State, "nobody waits for it to leave")
		b.now = b.now.AddDate(0, 0, 1)
		fails(t, registry.Unauthorised)
		require.Len(t, chat.said, 2)
	})
}
