package year_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// perWeek is how many new messages the group sends a week.
const perWeek = 20

// uncollected weeks are those at whose end nobody can reach the registry.
const uncollected = 7

func TestYearOfFiveSites(t *testing.T) {
	t.Run("reports of a week that list bad records only", func(t *testing.T) {
		w := newWorld(t, fakeregistry.Behaviour{
			Answer: fakeregistry.AnswerDelimited, Form: fakeregistry.FormSemicolon,
			Per: fakeregistry.PerWeek, Weekday: "friday", Lists: fakeregistry.ListsBadOnly,
		}, registry.ReportSettings{Lists: "bad-only", Per: "week", Weekday: "friday"})
		play(w, 52)
	})
	t.Run("reports of a file that list all records", func(t *testing.T) {
		w := newWorld(t, fakeregistry.Behaviour{Answer: fakeregistry.AnswerACK, Form: fakeregistry.FormPairs},
			registry.ReportSettings{Lists: "all", Per: "file"})
		play(w, 20)
	})
}

// ehr makes the group's files. The same week gives the same people again,
// under other control IDs for another series.
type ehr struct {
	t     *testing.T
	begin time.Time
	made  map[[2]int]weekFile
}

type weekFile struct {
	messages, controls []string
}

func (e *ehr) week(n, series int) weekFile {
	if f, ok := e.made[[2]int{n, series}]; ok {
		return f
	}
	opt := hl7gen.Options{
		OrgCode: orgCode, Now: e.begin.AddDate(0, 0, 7*n), ProcessingID: "P", Series: series,
		Prescribers: []string{"1234567893"},
	}
	for i := range sites {
		opt.Facilities = append(opt.Facilities, hl7gen.Facility{ID: facility(i)})
	}
	var b bytes.Buffer
	facts, err := hl7gen.New(uint64(9000+n), opt).Batch(&b, hl7gen.BatchOptions{Messages: perWeek})
	require.NoError(e.t, err)
	f := weekFile{messages: messagesOf(b.Bytes()), controls: facts.ControlIDs}
	require.Len(e.t, f.messages, perWeek)
	e.made[[2]int{n, series}] = f
	return f
}

// given counts the doses of a message that were given here.
func (e *ehr) given(week, ordinal int) int {
	return strings.Count(e.week(week, 0).messages[ordinal-1], "\rRXA|")
}

// ledger is what the test knows, by control ID of any sending.
type ledger struct {
	all []*planted
	of  map[string][]*planted
}

func play(w *world, weeks int) {
	begin := w.now
	e := &ehr{t: w.t, begin: begin, made: map[[2]int]weekFile{}}
	rnd := rand.New(rand.NewPCG(2026, uint64(weeks)))
	led := &ledger{all: plan(rnd, weeks, perWeek, e.given), of: map[string][]*planted{}}
	opened := map[string]time.Time{}
	for week := range weeks {
		monday := begin.AddDate(0, 0, 7*week)
		w.now = monday.AddDate(0, 0, 1)
		fresh := e.week(week, 0)
		w.send(fmt.Sprintf("week-%02d.hl7", week), []byte(strings.Join(fresh.messages, "")), led.first(week, fresh))
		w.now = monday.AddDate(0, 0, 3)
		last := week == weeks-1
		if content, objections := led.corrections(e, week); content != "" && !last {
			w.send(fmt.Sprintf("corrections-%02d.hl7", week), []byte(content), objections)
		}
		w.now = monday.AddDate(0, 0, 5)
		w.step()
		if week%uncollected != uncollected-1 || week >= weeks-2 {
			w.collect()
		}
		led.persons(w, week)
		led.ages(w, opened)
		if content, objections := led.corrections(e, week); content != "" && last {
			w.now = monday.AddDate(0, 0, 6)
			w.send("too-late.hl7", []byte(content), objections)
		}
	}
	led.judge(w, opened)
}

// first is what the registry objects to in a week's new messages.
func (l *ledger) first(week int, f weekFile) map[string][]fakeregistry.Objection {
	out := map[string][]fakeregistry.Objection{}
	for _, p := range l.all {
		if p.week == week {
			id := f.controls[p.ordinal-1]
			out[id] = append(out[id], p.objection)
			l.of[id] = append(l.of[id], p)
		}
	}
	return out
}

// corrections are the records that are sent again in a week, and what the
// registry still objects to.
func (l *ledger) corrections(e *ehr, week int) (string, map[string][]fakeregistry.Objection) {
	var content strings.Builder
	out, sent := map[string][]fakeregistry.Objection{}, map[string]bool{}
	for _, p := range l.all {
		does := p.does(week)
		if does != again && does != mended && does != inPart && does != tooLate {
			continue
		}
		f := e.week(p.week, week+1)
		id := f.controls[p.ordinal-1]
		if !sent[id] {
			sent[id] = true
			content.WriteString(f.messages[p.ordinal-1])
		}
		l.of[id] = append(l.of[id], p)
		if does == again || does == inPart && p.objection.Dose == 2 {
			out[id] = append(out[id], p.objection)
		}
	}
	return content.String(), out
}

// persons do what persons do in a week.
func (l *ledger) persons(w *world, week int) {
	w.t.Helper()
	var rows []errorRow
	for _, p := range l.all {
		does := p.does(week)
		if does != waive && does != byHand {
			continue
		}
		if rows == nil {
			rows = w.errors()
		}
		row := l.find(w, rows, p)
		key := fmt.Sprintf("%s/%d/%d", row.ID, week, p.ordinal)
		if does == waive {
			require.NoError(w.t, w.store.WaiveError(w.t.Context(), row.ID, w.act(key, "the family moved away")))
			continue
		}
		require.NoError(w.t, w.store.CorrectError(w.t.Context(), row.ID, w.act(key, "entered there")))
	}
}

// errorRow is an error as the product has it.
type errorRow struct {
	ID       string    `db:"id"`
	Site     string    `db:"site"`
	Code     string    `db:"code"`
	State    string    `db:"state"`
	Dose     int       `db:"dose"`
	Times    int       `db:"times"`
	Reopened int       `db:"reopened"`
	Opened   time.Time `db:"opened_at"`
	Control  string    `db:"control_id"`
	Facility string    `db:"facility"`
	Proof    string    `db:"proof"`
}

func (w *world) errors() []errorRow {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(w.t.Context()) }()
	rows, err := conn.Query(w.t.Context(), `
		select e.id, e.site, e.code, e.state, coalesce(e.dose, 0) as dose, e.times, e.reopened, e.opened_at, m.control_id,
			m.sending_facility as facility, coalesce(e.verified_by, '') as proof
		from errors e join messages m on m.file_id = e.file_id and m.ordinal = e.message`)
	require.NoError(w.t, err)
	out, err := pgx.CollectRows(rows, pgx.RowToStructByName[errorRow])
	require.NoError(w.t, err)
	return out
}

// find is the one error of a defect.
func (l *ledger) find(w *world, rows []errorRow, p *planted) errorRow {
	w.t.Helper()
	var found []errorRow
	for _, r := range rows {
		if r.Code == p.objection.Code && slices.Contains(l.of[r.Control], p) && (len(l.of[r.Control]) == 1 || sameDose(r, p, l)) {
			found = append(found, r)
		}
	}
	require.Len(w.t, found, 1, "%s of message %d of week %d (%s)", p.objection.Code, p.ordinal, p.week, p.fate.name)
	return found[0]
}

// sameDose tells two objections to one message apart.
func sameDose(r errorRow, p *planted, l *ledger) bool {
	if r.Dose == p.objection.Dose {
		return true
	}
	for _, other := range l.of[r.Control] {
		if other != p && other.objection == p.objection {
			return false
		}
		if other != p && other.objection.Code == p.objection.Code {
			return false
		}
	}
	return true
}

// ages notes when each error was opened first; that must never change.
func (l *ledger) ages(w *world, opened map[string]time.Time) {
	w.t.Helper()
	for _, r := range w.errors() {
		at, known := opened[r.ID]
		if !known {
			opened[r.ID] = r.Opened
			continue
		}
		require.Equal(w.t, at, r.Opened, "%s lost its age", r.ID)
	}
}

// judge holds every planted defect against what the product has.
func (l *ledger) judge(w *world, opened map[string]time.Time) {
	t := w.t
	rows := w.errors()
	claimed, ends := map[string]bool{}, map[string]int{}
	for _, p := range l.all {
		if p.notice {
			continue
		}
		r := l.find(w, rows, p)
		what := fmt.Sprintf("%s of message %d of week %d (%s)", p.objection.Code, p.ordinal, p.week, p.fate.name)
		require.False(t, claimed[r.ID], "%s: one error for two defects", what)
		claimed[r.ID] = true
		require.Equal(t, string(p.fate.end), r.State, what)
		require.Equal(t, p.fate.reopened, r.Reopened, what)
		if p.fate.told > 0 {
			require.Equal(t, p.fate.told, r.Times, what)
		}
		require.Equal(t, p.fate.end == registry.ErrorVerified, r.Proof != "", "%s: verified by a report and by nothing else", what)
		require.Equal(t, r.Facility, facility(slices.Index(sites, r.Site)), what)
		ends[p.fate.name]++
	}
	for _, r := range rows {
		require.True(t, claimed[r.ID], "%s (%s) was opened and nobody planted it", r.ID, r.Code)
	}
	require.Len(t, opened, len(claimed), "an error was lost on the way")
	for _, f := range append(slices.Concat(fates, fatesOfTwo), late) {
		require.Positive(t, ends[f.name], "nothing was planted of: %s", f.name)
	}
	t.Logf("%d defects in %d weeks' files: %v", len(claimed), len(l.all), slices.Sorted(maps.Keys(ends)))
}
