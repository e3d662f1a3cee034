package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// gateShown bounds what of the gate goes into history.
const gateShown = 10

// GateRules are the rules by which test files are counted; see
// [registry.Policy], whose values they are.
type GateRules struct {
	// Min is how many error-free test files open the gate, Max what the registry
	// names as the most that it asks for.
	Min  int               `json:"min"`
	Max  int               `json:"max,omitempty"`
	Rule registry.GateRule `json:"rule,omitempty"`
	// SilentDays are business days; 0: silence never counts.
	SilentDays  int  `json:"silent_days,omitempty"`
	FirstSingle bool `json:"first_single,omitempty"`
	KeepCount   bool `json:"keep_count,omitempty"`
}

// GateRulesOf are the rules of a policy.
func GateRulesOf(p registry.Policy) GateRules {
	return GateRules{
		Min: p.TestFilesMin, Max: p.TestFilesMax, Rule: p.GateRule, SilentDays: p.SilentBusinessDays,
		FirstSingle: p.FirstTestSingle, KeepCount: p.KeepCount,
	}
}

// GateInput asks how far a practice is at the gate.
type GateInput struct {
	Scope
	GateRules
}

// GateResult is the count and its reasons, newest file first, at most ten.
type GateResult struct {
	// Counted test files are distinct, delivered, confirmed and answered
	// without an error by the registry, as the rules say; Silent of them by
	// silence alone.
	Counted int  `json:"counted"`
	Silent  int  `json:"silent,omitempty"`
	Open    bool `json:"open"`
	// Waiting files are delivered but not answered.
	Waiting int `json:"waiting"`
	// NeedsSingle: the next test file has to be one message with one dose.
	NeedsSingle bool `json:"needs_single,omitempty"`
	// Next is when silence counts the next file; zero where it does not.
	Next  time.Time  `json:"next,omitzero"`
	Files []GateFile `json:"files,omitempty"`
}

// GateFile is one test file and whether it counts.
type GateFile struct {
	FileID  string `json:"file_id"`
	Counts  bool   `json:"counts"`
	Because string `json:"because"` // "answered without an error", "refused by our checker: 3 errors", …
	// Waits: it is delivered, and the registry has not answered all of it.
	Waits bool `json:"waits,omitempty"`
}

// AnsweredBy says how the registry's answer on a test file is known.
type AnsweredBy string

// The ways.
const (
	ByReport  AnsweredBy = "report"
	ByEmail   AnsweredBy = "email"
	BySilence AnsweredBy = "silence"
)

// GateVerdict is a test file as the gate judges it.
type GateVerdict struct {
	File   db.TestFile
	Counts bool
	// Waits: delivered, and the registry's answer is open. Bad: the registry
	// found an error in it.
	Waits, Bad bool
	By         AnsweredBy
	Because    string
	// Due is when its silence counts; zero where it does not.
	Due time.Time
}

// JudgeGate counts the error-free test files from what is stored.
func (a *Files) JudgeGate(ctx context.Context, in GateInput) (GateResult, error) {
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return GateResult{}, fail(ctx, err)
	}
	story, err := TellGate(ctx, a.DB, profile, in.Practice, in.GateRules, in.date(a.Clock))
	return story.GateResult, fail(ctx, err)
}

// GateStory is the gate with all its files.
type GateStory struct {
	GateResult
	Rules    GateRules
	Verdicts []GateVerdict // in the order of [db.Store.TestFiles]
}

// TellGate judges all test files of a practice on date.
func TellGate(
	ctx context.Context, store *db.Store, profile *registry.Profile, practice string, rules GateRules, date time.Time,
) (GateStory, error) {
	found, err := store.TestFiles(ctx, practice)
	if err != nil {
		return GateStory{}, err
	}
	return judge(found, rules, profile.BusinessDays(), date), nil
}

// judge counts test files, newest first. What our checker refuses is not sent
// and does not count; what is sent counts once the registry has answered every
// message of it and refused none, or has said so of the whole file by email, or
// has been silent for as long as the rules say.
func judge(files []db.TestFile, rules GateRules, business registry.BusinessDays, date time.Time) GateStory {
	s := GateStory{Rules: rules, Verdicts: make([]GateVerdict, len(files))}
	single, run := !rules.FirstSingle, []int{}
	for _, i := range byDelivery(files) {
		f := files[i]
		v := judgeFile(f, rules, business, date)
		switch {
		case f.Before && !rules.KeepCount:
			v = GateVerdict{File: f, Because: "came before the registry asked for changes; the count began anew"}
		case v.Counts && !single && (f.Sent != 1 || f.Doses != 1):
			v.Counts = false
			v.Because = "the first test file has to be one message with one vaccination (RXA); this one has " +
				countOf(f.Sent, "message") + " with " + countOf(f.Doses, "vaccination")
		case v.Counts:
			single = true
			run = append(run, i)
		case v.Bad && rules.Rule == registry.GateStreak:
			for _, j := range run {
				s.Verdicts[j].Counts = false
				s.Verdicts[j].Because += ", but the registry found an error in a later file: the count began anew"
			}
			run = nil
		}
		s.Verdicts[i] = v
	}
	s.NeedsSingle = !single
	s.sum()
	return s
}

// byDelivery are the indices of files in the order in which they were delivered,
// the oldest first.
func byDelivery(files []db.TestFile) []int {
	order := make([]int, len(files))
	for i := range files {
		order[i] = len(files) - 1 - i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := files[a].DeliveredAt, files[b].DeliveredAt
		switch {
		case x != nil && y != nil:
			return x.Compare(*y)
		case x == y: // neither was delivered, and moves no count
			return 0
		case x == nil:
			return -1
		}
		return 1
	})
	return order
}

func (s *GateStory) sum() {
	for _, v := range s.Verdicts {
		if v.Counts {
			s.Counted++
			if v.By == BySilence {
				s.Silent++
			}
		}
		if v.Waits {
			s.Waiting++
		}
		if !v.Due.IsZero() && (s.Next.IsZero() || v.Due.Before(s.Next)) {
			s.Next = v.Due
		}
		fresh := !v.File.Before || s.Rules.KeepCount
		if fresh && len(s.Files) < gateShown {
			s.Files = append(s.Files, GateFile{FileID: v.File.ID, Counts: v.Counts, Because: v.Because, Waits: v.Waits})
		}
	}
	s.Open = s.Counted >= max(1, s.Rules.Min)
}

func judgeFile(f db.TestFile, rules GateRules, business registry.BusinessDays, date time.Time) GateVerdict {
	v := GateVerdict{File: f}
	if v.Because = unsent(f); v.Because != "" {
		return v
	}
	v.Bad = f.Bad > 0 || f.Mail == registry.VerdictErrors
	switch {
	case f.Anyway != "":
		v.Because = "sent by " + f.Anyway + " in spite of our check"
	case f.Bad > 0:
		v.Because = fmt.Sprintf("the registry refused %d of %s", f.Bad, countOf(f.Sent, "message"))
	case v.Bad:
		v.Because = "the registry found errors in it, by its email of " + f.MailDate
	default:
		v.answered(rules, business, date)
	}
	if v.Counts && !f.ErrorFree {
		v.Counts, v.Because = false, "our checker found "+countOf(f.Errors, "error")
	}
	return v
}

// unsent says why a file is not at the registry; "" where it is.
func unsent(f db.TestFile) string {
	switch {
	case f.DeliveredAt != nil:
		return ""
	case f.State == registry.FileDropped:
		return "given up, or its content was delivered before"
	case f.State == registry.FileRefused:
		return "refused by our checker: " + countOf(f.Errors, "error")
	case !f.Checked:
		return "not checked yet"
	}
	return "not delivered yet"
}

// answered judges a delivered file of which the registry said nothing bad.
func (v *GateVerdict) answered(rules GateRules, business registry.BusinessDays, date time.Time) {
	f := v.File
	silent := business.After(*f.DeliveredAt, rules.SilentDays)
	switch {
	case f.Sent > 0 && f.Answered >= f.Sent:
		v.Counts, v.By, v.Because = true, ByReport, "answered without an error"
	case f.Mail == registry.VerdictClean:
		v.Counts, v.By, v.Because = true, ByEmail, "answered without an error by the registry's email of "+f.MailDate
	case f.Sent > 0 && rules.SilentDays > 0 && !silent.After(date):
		v.Counts, v.By = true, BySilence
		v.Because = "no objection within " + countOf(rules.SilentDays, "business day")
	default:
		v.Waits = true
		v.Because = fmt.Sprintf("delivered; the registry has answered %d of %s", f.Answered, countOf(f.Sent, "message"))
		if rules.SilentDays > 0 && f.Sent > 0 {
			v.Due = silent
			v.Because += "; counts without an answer on " + silent.Format(time.DateOnly)
		}
	}
}

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
