package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

// statusLine is one row of status.
type statusLine struct {
	Practice string         `json:"practice"`
	Phase    registry.Phase `json:"phase"`
	// Source is which part of the process says it: onboarding, history, watch.
	Source    string     `json:"source"`
	Stage     string     `json:"stage"`
	Next      string     `json:"next"`
	Whose     string     `json:"whose"`
	Since     *time.Time `json:"since,omitempty"`
	Due       *time.Time `json:"due,omitempty"`
	Attention bool       `json:"attention"`
	// Move is the command or the telephone call that moves it.
	Move string `json:"move"`
	// Call is the registry's contact, where the wait is the registry's.
	Call string `json:"call,omitempty"`
	// Site is set where the row is a site's, Sites counts those of a practice.
	Site   string `json:"site,omitempty"`
	Sites  int    `json:"sites,omitempty"`
	Vendor string `json:"vendor,omitempty"`
	// Coordinators are names and addresses of those of "you" whose practice it is.
	Coordinators []string `json:"coordinators,omitempty"`
	// Days it waits; OpenErrors nobody settled, OverdueErrors of them are late.
	Days          int  `json:"days_waiting"`
	OpenErrors    int  `json:"open_errors"`
	OverdueErrors int  `json:"overdue_errors"`
	Overdue       bool `json:"overdue"`
}

// statusLines are the rows of practices: what is said of each, and for those of
// whom nothing is said what to do.
func (a *app) statusLines(ctx context.Context, store *db.Store, practices []*registry.Practice, only string) ([]statusLine, error) {
	progress, err := store.ProgressLines(ctx, only)
	if err != nil {
		return nil, err
	}
	byID := map[string]*registry.Practice{}
	for _, p := range practices {
		byID[p.ID] = p
	}
	lines, said := []statusLine{}, map[string]bool{}
	asking := askingFor(progress)
	for _, p := range progress {
		practice, ok := byID[p.Practice]
		if !ok || p.Ended && (only == "" || p.Stage == workflows.StageSettled) {
			continue
		}
		if practice.Phase == registry.PhaseWithdrawn && p.Ended && p.Source == "onboarding" && p.Stage != practice.Phase.Words() {
			continue // it had ended in production, and says so still
		}
		if p.Ended && p.Source == "onboarding" && practice.Submission == registry.SubmissionPaused {
			continue // that files go by themselves is not so now
		}
		if only == "" && idle(p) && (said[p.Practice] || asking[p.Practice]) {
			continue
		}
		said[p.Practice] = true
		line := statusLine{
			Practice: p.Practice, Phase: practice.Phase, Source: p.Source, Stage: p.Stage, Next: p.Next, Whose: p.Whose,
			Since: pointer(p.Since), Due: pointer(p.Due), Attention: p.Attention, Move: p.Move,
		}
		if line.Move == "" {
			line.Move = "starter status " + p.Practice
		}
		a.addPhone(&line)
		lines = append(lines, line)
	}
	held, err := a.heldLines(ctx, store, byID, only)
	if err != nil {
		return nil, err
	}
	leftOut, err := a.leftOutLines(ctx, store, byID, only)
	if err != nil {
		return nil, err
	}
	lines = append(append(held, lines...), leftOut...)
	for _, p := range practices {
		if said[p.ID] || only != "" && p.ID != only {
			continue
		}
		lines = append(lines, silentLine(p))
	}
	return lines, nil
}

// heldLines are the rows of practices whose connection is held: what waits for
// it goes on once somebody settles that, for all of them at once.
func (a *app) heldLines(ctx context.Context, store *db.Store, byID map[string]*registry.Practice, only string) ([]statusLine, error) {
	held, err := store.HeldConnections(ctx)
	if err != nil {
		return nil, err
	}
	var lines []statusLine
	for _, h := range held {
		practice, ok := byID[h.Practice]
		if !ok || only != "" && only != h.Practice {
			continue
		}
		what := "connection " + h.Connection
		if h.Server != "" {
			what = "the server " + h.Server
		}
		lines = append(lines, statusLine{
			Practice: h.Practice, Phase: practice.Phase, Source: "connection",
			Stage: "waits for " + what + " since " + day(h.Since),
			Next:  "settle what holds it", Whose: "you", Since: pointer(h.Since), Attention: true,
			Move: "starter hold show " + h.HoldID,
		})
	}
	ending, err := a.endingLines(ctx, store, byID, only)
	return append(lines, ending...), err
}

// leftOutLines are the rows of practices of which messages were left out and
// nobody has said what becomes of them.
func (a *app) leftOutLines(ctx context.Context, store *db.Store, byID map[string]*registry.Practice, only string) ([]statusLine, error) {
	counts, err := store.HeldCounts(ctx, only)
	if err != nil {
		return nil, err
	}
	var lines []statusLine
	for _, c := range counts {
		practice, ok := byID[c.Practice]
		if !ok || c.Open == 0 {
			continue
		}
		lines = append(lines, statusLine{
			Practice: c.Practice, Phase: practice.Phase, Source: "held",
			Stage: plural(c.Open, "message was left out and waits", "messages were left out and wait") + " for a decision",
			Next:  "release or drop each, or have it corrected", Whose: "you", Since: c.Oldest,
			Move: "starter held list --practice " + c.Practice,
		})
	}
	return lines, nil
}

// endingLines are the rows of connections of which a credential ends soon.
func (a *app) endingLines(ctx context.Context, store *db.Store, byID map[string]*registry.Practice, only string) ([]statusLine, error) {
	connection := ""
	if only != "" {
		connection = byID[only].Connection
	}
	found, err := store.Expiries(ctx, connection, a.now().AddDate(0, 0, soonDays))
	if err != nil {
		return nil, err
	}
	var lines []statusLine
	for i, e := range a.showExpiries(found) {
		lines = append(lines, statusLine{
			Practice: found[i].Connection, Source: "connection", Stage: "connection " + found[i].Connection + ": " + e.words(),
			Next: "ask the registry for a new one", Whose: "you", Due: pointer(found[i].Expires), Attention: true,
			Move: "starter connection show " + found[i].Connection,
		})
	}
	return lines, nil
}

// idle is a row that asks nobody for anything.
func idle(p db.Progress) bool { return p.Whose == "nobody" && !p.Attention }

// askingFor are the practices of which a row asks for something, so that rows that
// do not are left out of the overview.
func askingFor(progress []db.Progress) map[string]bool {
	asking := map[string]bool{}
	for _, p := range progress {
		if !p.Ended && !idle(p) {
			asking[p.Practice] = true
		}
	}
	return asking
}

// silentLine is the row of a practice that no workflow speaks for.
func silentLine(p *registry.Practice) statusLine {
	line := statusLine{
		Practice: p.ID, Phase: p.Phase, Stage: p.Phase.Words(), Next: "begin its way to production", Whose: "you",
		Move: "starter onboard " + p.ID, Attention: true,
	}
	if p.Phase == registry.PhaseWithdrawn {
		line.Next, line.Whose, line.Attention = "nothing", "nobody", false
		line.Move = "starter practice show " + p.ID
	}
	return line
}

// addPhone names the registry's contact where the wait is the registry's.
func (a *app) addPhone(line *statusLine) {
	if line.Whose != "registry" {
		return
	}
	phone, mail, ok := a.callOf(line.Practice)
	if !ok || strings.Contains(line.Move, phone) {
		return
	}
	line.Call = "call " + phone + " or write to " + mail
}

func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// status prints a row per line and under each what moves it.
func (s *screen) status(now time.Time, lines []statusLine) {
	width := 8
	for _, l := range lines {
		width = max(width, len(l.name()))
	}
	width = min(width, 30)
	for _, l := range lines {
		name := l.name() + strings.Repeat(" ", max(0, width-len(l.name())))
		style := headStyle
		if l.Attention {
			style = warnStyle
		}
		s.raw("%s  %s", s.paint(style, name), short(l.Stage, screenWidth-width-2))
		waits := "Next: " + orWord(l.Next, "nothing")
		if l.Whose != "" && l.Whose != "nobody" {
			waits += " (waits for " + l.Whose
			if l.Since != nil {
				waits += " since " + day(*l.Since) + ", " + since(now, *l.Since)
			}
			waits += ")"
		}
		switch {
		case l.Due != nil && l.Due.Before(now):
			waits += ", overdue since " + day(*l.Due)
		case l.Due != nil:
			waits += ", due " + day(*l.Due)
		}
		waits += errorWords(l)
		indent := strings.Repeat(" ", width+2)
		for _, part := range wrap(waits, screenWidth-len(indent)) {
			s.raw("%s%s", indent, part)
		}
		if l.Move != "" {
			s.move(indent, l.Move)
		}
		if l.Call != "" {
			s.move(indent, l.Call)
		}
	}
}

// move prints what moves a row: the command alone on its line and never broken, so
// that it can be pasted, and below it the remark.
func (s *screen) move(indent, text string) {
	command, remark := registry.SplitMove(text)
	mark := "> "
	if command != "" {
		s.raw("%s%s%s", indent, mark, command)
		mark = "  "
	}
	if remark == "" {
		return
	}
	for _, part := range wrap(remark, screenWidth-len(indent)-2) {
		s.raw("%s%s%s", indent, mark, part)
		mark = "  "
	}
}

// shownStatus is what `status PRACTICE --output json` prints.
type shownStatus struct {
	Practice string         `json:"practice"`
	Phase    registry.Phase `json:"phase"`
	Lines    []statusLine   `json:"lines"`
	// Gate are the test files and why each counts or not; while testing, and
	// when a worker answers.
	Gate   any          `json:"gate,omitempty"`
	Alarms []shownAlarm `json:"alarms"`
	Holds  []shownHold  `json:"holds"`
	Files  []shownFile  `json:"files"`
	// OpenErrors counts errors of the registry that nobody has settled.
	OpenErrors int `json:"open_errors"`
	// Late are sites of which doses went late in the last 30 days.
	Late []db.LateDoses `json:"late_doses"`
	// WithLoad counts messages of daily files of those days that stayed behind since the
	// historical load had sent the same.
	WithLoad int `json:"left_with_load"`
	// Paused says who paused submission, since when and why.
	Paused *saidBy `json:"paused,omitempty"`
	// Early is a Production email that is kept until the review is reached.
	Early *registry.Approval `json:"early_approval,omitempty"`
}

type shownFile struct {
	ID       string             `json:"id"`
	For      registry.Lane      `json:"for"`
	State    registry.FileState `json:"state"`
	StagedAt time.Time          `json:"staged_at"`
	Messages int                `json:"messages"`
	Errors   int                `json:"errors"`
	Warnings int                `json:"warnings"`
	Held     int                `json:"held"`
}

func (a *app) statusOf(ctx context.Context, id string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	out := shownStatus{Practice: p.ID, Phase: p.Phase, Files: []shownFile{}}
	if out.Lines, err = a.statusLines(ctx, store, []*registry.Practice{p}, id); err != nil {
		return err
	}
	out.Lines = ownLines(out.Lines, a.now())
	if out.Paused, err = pausedBy(ctx, store, p); err != nil {
		return err
	}
	if out.Alarms, err = alarmsOf(ctx, store, id); err != nil {
		return err
	}
	holds, err := store.Holds(ctx, id, true)
	if err != nil {
		return err
	}
	out.Holds = showHolds(holds)
	files, err := store.Files(ctx, id, 10)
	if err != nil {
		return err
	}
	for _, f := range files {
		out.Files = append(out.Files, showFile(f))
	}
	open, err := store.GroupErrors(ctx, db.ErrorFilter{Practice: id})
	if err != nil {
		return err
	}
	for _, g := range open {
		out.OpenErrors += g.Errors
	}
	if out.WithLoad, err = store.LeftWithLoad(ctx, id, a.now().AddDate(0, 0, -lateDays)); err != nil {
		return err
	}
	if out.Late, err = a.lateNow(ctx, store, id); err != nil {
		return err
	}
	early, kept, err := store.EarlyApproval(ctx, id)
	if err != nil {
		return err
	}
	if kept {
		out.Early = &early.Approval
	}
	gate := a.gate(ctx, p)
	if p.Phase == registry.PhaseTesting && gate != nil && gate.Gate != nil {
		out.Gate = gate.Gate
	}
	return a.show(out, func(s *screen) { s.statusOf(a.now(), out, gate) })
}

// ownLines are the rows of one practice as its own page shows them: who must act
// first, no row twice, and none that sends the reader to this very page.
func ownLines(lines []statusLine, now time.Time) []statusLine {
	var out []statusLine
	for _, l := range lines {
		if l.Move == "starter status "+l.Practice {
			l.Move = ""
		}
		if slices.ContainsFunc(out, func(o statusLine) bool { return o.Stage == l.Stage && o.Next == l.Next && o.Whose == l.Whose }) {
			continue
		}
		l.age(now)
		out = append(out, l)
	}
	slices.SortStableFunc(out, byWhoMustAct)
	return out
}

// gate asks the onboarding for the test files that count. Without an answer the
// rest is still shown.
func (a *app) gate(ctx context.Context, p *registry.Practice) *workflows.Status {
	if p.Phase != registry.PhaseTesting && p.Phase != registry.PhaseInReview {
		return nil
	}
	eng, err := a.engine(ctx)
	if err != nil {
		a.note("Temporal does not answer, so that the count of test files is left out.")
		return nil
	}
	status, err := query(ctx, eng, workflows.OnboardingID(p.ID), workflows.QueryStatus)
	if err != nil {
		a.note("No worker answers, so that the count of test files is left out.")
		return nil
	}
	return &status
}

func showFile(f db.File) shownFile {
	out := shownFile{ID: f.ID, For: f.Lane, State: f.State, StagedAt: f.StagedAt}
	if f.Check != nil {
		out.Messages, out.Errors, out.Warnings, out.Held = f.Check.Messages, f.Check.Errors, f.Check.Warnings, f.Check.Held
	}
	return out
}

func (s *screen) statusOf(now time.Time, out shownStatus, gate *workflows.Status) {
	s.status(now, out.Lines)
	s.alarms(out.Alarms, out.Lines)
	if out.Paused != nil {
		s.raw("")
		s.line("Submission was paused %s. Nothing is sent until somebody goes on:", out.Paused.words())
		s.raw("  > starter submission resume %s --reason \"…\"", out.Practice)
	}
	if out.Gate != nil {
		s.raw("")
		s.line("%s so far. Why: starter onboarding explain %s", plural(gate.Gate.Counted, "test file counts", "test files count"), out.Practice)
		for _, f := range gate.Gate.Files {
			s.line("  %s: %s", f.FileID, f.Because)
		}
	}
	if out.Early != nil {
		s.raw("")
		s.line("A Production email came early (%s). It is kept, and applied when the review is reached.", approvalWords(out.Early))
	}
	if gate != nil && gate.Refused != "" {
		s.raw("")
		s.line("%s", gate.Refused)
	}
	if len(out.Holds) > 0 {
		s.raw("")
		s.holds(now, out.Holds)
	}
	if len(out.Files) > 0 {
		s.raw("")
		rows := [][]string{}
		for _, f := range out.Files {
			rows = append(rows, []string{
				f.ID, string(f.For), fileWords(f.State), day(f.StagedAt), plural(f.Messages, "message", "messages"), f.checkWords(),
			})
		}
		s.table([]string{"FILE", "FOR", "STATE", "CAME", "HOLDS", "OUR CHECK"}, rows)
	}
	if out.OpenErrors > 0 {
		s.raw("")
		s.line("%s of the registry open. See: starter errors list --practice %s",
			plural(out.OpenErrors, "error", "errors"), out.Practice)
	}
	if words := lateWords(out.Late); words != "" {
		s.raw("")
		s.line("In the last %d days %s", lateDays, words)
	}
	if words := withLoadWords(out.WithLoad); words != "" {
		s.raw("")
		s.line("In the last %d days %s", lateDays, words)
	}
}

// checkWords are what our check found; empty where it found nothing.
func (f shownFile) checkWords() string {
	var words []string
	if f.Errors > 0 {
		words = append(words, plural(f.Errors, "error", "errors"))
	}
	if f.Held > 0 {
		words = append(words, fmt.Sprintf("%d left out", f.Held))
	}
	return strings.Join(words, ", ")
}

func fileWords(state registry.FileState) string {
	switch state {
	case registry.FileStaged:
		return "being worked on"
	case registry.FileRefused:
		return "not sent: our check found errors"
	case registry.FileDelivered:
		return "at the registry, not answered"
	case registry.FileAnswered:
		return "answered"
	case registry.FileDropped:
		return "given up"
	}
	return string(state)
}
