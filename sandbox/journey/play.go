package journey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"immtrail/internal/hl7gen"
	"immtrail/sandbox/engine"
	"immtrail/sandbox/fakeregistry"
	"immtrail/sandbox/stage"
)

// Options say what is played.
type Options struct {
	// Practices is how many; the first three are the samples.
	Practices int
	// Outbox is a folder of the user's own files for the first practice.
	Outbox string
	// Manual leaves the coordinator's part to the user.
	Manual bool
	// Reports is how the registry answers.
	Reports Reports
	// Days is for how many days of daily submission a group of three sites is played,
	// in place of the practices; 0 for the journey as it is.
	Days int
	// Patience is how long every practice may take, on the wall clock, without
	// any of them coming further; zero means six minutes.
	Patience time.Duration
	// Lines shows the practices' lines; called about four times a second.
	Lines func([]Line)

	drain *atomic.Bool
}

func (o Options) draining() bool { return o.drain != nil && o.drain.Load() }

// Line is a practice's line on the screen.
type Line struct {
	Practice, Stage, Next string
	Elapsed               time.Duration
	Done                  bool
}

// Journey is a rehearsal being played.
type Journey struct {
	stage   *stage.Stage
	opts    Options
	players []*player
	began   time.Time
	db      *pgxpool.Pool
	plain   client.Client
}

// errStuck says that nothing has moved for too long.
var errStuck = errors.New("no practice has come further")

// Begin prepares a journey on the stage: who plays, and what an earlier run
// has done.
func Begin(ctx context.Context, s *stage.Stage, opts Options) (*Journey, error) {
	if opts.Patience == 0 {
		opts.Patience = 6 * time.Minute
	}
	opts.drain = &atomic.Bool{}
	j := &Journey{stage: s, opts: opts, began: time.Now()}
	own, err := OwnFiles(opts.Outbox)
	if err != nil {
		return nil, err
	}
	if j.db, err = pgxpool.New(ctx, s.DatabaseURL()); err != nil {
		return nil, err
	}
	if j.plain, err = client.Dial(client.Options{HostPort: s.HostPort(), Namespace: engine.Namespace, Logger: quiet{}}); err != nil {
		return nil, err
	}
	var logins []fakeregistry.Account
	for i, r := range cast(opts.Practices, opts.Days, opts.Reports, opts.Manual) {
		p := &player{role: r, stage: s, db: j.db, plain: j.plain, opts: opts}
		if p.journal, err = openJournal(s.Path("journey", r.practice.ID+".json")); err != nil {
			return nil, err
		}
		if i == 0 {
			p.own = own
		}
		p.line = line{Practice: r.practice.ID, Stage: "enrolled", Next: "its process starts"}
		j.players = append(j.players, p)
		logins = append(logins, r.login(s.Password()))
	}
	return j, fakeregistry.WriteAccounts(s.Path(stage.RegistryFolder), logins)
}

// Close ends the journey's connections.
func (j *Journey) Close() {
	j.plain.Close()
	j.db.Close()
}

// Play plays until every practice has reached every stage, and then until the
// registry has answered what is still on its way. A journey that was played to
// its end has nothing left to play.
func (j *Journey) Play(ctx context.Context) error {
	if _, err := os.Stat(j.endMark()); err == nil {
		return nil
	}
	if err := j.enrolAll(ctx); err != nil {
		return err
	}
	if err := j.until(ctx, j.allDone); err != nil {
		return err
	}
	j.opts.drain.Store(true)
	if err := j.until(ctx, j.drained); err != nil {
		return err
	}
	return os.WriteFile(j.endMark(), nil, 0o600)
}

// endMark says for how many practices the journey was played to its end.
func (j *Journey) endMark() string {
	return j.stage.Path("journey", fmt.Sprintf("ended-%d", len(j.players)))
}

// Rehearse plays on without an end, for somebody who clicks through it.
func (j *Journey) Rehearse(ctx context.Context) error {
	err := j.enrolAll(ctx)
	if err != nil {
		return err
	}
	err = j.until(ctx, func(context.Context) (bool, error) { return false, nil })
	if ctx.Err() != nil {
		return nil //nolint:nilerr // Ctrl-C is how this ends
	}
	return err
}

// enrolAll makes every practice known and begins its way; what an earlier run
// did is not done again.
func (j *Journey) enrolAll(ctx context.Context) error {
	for _, p := range j.players {
		if err := errors.Join(p.redrop(), p.enrol(ctx)); err != nil {
			return fmt.Errorf("%s: %w", p.practice.ID, err)
		}
	}
	return nil
}

// until steps all players, day by day, until done.
func (j *Journey) until(ctx context.Context, done func(context.Context) (bool, error)) error {
	pace := time.NewTicker(j.pace())
	defer pace.Stop()
	moved, last := time.Now(), ""
	for {
		if err := j.stepAll(ctx); err != nil {
			return err
		}
		j.show()
		over, err := done(ctx)
		if err != nil || over {
			return err
		}
		if now := j.where(ctx); now != last {
			moved, last = time.Now(), now
		}
		if !j.opts.Manual && time.Since(moved) > j.opts.Patience {
			return fmt.Errorf("%w for %s (%s may say why): %s", errStuck, j.opts.Patience, j.stage.Path("logs", "worker.log"), last)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
	}
}

// pace is a quarter of a day, between a quarter of a second and two.
func (j *Journey) pace() time.Duration {
	quarter := j.stage.Calendar().WallDuration(6 * time.Hour)
	return min(max(quarter, 250*time.Millisecond), 2*time.Second)
}

// stepsAtOnce bounds how many practices are looked at together.
const stepsAtOnce = 8

func (j *Journey) stepAll(ctx context.Context) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		all  error
		gate = make(chan struct{}, stepsAtOnce)
	)
	for _, p := range j.players {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			done, err := p.step(ctx)
			p.line.Done = done
			if err != nil && ctx.Err() == nil {
				mu.Lock()
				all = errors.Join(all, fmt.Errorf("%s: %w", p.practice.ID, err))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all
}

// where is a fingerprint of how far everybody is. Daily files go on being
// answered while a practice is stuck, so they count at the end only, when they
// are all that is waited for.
func (j *Journey) where(ctx context.Context) string {
	text := ""
	for _, p := range j.players {
		text += fmt.Sprintf("%s: %s, %s; ", p.practice.ID, p.line.Stage, p.line.Next)
	}
	var files int
	_ = j.db.QueryRow(ctx, `SELECT count(*) FROM files WHERE state = 'answered' AND (lane <> 'production' OR $1)`, j.opts.draining()).
		Scan(&files) // a database that is away changes nothing
	return text + fmt.Sprintf("%d files answered", files)
}

func (j *Journey) allDone(context.Context) (bool, error) {
	for _, p := range j.players {
		if !p.line.Done {
			return false, nil
		}
	}
	return true, nil
}

// drained says that nothing is on its way any more: every file is settled.
func (j *Journey) drained(ctx context.Context) (bool, error) {
	var open int
	err := j.db.QueryRow(ctx, `SELECT count(*) FROM files WHERE state NOT IN ('answered', 'refused', 'dropped')
		-- What a historical load is split from is not sent itself.
		AND NOT (lane = 'historical' AND EXISTS (SELECT 1 FROM arrivals a WHERE a.file_id = files.id))`).Scan(&open)
	if err != nil || open > 0 {
		return false, err
	}
	for _, p := range j.players {
		waiting, err := waitingIn(j.stage.Path("outbox", p.practice.ID, "production"))
		if err != nil || waiting > 0 {
			return false, err
		}
	}
	return true, nil
}

func (j *Journey) show() {
	if j.opts.Lines == nil {
		return
	}
	lines := make([]Line, 0, len(j.players))
	for _, p := range j.players {
		lines = append(lines, Line{
			Practice: p.practice.ID, Stage: p.line.Stage, Next: p.line.Next, Elapsed: time.Since(j.began), Done: p.line.Done,
		})
	}
	j.opts.Lines(lines)
}

// Patients are the people in every file that was dropped.
func (j *Journey) Patients() ([]hl7gen.Patient, error) {
	var out []hl7gen.Patient
	for _, p := range j.players {
		more, err := p.patients()
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// Row is a practice's line in the closing table: the date of each stage.
type Row struct {
	Practice string               `json:"practice"`
	Name     string               `json:"-"`
	Account  string               `json:"-"`
	OrgCode  string               `json:"-"`
	Reached  map[string]time.Time `json:"reached"`
	Missing  []string             `json:"missing,omitempty"`
}

// Rows tell which stage every practice reached, and when by the calendar.
func (j *Journey) Rows() []Row {
	rows := make([]Row, 0, len(j.players))
	for _, p := range j.players {
		row := Row{
			Practice: p.practice.ID, Name: p.practice.Name, Account: p.practice.ID, OrgCode: p.practice.OrgCode,
			Reached: map[string]time.Time{},
		}
		for _, s := range Stages {
			at, there := p.journal.reached(s)
			if !there {
				row.Missing = append(row.Missing, s)
				continue
			}
			row.Reached[s] = at
		}
		rows = append(rows, row)
	}
	return rows
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// ApprovedAt is the moment on the wall clock at which the Production email of a
// practice was written; zero where it was not.
func (j *Journey) ApprovedAt(practice string) time.Time {
	for _, p := range j.players {
		if p.practice.ID != practice {
			continue
		}
		if at, ok := p.journal.done("production-mail"); ok {
			return j.stage.Calendar().Wall(at)
		}
	}
	return time.Time{}
}
