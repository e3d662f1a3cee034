package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"immtrail/db"
	"immtrail/registry"
)

// Histories plans and reconciles the one-time historical load.
type Histories struct {
	DB *db.Store
	// Files stages what lies in the historical outbox and checks the parts.
	Files *Files
	Clock Clock
}

// PlanHistoryInput asks for a plan of what lies in the historical outbox.
type PlanHistoryInput struct {
	Scope
	// PartMessages is the size of a part.
	PartMessages int `json:"part_messages"`
	// PartBytes of messages end a part even if it has fewer; 0: no matter.
	PartBytes int64 `json:"part_bytes,omitempty"`
	// PartBy is "year" or "site" where a part must not mix them.
	PartBy string `json:"part_by,omitempty"`
}

// HistoryPlan is what would be sent, in numbers.
type HistoryPlan struct {
	// Digest is of exactly this plan: the sources' digests and the parts'. A
	// changed plan has another one and needs another approval. Empty when there
	// is nothing to plan yet.
	Digest string `json:"digest"`
	// Number is 0 for the load itself, 1 and so on for its supplements.
	Number int `json:"number,omitempty"`
	Files  int `json:"files"`
	// Came are the messages of the files, Messages those of them in parts. The
	// others are left out: a newer one says them again (Repeated), or what they
	// say was sent and stands (SentBefore).
	Came       int `json:"came,omitempty"`
	Repeated   int `json:"repeated,omitempty"`
	SentBefore int `json:"sent_before,omitempty"`
	// SentFiles are files of which everything was sent before: daily files handed
	// in by mistake, say.
	SentFiles int   `json:"sent_files,omitempty"`
	Messages  int   `json:"messages"`
	Doses     int   `json:"doses"`
	Parts     int   `json:"parts"`
	Bytes     int64 `json:"bytes"`
	// FirstYear and LastYear bound the doses.
	FirstYear int `json:"first_year"`
	LastYear  int `json:"last_year"`
	// Findings of the dry run.
	Held     int                  `json:"held"`
	Errors   int                  `json:"errors"`
	Warnings int                  `json:"warnings"`
	Top      []registry.RuleCount `json:"top,omitempty"`
	// EHRs are the plan's files by the EHR that they are of, where there are several
	// or one of them has control IDs that stand for two messages.
	EHRs []PlannedEHR `json:"ehrs,omitempty"`
	// Unread files hold nothing, or no HL7 to their end; no message of theirs is in
	// the plan.
	Unread int `json:"unread,omitempty"`
	// Unstable files are still being written.
	Unstable int `json:"unstable,omitempty"`
	// RefusedArchives stay in the outbox, RefusedWhy is of the first of them: a
	// person takes them out.
	RefusedArchives int    `json:"refused_archives,omitempty"`
	RefusedWhy      string `json:"refused_why,omitempty"`
}

// PlannedEHR is an EHR's share of a plan.
type PlannedEHR struct {
	EHR      string `json:"ehr,omitempty"` // empty: the present one
	Files    int    `json:"files"`
	Messages int    `json:"messages"`
	// Twice counts control IDs under which its files say different things: answers
	// to them may be taken for one another's.
	Twice int `json:"twice,omitempty"`
}

// PlanHistory stages the sources, checks every message, leaves out what is said
// twice or was sent before, splits the rest on message boundaries into parts
// (each a file of its own), and stores the plan. It is deterministic, and
// repeating it on the same files gives the same digest; where nothing of it has
// changed, nothing is cut again. After the load was sent it plans the next
// supplement. Kind NotAllowed when the practice's load is
// loading or closed.
//
// A source that cannot be read to its end gives no parts at all: half of it
// would look like all of it. Its errors are in the plan's. Parts that two
// sources have in common are in the plan once.
func (a *Histories) PlanHistory(ctx context.Context, in PlanHistoryInput) (HistoryPlan, error) {
	defer beat(ctx, nil)()
	plan, err := a.plan(ctx, in)
	return plan, fail(ctx, err)
}

func (a *Histories) plan(ctx context.Context, in PlanHistoryInput) (HistoryPlan, error) {
	if in.PartMessages <= 0 {
		return HistoryPlan{}, registry.Errorf(registry.Invalid, "history plan", "how many messages to a part?")
	}
	practice, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return HistoryPlan{}, err
	}
	if practice.History == registry.HistoryLoading || practice.History == registry.HistoryClosed {
		return HistoryPlan{}, registry.Errorf(registry.NotAllowed, "history plan",
			"the historical load of %s is %s; nothing is planned", in.Practice, practice.History)
	}
	taken, err := a.takeSources(ctx, in.Scope)
	if err != nil {
		return HistoryPlan{}, err
	}
	sources, err := a.DB.HistorySources(ctx, in.Practice)
	if err != nil {
		return HistoryPlan{}, err
	}
	slices.SortFunc(sources, func(x, y db.HistorySource) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Digest, y.Digest))
	})
	d := draft{Histories: a, in: in, seen: map[string]bool{}}
	if err := d.judge(ctx, sources); err != nil {
		return HistoryPlan{}, err
	}
	plan, err := d.made(ctx)
	plan.Unstable, plan.RefusedArchives, plan.RefusedWhy = taken.unstable, taken.refused, taken.why
	return plan, err
}

// draft is a plan in the making.
type draft struct {
	*Histories
	in PlanHistoryInput
	// before is the plan that waits, if one does.
	before db.WaitingPlan
	lines  []string // what the digest is of
	// sources are those that can be read to their end, counts what of them is
	// left out.
	sources []db.HistorySource
	counts  []db.HistorySourceCounts
	ehrs    []string // of sources
	parts   []db.HistoryPart
	seen    map[string]bool // parts, by file ID
	// unread are the errors of sources that gave none, which are so many.
	unread      registry.CheckSummary
	unreadFiles int
}

// judge checks the sources and decides which of their messages are left out.
func (d *draft) judge(ctx context.Context, sources []db.HistorySource) error {
	var ids []string
	ehrs, err := d.DB.HistoryEHRs(ctx, d.in.Practice)
	if err != nil {
		return err
	}
	if d.before, _, err = d.DB.WaitingHistoryPlan(ctx, d.in.Practice); err != nil {
		return err
	}
	for _, source := range sources {
		summary, err := d.check(ctx, source)
		if err != nil {
			return err
		}
		// What a plan was made from was read to its end.
		readable := summary.Messages > 0
		if readable && !slices.Contains(d.before.Sources, source.ID) {
			if readable, err = d.readable(ctx, source); err != nil {
				return err
			}
		}
		d.lines = append(d.lines, fmt.Sprintf("source %s readable=%t", source.Digest, readable))
		if !readable {
			d.unreadFiles++
			d.unread.Errors += max(1, summary.Errors)
			d.unread.Top = append(d.unread.Top, summary.Top...)
			continue
		}
		d.sources, ids = append(d.sources, source), append(ids, source.ID)
		of := ehrOf(ehrs, source.Name)
		if d.ehrs = append(d.ehrs, of); of != "" {
			d.lines = append(d.lines, fmt.Sprintf("source %s ehr=%q", source.Digest, of))
		}
	}
	if err := d.DB.LeaveOutHistory(ctx, ids); err != nil {
		return err
	}
	if d.counts, err = d.DB.CountHistorySources(ctx, ids); err != nil {
		return err
	}
	for i, c := range d.counts {
		d.lines = append(d.lines, fmt.Sprintf("source %s messages=%d repeated=%d sent-before=%d stays=%s",
			d.sources[i].Digest, c.Messages, c.Repeated, c.SentBefore, c.Stays))
	}
	return nil
}

// basis is of all that a plan comes from: what is known before anything is cut, how
// it is cut, and what judged it.
func (d *draft) basis(ctx context.Context) (string, error) {
	by, err := d.Files.judgedBy(ctx, d.in.Practice)
	if err != nil {
		return "", err
	}
	return digestOf(append(slices.Clone(d.lines),
		fmt.Sprintf("parts messages=%d bytes=%d by=%q", d.in.PartMessages, d.in.PartBytes, d.in.PartBy),
		fmt.Sprintf("judged by %s %v %s", by.RuleSet, by.Changed, by.Basis))), nil
}

func digestOf(lines []string) string {
	sum := sha256.New()
	for _, line := range lines {
		_, _ = fmt.Fprintln(sum, line) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// made is the plan: the one that waits where it would be the same.
func (d *draft) made(ctx context.Context) (HistoryPlan, error) {
	basis, err := d.basis(ctx)
	if err != nil {
		return HistoryPlan{}, err
	}
	out := d.counted()
	if d.before.Digest != "" && d.before.Basis == basis {
		return d.shown(ctx, out, d.before.HistoryLoad)
	}
	for i := range d.sources {
		if err := d.add(ctx, i); err != nil {
			return HistoryPlan{}, err
		}
	}
	if len(d.parts) == 0 {
		out.Top = topRules(d.unread.Top)
		return out, nil
	}
	load, err := d.DB.SaveHistoryPlan(ctx, db.HistoryPlan{
		Practice: d.in.Practice, Digest: digestOf(d.lines), Sources: d.ids(), EHRs: d.ehrs, Parts: d.parts,
		At: d.in.date(d.Clock), Basis: basis,
	})
	if err != nil {
		return out, err
	}
	return d.shown(ctx, out, load)
}

// ehrOf is the EHR that a file is of: the first whose pattern its name fits, or that
// of the archive or folder that it lies in, in capitals or not; else the present one.
func ehrOf(ehrs []db.HistoryEHR, name string) string {
	names := strings.Split(strings.ToLower(name), "/")
	for _, e := range ehrs {
		if e.Files != "" && slices.ContainsFunc(names, func(n string) bool {
			fits, err := path.Match(strings.ToLower(e.Files), n)
			return err == nil && fits
		}) {
			return e.EHR
		}
	}
	return ""
}

// add splits the i-th source into parts.
func (d *draft) add(ctx context.Context, i int) error {
	source, count := d.sources[i], d.counts[i]
	if count.Messages == count.Repeated+count.SentBefore {
		return nil
	}
	cut, err := d.split(ctx, source)
	if err != nil {
		return err
	}
	for _, part := range cut {
		staged, err := d.DB.StageFile(ctx, db.NewFile{
			Practice: d.in.Practice, Lane: registry.LaneHistorical, Digest: part.object.SHA256, Size: part.object.Size,
			VaultKey: part.object.Key, At: d.in.date(d.Clock),
		})
		if err != nil {
			return err
		}
		if d.seen[staged.File.ID] {
			continue // cannot be while messages are told apart; a part is sent once whatever happens
		}
		d.seen[staged.File.ID] = true
		part.cut.Part, part.cut.Source = staged.File.ID, source.ID
		if err := d.DB.SaveHistoryCut(ctx, part.cut); err != nil {
			return err
		}
		d.parts = append(d.parts, db.HistoryPart{FileID: staged.File.ID, Messages: part.messages})
		d.lines = append(d.lines, fmt.Sprintf("part %s messages=%d", part.object.SHA256, part.messages))
	}
	return nil
}

// check judges a source, unless these rules have judged it before: planning
// again each day must not judge years of records each day.
func (d *draft) check(ctx context.Context, source db.HistorySource) (registry.CheckSummary, error) {
	known, err := d.DB.File(ctx, source.ID)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	by, err := d.Files.judgedBy(ctx, d.in.Practice)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	if known.Check != nil && known.Check.RuleSet == by.RuleSet && slices.Equal(known.Changed, by.Changed) && known.Basis == by.Basis {
		return *known.Check, nil
	}
	return d.Files.check(ctx, CheckFileInput{
		Scope: d.in.Scope, Lane: registry.LaneHistorical,
		File: registry.FileRef{ID: source.ID, Digest: known.Digest, Size: known.Size},
	})
}

// ids are those of the sources.
func (d *draft) ids() []string {
	ids := make([]string, len(d.sources))
	for i, source := range d.sources {
		ids[i] = source.ID
	}
	return ids
}

// counted is what is known of a plan before it is cut.
func (d *draft) counted() HistoryPlan {
	out := HistoryPlan{Files: len(d.sources), Unread: d.unreadFiles, Errors: d.unread.Errors}
	for _, c := range d.counts {
		out.Came, out.Repeated, out.SentBefore = out.Came+c.Messages, out.Repeated+c.Repeated, out.SentBefore+c.SentBefore
		if c.SentBefore == c.Messages {
			out.SentFiles++
		}
	}
	return out
}

// shown adds what is stored of a plan.
func (d *draft) shown(ctx context.Context, out HistoryPlan, load db.HistoryLoad) (HistoryPlan, error) {
	out.Digest, out.Number, out.Messages, out.Doses, out.Parts = load.Digest, load.Number, load.Messages, load.Doses, load.Parts
	out.Bytes, out.FirstYear, out.LastYear, out.Held = load.Bytes, load.FirstYear, load.LastYear, load.Held
	out.Errors, out.Warnings = out.Errors+load.Errors, load.Warnings
	out.Top = topRules(append(load.Top, d.unread.Top...))
	shares, err := d.DB.CountHistoryEHRs(ctx, d.ids(), d.ehrs)
	for _, s := range shares {
		if len(shares) > 1 || s.Twice > 0 {
			out.EHRs = append(out.EHRs, PlannedEHR(s))
		}
	}
	return out, err
}

// topRules merges counts of the same rule and keeps the ten largest.
func topRules(counts []registry.RuleCount) []registry.RuleCount {
	var out []registry.RuleCount
	for _, c := range counts {
		i := slices.IndexFunc(out, func(o registry.RuleCount) bool { return o.Rule == c.Rule && o.Severity == c.Severity })
		if i < 0 {
			out = append(out, c)
		} else {
			out[i].Count += c.Count
		}
	}
	slices.SortStableFunc(out, func(x, y registry.RuleCount) int { return cmp.Compare(y.Count, x.Count) })
	return out[:min(len(out), 10)]
}

// ApproveHistoryInput is a named person's approval of exactly one plan.
type ApproveHistoryInput struct {
	Scope
	Digest string         `json:"digest"`
	By     registry.Actor `json:"by"`
	Key    string         `json:"key"`
}

// ApproveHistory records the approval and moves the load to loading. Kind
// NotAllowed when the stored plan has another digest or the load was loaded
// before.
func (a *Histories) ApproveHistory(ctx context.Context, in ApproveHistoryInput) (Done, error) {
	return Done{}, fail(ctx, a.DB.ApproveHistory(ctx, in.Practice, in.Digest,
		db.Act{Key: in.Key, By: in.By, At: in.date(a.Clock)}))
}

// ListPartsInput asks for a page of parts.
type ListPartsInput struct {
	Scope
	// After is the ordinal after which to begin; 0 for the first.
	After int `json:"after"`
	Max   int `json:"max"`
}

// Part is one part of the load.
type Part struct {
	Ordinal int              `json:"ordinal"`
	File    registry.FileRef `json:"file"`
	// Left says that its way has ended already, or its content went before.
	Left bool `json:"left,omitempty"`
}

// ListPartsResult is a page of parts.
type ListPartsResult struct {
	Parts []Part `json:"parts,omitempty"`
	// Answered and Rejected count the messages of the plan that was approved last:
	// what the registry has answered, and what of it is a real error by its
	// catalogue. Duplicates and warnings are none.
	Answered int `json:"answered,omitempty"`
	Rejected int `json:"rejected,omitempty"`
}

// ListParts returns the parts of the approved plan in order, and how the registry
// has taken those before. Kind NotAllowed while nobody has approved it.
func (a *Histories) ListParts(ctx context.Context, in ListPartsInput) (ListPartsResult, error) {
	parts, err := a.DB.HistoryParts(ctx, in.Practice, in.After, in.Max)
	if err != nil {
		return ListPartsResult{}, fail(ctx, err)
	}
	rate, err := a.DB.HistoryRate(ctx, in.Practice)
	if err != nil {
		return ListPartsResult{}, fail(ctx, err)
	}
	out := ListPartsResult{Answered: rate.Answered, Rejected: rate.Rejected}
	for _, p := range parts {
		out.Parts = append(out.Parts, Part{Ordinal: p.Ordinal, File: registry.FileRef{ID: p.ID, Digest: p.Digest, Size: p.Size}, Left: p.Left})
	}
	return out, nil
}
