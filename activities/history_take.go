package activities

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"immtrail/db"
	"immtrail/internal/archive"
	"immtrail/registry"
)

// ArchiveLimits bound an archive of a historical load. HL7 packs to a twentieth,
// seldom to a fiftieth; the rest is room for years of records of one group.
var ArchiveLimits = archive.Limits{Entries: 10_000, Bytes: 64 << 30, Ratio: 200}

// scanPage is how many files of the outbox are taken between two looks.
const scanPage = 100

// takenSources is what a look into the historical outbox came to.
type takenSources struct {
	unstable, refused int
	why               string // of the first refusal
}

// takeSources stages all that lies complete in the historical outbox; archives
// entry by entry. A refused archive stays where it is.
func (a *Histories) takeSources(ctx context.Context, scope Scope) (takenSources, error) {
	var out takenSources
	refused := map[string]bool{}
	for {
		found, err := a.Files.scan(ctx, ScanOutboxInput{Scope: scope, Lane: registry.LaneHistorical, Max: scanPage + len(refused)})
		if err != nil {
			return out, err
		}
		for _, f := range found.Files {
			if refused[f.Name] {
				continue
			}
			err := a.Files.takeSource(ctx, StageFileInput{Scope: scope, Lane: registry.LaneHistorical, Name: f.Name})
			var no *archive.RefusedError
			switch {
			case errors.As(err, &no):
				refused[f.Name] = true
				out.refused++
				if out.why == "" {
					out.why = no.Why
				}
			case err != nil:
				return out, err
			}
		}
		if !found.More {
			out.unstable = found.Unstable
			return out, nil
		}
	}
}

// takeSource takes a file of the historical outbox, or the files in it where it
// is an archive. The error is an [archive.RefusedError] where it stays.
func (a *Files) takeSource(ctx context.Context, in StageFileInput) error {
	packed, err := a.packed(in)
	if err != nil {
		return err
	}
	if packed == nil {
		_, err := a.stage(ctx, in)
		return err
	}
	defer packed.close()
	if err := archive.Check(packed.src, packed.file.info.Size(), ArchiveLimits); err != nil {
		return packed.fault(err)
	}
	// Entries are staged before the archive leaves the outbox: cut short, all of
	// them are staged again, which changes nothing.
	err = archive.Each(packed.src, packed.file.info.Size(), ArchiveLimits, func(e archive.Entry, r io.Reader) error {
		return a.stageEntry(ctx, in, packed, e, r)
	})
	if err != nil {
		return packed.fault(err)
	}
	if now, err := packed.src.Stat(); err != nil || !now.ModTime().Equal(packed.file.info.ModTime()) || now.Size() != packed.file.info.Size() {
		return registry.Errorf(registry.Transient, "stage archive", "the file changed while it was read")
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return err
	}
	return packed.outbox.clear(packed.file, "archive", profile.File.AfterStaging == "delete")
}

// packedFile is an archive in the outbox, opened.
type packedFile struct {
	outbox *outbox
	file   outboxFile
	src    *os.File
}

func (p *packedFile) close() {
	_ = p.src.Close() // only read from
	p.outbox.close()
}

// fault gives what the disk said of an archive its kind, without the name.
func (p *packedFile) fault(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return diskFault("stage archive", "reading an archive in the outbox", err)
	}
	return err
}

// packed opens the file of a token if it is an archive; nil if it is none, or
// gone.
func (a *Files) packed(in StageFileInput) (_ *packedFile, err error) {
	o, err := a.openOutbox(in.Practice, in.Lane)
	if err != nil {
		return nil, err
	}
	p := &packedFile{outbox: o}
	keep := false
	defer func() {
		if !keep {
			if p.src != nil {
				_ = p.src.Close() // only read from
			}
			o.close()
		}
	}()
	files, _, err := o.list()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.token == in.Name {
			p.file = f
		}
	}
	if p.file.token == "" {
		return nil, nil
	}
	if p.src, err = o.root.Open(filepath.Join(o.lane, p.file.name)); err != nil {
		return nil, diskFault("stage archive", "a file in the outbox", err)
	}
	head := make([]byte, archive.HeadLen)
	n, err := p.src.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, diskFault("stage archive", "reading a file in the outbox", err)
	}
	if archive.Kind(head[:n]) == "" {
		return nil, nil
	}
	keep = true
	return p, nil
}

// stageEntry puts a file of an archive into the file store and records it, under
// a token of its own.
func (a *Files) stageEntry(ctx context.Context, in StageFileInput, p *packedFile, e archive.Entry, r io.Reader) error {
	kept, err := a.Vault.Put(ctx, r)
	if err != nil {
		return err
	}
	sum := a.DB.Sealer().Digest("outbox-entry", in.Practice, p.file.token, strconv.Itoa(e.Ordinal))
	token := "n-" + hex.EncodeToString(sum[:16])
	at := in.date(a.Clock)
	if _, err := a.DB.StageFile(ctx, db.NewFile{
		Practice: in.Practice, Lane: in.Lane, Digest: kept.SHA256, Size: kept.Size, VaultKey: kept.Key, At: at,
		Arrival: &db.Arrival{Token: token, SourceName: p.file.name + "/" + e.Name},
	}); err != nil {
		return err
	}
	if err := a.stillKept(ctx, kept); err != nil {
		return err
	}
	return a.DB.ArrivalLeft(ctx, in.Practice, in.Lane, token, at) // it never lay in the outbox
}
