package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"

	"immtrail/registry"
)

// Probed is what a connection turned out to be.
type Probed struct {
	Capabilities Capabilities
	Folders      []FolderProbe
}

// OK reports whether every folder could be listed.
func (p Probed) OK() bool {
	for _, f := range p.Folders {
		if f.Err != nil {
			return false
		}
	}
	return true
}

// FolderProbe is what a listing of one folder came to.
type FolderProbe struct {
	Folder string
	// Written says that a file was written there and removed again.
	Written bool
	// Files counts plain files; Refused counts hostile names.
	Files, Refused int
	// Refusals are the first of the hostile names ([Listing]).
	Refusals []string
	// Err, when set, is why the folder cannot be listed. A drop folder that may
	// be written and not listed is Refused here and may still work.
	Err error
}

// Probe opens a session, lists folders (the home when none is named) and
// closes it. Nothing is written. The error is that of [Dialer]; what a folder
// answers is in the result.
func Probe(ctx context.Context, d Dialer, c Connection, folders ...string) (Probed, error) {
	return probe(ctx, d, c, false, folders)
}

// ProbeWriting is Probe and also writes a file of a few bytes into the first
// folder and removes it again.
func ProbeWriting(ctx context.Context, d Dialer, c Connection, folders ...string) (Probed, error) {
	return probe(ctx, d, c, true, folders)
}

func probe(ctx context.Context, d Dialer, c Connection, write bool, folders []string) (Probed, error) {
	remote, err := d.Dial(ctx, c)
	if err != nil {
		return Probed{}, err
	}
	defer func() { _ = remote.Close() }() // what was written was acknowledged
	if len(folders) == 0 {
		folders = []string{""}
	}
	p := Probed{Capabilities: remote.Capabilities()}
	for i, folder := range folders {
		l, err := remote.List(ctx, folder)
		f := FolderProbe{Folder: folder, Files: len(l.Entries), Refused: l.Refused, Refusals: l.Refusals, Err: err}
		if write && i == 0 && err == nil {
			f.Err = writeProbe(ctx, remote, folder)
			f.Written = f.Err == nil
		}
		p.Folders = append(p.Folders, f)
	}
	return p, nil
}

// Trial is what writing in parallel came to at a host.
type Trial struct {
	// Bytes that were written and read back.
	Bytes int64
	// Same says that they came back as they were sent. Only then may the host be
	// marked ([registry.TransferSettings].TrustedParallel).
	Same bool
	// Removed says that the test file was taken away again.
	Removed bool
	// Capabilities of the server that was tried.
	Capabilities Capabilities
}

// trialSize in bytes is long enough for many large packets to be on their way.
const trialSize = 16<<20 + 12_345

// TryParallel writes a test file with writes in parallel and large packets,
// reads it back over another session, compares, and removes it. It leaves a
// file of noise under name in folder for a moment: only for a folder and a name
// that the registry's staff know of.
//
// Kinds are those of [Remote.Upload] and [Remote.ReadBack]; a file that comes
// back otherwise is no error but a Trial that is not the Same.
func TryParallel(ctx context.Context, d Dialer, c Connection, folder, name string) (t Trial, err error) {
	c.Settings.TrustedParallel = []string{c.Host}
	c.Settings.Upload = UploadRename
	sender, err := d.Dial(ctx, c)
	if err != nil {
		return t, err
	}
	defer func() { _ = sender.Close() }() // what it did is checked below
	t.Capabilities = sender.Capabilities()
	digest := sha256.New()
	_, _ = io.Copy(digest, noise()) // never fails
	want := hex.EncodeToString(digest.Sum(nil))
	_, err = sender.Upload(ctx, UploadRequest{
		Folder: folder, Name: name, Size: trialSize, SHA256: want,
		Source: func() (io.ReadCloser, error) { return io.NopCloser(noise()), nil },
	})
	if err != nil {
		return t, err
	}
	c.Purpose = ToLook
	looker, err := d.Dial(ctx, c)
	if err != nil {
		return t, err
	}
	defer func() { _ = looker.Close() }() // only looked with it
	got, err := looker.ReadBack(ctx, folder, name)
	t.Bytes, t.Same = got.Size, err == nil && got.SHA256 == want
	gone := looker.Remove(ctx, folder, name)
	t.Removed = gone == nil
	if registry.KindOf(err) == registry.Corrupt {
		return t, nil // that is what was to be found out
	}
	return t, err
}

// noise is the same in every trial and cannot be compressed.
func noise() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{42}), trialSize)
}
