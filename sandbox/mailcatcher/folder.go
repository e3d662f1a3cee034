package mailcatcher

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	suffix = ".eml"
	draft  = ".tmp"
)

// load reads every mail of the folder in the order in which they came, and
// removes what a kill left half written.
func load(dir string) ([]Mail, error) {
	entries, err := os.ReadDir(dir) // sorted by name, and so by sequence
	if err != nil {
		return nil, err
	}
	var mails []Mail
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasSuffix(e.Name(), draft):
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		case strings.HasSuffix(e.Name(), suffix) && sequence(e.Name()) > 0:
			m, err := read(path)
			if err != nil {
				return nil, err
			}
			mails = append(mails, m)
		}
	}
	return mails, nil
}

func read(path string) (Mail, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Mail{}, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return Mail{}, err
	}
	return named(parse(raw), filepath.Base(path), st.ModTime()), nil
}

func named(m Mail, name string, received time.Time) Mail {
	m.Name, m.Received = name, received
	return m
}

// sequence is the number that a file's name begins with, or 0.
func sequence(name string) int {
	head, _, _ := strings.Cut(name, "-")
	n, err := strconv.Atoi(head)
	if err != nil {
		return 0
	}
	return n
}

// store writes a mail under the next number: whole or not at all.
func store(dir string, seq int, raw []byte) (Mail, error) {
	sum := sha256.Sum256(raw)
	name := fmt.Sprintf("%06d-%s%s", seq, hex.EncodeToString(sum[:6]), suffix)
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+draft, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return Mail{}, err
	}
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return Mail{}, err
	}
	if err := os.Rename(path+draft, path); err != nil {
		return Mail{}, err
	}
	return read(path)
}
