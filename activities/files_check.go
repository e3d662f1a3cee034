package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
)

// check judges a file of the file store and keeps what it found.
func (a *Files) check(ctx context.Context, in CheckFileInput) (registry.CheckSummary, error) {
	const op = "check file"
	file, err := a.DB.File(ctx, in.File.ID)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	switch {
	case file.Practice != in.Practice || file.Lane != in.Lane || file.Digest != in.File.Digest:
		return registry.CheckSummary{}, registry.Errorf(registry.Invalid, op, "%s is another file than the one asked for", file.ID)
	case file.ReleasedAt != nil:
		return registry.CheckSummary{}, registry.Errorf(registry.Missing, op, "the bytes of %s were destroyed after their retention", file.ID)
	case file.Check != nil:
		// By this verdict it was packed. Judged again, rows would say that a message
		// was sent which was left out of what was packed, or the other way round.
		if _, packed, err := a.DB.FindDelivery(ctx, file.ID, 1); err != nil || packed {
			return *file.Check, err
		}
	}
	var by db.JudgedBy
	if in.Lane == registry.LaneHistorical {
		if by, err = a.judgedBy(ctx, in.Practice); err != nil {
			return registry.CheckSummary{}, err
		}
		copied, ok, err := a.DB.CopyCheck(ctx, in.Practice, file.ID, by, in.date(a.Clock))
		if err != nil {
			return registry.CheckSummary{}, err
		}
		if ok {
			return copied.Summary, a.foreign(ctx, file, copied)
		}
	}
	practice, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	released, err := a.DB.ReleasedInto(ctx, file.ID)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	if released {
		profile = forReleased(profile)
	}
	changed, err := a.changedRules(ctx, in.Practice)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	single, err := a.wantsSingle(ctx, in, profile.Policy)
	if err != nil {
		return registry.CheckSummary{}, err
	}
	rules := conformance.Options{
		Lane: in.Lane, Now: in.date(a.Clock), Profile: regraded(profile, changed), Practice: practice, Codes: a.Codes,
		MaxFindings: findingsKept, FirstSingle: single,
	}
	var summary registry.CheckSummary
	var checked db.CheckResult
	err = a.DB.SaveCheck(ctx, in.Practice, file.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
		result, err := a.judge(ctx, file.VaultKey, rules, w)
		result.Changed, result.Basis = changed, by.Basis
		result.Summary.Changed, result.Summary.ChangedRules = changed[:min(len(changed), changedShown)], len(changed)
		summary, checked = result.Summary, result
		return result, err
	})
	if err != nil {
		return registry.CheckSummary{}, err
	}
	return summary, a.foreign(ctx, file, checked)
}

// judgedBy is what a historical file would be judged by now. A part of a load has
// the judgement of its source as long as that was judged by the same: judging it
// twice is what a load would spend most of its time on.
func (a *Files) judgedBy(ctx context.Context, practice string) (db.JudgedBy, error) {
	p, err := a.DB.Practice(ctx, practice)
	if err != nil {
		return db.JudgedBy{}, err
	}
	profile, err := a.Profiles.Profile(practice)
	if err != nil {
		return db.JudgedBy{}, err
	}
	changed, err := a.changedRules(ctx, practice)
	if err != nil {
		return db.JudgedBy{}, err
	}
	text, err := json.Marshal([]any{profile.Message, profile.File, profile.Rules, p.OrgCode, p.Zone, p.Sites})
	if err != nil {
		return db.JudgedBy{}, registry.Errorf(registry.Invalid, "check file", "%w", err)
	}
	basis := sha256.Sum256(text)
	return db.JudgedBy{RuleSet: conformance.Version(a.Codes), Changed: changed, Basis: hex.EncodeToString(basis[:]), Kept: findingsKept}, nil
}

// wantsSingle reports whether a test file has to be one message with one dose: where
// the profile says so, until such a file is on its way or the registry took it.
func (a *Files) wantsSingle(ctx context.Context, in CheckFileInput, policy registry.Policy) (bool, error) {
	if in.Lane != registry.LaneTest || !policy.FirstTestSingle {
		return false, nil
	}
	files, err := a.DB.TestFiles(ctx, in.Practice)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(files, func(f db.TestFile) bool {
		goes := f.ErrorFree && f.State != registry.FileRefused && f.State != registry.FileDropped
		bad := f.Bad > 0 || f.Mail == registry.VerdictErrors
		return f.ID != in.File.ID && goes && !bad && f.Sent == 1 && f.Doses == 1 && (!f.Before || policy.KeepCount)
	}), nil
}

// findingsKept is how many findings of each rule a check keeps; the counts are
// exact beyond it.
const findingsKept = 1000

// changedShown bounds what of the changed rules goes into history.
const changedShown = 10

// changedRules are the rules that persons graded anew for a practice.
func (a *Files) changedRules(ctx context.Context, practice string) ([]registry.RuleGrade, error) {
	grades, err := a.DB.RuleGrades(ctx, practice)
	if err != nil {
		return nil, err
	}
	changed := make([]registry.RuleGrade, len(grades))
	for i, g := range grades {
		changed[i] = registry.RuleGrade{Rule: g.Rule, Grade: g.Grade, By: g.By}
	}
	return changed, nil
}

// regraded is the profile with the persons' grades above its own.
func regraded(profile *registry.Profile, changed []registry.RuleGrade) *registry.Profile {
	if len(changed) == 0 {
		return profile
	}
	out := *profile
	out.Rules.Grades = conformance.Regrade(profile.Rules.Grades, changed)
	return &out
}

// judge streams the file through the checker into w. A writer that cannot go
// on stops the checker.
func (a *Files) judge(ctx context.Context, vaultKey string, rules conformance.Options, w *db.CheckWriter) (db.CheckResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	src, err := a.Vault.Open(ctx, vaultKey)
	if err != nil {
		return db.CheckResult{}, err
	}
	defer func() { _ = src.Close() }() // only read from
	stop := func() {
		if w.Err() != nil {
			cancel()
		}
	}
	rules.OnFinding = func(f registry.Finding) {
		w.Finding(f)
		stop()
	}
	rules.OnMessage = func(m conformance.MessageFact) {
		w.Message(checkedMessage(m))
		stop()
	}
	result, err := conformance.CheckWithPast(ctx, src, rules, func(_ context.Context, batch []conformance.MessageFact) ([]conformance.SentBefore, error) {
		return sentBefore(w, batch)
	})
	if err != nil {
		return db.CheckResult{}, err
	}
	return db.CheckResult{Summary: result.CheckSummary, Counts: result.Counts, At: rules.Now}, nil
}

// sentBefore asks what the same sending system sent before. A repeat of what was
// sent is a repeat, even where the control ID once stood for something else too.
func sentBefore(w *db.CheckWriter, batch []conformance.MessageFact) ([]conformance.SentBefore, error) {
	asked := make([]db.CheckedMessage, len(batch))
	for i, m := range batch {
		asked[i] = db.CheckedMessage{
			ControlID: m.ControlID, SendingApp: m.SendingApp, SendingFacility: m.SendingFacility, Content: m.Content,
		}
	}
	before, err := w.SentBefore(asked)
	if err != nil {
		return nil, err
	}
	out := make([]conformance.SentBefore, len(before))
	for i, b := range before {
		switch {
		case b.Same:
			out[i] = conformance.SentSame
		case b.Other:
			out[i] = conformance.SentOther
		}
	}
	return out, nil
}

// checkedMessage is m as the database keeps it; who the patient is goes in to
// be sealed there.
func checkedMessage(m conformance.MessageFact) db.CheckedMessage {
	out := db.CheckedMessage{
		Ordinal: m.Ordinal, ControlID: m.ControlID, SendingApp: m.SendingApp, SendingFacility: m.SendingFacility,
		Site: m.Site, Outcome: m.Outcome, Held: m.Held, Sent: m.Sent, Offset: m.Offset, Length: m.Length,
		Content: m.Content, Says: m.Says, Chart: m.Patient.ChartNumber, Who: m.Patient.Key(),
	}
	if m.Patient != (conformance.PatientRef{}) {
		out.Patient, _ = json.Marshal(m.Patient) // strings only: it cannot fail
	}
	for _, d := range m.Doses {
		dose := db.CheckedDose{
			Ordinal: d.Ordinal, RecordKey: string(d.RecordKey), Corrects: d.Action == "D" || d.Action == "U",
			Given: d.Administered, Late: d.Late, Vaccine: d.CVX,
		}
		if len(d.Date) >= 4 {
			dose.Year, _ = strconv.Atoi(d.Date[:4]) // 0 where it is no year
		}
		dose.Details, _ = json.Marshal(d.Details) // strings only: it cannot fail
		out.Doses = append(out.Doses, dose)
	}
	return out
}

func (a *Files) release(ctx context.Context, in ReleaseFilesInput) (int, error) {
	return ReleaseSettled(ctx, a.DB, a.Vault, in.Practice, in.AfterDays, in.date(a.Clock))
}
