package transfer

import "context"

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
