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
	// Files counts plain files; Refused counts hostile names.
	Files, Refused int
	// Err, when set, is why the folder cannot be listed. A drop folder that may
	// be written and not listed is Refused here and may still work.
	Err error
}

// Probe opens a session, lists folders (the home when none is named) and
// closes it. Nothing is written. The error is that of [Dialer]; what a folder
// answers is in the result.
func Probe(ctx context.Context, d Dialer, c Connection, folders ...string) (Probed, error) {
	remote, err := d.Dial(ctx, c)
	if err != nil {
		return Probed{}, err
	}
	defer func() { _ = remote.Close() }() // nothing was written
	if len(folders) == 0 {
		folders = []string{""}
	}
	p := Probed{Capabilities: remote.Capabilities()}
	for _, folder := range folders {
		l, err := remote.List(ctx, folder)
		p.Folders = append(p.Folders, FolderProbe{Folder: folder, Files: len(l.Entries), Refused: l.Refused, Err: err})
	}
	return p, nil
}
