package fakeregistry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/registry"
)

// The forms in which the registry answers.
const (
	AnswerACK       = "ack"       // a batch file of HL7 acknowledgements
	AnswerDelimited = "delimited" // rows with columns
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
}

// Behaviour is how the registry treats an account's files.
type Behaviour struct {
	// SweepAtOnce takes a file away the moment it is renamed, before the sender
	// has its answer. Otherwise a file lies for Linger looks.
	SweepAtOnce bool `json:"sweep_at_once,omitempty"`
	// Linger is how many looks a file must lie unchanged; 0 means 1: it is
	// taken at the second look.
	Linger int `json:"linger,omitempty"`
	// Answer is [AnswerACK] (the default) or [AnswerDelimited].
	Answer string `json:"answer,omitempty"`
	// Lists is [ListsAll] (the default) or [ListsBadOnly].
	Lists string `json:"lists,omitempty"`
	// After is how many days of the calendar an answer takes; fractions count.
	After float64 `json:"after,omitempty"`
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
	case a.Behaviour.Answer != "" && a.Behaviour.Answer != AnswerACK && a.Behaviour.Answer != AnswerDelimited:
		return errors.New("behaviour.answer: ack or delimited")
	case a.Behaviour.Lists != "" && a.Behaviour.Lists != ListsAll && a.Behaviour.Lists != ListsBadOnly:
		return errors.New("behaviour.lists: all or bad-only")
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
