package ftps

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jlaffaye/ftp"

	"immtrail/registry"
	"immtrail/transfer"
)

// Stat implements [transfer.Remote].
func (s *session) Stat(ctx context.Context, folder, name string) (transfer.Seen, error) {
	p, err := s.c.Listed(folder, name)
	if err != nil {
		return transfer.Seen{}, err
	}
	return s.look(ctx, p)
}

// look asks for one name: by MLST, else by SIZE and MDTM. A refusal whose words
// do not say that nothing is there is looked into by a listing, because FTP has
// one code (550) for absence, prohibition and folders.
func (s *session) look(ctx context.Context, p string) (transfer.Seen, error) {
	var seen transfer.Seen
	err := s.step(ctx, func() (err error) {
		if !s.mlst() {
			seen, err = s.bySize(p)
			return err
		}
		seen, err = s.byMLST(p)
		if _, spoken := replyIn(err); spoken && !errors.Is(quoted(err), os.ErrNotExist) {
			seen, err = s.bySize(p) // ProFTPD says only here that there is no such file
		}
		return err
	})
	r, spoken := replyIn(err)
	switch {
	case err == nil:
		return seen, nil
	case !spoken || r.code < 450 || r.kind() == registry.Unauthorised:
		return transfer.Seen{}, fail(opStat, kindOf(err), p, err)
	case errors.Is(r, os.ErrNotExist):
		return transfer.Seen{}, nil
	}
	found, lerr := s.list(ctx, path.Dir(p))
	if lerr != nil {
		if _, spoken := replyIn(lerr); !spoken {
			return transfer.Seen{}, fail(opStat, kindOf(lerr), p, lerr)
		}
		return transfer.Seen{}, fail(opStat, r.kind(), p, r)
	}
	for _, f := range found {
		if f.name == path.Base(p) {
			return f.seen, nil
		}
	}
	return transfer.Seen{}, nil
}

func (s *session) byMLST(p string) (transfer.Seen, error) {
	_, err := s.ftp.GetEntry(p)
	if err != nil {
		if _, spoken := replyIn(err); spoken {
			return transfer.Seen{}, err
		}
	}
	seen, ok := parseMLST(s.control.reply.String())
	if !ok {
		return transfer.Seen{}, errors.Join(errors.New("the answer to MLST cannot be read"), err)
	}
	return seen, nil
}

func (s *session) bySize(p string) (transfer.Seen, error) {
	size, err := s.ftp.FileSize(p)
	if err != nil {
		return transfer.Seen{}, err
	}
	seen := transfer.Seen{Exists: true, Regular: true, Size: size}
	if s.ftp.IsGetTimeSupported() {
		seen.ModTime, err = s.ftp.GetTime(p)
	}
	return seen, err
}

// List implements [transfer.Remote].
func (s *session) List(ctx context.Context, folder string) (transfer.Listing, error) {
	dir, err := transfer.CleanFolder(folder)
	if err != nil {
		return transfer.Listing{}, err
	}
	found, err := s.list(ctx, dir)
	if err != nil {
		return transfer.Listing{}, fail(opList, listKind(err), "folder "+dir, err)
	}
	var l transfer.Listing
	for _, f := range found {
		add(&l, f.name, f.seen, s.c.Settings.NameCharacters)
	}
	slices.SortFunc(l.Entries, func(a, b transfer.Entry) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// listKind: a folder that is not there is not weather, though some servers
// answer 450.
func listKind(err error) registry.Kind {
	if r, ok := replyIn(err); ok && r.code == ftp.StatusFileActionIgnored {
		return registry.Refused
	}
	return kindOf(err)
}

// list is a folder's content with every name as it came.
func (s *session) list(ctx context.Context, dir string) ([]facts, error) {
	ctx, cancel := s.listTime(ctx)
	defer cancel()
	var kept bytes.Buffer
	s.next = purpose{kept: &kept}
	defer func() { s.next = purpose{} }()
	if s.mlst() {
		err := s.step(ctx, func() error {
			_, err := s.ftp.List(dashed(dir))
			return s.ended(err)
		})
		return parseMLSD(kept.Bytes()), err
	}
	var entries []*ftp.Entry
	err := s.step(ctx, func() (err error) {
		entries, err = s.listByLIST(dir)
		return err
	})
	return fromLIST(entries, kept.Bytes()), err
}

// listByLIST goes into the folder and back: LIST takes arguments for options
// and patterns, and some servers answer a missing folder with an empty list.
func (s *session) listByLIST(dir string) ([]*ftp.Entry, error) {
	home, err := s.ftp.CurrentDir()
	if err != nil {
		return nil, err
	}
	if err := s.ftp.ChangeDir(dir); err != nil {
		return nil, err
	}
	entries, err := s.ftp.List("")
	return entries, errors.Join(s.ended(err), s.ftp.ChangeDir(home))
}

// fromLIST joins what the library could read with what it left out: such a
// line is the rest of a name with a line break, and is refused together with
// the line before it.
func fromLIST(entries []*ftp.Entry, raw []byte) []facts {
	var all []facts
	for line := range bytes.Lines(raw) {
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case text == "" || strings.HasPrefix(text, "total "):
		case len(entries) > 0 && strings.Contains(text, " "+entries[0].Name):
			e := entries[0]
			entries = entries[1:]
			if e.Name == "." || e.Name == ".." {
				continue
			}
			all = append(all, facts{name: e.Name, seen: transfer.Seen{
				Exists: true, Regular: e.Type == ftp.EntryTypeFile, Size: int64(e.Size), ModTime: e.Time,
			}})
		case len(all) > 0:
			all[len(all)-1].name += "\n" + text // no plain name
		default:
			all = append(all, facts{name: "\n" + text, seen: transfer.Seen{Exists: true, Regular: true}})
		}
	}
	return all
}

// dashed keeps a folder from being taken for an option.
func dashed(dir string) string {
	if strings.HasPrefix(dir, "-") {
		return "./" + dir
	}
	return dir
}

// errNotReused says why a server may refuse data connections: many demand that
// the TLS session of the control connection is used again. Over TLS 1.2
// crypto/tls can do so by tickets only, not by session ID.
var errNotReused = errors.New("the data connection did not use the TLS session of the login again, as many servers demand; " +
	"the server should offer TLS 1.3, or session tickets with TLS 1.2")

// ended takes every positive end of a transfer for one, and explains a refused
// data connection.
func (s *session) ended(err error) error {
	if err == nil || positive(err) {
		return nil
	}
	refused, ok := replyIn(err)
	if ok && (refused.code == ftp.StatusCanNotOpenDataConnection || refused.code == statusSessionNeeded) &&
		s.data != nil && s.version == tls.VersionTLS12 && !s.data.ConnectionState().DidResume {
		return errors.Join(err, errNotReused)
	}
	return err
}

// statusSessionNeeded is what FileZilla and others answer to a data connection
// of another TLS session (RFC 4217 has 522 for all faults of protection).
const statusSessionNeeded = 522

// ReadBack implements [transfer.Remote].
func (s *session) ReadBack(ctx context.Context, folder, name string) (transfer.Downloaded, error) {
	return s.Download(ctx, folder, name, io.Discard)
}

// Download implements [transfer.Remote].
func (s *session) Download(ctx context.Context, folder, name string, w io.Writer) (transfer.Downloaded, error) {
	p, err := s.c.Listed(folder, name)
	if err != nil {
		return transfer.Downloaded{}, err
	}
	return s.download(ctx, p, w)
}

func (s *session) download(ctx context.Context, p string, w io.Writer) (transfer.Downloaded, error) {
	return transfer.Whole(ctx, p, s.look, func(ctx context.Context, size int64) (got transfer.Downloaded, err error) {
		err = s.step(ctx, func() (err error) {
			got, err = s.copyOut(p, size, w)
			return err
		})
		if err == nil {
			return got, nil
		}
		kind := kindOf(err)
		if errors.Is(quoted(err), os.ErrNotExist) {
			kind = registry.Missing
		}
		return got, fail(opDownload, kind, fmt.Sprintf("%s at byte %d", p, got.Size), err)
	})
}

// copyOut reads to the end of the data connection, and no further than the
// size that was told, so that a file that grows for ever ends. Whether the end
// is the file's is decided by the size: some servers leave TLS's end mark out.
func (s *session) copyOut(p string, size int64, w io.Writer) (transfer.Downloaded, error) {
	s.next = purpose{unmarked: true}
	defer func() { s.next = purpose{} }()
	r, err := s.ftp.Retr(p)
	if err != nil {
		return transfer.Downloaded{}, s.ended(err)
	}
	digest := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{&ours{w, digest}}, io.LimitReader(r, size+1), make([]byte, chunk))
	got := transfer.Downloaded{Size: n, SHA256: hex.EncodeToString(digest.Sum(nil))}
	if err != nil || n > size {
		s.data.aborted = true
		_ = r.Close() // what is to be told is known already
		return got, err
	}
	return got, s.ended(r.Close())
}

// chunk is what is read and written at once.
const chunk = 256 << 10

// ours writes to the caller and digests; the caller's errors keep their kind.
type ours struct {
	w      io.Writer
	digest io.Writer
}

func (o *ours) Write(p []byte) (int, error) {
	_, _ = o.digest.Write(p) // never fails
	if n, err := o.w.Write(p); err != nil {
		return n, registry.Errorf(registry.KindOf(err), opDownload, "writing our copy: %w", err)
	}
	return len(p), nil
}

// Remove implements [transfer.Remote].
func (s *session) Remove(ctx context.Context, folder, name string) error {
	p, err := s.c.Listed(folder, name)
	if err != nil {
		return err
	}
	return s.remove(ctx, p)
}

func (s *session) remove(ctx context.Context, p string) error {
	seen, err := s.look(ctx, p)
	if err != nil || !seen.Exists {
		return err
	}
	if !seen.Regular {
		return registry.Errorf(registry.Refused, opRemove, "%s is not a file", p)
	}
	err = s.step(ctx, func() error { return s.ftp.Delete(p) })
	if err != nil && !errors.Is(quoted(err), os.ErrNotExist) {
		return fail(opRemove, kindOf(err), p, err)
	}
	return nil
}
