package oracle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// caught is a mail as it reached the catcher.
type caught struct {
	file      string // base name
	messageID string // without its angle brackets
	subject   string
	from      string
	to        []string // addresses, lower-case, sorted
	body      string   // decoded
	raw       []byte
	at        time.Time // when it was caught
}

// recipientHeaders are those that may say whom a mail went to; the last one
// is written by the mail catcher.
var recipientHeaders = []string{"To", "Cc", "Bcc", "X-Envelope-To"}

// maxMail bounds one mail; a letter has some kilobytes.
const maxMail = 16 << 20

// readMails reads every .eml file below dir.
func readMails(dir string) ([]caught, error) {
	paths, err := regularFiles(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var all []caught
	for _, path := range paths {
		if !strings.EqualFold(filepath.Ext(path), ".eml") {
			continue
		}
		m, err := readMail(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read mail %s: %w", filepath.Base(path), err)
		}
		all = append(all, m)
	}
	return all, nil
}

func readMail(path string) (caught, error) {
	m := caught{file: filepath.Base(path)}
	info, err := os.Stat(path)
	if err != nil {
		return m, err
	}
	if info.Size() > maxMail {
		return m, errors.New("it is larger than 16 MiB")
	}
	m.at = info.ModTime()
	if m.raw, err = os.ReadFile(path); err != nil {
		return m, err
	}
	msg, err := mail.ReadMessage(bytes.NewReader(m.raw))
	if err != nil {
		return m, errors.New("it is not a mail")
	}
	m.messageID = strings.Trim(strings.TrimSpace(msg.Header.Get("Message-Id")), "<>")
	if m.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		m.subject = msg.Header.Get("Subject")
	}
	if from, err := msg.Header.AddressList("From"); err == nil && len(from) > 0 {
		m.from = strings.ToLower(from[0].Address)
	}
	m.to = recipients(msg.Header)
	m.body, err = decoded(msg)
	return m, err
}

func recipients(h mail.Header) []string {
	var to []string
	for _, name := range recipientHeaders {
		for _, value := range h[name] {
			list, err := mail.ParseAddressList(value)
			if err != nil {
				continue
			}
			for _, a := range list {
				to = append(to, strings.ToLower(a.Address))
			}
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

func decoded(msg *mail.Message) (string, error) {
	body := msg.Body
	switch strings.ToLower(strings.TrimSpace(msg.Header.Get("Content-Transfer-Encoding"))) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return "", errors.New("its body cannot be decoded")
	}
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\r\n", "\n"), nil
}

// words is a digest of what the letter says.
func (m *caught) words() [32]byte { return sha256.Sum256([]byte(m.subject + "\x00" + m.body)) }

// letter is a kind of letter that may be written once, or once for a round.
type letter string

const (
	reviewRequest    letter = "review request"
	productionNotice letter = "production notice"
	firstFile        letter = "first-file notice"
	historyQuestions letter = "questions about history"
	otherLetter      letter = ""
)

// kind goes by what the subjects of the Texas letters begin with or hold; a test
// holds them against the templates.
func (m *caught) kind() letter {
	switch {
	case strings.HasPrefix(m.subject, "Request for review of test files:"):
		return reviewRequest
	case strings.HasPrefix(m.subject, "First production file delivered:"):
		return firstFile
	case strings.Contains(m.subject, " is in production with the "):
		return productionNotice
	case strings.HasPrefix(m.subject, "Two questions about historical records:"):
		return historyQuestions
	}
	return otherLetter
}

// about is the practice that the letter names by its org code.
func (m *caught) about(practices []Practice) string {
	for _, p := range practices {
		if p.OrgCode != "" && (strings.Contains(m.subject, p.OrgCode) || strings.Contains(m.body, p.OrgCode)) {
			return p.ID
		}
	}
	return ""
}
