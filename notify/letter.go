package notify

import (
	"crypto/sha256"
	"encoding/base32"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"

	"immtrail/registry"
)

// Letter is what somebody is to be told.
type Letter struct {
	// Event makes the letter unique: the same event is the same letter.
	Event    string
	Template registry.LetterKind
	To       []registry.Contact
	Data     registry.LetterData
	// Date is the letter's Date header; zero leaves it to the moment of sending.
	Date time.Time
}

// Templates turns data into words; texas.Letters does.
type Templates interface {
	Render(kind registry.LetterKind, data registry.LetterData) (subject, body string, err error)
}

// Rendered is a letter ready to be shown or sent.
type Rendered struct {
	Event   string             `json:"event"`
	Subject string             `json:"subject"`
	Body    string             `json:"body"`
	To      []registry.Contact `json:"to"`
	Date    time.Time          `json:"date,omitzero"`
	// InReplyTo is the Message-ID of the first letter of the same matter, without
	// its angle brackets, so that mailboxes keep them together; empty for a first.
	InReplyTo string `json:"in_reply_to,omitempty"`
	// Sender is in whose name it goes: its name stands before the address of the
	// settings, which alone the mail server lets through, and answers go to it. Zero:
	// whoever the settings name.
	Sender registry.Contact `json:"sender,omitzero"`
	// Attachment goes with the letter; nil where nothing does.
	Attachment *Attachment `json:"attachment,omitempty"`
}

// Attachment is a table in CSV (RFC 4180) that goes with a letter. Whoever writes
// it makes it of the same typed data as the letter's text.
type Attachment struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Render writes the letter. It returns an error of kind Invalid when the
// template fails, when nobody is addressed, when a name, an address or the
// subject holds control characters (a name must not become a header), and
// when the text looks like part of an HL7 message.
func Render(t Templates, l Letter) (Rendered, error) {
	subject, body, err := t.Render(l.Template, l.Data)
	if err != nil {
		return Rendered{}, err
	}
	r := Rendered{Event: l.Event, Subject: subject, Body: body, To: l.To, Date: l.Date}
	if why := r.fault(); why != "" {
		return Rendered{}, registry.Errorf(registry.Invalid, "letter", "%s: %s", l.Template, why)
	}
	return r, nil
}

// hl7Line is what no letter contains: the beginning of a segment.
var hl7Line = regexp.MustCompile(`(?m)(^|\s)(MSH|PID|PD1|NK1|ORC|RXA|RXR|OBX)\|`)

// idForm keeps a Message-ID from becoming two, or a header.
var idForm = regexp.MustCompile(`^[^@<>\s[:cntrl:]]+@[^@<>\s[:cntrl:]]+$`)

func (r Rendered) fault() string {
	switch {
	case r.Event == "":
		return "the event is missing"
	case len(r.To) == 0:
		return "nobody is addressed"
	case strings.TrimSpace(r.Subject) == "" || strings.ContainsFunc(r.Subject, unicode.IsControl):
		return "the subject is empty or holds control characters"
	case r.InReplyTo != "" && !idForm.MatchString(r.InReplyTo):
		return "the letter that is answered has no Message-ID of ours"
	case hl7Line.MatchString(r.Subject) || hl7Line.MatchString(r.Body):
		return "the text holds part of an HL7 message"
	}
	for _, c := range r.To {
		if why := contactFault(c); why != "" {
			return why
		}
	}
	if r.Sender.Email != "" {
		if why := contactFault(r.Sender); why != "" {
			return why
		}
	}
	if r.Attachment != nil {
		return r.Attachment.fault()
	}
	return ""
}

var attachmentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.csv$`)

func (a *Attachment) fault() string {
	switch {
	case !attachmentName.MatchString(a.Name):
		return "the attachment's name is not one of a table such as causes.csv"
	case strings.TrimSpace(a.Text) == "" || len(a.Text) > MaxAttachment:
		return "the attachment is empty or too long"
	case hl7Line.MatchString(a.Text):
		return "the attachment holds part of an HL7 message"
	}
	return ""
}

// MaxAttachment is the most that goes with a letter, in bytes.
const MaxAttachment = 1 << 20

// contactFault tells what is wrong with an address, by its role and not by its
// value.
func contactFault(c registry.Contact) string {
	a, err := mail.ParseAddress(c.Email)
	switch {
	case strings.ContainsFunc(c.Name, unicode.IsControl):
		return "the name of the contact " + string(c.Role) + " holds control characters"
	case err != nil || a.Address != c.Email || strings.ContainsFunc(c.Email, unicode.IsControl):
		return "the address of the contact " + string(c.Role) + " is not an address"
	}
	return ""
}

// MessageID is the Message-ID of the letter about event, without its angle
// brackets. The same event and domain always give the same one. Domain is the
// part of the sender's address after "@".
func MessageID(event, domain string) string {
	sum := sha256.Sum256([]byte("immtrail letter\x00" + event))
	name := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
	return name + "@" + domain
}

// Domain is the part of an address after "@", or "localhost".
func Domain(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 && at+1 < len(address) {
		return strings.ToLower(address[at+1:])
	}
	return "localhost"
}
