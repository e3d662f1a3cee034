package journey

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"immtrail/registry"
	"immtrail/workflows"
)

// production drops a file a day, answers the questions of the historical load,
// and looks whether every stage was reached.
func (p *player) production(ctx context.Context, status workflows.Status) (bool, error) {
	if err := p.loadHistory(ctx); err != nil {
		return false, err
	}
	if err := p.dropDaily(ctx); err != nil {
		return false, err
	}
	if status.Progress.Ended {
		if err := p.journal.reach("first file", p.today()); err != nil {
			return false, err
		}
	}
	if err := p.happen(ctx); err != nil {
		return false, err
	}
	done, next, err := p.ongoing(ctx)
	if err != nil {
		return false, err
	}
	if done {
		p.line.Stage, p.line.Next = "ongoing submission", "every stage was reached"
		if err := p.journal.reach("ongoing", p.today()); err != nil {
			return false, err
		}
	} else if status.Progress.Ended {
		p.line.Stage, p.line.Next = "production: ongoing submission", next
	}
	return done, nil
}

// mostUnderway bounds the files of a practice that are not settled. An EHR does
// not wait for the registry; but where a machine is too slow for the rehearsal's
// days, files would pile up, and the journey's end would wait for all of them.
const mostUnderway = 3

// dropDaily drops a production file a day.
func (p *player) dropDaily(ctx context.Context) error {
	if p.opts.draining() || !p.aDayLater() {
		return nil
	}
	underway, err := p.count(ctx, `SELECT count(*) FROM files WHERE practice = $1 AND lane = 'production'
		AND state NOT IN ('answered', 'refused', 'dropped')`)
	if err != nil {
		return err
	}
	waiting, err := waitingIn(p.stage.Path("outbox", p.practice.ID, string(registry.LaneProduction)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody tries out what a share does that is not mounted
	}
	// Where the registry is away, the EHR exports all the same.
	if err != nil || p.away == nil && underway+waiting >= mostUnderway {
		return err
	}
	n := len(p.journal.of(registry.LaneProduction)) + 1
	next := p.role.production(max(1, n-len(p.own[registry.LaneProduction])))
	if ready, err := p.corrigible(ctx, registry.LaneProduction, next); err != nil || !ready {
		return err
	}
	p.lastDrop = p.today()
	return p.drop(registry.LaneProduction, next, p.exportDate())
}

// corrigible says whether a file may be dropped: one that corrects another
// comes after the registry has said what is wrong with that.
func (p *player) corrigible(ctx context.Context, lane registry.Lane, next fileScript) (bool, error) {
	before := p.journal.of(lane)
	if next.Again == 0 || next.Again > len(before) {
		return true, nil
	}
	data, err := p.bytes(before[next.Again-1])
	if err != nil {
		return false, err
	}
	answered, err := p.count(ctx, `SELECT count(*) FROM files WHERE practice = $1 AND lane = $2 AND digest = $3 AND state = 'answered'`,
		lane, fmt.Sprintf("%x", sha256.Sum256(data)))
	return answered > 0, err
}

// waitingIn counts the files that lie in an outbox.
func waitingIn(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") { // not the marker
			n++
		}
	}
	return n, nil
}

// ongoing looks whether daily submission did all that it has to show.
func (p *player) ongoing(ctx context.Context) (done bool, waitingFor string, err error) {
	for _, stage := range []string{"first file", "history"} {
		if _, there := p.journal.reached(stage); !there {
			return false, stage, nil
		}
	}
	answered, err := p.count(ctx, `SELECT count(*) FROM files WHERE practice = $1 AND lane = 'production' AND state = 'answered'`)
	if err != nil {
		return false, "", err
	}
	if answered < p.days {
		return false, fmt.Sprintf("%d of %d days answered", answered, p.days), nil
	}
	for _, h := range p.happens {
		if _, there := p.journal.done(h.name); !there {
			return false, "this has still to happen: " + h.name, nil
		}
	}
	if p.settles {
		open, err := p.count(ctx, `SELECT count(*) FROM errors WHERE practice = $1 AND state = 'open'`)
		if err != nil {
			return false, "", err
		}
		verified, err := p.count(ctx, `SELECT count(*) FROM errors WHERE practice = $1 AND state = 'verified'`)
		if err != nil || open > 0 || verified == 0 {
			return false, "an error to be proven corrected", err
		}
	}
	if p.quiet != "" {
		told, err := p.count(ctx, `
			SELECT count(*) FROM incidents WHERE practice = $1 AND site <> '' AND kind IN ('quiet-site', 'floor-warning', 'floor')`)
		if err != nil || told == 0 {
			return false, "the alert about the quiet site", err
		}
	}
	return true, "", nil
}

// count counts what a query finds for the practice ($1).
func (p *player) count(ctx context.Context, sql string, more ...any) (int, error) {
	var n int
	err := p.db.QueryRow(ctx, sql, append([]any{p.practice.ID}, more...)...).Scan(&n)
	return n, err
}

// loadHistory answers for the vendor, delivers the files of the load, and
// approves the plan.
func (p *player) loadHistory(ctx context.Context) error {
	if _, there := p.journal.reached("history"); there {
		return nil
	}
	progress, err := ask(ctx, p.stage.Temporal(), workflows.HistoryID(p.practice.ID), workflows.QueryHistoryProgress)
	if err != nil {
		return err
	}
	switch progress.State {
	case registry.HistoryAsked:
		return p.answerHistory(ctx)
	case registry.HistoryPlanned:
		return p.approveHistory(ctx, progress)
	case registry.HistorySent:
		return p.closeHistory(ctx, progress)
	case registry.HistoryNone, registry.HistoryClosed:
		return p.journal.reach("history", p.today())
	case registry.HistoryNotAsked, registry.HistoryLoading:
	}
	return nil
}

func (p *player) answerHistory(ctx context.Context) error {
	if _, done := p.journal.done("history-answered"); !done {
		answered, err := p.sayHistory(ctx)
		if err != nil || !answered {
			return err
		}
		if err := p.journal.did("history-answered", p.today()); err != nil {
			return err
		}
	}
	for n := len(p.journal.of(registry.LaneHistorical)); n < len(p.history); n++ {
		if err := p.drop(registry.LaneHistorical, p.history[n], p.today()); err != nil {
			return err
		}
	}
	return nil
}

// sayHistory records what the vendor says; where a person plays the
// coordinator, it looks whether that person has recorded a yes.
func (p *player) sayHistory(ctx context.Context) (answered bool, err error) {
	if p.opts.Manual {
		said, err := p.count(ctx, `SELECT count(*) FROM practices WHERE id = $1 AND history_can`)
		return said > 0, err
	}
	args := []string{"history", "answer", p.practice.ID, "--no"}
	if len(p.history) > 0 {
		args = []string{"history", "answer", p.practice.ID, "--yes", "--since", "2018-01-01"}
	}
	if _, err := p.stage.Starter(ctx, args...); err != nil {
		return false, tolerate(err)
	}
	return true, nil
}

// approveHistory approves the plan once it covers every file that was
// delivered and has lain for a day.
func (p *player) approveHistory(ctx context.Context, progress workflows.HistoryProgress) error {
	if p.opts.Manual || progress.Plan.Files < len(p.history) || progress.Plan.Unstable > 0 {
		return nil
	}
	act := "plan/" + progress.Plan.Digest
	seen, there := p.journal.done(act)
	if !there {
		return p.journal.did(act, p.today())
	}
	if p.today().Sub(seen) < 24*time.Hour {
		return nil
	}
	_, err := p.stage.Starter(ctx, "history", "approve", p.practice.ID, "--plan", progress.Plan.Digest)
	return tolerate(err)
}

// closeHistory closes the load once the registry has answered all of it.
func (p *player) closeHistory(ctx context.Context, progress workflows.HistoryProgress) error {
	if n := progress.Counts; p.opts.Manual || progress.Waiting || n.Sent == 0 || n.Unanswered > 0 {
		return nil
	}
	_, err := p.stage.Starter(ctx, "history", "close", p.practice.ID, "--reason", "what was refused is on the work list")
	return tolerate(err)
}

// redrop writes again what a kill may have kept from being written whole.
func (p *player) redrop() error {
	var all error
	for _, lane := range registry.Lanes() {
		drops := p.journal.of(lane)
		if len(drops) > 0 {
			all = errors.Join(all, p.put(drops[len(drops)-1]))
		}
	}
	return all
}
