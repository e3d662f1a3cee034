package notify

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"

	"immtrail/registry"
)

// Bounce is what a mail server says of a letter that it took and could not deliver: a
// delivery status notification (RFC 3464), or the report of a server that writes
// none but returns the letter (Exchange, Exim).
type Bounce struct {
	// MessageID is that of the letter, without angle brackets.
	MessageID string
	// Failed are the mailboxes that nothing will reach any more. Address is empty where
	// the report names none: then it is all of the letter.
	Failed []Failure
}

// Failure is one mailbox of it.
type Failure struct {
	Address string
	// Status is an enhanced code (RFC 3463) such as 5.1.1; empty where none is told.
	Status string
}

// MaxBounce is the size in bytes above which a mail is no bounce that is read: it
// returns a letter of ours, which is smaller.
const MaxBounce = 8 << 20

// maxParts bounds how deep and how far a mail is looked through.
const maxParts = 50

var (
	statusForm  = regexp.MustCompile(`[245]\.\d{1,3}\.\d{1,3}`)
	addressForm = regexp.MustCompile(`[^\s<>,;]+@[^\s<>,;]+`)
)

// ReadBounce reads a mail. ok is false for one that is no bounce: what a person or a
// machine answers, a notice that a letter is late or has arrived. It fails with kind
// Invalid when the mail cannot be read, and when it says that a letter failed and not
// which.
func ReadBounce(r io.Reader) (b Bounce, ok bool, err error) {
	const op = "bounce"
	mail, err := message.Read(io.LimitReader(r, MaxBounce))
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return b, false, registry.Errorf(registry.Invalid, op, "it cannot be read as a mail")
	}
	if mail.Header.Len() == 0 || mail.Header.Get("From")+mail.Header.Get("Date")+mail.Header.Get("Message-Id")+mail.Header.Get("Content-Type") == "" {
		return b, false, registry.Errorf(registry.Invalid, op, "it cannot be read as a mail")
	}
	found := report{}
	if err := found.walk(mail, 0); err != nil {
		return b, false, registry.Errorf(registry.Invalid, op, "its parts cannot be read")
	}
	if !found.status { // a server of another manner says it in the head
		for _, address := range addressForm.FindAllString(mail.Header.Get("X-Failed-Recipients"), -1) {
			found.failed = append(found.failed, Failure{Address: address})
		}
		if len(found.failed) == 0 && found.returned && mail.Header.Has("X-Ms-Exchange-Message-Is-Ndr") {
			found.failed = []Failure{{}}
		}
	}
	if len(found.failed) == 0 {
		return b, false, nil
	}
	b = Bounce{MessageID: found.messageID, Failed: found.failed}
	if b.MessageID == "" {
		b.MessageID = bareID(mail.Header.Get("In-Reply-To"))
	}
	if b.MessageID == "" {
		return b, false, registry.Errorf(registry.Invalid, op, "it says that a letter failed, and not which: the returned letter's Message-ID is missing")
	}
	return b, true, nil
}

// report gathers what the parts of a mail say.
type report struct {
	parts     int
	status    bool // there is a part in the form of RFC 3464
	returned  bool // the letter comes with it
	failed    []Failure
	messageID string
}

func (f *report) walk(e *message.Entity, depth int) error {
	if f.parts++; f.parts > maxParts || depth > maxParts {
		return errors.New("too many parts")
	}
	if parts := e.MultipartReader(); parts != nil {
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				return err
			}
			if err := f.walk(part, depth+1); err != nil {
				return err
			}
		}
	}
	kind, _, _ := e.Header.ContentType() // what cannot be read is of no kind that matters
	switch strings.ToLower(kind) {
	case "message/delivery-status", "message/global-delivery-status":
		f.status = true
		return f.statuses(e.Body)
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers":
		head, err := textproto.ReadHeader(bufio.NewReader(e.Body))
		if f.returned = true; err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			f.messageID = bareID(head.Get("Message-Id"))
		}
	}
	return nil
}

// statuses reads the groups of fields of RFC 3464 2: one of the message, then one of
// each mailbox.
func (f *report) statuses(body io.Reader) error {
	in := bufio.NewReader(body)
	for range maxParts {
		group, err := textproto.ReadHeader(in)
		if group.Len() > 0 {
			f.mailbox(group)
		}
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return err
		}
		if ended || !more(in) {
			break
		}
	}
	return nil
}

func more(in *bufio.Reader) bool {
	_, err := in.Peek(1)
	return err == nil
}

// mailbox reads one of them. What is delayed, delivered, relayed or expanded has not
// failed (RFC 3464 2.3.3).
func (f *report) mailbox(group textproto.Header) {
	action := strings.ToLower(strings.TrimSpace(group.Get("Action")))
	status := statusForm.FindString(group.Get("Status"))
	if action != "failed" && (action != "" || !strings.HasPrefix(status, "5.")) {
		return
	}
	// The mailbox that we wrote to, before any forwarding, where it is told.
	for _, field := range []string{"Original-Recipient", "Final-Recipient"} {
		_, address, _ := strings.Cut(group.Get(field), ";")
		if address = addressForm.FindString(address); address != "" {
			f.failed = append(f.failed, Failure{Address: address, Status: status})
			return
		}
	}
	f.failed = append(f.failed, Failure{Status: status})
}

// bareID is the first Message-ID of a field, without its angle brackets.
func bareID(field string) string {
	_, rest, ok := strings.Cut(field, "<")
	id, _, ended := strings.Cut(rest, ">")
	if id = strings.TrimSpace(id); !ok || !ended || !idForm.MatchString(id) {
		return ""
	}
	return id
}
