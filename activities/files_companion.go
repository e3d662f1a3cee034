package activities

import (
	"crypto/md5"  //nolint:gosec // the EHR chose it; it finds torn files, not forgers
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"immtrail/registry"
)

// stuckAfter is how long, on the wall clock, a file may lie in an outbox without
// being finished before somebody is told: no export takes a day.
const stuckAfter = 24 * time.Hour

// companions are the endings of files that say something of another one: that it
// is complete, and its checksum. Empty: the EHR writes none.
type companions struct{ done, checksum string }

func companionsOf(p *registry.Profile) companions {
	return companions{done: p.File.DoneSuffix, checksum: p.File.ChecksumSuffix}
}

// is reports whether a name is that of a companion.
func (c companions) is(name string) bool {
	lower := strings.ToLower(name)
	return c.done != "" && strings.HasSuffix(lower, strings.ToLower(c.done)) ||
		c.checksum != "" && strings.HasSuffix(lower, strings.ToLower(c.checksum))
}

// of finds the companions of a file in a folder: name with its ending, or with it
// in the place of the file's own. One that is older than the file is of an earlier
// file of that name. ok is false where one is missing.
func (c companions) of(name string, file fs.FileInfo, all map[string]fs.FileInfo) (done, checksum string, ok bool) {
	find := func(suffix string) string {
		for _, as := range []string{name + suffix, strings.TrimSuffix(name, filepath.Ext(name)) + suffix} {
			if fi, there := all[as]; there && !fi.ModTime().Before(file.ModTime()) {
				return as
			}
		}
		return ""
	}
	ok = true
	if c.done != "" {
		done = find(c.done)
		ok = done != ""
	}
	if c.checksum != "" {
		checksum = find(c.checksum)
		ok = ok && checksum != ""
	}
	return done, checksum, ok
}

var hexDigest = regexp.MustCompile(`\b(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\b`)

// sumMatches compares a file with its checksum file: SHA-256, SHA-1 or MD5 in hex,
// by its length, with or without a name beside it.
func (o *outbox) sumMatches(f outboxFile) (bool, error) {
	said, err := o.head(f.checksum, 4096)
	if err != nil {
		return false, err
	}
	want, err := hex.DecodeString(string(hexDigest.Find(said)))
	if err != nil || len(want) == 0 {
		return false, nil // what is no digest matches nothing
	}
	var sum hash.Hash
	switch len(want) {
	case sha256.Size:
		sum = sha256.New()
	case sha1.Size:
		sum = sha1.New() //nolint:gosec // see the import
	default:
		sum = md5.New() //nolint:gosec // see the import
	}
	src, err := o.root.Open(filepath.Join(o.lane, f.name))
	if err != nil {
		return false, diskFault("outbox", "a file in the outbox", err)
	}
	defer func() { _ = src.Close() }() // only read from
	if _, err := io.Copy(sum, &silentReader{src}); err != nil {
		return false, err
	}
	return hex.EncodeToString(sum.Sum(nil)) == hex.EncodeToString(want), nil
}

// head reads the first bytes of a file of the lane.
func (o *outbox) head(name string, most int64) ([]byte, error) {
	src, err := o.root.Open(filepath.Join(o.lane, name))
	if err != nil {
		return nil, diskFault("outbox", "a checksum file in the outbox", err)
	}
	defer func() { _ = src.Close() }() // only read from
	return io.ReadAll(io.LimitReader(&silentReader{src}, most))
}

// wrongSum is the refusal of a file that is not what its checksum says.
func wrongSum(n int) error {
	return registry.Errorf(registry.NotAllowed, "stage file",
		"%s not match the checksum file beside it: have the EHR write it again, or take both out of the outbox, then try again",
		amount(n, "file in the outbox does", "files in the outbox do"))
}
