package activities

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"immtrail/registry"
)

// sharers are the practices whose profile names one shared folder, by ID, with the
// patterns by which their files are called there.
type sharers struct {
	practices []*registry.Practice
	patterns  map[string][]string
}

// sharersOf finds them; a practice that was withdrawn shares nothing.
func (a *Files) sharersOf(ctx context.Context, dir string) (sharers, error) {
	out := sharers{patterns: map[string][]string{}}
	all, err := a.DB.Practices(ctx)
	if err != nil {
		return out, err
	}
	for _, p := range all {
		profile, err := a.Profiles.Profile(p.ID)
		if err != nil {
			return out, err
		}
		if p.Phase != registry.PhaseWithdrawn && profile.File.SharedOutbox == dir {
			out.practices = append(out.practices, p)
			out.patterns[p.ID] = profile.File.SharedPatterns
		}
	}
	slices.SortFunc(out.practices, func(x, y *registry.Practice) int { return strings.Compare(x.ID, y.ID) })
	return out, nil
}

// asks is the practice that asks a person about files of nobody: the first of those
// that send in this lane.
func (s sharers) asks(lane registry.Lane) string {
	for _, p := range s.practices {
		if of, sends := registry.LaneOf(p.Phase); sends && of == lane && p.Submission == registry.SubmissionOn {
			return p.ID
		}
	}
	return ""
}

// openShared opens the lane of the folder that a practice shares; nil where it
// shares none. Kind Missing as of the practice's own.
func (a *Files) openShared(ctx context.Context, practice string, lane registry.Lane) (*outbox, error) {
	profile, err := a.Profiles.Profile(practice)
	if err != nil || profile.File.SharedOutbox == "" || lane == registry.LaneHistorical {
		return nil, err
	}
	dir := profile.File.SharedOutbox
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, diskFault("outbox", "the shared folder "+dir, err)
	}
	o := &outbox{root: root, lane: string(lane), practice: practice, sealer: a.DB.Sealer(), with: companionsOf(profile), shared: dir}
	if _, err = root.Stat(string(lane)); err != nil {
		err = diskFault("outbox", "the folder "+filepath.Join(dir, string(lane)), err)
	} else {
		err = CheckMarker(filepath.Dir(dir), filepath.Base(dir), lane)
	}
	if err == nil {
		o.among, err = a.sharersOf(ctx, dir)
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// owned keeps the files of o's practice; strays are of nobody here, or of two.
func (a *Files) owned(ctx context.Context, o *outbox, files []outboxFile) (own, strays []outboxFile, err error) {
	for _, f := range files {
		owners, err := a.owners(ctx, o, f)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case len(owners) != 1 || !slices.ContainsFunc(o.among.practices, func(p *registry.Practice) bool { return p.ID == owners[0] }):
			strays = append(strays, f)
		case owners[0] == o.practice:
			own = append(own, f)
		}
	}
	if o.among.asks(registry.Lane(o.lane)) != o.practice {
		strays = nil
	}
	return own, strays, nil
}

// owners are the practices to which a file belongs: by the pattern of its path, or
// else by the facilities that its messages name (MSH-4, MSH-22).
func (a *Files) owners(ctx context.Context, o *outbox, f outboxFile) ([]string, error) {
	var out []string
	for _, p := range o.among.practices {
		if slices.ContainsFunc(o.among.patterns[p.ID], func(pattern string) bool {
			match, err := path.Match(pattern, filepath.ToSlash(f.name))
			return err == nil && match // patterns were checked when the profile was loaded
		}) {
			out = append(out, p.ID)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	src, err := o.root.Open(filepath.Join(o.lane, f.name))
	if err != nil {
		return nil, diskFault("outbox", "a file in the shared folder", err)
	}
	defer func() { _ = src.Close() }() // only read from
	named, err := facilities(&silentReader{src})
	if err != nil && registry.KindOf(err) != registry.Invalid {
		return nil, err
	}
	if err != nil || len(named) == 0 {
		return nil, nil // nobody's: it cannot be read, or names no one
	}
	return a.DB.FacilityOwners(ctx, named)
}

// entriesBelow are the plain files of one folder below the lane, by their path.
func (o *outbox) entriesBelow(folder string, into map[string]fs.FileInfo) error {
	dir, err := o.root.Open(filepath.Join(o.lane, folder))
	if err != nil {
		return diskFault("outbox", "a folder of the shared outbox", err)
	}
	defer func() { _ = dir.Close() }() // only read from
	return plainFiles(dir, func(fi fs.FileInfo) { into[filepath.Join(folder, fi.Name())] = fi }, nil)
}

// strayError is the question about files of a shared folder that are nobody's.
func strayError(dir string, n int) error {
	return registry.Errorf(registry.NotAllowed, "outbox",
		"%s of nobody, or of two practices, by its path (file.shared_patterns) and by MSH-4 and MSH-22, and not taken: "+
			"add the facility to its site, or the pattern to its practice, or take it out of the folder, then try again",
		amount(n, "file in the shared folder "+dir+" is", "files in the shared folder "+dir+" are"))
}

// MaxStrays bounds the files of nobody that one question is about; further ones are
// asked about after it.
const MaxStrays = 20

// FileLeft is the kind of the event that a person, asked about a file in an outbox,
// left it where it is.
const FileLeft = "outbox-file-left"

// FileLeftKey is the key of that event.
func FileLeftKey(token string) string { return FileLeft + "/" + token }

// left tells which files a person left where they are, by token.
func (a *Files) left(ctx context.Context, tokens []string) (map[string]bool, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	keys := make([]string, len(tokens))
	for i, token := range tokens {
		keys[i] = FileLeftKey(token)
	}
	known, err := a.DB.Recorded(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(known))
	for _, token := range tokens {
		out[token] = known[FileLeftKey(token)]
	}
	return out, nil
}

// unasked leaves out the strays that a person left where they are.
func (a *Files) unasked(ctx context.Context, strays []outboxFile) ([]outboxFile, error) {
	tokens := make([]string, len(strays))
	for i, f := range strays {
		tokens[i] = f.token
	}
	left, err := a.left(ctx, tokens)
	return slices.DeleteFunc(strays, func(f outboxFile) bool { return left[f.token] }), err
}

// sharedScan is what lies in a shared folder, as one practice sees it.
type sharedScan struct {
	dir                  string
	own, strays, unready []outboxFile
}

// scanShared looks into the folder that the practice shares. Only what has not
// changed for a.Stable is asked whose it is.
func (a *Files) scanShared(ctx context.Context, in ScanOutboxInput, now time.Time) (sharedScan, error) {
	o, err := a.openShared(ctx, in.Practice, in.Lane)
	if err != nil || o == nil {
		return sharedScan{}, err
	}
	defer o.close()
	out := sharedScan{dir: o.shared}
	files, unready, err := o.list()
	if err != nil {
		return out, err
	}
	if o.among.asks(in.Lane) == in.Practice {
		out.unready = unready
	}
	still := slices.DeleteFunc(files, func(f outboxFile) bool { return now.Sub(f.info.ModTime()) < a.Stable })
	if out.own, out.strays, err = a.owned(ctx, o, still); err != nil {
		return out, err
	}
	out.strays, err = a.unasked(ctx, out.strays)
	return out, err
}
