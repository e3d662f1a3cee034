package fakeregistry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"immtrail/registry"
)

// Received is a file as the registry's ledger remembers it. No patient is
// named in it.
type Received struct {
	// ID is minted when the file is taken: the same bytes under the same name,
	// sent twice, are two entries.
	ID string `json:"id"`
	// Time is the moment on the wall clock at which the file was taken; Date is
	// the same moment on the calendar.
	Time time.Time `json:"time"`
	Date time.Time `json:"date"`
	// Account is the login, OrgCode its organization.
	Account string        `json:"account"`
	OrgCode string        `json:"org_code"`
	Lane    registry.Lane `json:"lane"`
	// Folder is where the file lay, relative to the login's home.
	Folder string `json:"folder"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	// SHA256 is the digest of the file; ContentSHA256 that of its messages
	// alone (every segment from MSH on, each ended by CR), so that the same
	// messages in a new envelope are recognised. Both in hex.
	SHA256        string `json:"sha256"`
	ContentSHA256 string `json:"content_sha256"`
	// Messages in the order of the file; empty when the file is unreadable.
	Messages []Message `json:"messages"`
	// ProcessingIDs counts messages by MSH-11.
	ProcessingIDs map[string]int `json:"processing_ids"`
	// Verdicts counts messages by outcome, Codes by code (FIR-902, CLR-100).
	Verdicts map[registry.Outcome]int `json:"verdicts"`
	Codes    map[string]int           `json:"codes"`
	// TestPatients counts messages whose patient's name is no person's.
	TestPatients int `json:"test_patients,omitempty"`
	// Answer is the name of the report in the reports folder, AnswerDue the
	// date on which it is put there.
	Answer    string    `json:"answer"`
	AnswerDue time.Time `json:"answer_due"`
}

// Message is one message of a received file.
type Message struct {
	ControlID    string           `json:"control_id"`
	ProcessingID string           `json:"processing_id"`
	Facility     string           `json:"facility"` // MSH-4.1
	SHA256       string           `json:"sha256"`
	Outcome      registry.Outcome `json:"outcome"`
	Codes        []string         `json:"codes,omitempty"`
}

// ControlIDs lists MSH-10 of every message, in order.
func (r *Received) ControlIDs() []string {
	ids := make([]string, len(r.Messages))
	for i, m := range r.Messages {
		ids[i] = m.ControlID
	}
	return ids
}

// ErrorFree reports whether the registry found nothing that breaks "error
// free": warnings, and doses that were there already, do not.
func (r *Received) ErrorFree() bool {
	for o, n := range r.Verdicts {
		if n > 0 && o.Bad() {
			return false
		}
	}
	return len(r.Messages) > 0
}

const ledgerFile = "ledger.jsonl"

// ReadLedger reads what the registry in dir received, oldest first. It may be
// called at any time, also while the registry runs; the rest of a line that a
// kill cut off is not read. No ledger is an empty one.
func ReadLedger(dir string) ([]Received, error) {
	all, _, err := readLedger(filepath.Join(dir, ledgerFile))
	return all, err
}

// readLedger also tells how many bytes hold whole lines.
func readLedger(path string) ([]Received, int64, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read ledger: %w", err)
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	var all []Received
	dec := json.NewDecoder(bytes.NewReader(data[:whole]))
	for {
		var r Received
		err := dec.Decode(&r)
		if errors.Is(err, io.EOF) {
			return all, int64(whole), nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("ledger line %d: %w", len(all)+1, err)
		}
		all = append(all, r)
	}
}

// ledger is the open file: append only, each line on disk before the next step.
type ledger struct {
	file *os.File
	have map[string]bool // by ID
	// count is how many files each account has sent, for the answers' names.
	count map[string]int
}

// openLedger opens the ledger in dir for appending, after cutting off the half
// line that a kill may have left.
func openLedger(dir string) (*ledger, []Received, error) {
	path := filepath.Join(dir, ledgerFile)
	all, whole, err := readLedger(path)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open ledger: %w", err)
	}
	if err := f.Truncate(whole); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open ledger: %w", err), f.Close())
	}
	l := &ledger{file: f, have: map[string]bool{}, count: map[string]int{}}
	for i := range all {
		l.remember(&all[i])
	}
	return l, all, nil
}

func (l *ledger) remember(r *Received) {
	l.have[r.ID] = true
	l.count[r.Account]++
}

// append writes r and waits until it is on disk.
func (l *ledger) append(r *Received) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	_, err = l.file.Write(append(line, '\n'))
	if err = errors.Join(err, l.file.Sync()); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	l.remember(r)
	return nil
}

func (l *ledger) close() error { return l.file.Close() }
