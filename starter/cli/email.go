package cli

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"immtrail/db"
	"immtrail/internal/mailfile"
	"immtrail/registry"
)

// maxEmail is the size in bytes above which a file is no email.
const maxEmail = 25 << 20

// handedEmail is an email of the registry that a person handed in.
type handedEmail struct {
	mailfile.Mail
	data []byte
	// key is where the file store keeps it; empty until it does.
	key string
}

// readEmail reads an email as a person saved it; "" is none.
func (a *app) readEmail(path string) (*handedEmail, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, couldNot("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxEmail+1))
	if err != nil {
		return nil, couldNot("%w", err)
	}
	if len(data) == 0 || len(data) > maxEmail {
		return nil, refused("%s is empty or larger than an email (25 MB)", path)
	}
	e := &handedEmail{Mail: mailfile.Read(data), data: data}
	if !e.Readable() {
		a.note("Sender and date cannot be read from this file (%s); it is kept as it is, and the flags tell them.", e.Format)
	}
	return e, nil
}

// keep puts the email into the file store, byte for byte. Keeping it again keeps
// it once.
func (a *app) keep(ctx context.Context, e *handedEmail) (key string, err error) {
	if e == nil || e.key != "" {
		if e == nil {
			return "", nil
		}
		return e.key, nil
	}
	vault, err := a.fileStore(ctx)
	if err != nil {
		return "", err
	}
	kept, err := vault.Put(ctx, bytes.NewReader(e.data))
	if err != nil {
		return "", err
	}
	e.key = kept.Key
	return e.key, nil
}

// sender and day are what the flags say, or else the email.
func (e *handedEmail) sender(flag string) string {
	if e == nil {
		return strings.ToLower(flag)
	}
	return strings.ToLower(cmp.Or(flag, e.From))
}

func (e *handedEmail) day(flag string) string {
	if e == nil {
		return flag
	}
	return cmp.Or(flag, e.Day())
}

func (e *handedEmail) id() string {
	if e == nil || e.MessageID == "" {
		return ""
	}
	return "<" + e.MessageID + ">"
}

// overriding is a person who accepts an email in spite of its age, its sender, or
// that it names nobody.
type overriding struct{ by, reason string }

// actor is that person; empty where nobody overrides.
func (o overriding) actor(a *app) (name string, err error) {
	if (o.by == "") != (o.reason == "") {
		return "", misused("--override-by and --reason go together: who accepts it, and why?")
	}
	if o.by == "" {
		return "", nil
	}
	who, err := a.actorBy(o.by)
	return who.Name, err
}

// whose tells emails' practices apart: by the review letter that an email
// answers, or by the names and numbers in it.
type whose struct {
	practices []*registry.Practice
	letters   map[string]string // Message-ID of a review letter to practice
}

func (a *app) whose(ctx context.Context, store *db.Store) (*whose, error) {
	w := &whose{letters: map[string]string{}}
	var err error
	if w.practices, err = store.Practices(ctx); err != nil {
		return nil, err
	}
	letters, err := store.ListNotices(ctx, db.NoticeFilter{Kind: registry.LetterReviewRequest, Limit: 1000})
	for _, l := range letters {
		w.letters[l.MessageID] = l.Practice
	}
	return w, err
}

// fault says why the email is not about the practice. Where it names others
// nobody may override that; where it names nobody a person who knows may.
func (w *whose) fault(e *handedEmail, practice string) (why string, final bool) {
	if e == nil || e.Format == mailfile.PDF || e.Format == mailfile.Other {
		return "", false // its words cannot be read
	}
	var others []string
	for _, p := range w.practices {
		switch {
		case !w.names(e, p):
		case p.ID == practice:
			return "", false
		default:
			others = append(others, p.ID)
		}
	}
	if len(others) > 0 {
		others = others[:min(len(others), 5)]
		return "the email is about " + strings.Join(others, ", ") + ", not about " + practice, true
	}
	return "the email names neither name, org code nor IIS ID of " + practice + ", and answers no review letter of it" +
		" (a named person may accept it all the same: --override-by NAME --reason WHY)", false
}

func (w *whose) names(e *handedEmail, p *registry.Practice) bool {
	if slices.ContainsFunc(e.Answers, func(id string) bool { return w.letters[id] == p.ID }) {
		return true
	}
	return e.Names(p.Name, p.OrgCode, p.IISID, p.ID)
}

// emailHead reads who wrote an email, its day and its Message-ID; what it does
// not have stays empty, as with a PDF of one.
func emailHead(data []byte) (from, day, id string) {
	e := &handedEmail{Mail: mailfile.Read(data)}
	return cmp.Or(e.Name, e.From), e.Day(), e.id()
}
