package journey

import (
	"context"
	"fmt"
	"time"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// A patient without consent is in every refusedEvery-th production file of a long
// play, and the file is sent again, corrected, correctedAfter files later.
const (
	refusedEvery   = 40
	correctedAfter = 5
)

// agreedUntil is after the longest play: that an agreement ends is told elsewhere.
const agreedUntil = "2034-12-31"

// trio is a group of three sites whose daily submission is played for a long
// time: its files are small, and what happens is what happens in years.
func trio(days int) role {
	group := practice("hill-country", "Hill Country Clinics", "HILL4004", "1900000004", "kerrville", "boerne", "llano")
	group.Agreement = agreedUntil
	for i := range group.Sites {
		group.Sites[i].Agreement = agreedUntil
	}
	return role{
		practice: group,
		account:  fakeregistry.Account{Behaviour: fakeregistry.Behaviour{Answer: fakeregistry.AnswerACK, After: 1}},
		tests:    []fileScript{{Messages: 1}, {Messages: 4}, {Messages: 6}},
		production: func(n int) fileScript {
			switch n % refusedEvery {
			case 3:
				return fileScript{Messages: 6, Defects: []hl7gen.Defect{hl7gen.NoConsent}}
			case 3 + correctedAfter:
				return fileScript{Messages: 6, Again: n - correctedAfter}
			}
			return fileScript{Messages: 6}
		},
		days: days, approve: "cli", settles: true, seed: 44, happens: overYears(days),
	}
}

// happening is what somebody does when so many production files were dropped.
type happening struct {
	after int
	name  string
	do    func(context.Context, *player) error
}

// outage is how long the registry is away, in days.
const outage = 10

// keyWindow is how many files after its announcement the registry's other host key
// is the one that it shows.
const keyWindow = 7

// What happens over years, by name.
const (
	weekly, daily             = "submission is weekly", "submission is daily"
	outageFirst, outageSecond = "the registry is away", "the registry is away again"
	nextBuild                 = "a new build is deployed"
)

// overYears are two outages of the registry of ten days, a host key that becomes
// another, a cadence that becomes weekly and daily again, the end of a worker in the
// midst, and a new build whose workflows have a step more.
func overYears(days int) []happening {
	at := func(share float64) int { return int(share * float64(days)) }
	cadence := func(words ...string) func(context.Context, *player) error {
		return func(ctx context.Context, p *player) error {
			_, err := p.stage.Starter(ctx, append([]string{
				"submission", "set", p.practice.ID, "--at", "18:00", "--reason", "as the practice wishes", "--cadence",
			}, words...)...)
			return err
		}
	}
	away := func(_ context.Context, p *player) error {
		back := p.today().AddDate(0, 0, outage)
		p.away = &back
		return p.stage.SuspendRegistry()
	}
	return []happening{
		{at(0.2), outageFirst, away},
		{at(0.33), "the registry announces another host key", acceptKey},
		{at(0.33) + keyWindow, "the registry has another host key", func(ctx context.Context, p *player) error {
			return p.stage.RotateRegistryKey(ctx)
		}},
		{at(0.4), weekly, cadence("weekly", "--weekday", "friday")},
		{at(0.4) + 5, daily, cadence("daily")},
		{at(0.5), "a worker ends", func(_ context.Context, p *player) error { return p.stage.KillWorker() }},
		{at(0.6), nextBuild, func(_ context.Context, p *player) error { return p.stage.DeployNextBuild() }},
		{at(0.7), outageSecond, away},
	}
}

// acceptKey does what a coordinator does whom the registry tells of a host key that
// it will have: both are accepted for a while.
func acceptKey(ctx context.Context, p *player) error {
	line, fingerprint, err := p.stage.NextRegistryKey()
	if err != nil {
		return err
	}
	_, err = p.stage.Starter(ctx, "connection", "host-key", "accept", p.practice.Connection,
		"--fingerprint", fingerprint, "--by", "Registry Support", "--key", line)
	return err
}

// happen does what is due. The registry comes back by the calendar; nothing else
// happens before.
func (p *player) happen(ctx context.Context) error {
	if p.away != nil && p.today().After(*p.away) {
		if err := p.stage.ResumeRegistry(); err != nil {
			return err
		}
		p.away = nil
	}
	dropped := len(p.journal.of(registry.LaneProduction))
	for _, h := range p.happens {
		if _, done := p.journal.done(h.name); done || dropped < h.after || p.away != nil {
			continue
		}
		if err := p.journal.did(h.name, p.today()); err != nil {
			return err
		}
		if err := h.do(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
	}
	return nil
}

// lateAfter is how long after an outage a person may still be asked about it.
const lateAfter = 10

// Caused says that people had to be asked about the connection on that date of a
// long play: the registry was away. Any other question is needless, and what an
// alarm says must be so by the rows.
func (j *Journey) Caused(kind string, at time.Time) bool {
	if kind != "question: connection" {
		return false
	}
	for _, p := range j.players {
		for _, name := range []string{outageFirst, outageSecond} {
			began, was := p.journal.done(name)
			if was && !at.Before(began) && at.Before(began.AddDate(0, 0, outage+lateAfter)) {
				return true
			}
		}
	}
	return false
}
