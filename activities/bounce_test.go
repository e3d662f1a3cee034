//go:build unix

package activities_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/postfix"
	"immtrail/notify"
	"immtrail/registry"
)

// cameBack records that mailboxes of a letter failed.
func (b *bundle) cameBack(t *testing.T, event string, addresses ...string) db.Bounced {
	t.Helper()
	n, ok, err := b.db.NoticeOf(t.Context(), event)
	require.NoError(t, err)
	require.True(t, ok, event)
	bounce := notify.Bounce{MessageID: n.MessageID}
	for _, a := range addresses {
		bounce.Failed = append(bounce.Failed, notify.Failure{Address: a, Status: "5.1.1"})
	}
	out, err := activities.RecordBounce(t.Context(), b.db, bounce, b.act("bounce"))
	require.NoError(t, err)
	return out
}

func TestLettersThatComeBack(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	const maria, desk = "maria@sunrise.example", "desk@sunrise.example"
	tell := func(t *testing.T) activities.TellBouncesResult {
		t.Helper()
		out := must(t, a.TellBounces, activities.TellBouncesInput{})
		n := len(man.letters)
		require.Zero(t, must(t, a.TellBounces, activities.TellBouncesInput{}).Told)
		require.Len(t, man.letters, n, "told once")
		return out
	}
	t.Run("an alert goes to somebody else with the same words, and of the mailbox is told", func(t *testing.T) {
		alert := b.alert(t, "h-1")
		must(t, a.SendNotice, alert)
		words := man.last().Body
		require.Equal(t, []string{maria}, b.cameBack(t, alert.Event, "Maria@sunrise.example").New)
		require.Empty(t, b.cameBack(t, alert.Event, maria).New, "the same mail again")
		require.Equal(t, 1, tell(t).Told)
		require.Len(t, man.letters, 3)
		require.Equal(t, "immtrail: a mailbox is refused", man.letters[1].Subject)
		require.Contains(t, man.letters[1].Body, "to "+maria+" came back: there is no such mailbox (5.1.1)")
		require.Equal(t, []string{desk}, emails(man.letters[1]))
		require.Equal(t, words, man.last().Body)
		require.Equal(t, []string{desk}, emails(man.last()))
		n, _, err := b.db.NoticeOf(t.Context(), alert.Event)
		require.NoError(t, err)
		require.Equal(t, db.NoticeUndelivered, n.State)
	})
	t.Run("that the server takes the next one proves nothing; five days without a bounce do", func(t *testing.T) {
		before := len(man.letters)
		b.now = b.now.AddDate(0, 0, 1)
		must(t, a.SendNotice, b.alert(t, "h-2"))
		require.Len(t, man.letters, before+1, "no all-clear")
		b.now = b.now.AddDate(0, 0, 6)
		must(t, a.SendNotice, b.alert(t, "h-3"))
		require.Len(t, man.letters, before+3)
		require.Equal(t, "immtrail: over: a mailbox is refused", man.last().Subject)
	})
	t.Run("a letter to somebody outside is an alert to the coordinator, letter by letter", func(t *testing.T) {
		for _, event := range []string{"production/sunrise", "history-questions/sunrise"} {
			before := len(man.letters)
			must(t, a.SendNotice, letterInput(activities.NoticeProductionVendor, event))
			b.cameBack(t, event, "hl7@vendor.example")
			tell(t)
			require.Len(t, man.letters, before+2)
			require.Equal(t, "sunrise: a letter came back", man.last().Subject)
			require.Contains(t, emails(man.last()), maria)
			require.Contains(t, man.last().Body, "hl7@vendor.example came back: there is no such mailbox")
			require.Contains(t, man.last().Body, "starter letter show "+event)
			require.Contains(t, man.last().Body, `section "letter-came-back"`)
		}
	})
	t.Run("what a morning's letter told counts as unsaid", func(t *testing.T) {
		due := must(t, a.DueReminders, activities.DueRemindersInput{}).Events
		require.NotEmpty(t, due)
		for _, event := range due {
			must(t, a.SendNotice, activities.LetterOf(event))
			n, _, err := b.db.NoticeOf(t.Context(), event)
			require.NoError(t, err)
			b.cameBack(t, event, n.Recipients...)
		}
		tell(t)
		b.now = b.now.AddDate(0, 0, 1)
		require.NotEmpty(t, must(t, a.DueReminders, activities.DueRemindersInput{}).Events, "all of it comes again")
	})
	t.Run("a bounce of somebody else's letter is none of ours", func(t *testing.T) {
		_, err := activities.RecordBounce(t.Context(), b.db, notify.Bounce{MessageID: "x@elsewhere.example", Failed: []notify.Failure{{}}}, b.act("x"))
		require.Equal(t, registry.Missing, registry.KindOf(err))
	})
}

// Postfix takes a letter and bounces it into the Maildir of the sender, which the
// worker reads.
func TestBouncesOfARealMailServer(t *testing.T) {
	t.Parallel()
	server := postfix.Start(t, deskBox)
	b := open(t, registry.PhaseProduction)
	a, _ := b.notices(t)
	by(t, a, server, server.Addr())
	p := b.load(t)
	maria := "maria@" + postfix.Elsewhere
	for i, c := range p.Contacts {
		if c.Role == registry.ContactCoordinator {
			p.Contacts[i].Email = maria
		}
	}
	b.save(t, p, "moved away")
	alert := b.alert(t, "h-1")
	must(t, a.SendNotice, alert)
	dsn := server.Await(t, deskBox, 1)[0]
	require.Contains(t, dsn, "delivery-status\n") // of global mail (RFC 6533), since the letter went by SMTPUTF8
	dir := server.Maildir(deskBox)
	a.Bounces = notify.MailFolder{Dir: dir}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "new", "broken"), []byte(strings.Replace(dsn, "Message-ID: <", "Message-X: <", 1)), 0o644))

	out := must(t, a.TellBounces, activities.TellBouncesInput{})
	require.Equal(t, 1, out.Bounced)
	require.Equal(t, 1, out.Told)
	require.Equal(t, 1, out.Unreadable)
	n, _, err := b.db.NoticeOf(t.Context(), alert.Event)
	require.NoError(t, err)
	require.Equal(t, db.NoticeUndelivered, n.State)
	subjects := ""
	for _, m := range server.Await(t, deskBox, 4) {
		subjects += read2(m) + "\n"
	}
	for _, want := range []string{"a letter came back", "a mailbox is refused", "waiting for you"} {
		require.Contains(t, subjects, want)
	}
}

// read2 is the subject line of a mail.
func read2(mail string) string {
	_, rest, _ := strings.Cut(mail, "\nSubject: ")
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

// folderOf is a mailbox in which the first mails can be read by nobody.
type folderOf struct {
	unreadable, all int
	done            map[string]bool
}

func (f *folderOf) Unread(limit int) ([]notify.Mail, error) {
	var out []notify.Mail
	for n := range f.all {
		if name := fmt.Sprintf("%04d.eml", n); !f.done[name] {
			out = append(out, notify.Mail{Name: name})
		}
	}
	return out[:min(len(out), limit)], nil
}

func (f *folderOf) Read(_ context.Context, m notify.Mail) (b notify.Bounce, ok bool, err error) {
	if n, _ := strconv.Atoi(strings.TrimSuffix(m.Name, ".eml")); n < f.unreadable {
		return b, false, registry.Errorf(registry.Invalid, "bounce", "it names no letter")
	}
	return b, false, nil // somebody's answer
}

func (f *folderOf) Done(m notify.Mail) error {
	f.done[m.Name] = true
	return nil
}

func TestMailsThatCannotBeReadHideNone(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, _ := b.notices(t)
	const unreadable = 205 // more than a round reads
	folder := &folderOf{unreadable: unreadable, all: unreadable + 300, done: map[string]bool{}}
	a.Bounces = folder
	for _, read := range []int{200, 100, 0} {
		out := must(t, a.TellBounces, activities.TellBouncesInput{})
		require.Equal(t, read, out.Read)
		require.Equal(t, unreadable, out.Unreadable)
	}
	require.Len(t, folder.done, 300)
}
