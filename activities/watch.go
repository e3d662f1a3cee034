package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"immtrail/db"
	"immtrail/registry"
)

// Watches looks at a practice the way a careful coordinator would each
// morning.
type Watches struct {
	DB *db.Store
	// Profiles gives the registry's working days.
	Profiles ProfileSource
	// Known is what is known of codes; nil judges no code.
	Known func() (ReportKnowledge, error)
	// Schedule says how a practice's submission schedule stands; nil looks at none.
	Schedule func(ctx context.Context, practice string) (ScheduleState, error)
	// LeftInHistory counts the files in a practice's historical outbox; nil looks
	// into none.
	LeftInHistory func(practice string) (int, error)
	Clock         Clock
}

// LookInput asks what is wrong or about to be.
type LookInput struct {
	Scope
	Policy registry.Policy `json:"policy"`
	// Date is that of the look whose further page is asked for, and Skip how
	// many changes were told of before; both are zero for a new look.
	Date time.Time `json:"date,omitzero"`
	Skip int       `json:"skip,omitempty"`
}

// LookResult is the state of a practice in numbers, and what changed.
type LookResult struct {
	// Date is the calendar's date of the look.
	Date       time.Time                `json:"date"`
	Phase      registry.Phase           `json:"phase"`
	Submission registry.SubmissionState `json:"submission"`
	// DaysSince the last confirmed delivery, of the practice and of its
	// quietest site; -1 when there never was one.
	DaysSince    int    `json:"days_since"`
	QuietestSite string `json:"quietest_site,omitempty"`
	QuietestDays int    `json:"quietest_days"`
	// FloorDays are the days that count towards the registry's limit, FloorSite the
	// site that counts most and its days: a person's word that there was nothing to
	// send, and the first day in production, begin them anew.
	FloorDays     int    `json:"floor_days,omitempty"`
	FloorSite     string `json:"floor_site,omitempty"`
	FloorSiteDays int    `json:"floor_site_days,omitempty"`
	OpenErrors    int    `json:"open_errors"`
	OverdueErrors int    `json:"overdue_errors"`
	// ErrorsDue is when the first open error is due; zero where none is open.
	ErrorsDue time.Time `json:"errors_due,omitzero"`
	// TopCause is the code of most open errors, TopErrors how many they are.
	TopCause  string `json:"top_cause,omitempty"`
	TopErrors int    `json:"top_errors,omitempty"`
	// MissingReports counts deliveries whose report is overdue.
	MissingReports int `json:"missing_reports"`
	// Opened and Closed are incidents that began or ended at this look, without
	// their words: one alert per incident, one all-clear. At most 20 of each a
	// page; More says that there are further ones.
	Opened []Incident `json:"opened,omitempty"`
	Closed []Incident `json:"closed,omitempty"`
	More   bool       `json:"more,omitempty"`
	// Current are incidents that are open now, at most 10.
	Current []Incident `json:"current,omitempty"`
	// Ending are credentials of the practice's connection that end soon.
	Ending []Ending `json:"ending,omitempty"`
}

// Incident is one thing that needs somebody.
type Incident struct {
	ID   string `json:"id"`
	Kind string `json:"kind"` // "floor-warning", "floor", "quiet-site", "report-missing", "errors-overdue", …: see the constants
	Site string `json:"site,omitempty"`
	// Words say it in a sentence: since when, the last file, what to do.
	Words string `json:"words,omitempty"`
	// Move is the command or the telephone call that moves it; of current ones.
	Move string `json:"move,omitempty"`
}

// The kinds of incidents.
const (
	IncidentFloorWarning  = "floor-warning"
	IncidentFloor         = "floor"
	IncidentQuietSite     = "quiet-site"
	IncidentReportMissing = "report-missing"
	IncidentErrorsOverdue = "errors-overdue"
	IncidentPausedLong    = "submission-paused-long"
	IncidentNoSchedule    = "submission-not-scheduled"
	IncidentAcceptanceLow = "acceptance-low"
	IncidentNewCode       = "new-code"
	IncidentErrorRate     = "error-rate-jumped"
	IncidentErrorsOld     = "errors-old"
	IncidentStillNothing  = "still-nothing"
	IncidentVolumeLow     = "volume-low"
	IncidentVolumeHigh    = "volume-high"
	IncidentOneVaccine    = "one-vaccine"
	IncidentLateDoses     = "late-doses"
	IncidentHistoryOver   = "history-files-left"
)

// What is told of has to fit into history, which takes 8 KiB a result: a group
// of 60 sites may fall silent on one day.
const (
	maxCurrent = 10
	maxChanges = 20
)

const (
	// pausedLong is how many days of pause are long where the policy names no
	// reminders of holds.
	pausedLong = 7
)

// LookAtPractice compares the practice with its policy and settles incidents
// in the database: a condition that appears opens one, a condition that is
// gone closes it. Repeating it at the same date changes nothing more.
//
// Incidents exist in production only, except that a report on a test file can be
// missing, and that any wait can last too long; leaving the phase ends them without
// a word, but for the latter. A
// condition that grows worse (20 days, 25 days, the 30-day limit itself) ends
// the incident before it silently and opens another, so that each step is told
// and the end is told once.
func (a *Watches) LookAtPractice(ctx context.Context, in LookInput) (LookResult, error) {
	date := in.Date
	if date.IsZero() {
		date = in.Calendar.Date(a.Clock())
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return LookResult{}, fail(ctx, err)
	}
	facts, err := a.DB.PracticeWatch(ctx, db.WatchAsk{
		Practice: in.Practice, Date: date, ReportsBefore: reportsDueBefore(profile, date, in.Policy.ReportDueDays),
		Accepted: in.Policy.FloorFrom == registry.FloorAccepted,
	})
	if err != nil {
		return LookResult{}, fail(ctx, err)
	}
	volume, err := a.volume(ctx, facts, in, profile, date)
	if err != nil {
		return LookResult{}, fail(ctx, err)
	}
	answers, err := a.answers(ctx, in, profile, date)
	if err != nil {
		return LookResult{}, fail(ctx, err)
	}
	seeds := incidents(facts, in.Policy, profile.Reports, date, answers.open, volume)
	if facts.Phase == registry.PhaseProduction {
		seeds = answers.incidents(seeds)
	}
	if seeds, err = a.late(ctx, facts, seeds, date); err != nil {
		return LookResult{}, fail(ctx, err)
	}
	if seeds, err = a.unscheduled(ctx, in.Calendar, facts, seeds); err != nil {
		return LookResult{}, fail(ctx, err)
	}
	if seeds, err = a.forgotten(ctx, facts, seeds); err != nil {
		return LookResult{}, fail(ctx, err)
	}
	waits, err := a.DB.Waits(ctx, in.Practice, date)
	if err != nil {
		return LookResult{}, fail(ctx, err)
	}
	blamed(seeds, waits, facts)
	seeds = append(seeds, stillNothing(waits, in.Policy, profile.BusinessDays(), date)...)
	settled, err := a.DB.SettleIncidents(ctx, db.IncidentLook{
		Practice: in.Practice, Date: date, Looks: looks(ctx, date),
		Silent: facts.Phase != registry.PhaseProduction, Loud: IncidentStillNothing, Wanted: seeds,
	})
	if err != nil {
		return LookResult{}, fail(ctx, err)
	}
	out := LookResult{
		Date: date, Phase: facts.Phase, Submission: facts.Submission,
		DaysSince:  daysSince(facts.LastDelivery, date),
		OpenErrors: facts.OpenErrors, OverdueErrors: facts.OverdueErrors, ErrorsDue: facts.ErrorsDue, MissingReports: facts.MissingReports,
		Opened: changes(settled.Opened, in.Skip), Closed: changes(settled.Closed, in.Skip),
		More:    max(len(settled.Opened), len(settled.Closed)) > in.Skip+maxChanges,
		Current: current(settled.Current, mover{facts, waits, in.Policy, profile.BusinessDays(), date}),
	}
	out.QuietestSite, out.QuietestDays = quietest(facts, date)
	out.FloorDays, out.FloorSite, out.FloorSiteDays = FloorDays(facts, date)
	if out.OpenErrors > 0 {
		out.TopCause, out.TopErrors = codeWords(answers.facts.Top.Code), answers.facts.Top.Errors
	}
	if in.Skip == 0 {
		out.Ending, err = a.ending(ctx, in, inZone(date, profile.Zone))
	}
	return out, fail(ctx, err)
}

// gravest are the kinds that a practice's row tells before any other, in their order:
// the law's days, and what lets them pass.
var gravest = []string{IncidentFloor, IncidentNoSchedule, IncidentFloorWarning, IncidentPausedLong, IncidentQuietSite}

// current are the gravest ones, and of the others the oldest.
func current(open []db.Incident, m mover) []Incident {
	in, rank := slices.Clone(open), func(i db.Incident) int {
		if at := slices.Index(gravest, i.Kind); at >= 0 {
			return at
		}
		return len(gravest)
	}
	slices.SortStableFunc(in, func(a, b db.Incident) int {
		if by := rank(a) - rank(b); by != 0 || rank(a) == len(gravest) {
			return by
		}
		return b.Level - a.Level
	})
	var out []Incident
	for _, i := range in[:min(len(in), maxCurrent)] {
		out = append(out, Incident{ID: i.ID, Kind: i.Kind, Site: i.Site, Words: i.Words, Move: m.move(i)})
	}
	return out
}

// changes is a page of what began or ended; the letter reads the words.
func changes(in []db.Incident, skip int) []Incident {
	var out []Incident
	for _, i := range in[min(len(in), skip):min(len(in), skip+maxChanges)] {
		out = append(out, Incident{ID: i.ID, Kind: i.Kind, Site: i.Site})
	}
	return out
}

// looks are the names of this look: the day, and the activity, whose repeat may
// fall on another day.
func looks(ctx context.Context, date time.Time) []string {
	names := []string{date.Format(time.DateOnly)}
	if activity.IsActivity(ctx) {
		info := activity.GetInfo(ctx)
		names = append(names, info.WorkflowExecution.RunID+"/"+info.ActivityID)
	}
	return names
}

// incidents says what is wrong with a practice at date, where open is what was
// told of already. It is pure.
func incidents(
	f db.WatchFacts, p registry.Policy, reports registry.ReportSettings, date time.Time, open []db.Incident, volume siteVolumes,
) []db.IncidentSeed {
	if f.Phase == registry.PhaseTesting && f.MissingReports > 0 && p.SilentBusinessDays == 0 {
		return []db.IncidentSeed{reportMissing(f, p, reports)} // where silence counts it is an answer
	}
	if f.Phase != registry.PhaseProduction {
		return nil
	}
	var seeds []db.IncidentSeed
	floor, wrong := floorIncident(f, p, date)
	if wrong {
		seeds = append(seeds, floor)
	}
	seeds = append(seeds, quietSites(f, p, date, open, volume, wrong)...)
	if f.Submission == registry.SubmissionOn {
		seeds = append(seeds, volume.incidents(f, open)...)
	}
	if f.MissingReports > 0 {
		seeds = append(seeds, reportMissing(f, p, reports))
	}
	if f.OverdueErrors > 0 {
		seeds = append(seeds, db.IncidentSeed{
			Kind: IncidentErrorsOverdue, // its reminders are the reader's morning letter
			Words: fmt.Sprintf("%s overdue; the oldest was due on %s. See: starter errors list --practice %s",
				amount(f.OverdueErrors, "open error is", "open errors are"), f.OverdueSince.Format(time.DateOnly), f.Practice),
		})
	}
	if days := daysSince(f.PausedSince, date); f.Submission == registry.SubmissionPaused && days >= longPause(p) {
		seeds = append(seeds, db.IncidentSeed{
			Kind: IncidentPausedLong,
			Words: fmt.Sprintf("Submission has been paused since %s, %s. Who paused it and why: starter submission show %s. To go on: starter submission resume %s --reason \"…\"",
				f.PausedSince.Format(time.DateOnly), amount(days, "day", "days"), f.Practice, f.Practice),
		})
	}
	return seeds
}

// reportMissing names the file that waits longest, and what a person can do.
func reportMissing(f db.WatchFacts, p registry.Policy, reports registry.ReportSettings) db.IncidentSeed {
	whose, from := "its", "its delivery"
	if f.MissingReports > 1 {
		whose, from = "their", "their delivery"
	}
	if reports.Per == "day" || reports.Per == "week" {
		from = "the " + reports.Per + " of " + whose + " delivery"
	}
	midnight := ""
	if reports.Lists == "bad-only" && from != whose+" delivery" {
		midnight = " A file without an error is answered only by a report of the " + reports.Per + " on which it was delivered; ask whether there was one."
	}
	answered := ""
	if f.Phase == registry.PhaseTesting {
		answered = fmt.Sprintf(" An answer by email: starter onboarding answer %s %s --help.", f.Practice, f.MissingFile)
	}
	return db.IncidentSeed{
		Kind: IncidentReportMissing,
		Words: fmt.Sprintf("%s no complete answer more than %s after %s; the first is %s (%s) of %s.%s Look for it: starter connection test %s. Ask the registry for the report on it, then: starter report import FILE --connection %s.%s",
			amount(f.MissingReports, "file has", "files have"), amount(p.ReportDueDays, "business day", "business days"), from,
			f.MissingFirst, f.MissingFile, f.MissingSince.Format(time.DateOnly), midnight, f.MissingOver, f.MissingOver, answered),
	}
}

// stillNothing is the alarm of waits that have lasted too long. Errors have one of
// their own, and so has what holds a connection or a server: it is not this
// practice's alone; see alarms.
func stillNothing(waits []db.Wait, p registry.Policy, b registry.BusinessDays, date time.Time) []db.IncidentSeed {
	var told []string
	var longest int
	for _, w := range waits {
		passed := b.Between(w.Since, date)
		if !tooLong(w, passed, p) {
			continue
		}
		longest = max(longest, passed)
		if len(told) < maxTold {
			told = append(told, fmt.Sprintf("%s (since %s, %s)", w.What, w.Since.Format(time.DateOnly), amount(passed, "business day", "business days")))
		}
	}
	if len(told) == 0 {
		return nil
	}
	return []db.IncidentSeed{{
		Kind: IncidentStillNothing, Level: longest / p.WaitAlarmDays, Words: "Still nothing: " + strings.Join(told, "; ") + ".",
	}}
}

// quietest is the active site that was not heard of for longest; -1 where it
// never was.
func quietest(f db.WatchFacts, date time.Time) (site string, days int) {
	days = -1
	for _, s := range f.Sites {
		if !s.Active(date) {
			continue
		}
		if s.Last.IsZero() {
			return s.ID, -1
		}
		if d := daysSince(s.Last, date); site == "" || d > days {
			site, days = s.ID, d
		}
	}
	return site, days
}

// reportsDueBefore is the midnight before which a delivery's report is overdue at
// date: the day on which it was due is over, as reports come for files, days or
// weeks, with n business days of grace.
func reportsDueBefore(p *registry.Profile, date time.Time, n int) time.Time {
	settings, b := p.Reports, p.BusinessDays()
	settings.DueBusinessDays = n
	y, m, d := date.In(b.Location()).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, b.Location())
	last := today
	for !settings.Due(last, b).Before(today) {
		last = last.AddDate(0, 0, -1)
	}
	return last.AddDate(0, 0, 1)
}

func longPause(p registry.Policy) int {
	if len(p.HoldReminders) == 0 {
		return pausedLong
	}
	return slices.Max(p.HoldReminders)
}

// daysSince counts whole days; -1 where since never was.
func daysSince(since, date time.Time) int {
	if since.IsZero() {
		return -1
	}
	return max(0, int(date.Sub(since)/(24*time.Hour)))
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

func amount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// KeepPolicyInput gives the policy by which a practice's waits are told of.
type KeepPolicyInput struct {
	Scope
	Policy registry.Policy `json:"policy"`
}

// KeepPolicy keeps it where the reminders look. Repeating it changes nothing.
func (a *Watches) KeepPolicy(ctx context.Context, in KeepPolicyInput) (Done, error) {
	return Done{}, fail(ctx, a.DB.KeepPolicy(ctx, in.Practice, in.Policy))
}
