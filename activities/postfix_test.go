//go:build unix

package activities_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/internal/postfix"
	"immtrail/notify"
	"immtrail/registry"
)

const (
	vendorBox = "hl7@vendor.example"
	mariaBox  = "maria@sunrise.example"
	deskBox   = "desk@sunrise.example"
)

// posted is a mail as it lies in a mailbox, read by nothing of ours.
type posted struct {
	mail.Header
	body string
	// file is what is attached, under name.
	name, file string
}

func read(t *testing.T, raw string) posted {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	require.NoError(t, err)
	out := posted{Header: m.Header}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	if kind == "text/plain" {
		require.Equal(t, "UTF-8", params["charset"])
		out.body = decoded(t, m.Header.Get("Content-Transfer-Encoding"), m.Body)
		return out
	}
	require.Equal(t, "multipart/mixed", kind)
	parts := multipart.NewReader(m.Body, params["boundary"])
	text, err := parts.NextRawPart()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text.Header.Get("Content-Type"), "text/plain"), text.Header)
	out.body = decoded(t, text.Header.Get("Content-Transfer-Encoding"), text)
	file, err := parts.NextRawPart()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(file.Header.Get("Content-Type"), "text/csv"), file.Header)
	out.name, out.file = file.FileName(), decoded(t, file.Header.Get("Content-Transfer-Encoding"), file)
	_, err = parts.NextRawPart()
	require.ErrorIs(t, err, io.EOF, "two parts")
	return out
}

func decoded(t *testing.T, encoding string, r io.Reader) string {
	t.Helper()
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

// by sends letters by a mail server; addr is where it is reached.
func by(t *testing.T, a *activities.Notices, server *postfix.Server, addr string) {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	require.NoError(t, err)
	smtp := notify.SMTP{
		Host: "127.0.0.1", Port: tcp.Port, TLS: notify.STARTTLS, TLSConfig: server.TLS, Timeout: 10 * time.Second,
		From: registry.Contact{Name: "María Ortega", Email: deskBox},
	}
	if addr != server.Addr() { // what stands between must read along
		smtp.TLS, smtp.TLSConfig = notify.PlainRelay, nil
	}
	a.Sender = smtp
}

func TestLettersThroughARealMailServer(t *testing.T) {
	t.Parallel()
	server := postfix.Start(t, vendorBox, mariaBox, deskBox)
	b := open(t, registry.PhaseTesting)
	a, _ := b.notices(t)
	by(t, a, server, server.Addr())
	content, facts := b.batch(t, 3, registry.LaneTest, 3, hl7gen.MissingBirthDate)
	file := b.stage(t, registry.LaneTest, "Hopper_Grace.hl7", content)
	b.check(t, file, registry.LaneTest)
	refused := letterInput(activities.NoticeFileRefused, "refused/"+file.ID)
	refused.FileID = file.ID

	t.Run("a refused file's letter lies in the vendor's mailbox with its table, byte for byte", func(t *testing.T) {
		sent := must(t, a.SendNotice, refused)
		must(t, a.SendNotice, refused)
		m := read(t, server.Await(t, vendorBox, 1)[0])
		kept, _, err := b.db.NoticeOf(t.Context(), refused.Event)
		require.NoError(t, err)
		require.Equal(t, "<"+sent.MessageID+">", m.Get("Message-ID"))
		require.Equal(t, kept.AttachmentName, m.name)
		require.Equal(t, kept.Attachment, m.file)
		require.Contains(t, m.file, "P-06")
		require.Equal(t, strings.TrimSpace(kept.Body), strings.TrimSpace(strings.ReplaceAll(m.body, "\r\n", "\n")))
		require.Regexp(t, `with (UTF8|E)SMTPS `, m.Get("Received"), "under TLS")
		for header, address := range map[string]string{"From": deskBox, "Reply-To": mariaBox} {
			who, err := m.AddressList(header)
			require.NoError(t, err)
			require.Equal(t, []*mail.Address{{Name: "Maria", Address: address}}, who, "the practice's coordinator, from the one mailbox that may send")
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, kept.Subject, subject)
		for _, p := range facts.Patients {
			for _, needle := range append(p.Needles(), "Hopper") {
				require.NotContains(t, m.body+m.file+m.name+subject, needle)
			}
		}
	})
	t.Run("what is said of the file later answers it", func(t *testing.T) {
		b.now = b.now.AddDate(0, 0, 1)
		later := refused
		later.Event = "rejected/" + file.ID
		must(t, a.SendNotice, later)
		mails := server.Await(t, vendorBox, 2)
		first, second := read(t, mails[0]), read(t, mails[1])
		require.Equal(t, first.Get("Message-ID"), second.Get("In-Reply-To"))
		require.Equal(t, first.Get("Message-ID"), second.Get("References"))
		require.NotEqual(t, first.Get("Message-ID"), second.Get("Message-ID"))
	})
	t.Run("so do an alert and its all-clear, which carry nothing", func(t *testing.T) {
		alert := b.alert(t, "h-1")
		must(t, a.SendNotice, alert)
		over := letterInput(activities.NoticeResolved, "hold/h-1/over")
		over.HoldID, b.now = "h-1", b.now.AddDate(0, 0, 1)
		must(t, a.SendNotice, over)
		mails := server.Await(t, mariaBox, 2)
		first, second := read(t, mails[0]), read(t, mails[1])
		require.Contains(t, first.Get("Subject"), "waiting for you")
		require.Empty(t, first.file)
		require.Empty(t, first.Get("In-Reply-To"))
		require.Equal(t, first.Get("Message-ID"), second.Get("In-Reply-To"))
	})
}

func TestGreylistedLettersThroughARealMailServer(t *testing.T) {
	t.Parallel()
	server := postfix.Start(t, vendorBox, mariaBox)
	b := open(t, registry.PhaseTesting)
	a, _ := b.notices(t)
	by(t, a, server, server.Addr())
	server.Greylist(2)
	alert := b.alert(t, "h-1")
	for range 2 {
		_, err := run(t, a.SendNotice, alert)
		requireKind(t, registry.Transient, err)
	}
	sent := must(t, a.SendNotice, alert)
	must(t, a.SendNotice, alert)
	m := read(t, server.Await(t, mariaBox, 1)[0])
	require.Equal(t, "<"+sent.MessageID+">", m.Get("Message-ID"), "delivered once, under the name of the first attempt")
}

func TestRefusedMailboxesThroughARealMailServer(t *testing.T) {
	t.Parallel()
	const oluBox = "olu@sunrise.example"
	server := postfix.Start(t, deskBox, oluBox, "other@vendor.example")
	b := open(t, registry.PhaseTesting)
	a, _ := b.notices(t)
	by(t, a, server, server.Addr())

	t.Run("somebody else gets the alert, and is told of the mailbox", func(t *testing.T) {
		alert := b.alert(t, "h-1")
		for range 2 {
			must(t, a.SendNotice, alert)
		}
		mails := server.Await(t, deskBox, 2)
		require.Equal(t, "immtrail: a mailbox is refused", read(t, mails[0]).Get("Subject"))
		require.Contains(t, read(t, mails[0]).body, mariaBox)
		require.Contains(t, read(t, mails[1]).Get("Subject"), "sunrise: waiting for you")
	})
	t.Run("the others of a letter get it", func(t *testing.T) {
		p := b.load(t)
		p.Contacts = append(p.Contacts, registry.Contact{Role: registry.ContactCoordinator, Name: "Olu", Email: oluBox})
		b.save(t, p, "two coordinators")
		must(t, a.SendNotice, b.alert(t, "h-2"))
		require.Equal(t, "<"+oluBox+">", read(t, server.Await(t, oluBox, 1)[0]).Get("To"))
		server.Await(t, deskBox, 2)
	})
	t.Run("of a vendor's a person is asked", func(t *testing.T) {
		_, err := run(t, a.SendNotice, letterInput(activities.NoticeProductionVendor, "production/sunrise"))
		requireKind(t, registry.Refused, err)
		require.ErrorContains(t, err, "550")
		require.NotContains(t, err.Error(), vendorBox)
	})
}

// What a broken connection tells of a letter depends on where it broke.
func TestLettersCutOffThroughARealMailServer(t *testing.T) {
	t.Parallel()
	server := postfix.Start(t, vendorBox, mariaBox)
	b := open(t, registry.PhaseTesting)
	a, _ := b.notices(t)
	line := cutLine(t, server.Addr())
	by(t, a, server, line.addr)

	t.Run("inside the text: the server keeps nothing of it, and the letter lies there once", func(t *testing.T) {
		alert := b.alert(t, "h-1")
		line.cut(insideText)
		_, err := run(t, a.SendNotice, alert)
		requireKind(t, registry.Transient, err)
		must(t, a.SendNotice, alert)
		must(t, a.SendNotice, alert)
		server.Await(t, mariaBox, 1)
	})
	t.Run("before the answer: nobody can know, so that it may lie there twice, as one letter", func(t *testing.T) {
		alert := b.alert(t, "h-2")
		line.cut(beforeAnswer)
		_, err := run(t, a.SendNotice, alert)
		requireKind(t, registry.Transient, err)
		require.ErrorContains(t, err, "may have been taken")
		must(t, a.SendNotice, alert)
		must(t, a.SendNotice, alert)
		mails := server.Await(t, mariaBox, 3)
		first, second := read(t, mails[1]), read(t, mails[2])
		require.Equal(t, first.Get("Message-ID"), second.Get("Message-ID"))
		require.Equal(t, first.Get("Subject"), second.Get("Subject"))
		require.Equal(t, first.body, second.body)
	})
}

// A cutPoint is where a connection breaks.
type cutPoint int

const (
	insideText cutPoint = iota + 1
	beforeAnswer
)

// cutter is a line to a mail server that breaks once where it is told to.
type cutter struct {
	addr string

	mu sync.Mutex
	at cutPoint
}

func cutLine(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{addr: l.Addr().String()}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			ended.Go(func() { c.join(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		ended.Wait()
	})
	return c
}

func (c *cutter) cut(at cutPoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// breaks reports whether the line breaks here; it does once.
func (c *cutter) breaks(at cutPoint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != at {
		return false
	}
	c.at = 0
	return true
}

// join speaks for a client with the server, one question and one answer after the
// other, until one of them hangs up or the line breaks.
func (c *cutter) join(client net.Conn, addr string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	fromClient, fromServer := bufio.NewReader(client), bufio.NewReader(server)
	if !pass(client, fromServer, lastOfAnswer) {
		return
	}
	for {
		line, err := fromClient.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = io.WriteString(server, line)
		if !pass(client, fromServer, lastOfAnswer) {
			return
		}
		if !strings.HasPrefix(line, "DATA") {
			continue
		}
		lines := 0
		text := func(line string) bool { lines++; return line == ".\r\n" || lines == 5 && c.breaks(insideText) }
		if !pass(server, fromClient, text) || lines == 5 {
			return
		}
		if c.breaks(beforeAnswer) {
			_ = pass(io.Discard, fromServer, lastOfAnswer) // it has taken the letter
			return
		}
		if !pass(client, fromServer, lastOfAnswer) {
			return
		}
	}
}

// pass copies lines up to the last one.
func pass(to io.Writer, from *bufio.Reader, last func(string) bool) bool {
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return false
		}
		if _, err := io.WriteString(to, line); err != nil {
			return false
		}
		if last(line) {
			return true
		}
	}
}

func lastOfAnswer(line string) bool { return len(line) > 3 && line[3] == ' ' }
