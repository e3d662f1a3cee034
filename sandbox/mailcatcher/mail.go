package mailcatcher

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Mail is one mail as it was taken.
type Mail struct {
	// Name is the file's name in the folder: sequence, hyphen, digest, ".eml".
	Name string
	// Received is when it was taken, by this machine's clock.
	Received time.Time
	// EnvelopeFrom and EnvelopeTo are what the sender told the server; blind
	// copies are seen here only.
	EnvelopeFrom string
	EnvelopeTo   []string
	// The header as people read it: words decoded, To with commas.
	From, To, ReplyTo, Subject string
	// MessageID is without its angle brackets.
	MessageID string
	// Text is the first text/plain part, with line feeds only. It is empty where
	// there is none.
	Text string
	// Fault says why the mail cannot be read; its file is kept all the same.
	Fault string
}

// Lines that are put before a mail when it is stored.
const (
	headerFrom = "X-Envelope-From"
	headerTo   = "X-Envelope-To"
)

// maxDepth bounds multiparts within multiparts.
const maxDepth = 5

// parse reads a stored mail. It never fails: what cannot be read is a Fault.
func parse(raw []byte) Mail {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{Fault: "the header cannot be read"}
	}
	h := msg.Header
	m := Mail{
		EnvelopeFrom: h.Get(headerFrom),
		From:         words(h.Get("From")),
		To:           words(h.Get("To")),
		ReplyTo:      words(h.Get("Reply-To")),
		Subject:      words(h.Get("Subject")),
		MessageID:    strings.Trim(strings.TrimSpace(h.Get("Message-ID")), "<>"),
	}
	if to := h.Get(headerTo); to != "" {
		m.EnvelopeTo = strings.Split(to, ", ")
	}
	text, err := textOf(h.Get("Content-Type"), h.Get("Content-Transfer-Encoding"), msg.Body, 0)
	if err != nil {
		m.Fault = "the body cannot be read"
	}
	m.Text = strings.ReplaceAll(text, "\r\n", "\n")
	return m
}

func words(s string) string {
	decoded, err := new(mime.WordDecoder).DecodeHeader(s)
	if err != nil {
		return s
	}
	return decoded
}

// textOf returns the first text/plain in a body, looking into multiparts.
func textOf(contentType, encoding string, body io.Reader, depth int) (string, error) {
	kind, params := "text/plain", map[string]string{}
	if contentType != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(contentType); err != nil {
			return "", err
		}
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && depth < maxDepth:
		return textOfParts(multipart.NewReader(body, params["boundary"]), depth+1)
	case kind == "text/plain":
		b, err := io.ReadAll(decoded(encoding, body))
		return string(b), err
	}
	return "", nil
}

func textOfParts(parts *multipart.Reader, depth int) (string, error) {
	for {
		// Raw, so that the transfer encoding is handled in one place.
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		text, err := textOf(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth)
		if err != nil || text != "" {
			return text, err
		}
	}
}

func decoded(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	}
	return r
}
