package mailfile

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // emails of every age
	"golang.org/x/net/html"
)

// Format is what a file is.
type Format string

// The formats.
const (
	EML   Format = "eml"
	MSG   Format = "msg"
	PDF   Format = "pdf"
	Other Format = "other"
)

// Mail is what an email says of itself; what it does not say is empty.
type Mail struct {
	Format Format
	// From is the sender's address, Name what stands beside it.
	From, Name string
	// Date is that of its head, in the zone that it names.
	Date time.Time
	// MessageID and Answers (the emails that it answers) have no angle brackets.
	MessageID string
	Answers   []string
	Subject   string
	// Text are its words, of plain and of HTML parts; at most maxText bytes.
	Text string
}

// maxText bounds what is looked at of an email's words, in bytes.
const maxText = 1 << 20

// Read never fails: what cannot be read as an email is of format Other.
func Read(data []byte) Mail {
	switch {
	case bytes.HasPrefix(data, []byte("%PDF-")):
		return Mail{Format: PDF}
	case bytes.HasPrefix(data, oleMagic):
		return readMSG(data)
	}
	return readEML(data)
}

// Readable reports whether the head of the email could be read.
func (m Mail) Readable() bool { return m.From != "" && !m.Date.IsZero() }

// Day is the email's day, YYYY-MM-DD; empty where it says none.
func (m Mail) Day() string {
	if m.Date.IsZero() {
		return ""
	}
	return m.Date.Format(time.DateOnly)
}

func readEML(data []byte) Mail {
	head, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil || head.Header.Get("From") == "" && head.Header.Get("Date") == "" && head.Header.Get("Message-Id") == "" {
		return Mail{Format: Other}
	}
	m := Mail{Format: EML}
	m.head(head.Header)
	m.Text = textOf(data)
	return m
}

func (m *Mail) head(h mail.Header) {
	if list, err := h.AddressList("From"); err == nil && len(list) > 0 {
		m.From, m.Name = strings.ToLower(list[0].Address), list[0].Name
	}
	if t, err := h.Date(); err == nil {
		m.Date = t
	}
	head := message.Header{}
	head.Set("Subject", h.Get("Subject"))
	m.Subject = h.Get("Subject")
	if text, err := head.Text("Subject"); err == nil {
		m.Subject = text
	}
	m.MessageID = cmp.Or(append(ids(h.Get("Message-Id")), "")...)
	m.Answers = append(ids(h.Get("In-Reply-To")), ids(h.Get("References"))...)
}

var idForm = regexp.MustCompile(`<([^<>\s]{1,500})>`)

// ids are the Message-IDs in a head's line.
func ids(line string) []string {
	var found []string
	for _, m := range idForm.FindAllStringSubmatch(line, 100) {
		found = append(found, m[1])
	}
	return found
}

// textOf collects the words of an email's parts.
func textOf(data []byte) string {
	e, err := message.Read(bytes.NewReader(data))
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) || e == nil {
		return ""
	}
	var b strings.Builder
	// What cannot be walked further is left out; the rest was read.
	_ = e.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil && !message.IsUnknownCharset(err) || part == nil {
			return nil
		}
		kind, _, _ := part.Header.ContentType() // empty is text/plain
		switch {
		case b.Len() >= maxText:
			return errFull
		case kind == "text/html":
			htmlText(&b, io.LimitReader(part.Body, maxText))
		case kind == "" || strings.HasPrefix(kind, "text/"):
			_, _ = io.Copy(&b, io.LimitReader(part.Body, maxText)) // as far as it goes
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String()
}

var errFull = errors.New("enough")

// htmlText writes the words of a page.
func htmlText(b *strings.Builder, r io.Reader) {
	z := html.NewTokenizer(r)
	z.SetMaxBuf(maxText)
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return
		}
		if kind == html.TextToken {
			b.Write(z.Text())
			b.WriteByte(' ')
		}
	}
}

// Names reports whether the email's subject or words hold one of the terms, as
// whole words, whatever their case and the blanks between. Empty terms are in
// none.
func (m Mail) Names(terms ...string) bool {
	text := " " + plain(m.Subject+" "+m.Text) + " "
	for _, t := range terms {
		if t = plain(t); t != "" && strings.Contains(text, " "+t+" ") {
			return true
		}
	}
	return false
}

var noWord = regexp.MustCompile(`[^\p{L}\p{N}]+`)

// plain is text in small letters with single blanks for everything else.
func plain(text string) string {
	return strings.TrimSpace(noWord.ReplaceAllString(strings.ToLower(html.UnescapeString(text)), " "))
}
