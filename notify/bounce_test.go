package notify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/notify"
	"immtrail/registry"
)

const letterID = "abcdefghij@sunrise.example"

// dsn is a delivery status notification as Postfix writes it, of some mailboxes.
func dsn(returned string, groups ...string) string {
	return strings.ReplaceAll(`Return-Path: <>
From: MAILER-DAEMON@mail.test (Mail Delivery System)
To: desk@sunrise.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"
Message-Id: <1@mail.test>
Date: Mon, 2 Mar 2026 09:00:00 -0600

--B
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--B
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.test

`+strings.Join(groups, "\n")+`
--B
Content-Description: Undelivered Message
`+returned+`
--B--
`, "\n", "\r\n")
}

const (
	whole = "Content-Type: message/rfc822\n\nFrom: desk@sunrise.example\nTo: maria@sunrise.example\nMessage-ID: <" + letterID + ">\nSubject: x\n\nbody\n"
	heads = "Content-Type: text/rfc822-headers\n\nMessage-ID: <" + letterID + ">\nSubject: x\n"
	gone  = "Final-Recipient: rfc822; maria@sunrise.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n"
	late  = "Final-Recipient: rfc822; maria@sunrise.example\nAction: delayed\nStatus: 4.4.1\nWill-Retry-Until: Mon, 9 Mar 2026 09:00:00 -0600\n"
	olu   = "Original-Recipient: rfc822;olu@sunrise.example\nFinal-Recipient: rfc822; o.wells@inner.example\nAction: Failed\nStatus: 5.2.2 (mailbox full)\n"
)

func TestReadBounce(t *testing.T) {
	maria := []notify.Failure{{Address: "maria@sunrise.example", Status: "5.1.1"}}
	exchange := "From: postmaster@sunrise.example\nIn-Reply-To: <" + letterID + ">\nDate: Mon, 2 Mar 2026 09:00:00 -0600\nX-MS-Exchange-Message-Is-Ndr:\n" +
		"Content-Type: multipart/mixed; boundary=\"B\"\n\n--B\nContent-Type: text/html\n\n<p>Your message couldn't be delivered</p>\n--B\n" + whole + "--B--\n"
	exim := "From: Mail Delivery System <Mailer-Daemon@mx.example>\nX-Failed-Recipients: maria@sunrise.example,\n olu@sunrise.example\nIn-Reply-To: <" + letterID + ">\n" +
		"Auto-Submitted: auto-replied\nDate: Mon, 2 Mar 2026 09:00:00 -0600\n\nThis message was created automatically.\n"
	for name, c := range map[string]struct {
		mail string
		want []notify.Failure
	}{
		"the whole letter comes back":                    {dsn(whole, gone), maria},
		"its head alone does":                            {dsn(heads, gone), maria},
		"of several mailboxes some failed":               {dsn(whole, late, olu, gone), []notify.Failure{{"olu@sunrise.example", "5.2.2"}, maria[0]}},
		"no action but a permanent status":               {dsn(whole, strings.Replace(gone, "Action: failed\n", "", 1)), maria},
		"Exchange names no mailbox but returns it":       {exchange, []notify.Failure{{}}},
		"Exim tells the mailboxes in the head of a text": {exim, []notify.Failure{{Address: "maria@sunrise.example"}, {Address: "olu@sunrise.example"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, ok, err := notify.ReadBounce(strings.NewReader(c.mail))
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, notify.Bounce{MessageID: letterID, Failed: c.want}, b)
		})
	}
	for name, mail := range map[string]string{
		"a notice that it is late": dsn(whole, late),
		"a notice that it arrived": dsn(whole, strings.Replace(gone, "failed", "delivered", 1)),
		"an automatic reply":       "From: maria@sunrise.example\nSubject: Out of office\nAuto-Submitted: auto-replied\nIn-Reply-To: <" + letterID + ">\nContent-Type: text/plain\n\nback on Monday\n",
		"a person who forwards it": "From: maria@sunrise.example\nSubject: Fwd\nContent-Type: multipart/mixed; boundary=\"B\"\n\n--B\n" + whole + "--B--\n",
	} {
		t.Run(name+" is no bounce", func(t *testing.T) {
			_, ok, err := notify.ReadBounce(strings.NewReader(mail))
			require.NoError(t, err)
			require.False(t, ok)
		})
	}
	for name, mail := range map[string]string{
		"no mail at all":               "\x00\x01 not a mail",
		"nothing":                      "",
		"it does not say which letter": dsn("Content-Type: text/plain\n\nnothing\n", gone),
	} {
		t.Run(name+" is said", func(t *testing.T) {
			_, _, err := notify.ReadBounce(strings.NewReader(mail))
			require.Equal(t, registry.Invalid, registry.KindOf(err))
			require.NotContains(t, err.Error(), "maria", "what stands in a mail is not repeated")
		})
	}
}

func FuzzReadBounce(f *testing.F) {
	f.Add(dsn(whole, gone, late))
	f.Add(dsn(heads, olu))
	f.Add("From: a@b\r\nX-Failed-Recipients: a@b\r\n\r\n")
	f.Fuzz(func(t *testing.T, mail string) {
		b, ok, err := notify.ReadBounce(strings.NewReader(mail))
		if ok && (err != nil || b.MessageID == "" || len(b.Failed) == 0) {
			t.Fatalf("a bounce of no letter: %+v, %v", b, err)
		}
	})
}

func TestMailFolder(t *testing.T) {
	write := func(t *testing.T, parts ...string) {
		t.Helper()
		path := filepath.Join(parts...)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(dsn(whole, gone)), 0o644))
	}
	for name, put := range map[string]func(t *testing.T, dir string){
		"a Maildir": func(t *testing.T, dir string) {
			t.Helper()
			write(t, dir, "new", "1.a")
			write(t, dir, "cur", "2.b:2,R")
			write(t, dir, "cur", "3.c:2,RS") // somebody has read it
		},
		"a folder of mails": func(t *testing.T, dir string) {
			t.Helper()
			write(t, dir, "a.eml")
			write(t, dir, "B.EML")
			write(t, dir, "notes.txt")
		},
	} {
		t.Run(name+" gives each mail once", func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir)
			f := notify.MailFolder{Dir: dir}
			mails, err := f.Unread(10)
			require.NoError(t, err)
			require.Len(t, mails, 2)
			one, err := f.Unread(1)
			require.NoError(t, err)
			require.Equal(t, mails[:1], one)
			for _, m := range mails {
				_, ok, err := f.Read(t.Context(), m)
				require.NoError(t, err)
				require.True(t, ok)
				require.NoError(t, f.Done(m))
				require.NoError(t, f.Done(m), "done twice")
				_, _, err = f.Read(t.Context(), m)
				require.Equal(t, registry.Missing, registry.KindOf(err))
			}
			left, err := f.Unread(10)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
	t.Run("one that cannot be marked as read is said without its name, which a person gave it", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "About Grace Hopper.eml")
		write(t, dir, "read") // in the way
		f := notify.MailFolder{Dir: dir}
		mails, err := f.Unread(10)
		require.NoError(t, err)
		err = f.Done(mails[0])
		require.Equal(t, registry.Refused, registry.KindOf(err))
		require.NotContains(t, err.Error(), "Hopper")
	})
	t.Run("mails of one name are all kept: a person saves each as Undelivered.eml", func(t *testing.T) {
		dir := t.TempDir()
		f := notify.MailFolder{Dir: dir}
		for range 3 {
			write(t, dir, "Undelivered.eml")
			mails, err := f.Unread(10)
			require.NoError(t, err)
			require.NoError(t, f.Done(mails[0]))
		}
		kept, err := os.ReadDir(filepath.Join(dir, "read"))
		require.NoError(t, err)
		require.Len(t, kept, 3)
	})
	t.Run("a folder that is not there is said", func(t *testing.T) {
		_, err := notify.MailFolder{Dir: filepath.Join(t.TempDir(), "none")}.Unread(1)
		require.Equal(t, registry.Missing, registry.KindOf(err))
	})
}
