package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"immtrail/conformance"
	"immtrail/conformance/codes"
	"immtrail/db"
	"immtrail/internal/archive"
	"immtrail/registry"
)

// HistoryScanner looks at files before anybody hands them in: what a plan of
// them would come to. It keeps nothing and moves nothing.
type HistoryScanner struct {
	DB      *db.Store
	Profile *registry.Profile
	Codes   *codes.Tables
	// Now is the date of judgement, and when the load would begin.
	Now time.Time
	// Progress hears how many bytes of the folder were read; may be nil.
	Progress func(int64)
}

// HistoryScan is what lies in a folder, in numbers, without names.
type HistoryScan struct {
	Practice string `json:"practice"`
	// State is that of the practice's load.
	State registry.HistoryState `json:"state"`
	// Files are in the order of their names; an archive's are one by one.
	Files []ScannedFile `json:"files"`
	// Unfinished files are still being written and were not read.
	Unfinished int   `json:"unfinished,omitempty"`
	Bytes      int64 `json:"bytes"` // in the folder
	Messages   int   `json:"messages"`
	Doses      int   `json:"doses"`
	// Repeated messages are said again by newer ones of the load, SentBefore were
	// sent and stand; SentFiles are files of which that is true altogether.
	Repeated   int `json:"repeated"`
	SentBefore int `json:"sent_before"`
	SentFiles  int `json:"sent_files"`
	Held       int `json:"held"`
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	// Going messages are in parts, held ones included, with so many doses.
	Going      int            `json:"going"`
	GoingDoses int            `json:"going_doses"`
	GoesBytes  int64          `json:"going_bytes"`
	Parts      int            `json:"parts"`
	Years      []ScannedGroup `json:"years"`
	Sites      []ScannedGroup `json:"sites"`
	// EHRs are the files by the EHR that they are of, where several were asked about.
	EHRs  []ScannedEHR         `json:"ehrs,omitempty"`
	Rules []registry.RuleCount `json:"rules"`
	// Seconds is how long the parts would take at Pace, from Now on.
	Seconds int64  `json:"seconds"`
	Pace    string `json:"pace"`
}

// ScannedFile is a file of the folder, or of an archive in it.
type ScannedFile struct {
	Number int `json:"number"`
	// Name may name a patient; it is left out unless somebody asks.
	Name       string `json:"name,omitempty"`
	EHR        string `json:"ehr,omitempty"` // empty: the present one
	Messages   int    `json:"messages"`
	Doses      int    `json:"doses,omitempty"`
	Held       int    `json:"held,omitempty"`
	Repeated   int    `json:"repeated,omitempty"`
	SentBefore int    `json:"sent_before,omitempty"`
	// SameAs is the number of another file with the same bytes; it counts once.
	SameAs int `json:"same_as,omitempty"`
	// SentOn is the day on which the very same file was sent, YYYY-MM-DD; empty
	// where it was not.
	SentOn string `json:"sent_on,omitempty"`
	// Problem says why nothing of it would be sent.
	Problem string `json:"problem,omitempty"`
	// Torn says that its header or trailer is missing, or counts otherwise: was all of
	// it delivered?
	Torn bool `json:"torn,omitempty"`
}

// Sent reports whether everything in the file was sent before: a daily file
// that was handed in by mistake, say.
func (f ScannedFile) Sent() bool { return f.Messages > 0 && f.SentBefore == f.Messages }

// ScannedGroup is a year's or a site's share.
type ScannedGroup struct {
	// Key is the year or the site's ID; empty where it is not known.
	Key      string `json:"key"`
	Messages int    `json:"messages"`
	Doses    int    `json:"doses"`
}

// ScannedEHR is an EHR's share.
type ScannedEHR struct {
	EHR        string `json:"ehr,omitempty"` // empty: the present one
	Files      int    `json:"files"`
	Messages   int    `json:"messages"`
	Doses      int    `json:"doses"`
	Held       int    `json:"held"`
	Repeated   int    `json:"repeated"`
	SentBefore int    `json:"sent_before"`
}

// ScanHistory reads every file of a folder and below it once, archives as well,
// and says what a plan of them would come to. Memory grows with the number of
// files only. Kind Missing where there is no such folder or practice.
func ScanHistory(ctx context.Context, s HistoryScanner, practice, dir string) (HistoryScan, error) {
	p, err := s.DB.Practice(ctx, practice)
	if err != nil {
		return HistoryScan{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return HistoryScan{}, diskFault("history plan", "the folder", err)
	}
	defer func() { _ = root.Close() }() // only read from
	grades, err := (&Files{DB: s.DB}).changedRules(ctx, practice)
	if err != nil {
		return HistoryScan{}, err
	}
	run := &scanRun{
		HistoryScanner: s, ctx: ctx, root: root, seen: map[[sha256.Size]byte]int{},
		out: HistoryScan{Practice: practice, State: p.History, Files: []ScannedFile{}},
	}
	if run.ehrs, err = s.DB.HistoryEHRs(ctx, practice); err != nil {
		return HistoryScan{}, err
	}
	run.rules = conformance.Options{
		Lane: registry.LaneHistorical, Now: s.Now, Profile: regraded(s.Profile, grades), Practice: p, Codes: s.Codes,
		Contents: true, MaxFindings: 1, Run: &conformance.Run{},
	}
	err = s.DB.ScanHistory(ctx, practice, func(w *db.HistoryScan) error { //nolint:contextcheck // the run carries it
		run.w = w
		if err := run.walk(); err != nil {
			return err
		}
		return run.judge()
	})
	return run.out, err
}

// scanRun is one look at a folder.
type scanRun struct {
	HistoryScanner
	ctx   context.Context //nolint:containedctx // lives as long as the call of ScanHistory that made it
	root  *os.Root
	rules conformance.Options
	w     *db.HistoryScan
	out   HistoryScan
	read  int64
	seen  map[[sha256.Size]byte]int // files by their bytes
	ehrs  []db.HistoryEHR
}

func (r *scanRun) walk() error {
	return fs.WalkDir(r.root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return diskFault("history plan", "a file of the folder", err)
		case strings.HasPrefix(entry.Name(), ".") && path != ".":
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		case writing(entry.Name()):
			r.out.Unfinished++
			return nil
		}
		return r.file(path)
	})
}

// file reads one file of the folder, or the files in it.
func (r *scanRun) file(path string) error {
	f, err := r.root.Open(path)
	if err != nil {
		return diskFault("history plan", "a file of the folder", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return diskFault("history plan", "a file of the folder", err)
	}
	r.out.Bytes += info.Size()
	src := &countedAt{src: f, tell: r.told}
	head := make([]byte, archive.HeadLen)
	n, _ := f.ReadAt(head, 0) // what is wrong with it shows when it is read
	if archive.Kind(head[:n]) == "" {
		return r.judged(path, io.NewSectionReader(src, 0, info.Size()))
	}
	before := r.mark()
	err = archive.Each(src, info.Size(), ArchiveLimits, func(e archive.Entry, entry io.Reader) error {
		return r.judged(joinedName(path, e.Name), entry)
	})
	var no *archive.RefusedError
	if !errors.As(err, &no) {
		return err
	}
	for _, taken := range r.out.Files[len(before.Files):] {
		r.w.Forget(taken.Number)
	}
	maps.DeleteFunc(r.seen, func(_ [sha256.Size]byte, n int) bool { return n > len(before.Files) })
	r.out = before
	r.out.Files = append(r.out.Files, ScannedFile{Number: len(r.out.Files) + 1, Name: path, Problem: "refused: " + no.Why})
	return r.w.Err()
}

// joinedName names a file of an archive; gzip has one, and it has no name.
func joinedName(archive, entry string) string {
	if entry == "" {
		return archive
	}
	return archive + "/" + entry
}

// mark is what was counted so far, to go back to.
func (r *scanRun) mark() HistoryScan {
	out := r.out
	out.Rules = slices.Clone(out.Rules)
	return out
}

func (r *scanRun) told(n int) {
	if r.read += int64(n); r.Progress != nil {
		r.Progress(r.read)
	}
}

// judged checks a file and adds its messages.
func (r *scanRun) judged(name string, src io.Reader) error {
	number := len(r.out.Files) + 1
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	rules := r.rules
	rules.OnMessage = func(m conformance.MessageFact) {
		r.w.Message(number, checkedMessage(m))
		if r.w.Err() != nil {
			cancel()
		}
	}
	digest := sha256.New()
	src = io.TeeReader(src, digest)
	summary, err := conformance.Check(ctx, src, rules)
	if err == nil {
		_, err = io.Copy(io.Discard, src) // what the checker did not want to see
	}
	if r.w.Err() != nil {
		return r.w.Err()
	}
	if err != nil {
		return err
	}
	file := ScannedFile{Number: number, Name: name, EHR: ehrOf(r.ehrs, name), Doses: summary.Doses, Torn: torn(summary.Counts)}
	sum := [sha256.Size]byte(digest.Sum(nil))
	if file.SameAs = r.seen[sum]; file.SameAs > 0 {
		file.Doses, file.Torn = 0, false
		r.w.Forget(number)
		r.out.Files = append(r.out.Files, file)
		return r.w.Err()
	}
	r.seen[sum] = number
	var recorded bool
	file.SentOn, recorded, err = r.DB.FileSentOn(r.ctx, r.rules.Practice.ID, hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	if recorded { // nothing else tells what was in it
		r.w.Forget(number)
		file.Messages, file.SentBefore = summary.Messages, summary.Messages
		r.out.Messages, r.out.Doses = r.out.Messages+summary.Messages, r.out.Doses+summary.Doses
		r.out.SentBefore, r.out.SentFiles = r.out.SentBefore+summary.Messages, r.out.SentFiles+1
		r.out.Files = append(r.out.Files, file)
		return r.w.Err()
	}
	switch {
	case summary.Found != "":
		file.Problem = "no HL7: " + summary.Found
	case summary.Unreadable:
		file.Problem = "it cannot be read to its end, and half of it would look like all of it"
	case summary.Messages == 0:
		file.Problem = "there is no message in it"
	}
	if file.Problem != "" {
		r.w.Forget(number)
		file.Doses, file.Torn = 0, false
		r.out.Errors += max(1, summary.Errors)
	} else {
		r.out.Messages, r.out.Doses = r.out.Messages+summary.Messages, r.out.Doses+summary.Doses
		r.out.Errors, r.out.Warnings = r.out.Errors+summary.Errors, r.out.Warnings+summary.Warnings
	}
	r.out.Files = append(r.out.Files, file)
	r.out.Rules = addRules(r.out.Rules, summary.Counts)
	return r.w.Err()
}

// torn tells a file by its findings whose envelope is not whole.
func torn(found []registry.RuleCount) bool {
	return slices.ContainsFunc(found, func(c registry.RuleCount) bool { return c.Rule == envelopeRule })
}

// envelopeRule finds that headers and trailers do not match.
const envelopeRule = "F-06"

func addRules(all, more []registry.RuleCount) []registry.RuleCount {
	for _, c := range more {
		i := slices.IndexFunc(all, func(o registry.RuleCount) bool { return o.Rule == c.Rule && o.Severity == c.Severity })
		if i < 0 {
			all = append(all, c)
		} else {
			all[i].Count += c.Count
		}
	}
	return all
}

// judge says what would become of it all.
func (r *scanRun) judge() error {
	if err := r.w.Judge(); err != nil {
		return err
	}
	files, err := r.w.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		one := &r.out.Files[f.File-1]
		one.Messages, one.Held, one.Repeated, one.SentBefore = f.Messages, f.Held, f.Repeated, f.SentBefore
		r.out.Held, r.out.Repeated, r.out.SentBefore = r.out.Held+f.Held, r.out.Repeated+f.Repeated, r.out.SentBefore+f.SentBefore
		if one.Sent() {
			r.out.SentFiles++
		}
	}
	r.byEHR()
	if r.out.Years, err = groups(r.w.Years()); err != nil {
		return err
	}
	if r.out.Sites, err = groups(r.w.Sites()); err != nil {
		return err
	}
	slices.SortStableFunc(r.out.Rules, func(x, y registry.RuleCount) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Rule, y.Rule))
	})
	if err := r.parts(); err != nil {
		return err
	}
	r.out.Seconds, r.out.Pace, err = paceOf(r.Profile, r.Now, r.out.Parts, r.out.GoesBytes)
	return err
}

// byEHR adds up the files of each EHR, where there are several.
func (r *scanRun) byEHR() {
	if len(r.ehrs) < 2 {
		return
	}
	for _, f := range r.out.Files {
		if f.Messages == 0 {
			continue
		}
		i := slices.IndexFunc(r.out.EHRs, func(e ScannedEHR) bool { return e.EHR == f.EHR })
		if i < 0 {
			i = len(r.out.EHRs)
			r.out.EHRs = append(r.out.EHRs, ScannedEHR{EHR: f.EHR})
		}
		e := &r.out.EHRs[i]
		e.Files, e.Messages, e.Doses = e.Files+1, e.Messages+f.Messages, e.Doses+f.Doses
		e.Held, e.Repeated, e.SentBefore = e.Held+f.Held, e.Repeated+f.Repeated, e.SentBefore+f.SentBefore
	}
	slices.SortFunc(r.out.EHRs, func(x, y ScannedEHR) int { return cmp.Compare(x.EHR, y.EHR) })
}

func groups(in []db.ScannedGroup, err error) ([]ScannedGroup, error) {
	out := make([]ScannedGroup, len(in))
	for i, g := range in {
		out[i] = ScannedGroup(g)
		if g.Key == "0" {
			out[i].Key = ""
		}
	}
	return out, err
}

// parts counts parts by cutting messages that are not there.
func (r *scanRun) parts() error {
	c := cutter{
		in: PlanHistoryInput{
			PartMessages: max(1, r.Profile.Policy.HistoryPartMessages), PartBytes: r.Profile.Policy.HistoryPartBytes,
			PartBy: r.Profile.Policy.HistoryPartBy,
		},
		open:  map[string]*openPart{},
		begin: func() partSink { return countedPart{&r.out.Parts} },
	}
	last := 0
	var err error
	if r.out.GoingDoses, err = r.w.GoingDoses(); err != nil {
		return err
	}
	err = r.w.Going(func(file int, fate db.HistoryFate, length int64) error {
		if file != last {
			if err := c.end(); err != nil {
				return err
			}
			last = file
		}
		r.out.Going++
		r.out.GoesBytes += length
		return c.add(fate, cutMessage{}, length)
	})
	if err != nil {
		return err
	}
	return c.end()
}

// countedPart is a part that goes nowhere.
type countedPart struct{ n *int }

func (countedPart) write(int, cutMessage) error { return nil }
func (p countedPart) end() error                { *p.n++; return nil }
func (countedPart) abandon()                    {}

// countedAt tells what is read of a file, and leaves its name out of errors.
type countedAt struct {
	src  io.ReaderAt
	tell func(int)
}

func (c *countedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.src.ReadAt(p, off)
	c.tell(n)
	var path *fs.PathError
	if errors.As(err, &path) {
		err = diskFault("history plan", "reading a file of the folder", err)
	}
	return n, err
}
