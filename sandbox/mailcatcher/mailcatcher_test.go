package mailcatcher_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/mailcatcher"
)

func start(t *testing.T, dir string) *mailcatcher.Catcher {
	t.Helper()
	c, err := mailcatcher.Start(t.Context(), mailcatcher.Options{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	return c
}

func letter(subject, body string) string {
	return strings.ReplaceAll("From: immtrail <desk@example.org>\nTo: staff@clinic.example\nReply-To: desk+1@example.org\n"+
		"Message-ID: <m1@example.org>\nSubject: "+subject+"\n\n"+body, "\n", "\r\n")
}

func send(c *mailcatcher.Catcher, raw string) error {
	return smtp.SendMail(c.SMTPAddr(), nil, "bounce@example.org", []string{"staff@clinic.example", "boss@clinic.example"}, []byte(raw))
}

func wait(t *testing.T, c *mailcatcher.Catcher, subject string) mailcatcher.Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := c.Wait(ctx, func(m mailcatcher.Mail) bool { return m.Subject == subject })
	require.NoError(t, err)
	return m
}

func TestCatcher(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	c := start(t, dir)
	require.NoError(t, send(c, letter("First steps", "Hello,\n\nplease call.\n")))

	t.Run("a mail is read as its receiver would", func(t *testing.T) {
		m := wait(t, c, "First steps")
		require.Equal(t, "immtrail <desk@example.org>", m.From)
		require.Equal(t, "staff@clinic.example", m.To)
		require.Equal(t, "desk+1@example.org", m.ReplyTo)
		require.Equal(t, "m1@example.org", m.MessageID)
		require.Equal(t, "Hello,\n\nplease call.\n", m.Text)
		require.Equal(t, "bounce@example.org", m.EnvelopeFrom)
		require.Equal(t, []string{"staff@clinic.example", "boss@clinic.example"}, m.EnvelopeTo, "blind copies are seen")
		require.WithinDuration(t, time.Now(), m.Received, time.Minute)
	})
	t.Run("waiting ends with the mail that comes later", func(t *testing.T) {
		found := make(chan mailcatcher.Mail)
		go func() {
			m, _ := c.Wait(t.Context(), func(m mailcatcher.Mail) bool { return m.Subject == "Later" })
			found <- m
		}()
		require.NoError(t, send(c, letter("Noise", "")))
		require.NoError(t, send(c, letter("Later", "")))
		require.Equal(t, "Later", (<-found).Subject)
	})
	t.Run("waiting for nothing ends with the context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := c.Wait(ctx, func(mailcatcher.Mail) bool { return false })
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("a lost reply leaves the mail here and its sender in doubt", func(t *testing.T) {
		c.LoseReplies(1)
		require.Error(t, send(c, letter("In doubt", "")))
		require.NoError(t, send(c, letter("In doubt", "")), "the second try is answered")
		count := 0
		for _, m := range c.List() {
			if m.Subject == "In doubt" {
				count++
			}
		}
		require.Equal(t, 2, count, "a sender that repeats blindly is found out")
	})
	t.Run("a restart lists the old mails first and goes on counting", func(t *testing.T) {
		before := c.List()
		require.NoError(t, c.Stop())
		require.NoError(t, os.WriteFile(filepath.Join(dir, "000099-half.eml.tmp"), []byte("x"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("x"), 0o600))
		again := start(t, dir)
		require.Len(t, again.List(), len(before))
		require.NoError(t, send(again, letter("After", "")))
		list := again.List()
		require.Equal(t, "After", list[len(list)-1].Subject)
		require.True(t, strings.HasPrefix(list[len(list)-1].Name, fmt.Sprintf("%06d-", len(before)+1)))
		require.NoFileExists(t, filepath.Join(dir, "000099-half.eml.tmp"))
	})
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir())
	var senders sync.WaitGroup
	for i := range 20 {
		senders.Go(func() {
			if err := send(c, letter(fmt.Sprint("Mail ", i), "")); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	names := map[string]bool{}
	for _, m := range c.List() {
		names[m.Name[:6]] = true
	}
	require.Len(t, names, 20, "every mail has a number of its own")
}

func TestBodies(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir())
	head := "From: a@example.org\nSubject: "
	for subject, tc := range map[string]struct{ raw, text, fault string }{
		"quoted": {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nna=C3=AFve a=\nnd long", "naïve and long", ""},
		"base64": {"Content-Transfer-Encoding: base64\n\nSGVs\nbG8=\n", "Hello", ""},
		"alternatives": {"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>no</p>\n--b\n" +
			"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nSGVsbG8=\n--b--\n", "Hello", ""},
		"nested": {"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n" +
			"--i\nContent-Type: text/plain\n\ninside\n--i--\n\n--o\nContent-Type: application/pdf\n\n%PDF\n--o--\n", "inside", ""},
		"only html":      {"Content-Type: text/html\n\n<p>Hi</p>", "", ""},
		"broken base64":  {"Content-Transfer-Encoding: base64\n\n!!!!", "", "the body cannot be read"},
		"no part at all": {"Content-Type: multipart/mixed; boundary=b\n\nno part at all", "", ""},
		"cut off":        {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\ncut off", "cut off", "the body cannot be read"},
		"broken type":    {"Content-Type: ///\n\nx", "", "the body cannot be read"},
	} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, send(c, strings.ReplaceAll(head+subject+"\n"+tc.raw, "\n", "\r\n")))
			m := wait(t, c, subject)
			require.Equal(t, tc.text, strings.TrimSuffix(m.Text, "\n"))
			require.Equal(t, tc.fault, m.Fault)
		})
	}
	t.Run("encoded words in the header", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, send(c, letter("=?utf-8?q?Ni=C3=B1os?=", "")))
		wait(t, c, "Niños")
	})
	t.Run("what is no mail at all is kept", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, send(c, "no header here\r\n"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Wait(ctx, func(m mailcatcher.Mail) bool { return m.Fault == "the header cannot be read" })
		require.NoError(t, err)
	})
}

func fetch(t *testing.T, url, host string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	if host != "" {
		req.Host = host
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(b)
}

func TestPages(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir())
	_, empty := fetch(t, c.URL(), "")
	require.Contains(t, empty, "No mail yet")
	const evil = "<script>alert(1)</script>"
	require.NoError(t, send(c, letter("Older", "")))
	require.NoError(t, send(c, letter(evil, evil)))
	m := wait(t, c, evil)

	t.Run("the list shows the newest first and nothing of a mail runs", func(t *testing.T) {
		resp, page := fetch(t, c.URL(), "")
		require.NotContains(t, page, evil)
		require.Less(t, strings.Index(page, "&lt;script&gt;"), strings.Index(page, "Older"))
		require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	})
	t.Run("a mail is shown as text", func(t *testing.T) {
		resp, page := fetch(t, c.URL()+"/mail/"+m.Name, "")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.NotContains(t, page, evil)
		require.Contains(t, page, "staff@clinic.example, boss@clinic.example")
	})
	t.Run("the file comes as text, whatever it says it is", func(t *testing.T) {
		resp, raw := fetch(t, c.URL()+"/raw/"+m.Name, "")
		require.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
		require.Contains(t, raw, "Message-ID: <m1@example.org>")
	})
	t.Run("the style is served", func(t *testing.T) {
		resp, _ := fetch(t, c.URL()+"/style.css", "")
		require.Contains(t, resp.Header.Get("Content-Type"), "text/css")
	})
	for _, path := range []string{"/mail/000001-none.eml", "/raw/..%2f..%2fetc%2fpasswd", "/nothing"} {
		t.Run(path+" is not found", func(t *testing.T) {
			resp, _ := fetch(t, c.URL()+path, "")
			require.Equal(t, http.StatusNotFound, resp.StatusCode)
		})
	}
	t.Run("a foreign name for this machine gets nothing", func(t *testing.T) {
		resp, _ := fetch(t, c.URL(), "evil.example")
		require.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode)
	})
}
