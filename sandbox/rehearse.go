package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"immtrail/internal/pglocal"
	"immtrail/sandbox/journey"
	"immtrail/sandbox/oracle"
	"immtrail/sandbox/stage"
)

// rehearse boots the stage, plays the journey, and returns the exit code.
func rehearse(ctx context.Context, o options) int {
	scr := newScreen(os.Stdout, o.json)
	if o.dir == "" {
		dir, err := temporaryDir()
		if err != nil {
			return scr.fail(exitCouldNot, err)
		}
		o.dir = dir
		defer func() { _ = os.RemoveAll(dir) }()
	}
	began := time.Now()
	s, err := stage.Build(ctx, stage.Options{
		Dir: o.dir, Day: o.day, Years: o.days > 0, Codec: o.codec, NoUI: o.noUI, KillDir: o.killDir, SameGroup: o.sameGroup, Log: scr.step,
	})
	if errors.Is(err, pglocal.ErrNoBinaries) {
		return scr.fail(exitCouldNot, pglocal.ErrNoBinaries)
	}
	if err != nil {
		return scr.fail(exitCouldNot, err)
	}
	defer s.Close()
	scr.ready(s, time.Since(began))
	j, err := journey.Begin(ctx, s, journey.Options{
		Practices: o.practices, Days: o.days, Outbox: o.outbox, Manual: o.manual, Reports: o.reports, Lines: scr.lines,
	})
	if err != nil {
		return scr.fail(exitCouldNot, err)
	}
	defer j.Close()
	if o.journey {
		return playOnce(ctx, o, s, j, scr)
	}
	return stayUp(ctx, j, scr)
}

// playOnce plays the journey, lets the oracle judge it, and prints the table.
func playOnce(ctx context.Context, o options, s *stage.Stage, j *journey.Journey, scr *screen) int {
	began := time.Now()
	err := j.Play(ctx)
	scr.endLines()
	if err != nil && ctx.Err() != nil {
		return scr.fail(exitNo, errors.New("interrupted"))
	}
	v, judgeErr := judge(ctx, o, s, j)
	if judgeErr != nil {
		return scr.fail(exitCouldNot, errors.Join(err, judgeErr))
	}
	v.Wall = time.Since(began).Round(10 * time.Millisecond)
	v.WorkerRestarts = s.WorkerRestarts()
	if err != nil {
		v.Reasons = append([]string{err.Error()}, v.Reasons...)
	}
	return scr.verdict(v)
}

// stayUp plays the journey and stays until Ctrl-C, with daily submission going
// on.
func stayUp(ctx context.Context, j *journey.Journey, scr *screen) int {
	err := j.Rehearse(ctx)
	scr.endLines()
	if err != nil {
		return scr.fail(exitNo, err)
	}
	scr.say("Stopping.")
	return exitOK
}

// temporaryDir is a folder that PostgreSQL's own user can reach.
func temporaryDir() (string, error) {
	dir, err := os.MkdirTemp("", "immtrail-sandbox-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711) //nolint:gosec // another user has to pass through
}

// verdict is what a journey came to.
type verdict struct {
	OK             bool          `json:"ok"`
	Reasons        []string      `json:"reasons,omitempty"`
	Rows           []verdictRow  `json:"practices"`
	Wall           time.Duration `json:"wall_ns"`
	Day            string        `json:"day"`
	WorkerRestarts int           `json:"worker_restarts"`
	// Scanned is how many bytes were looked through for patients, by place.
	Scanned map[oracle.Sink]int64 `json:"scanned_bytes"`
	// Longest is the highest number of events in a run's history, by workflow type;
	// Alarms is what people were alarmed by. Of a long play only.
	Longest map[string]int64 `json:"longest_histories,omitempty"`
	Alarms  []oracle.Alarm   `json:"alarms,omitempty"`
	// NextBuild counts runs that a newly deployed build began. Of a long play only.
	NextBuild int64 `json:"next_build,omitempty"`
	// Days are those on which a submission began. Of a long play only.
	Days *oracle.Days `json:"days,omitempty"`
}

// verdictRow is one practice of it.
type verdictRow struct {
	journey.Row
	FilesSent     int `json:"files_sent"`
	Verified      int `json:"verified"`
	Reports       int `json:"reports"`
	ErrorsOpened  int `json:"errors_opened"`
	ErrorsSettled int `json:"errors_settled"`
}

func (v *verdict) line() string {
	if v.OK {
		return "journey: ok"
	}
	reason := "unknown"
	if len(v.Reasons) > 0 {
		reason = v.Reasons[0]
	}
	if n := len(v.Reasons) - 1; n > 0 {
		reason = fmt.Sprintf("%s (and %d more)", reason, n)
	}
	return "journey: FAILED: " + reason
}
