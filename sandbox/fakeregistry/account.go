package fakeregistry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/registry"
)

// The forms in which the registry answers.
const (
	AnswerACK       = "ack"       // a batch file of HL7 acknowledgements
	AnswerDelimited = "delimited" // rows with columns
	AnswerXLSX      = "xlsx"      // the same on a sheet, below a title
	AnswerHTML      = "html"      // a web page of two tables, called .xls
	AnswerPDF       = "pdf"       // pages with a section of refusals and one of successes
)

// Formats lists the forms of answers.
func Formats() []string {
	return []string{AnswerACK, AnswerDelimited, AnswerXLSX, AnswerHTML, AnswerPDF}
}

// Forms of one format, see [Behaviour.Form].
const (
	FormBare  = "bare"  // acknowledgements one after the other, without an envelope
	FormLF    = "lf"    // segments that end with LF
	FormPairs = "pairs" // one acknowledgement with pairs of MSA and ERR for each file

	FormTab       = "tab"          // tabs, with a byte order mark
	FormPipe      = "pipe"         // pipes, every cell quoted
	FormSemicolon = "windows-1252" // semicolons, in the old Windows encoding
)

// Forms lists the forms of a format beside its plain one.
func Forms(format string) []string {
	switch format {
	case "", AnswerACK:
		return []string{FormBare, FormLF, FormPairs}
	case AnswerDelimited:
		return []string{FormTab, FormPipe, FormSemicolon}
	}
	return nil
}

// What a report is about.
const (
	PerFile = "file"
	PerDay  = "day"
	PerWeek = "week"
)

// What a report lists.
const (
	ListsAll     = "all"
	ListsBadOnly = "bad-only"
)

// Account is an organization's login and how the registry behaves towards it.
type Account struct {
	User string `json:"user"`
	// Password, AuthorizedKey (a line as in authorized_keys), or both log in.
	Password      string `json:"password,omitempty"`
	AuthorizedKey string `json:"authorized_key,omitempty"`
	// OrgCode is the organization in the registry's answers, such as BURL6343.
	OrgCode string `json:"org_code"`
	// Prescribers are the numbers on the site agreements; empty: not checked.
	Prescribers []string `json:"prescribers,omitempty"`
	// Facilities are what MSH-4 may say; empty: not checked.
	Facilities []string  `json:"facilities,omitempty"`
	Behaviour  Behaviour `json:"behaviour"`
	// Objections are what the registry says of messages, by MSH-10, beyond its
	// rules: what nobody outside it could know.
	Objections map[string][]Objection `json:"objections,omitempty"`
}

// An Objection is a code that the registry says of a message, or of one of its
// doses.
type Objection struct {
	Code string `json:"code"`
	// Dose is which of the message's doses is meant, from 1; 0 is none.
	Dose int `json:"dose,omitempty"`
}

func (o Objection) complaint() complaint {
	c := fail(o.Code, "PID", 0, "The registry objects.")
	switch c.family() {
	case registry.FamilyInformation:
		c.Severity = registry.SeverityWarning
	case registry.FamilyMessage:
		c.Segment = "MSH"
	case registry.FamilyImmunization:
		c.Segment, c.Field = "RXA", 5
	default: // of the patient
	}
	if o.Dose > 0 {
		c.Segment, c.Occurrence = "RXA", o.Dose
	}
	return c
}

// Behaviour is how the registry treats an account's files.
type Behaviour struct {
	// SweepAtOnce takes a file away the moment it is renamed, before the sender
	// has its answer. Otherwise a file lies for Linger looks.
	SweepAtOnce bool `json:"sweep_at_once,omitempty"`
	// Linger is how many looks a file must lie unchanged; 0 means 1: it is
	// taken at the second look.
	Linger int `json:"linger,omitempty"`
	// Answer is one of [Formats]; empty is [AnswerACK].
	Answer string `json:"answer,omitempty"`
	// Form is one of [Forms] of the answer; empty is the plain one.
	Form string `json:"form,omitempty"`
	// InTurn are answers, each with its form after a slash ("ack/lf"), that
	// reports take one after the other instead.
	InTurn []string `json:"in_turn,omitempty"`
	// Per is [PerFile] (the default), [PerDay] or [PerWeek]. A report of a day or
	// a week tells of all files that were taken in it. None comes where there was
	// no file, except that a list of bad records comes once more.
	Per string `json:"per,omitempty"`
	// Weekday ends a week, in English; empty is friday.
	Weekday string `json:"weekday,omitempty"`
	// Lists is [ListsAll] (the default) or [ListsBadOnly].
	Lists string `json:"lists,omitempty"`
	// After is how many days of the calendar an answer takes, from the file's
	// taking or the end of its day or week; fractions count.
	After float64 `json:"after,omitempty"`
}

// turn is the behaviour for the n-th report, from 0.
func (b Behaviour) turn(n int) Behaviour {
	if len(b.InTurn) > 0 {
		b.Answer, b.Form, _ = strings.Cut(b.InTurn[n%len(b.InTurn)], "/")
		b.InTurn = nil
	}
	return b
}

func (b Behaviour) linger() int { return max(1, b.Linger) }

func (a *Account) fault() error {
	switch {
	case registry.CheckRemoteName(a.User) != nil:
		return errors.New("user: letters, digits, _ - . only")
	case a.Password == "" && a.AuthorizedKey == "":
		return errors.New("password or authorized_key is missing")
	case registry.CheckRemoteName(a.OrgCode) != nil:
		return errors.New("org_code: letters and digits only")
	}
	return a.Behaviour.Fault()
}

// Fault says what is impossible in a behaviour, or returns nil.
func (b Behaviour) Fault() error {
	for n := range b.InTurn {
		if err := b.turn(n).Fault(); err != nil {
			return err
		}
	}
	_, weekday := b.weekday()
	switch {
	case b.Answer != "" && !slices.Contains(Formats(), b.Answer):
		return fmt.Errorf("behaviour.answer: one of %s", strings.Join(Formats(), ", "))
	case b.Form != "" && !slices.Contains(Forms(b.Answer), b.Form):
		return fmt.Errorf("behaviour.form: the answer has no form %q", b.Form)
	case b.Lists != "" && b.Lists != ListsAll && b.Lists != ListsBadOnly:
		return errors.New("behaviour.lists: all or bad-only")
	case b.Per != "" && b.Per != PerFile && b.Per != PerDay && b.Per != PerWeek:
		return errors.New("behaviour.per: file, day or week")
	case !weekday:
		return errors.New("behaviour.weekday: a day of the week in English")
	case b.Form == FormBare && b.Lists == ListsBadOnly:
		return errors.New("behaviour.form: bare acknowledgements of bad records only may be an empty file")
	}
	return nil
}

// login is the account as the SSH server knows it.
func (a *Account) login(home string) (sftptest.User, error) {
	u := sftptest.User{Password: a.Password, Root: home}
	if a.AuthorizedKey != "" {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(a.AuthorizedKey))
		if err != nil {
			return u, fmt.Errorf("authorized_key: %w", err)
		}
		u.Keys = []ssh.PublicKey{key}
	}
	return u, nil
}

const accountsFile = "accounts.json"

// WriteAccounts replaces the accounts of the registry in dir. A running
// registry reads them at its next look; who is no longer named keeps the login
// until the registry starts again.
func WriteAccounts(dir string, accounts []Account) error {
	return writeJSON(filepath.Join(dir, accountsFile), accounts)
}

// ReadAccounts reads the accounts of the registry in dir; none is no error.
// It returns an error where one of them is impossible.
func ReadAccounts(dir string) ([]Account, error) {
	var accounts []Account
	if err := readJSON(filepath.Join(dir, accountsFile), &accounts); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range accounts {
		a := &accounts[i]
		if err := a.fault(); err != nil {
			return nil, fmt.Errorf("%s: account %d: %w", accountsFile, i+1, err)
		}
		if seen[a.User] {
			return nil, fmt.Errorf("%s: account %d: the user is there twice", accountsFile, i+1)
		}
		seen[a.User] = true
	}
	return accounts, nil
}

// writeJSON replaces path as a whole: readers never see half of it.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	return writeWhole(path, append(data, '\n'))
}

// readJSON leaves v alone where there is no such file.
func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// writeWhole writes to a name with a dot and renames.
func writeWhole(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error to tell is the first one
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
