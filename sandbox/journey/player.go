package journey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"immtrail/registry"
	"immtrail/sandbox/stage"
	"immtrail/workflows"
)

// Stages of a journey, in the order of the table.
var Stages = []string{"enrolled", "testing", "in review", "production", "first file", "history", "ongoing"}

// player plays everybody around one practice.
type player struct {
	role
	stage   *stage.Stage
	db      *pgxpool.Pool
	plain   client.Client // without a codec, as the Web UI's dialogs are
	journal *journal
	opts    Options
	// own are files of the user's, which go before generated ones.
	own map[registry.Lane][]string

	// line is what the progress display shows.
	line line
	// lastDrop paces the files: one a day.
	lastDrop time.Time
	// asked is what a play of years has asked the Schedule for.
	asked asking
	// away is when the registry comes back from an outage.
	away *time.Time
}

// line is a practice's line on the screen.
type line struct {
	Practice string
	Stage    string
	Next     string
	Done     bool
}

// enrol adds connection and practice and starts the onboarding, with the
// commands that a coordinator types.
func (p *player) enrol(ctx context.Context) error {
	if _, done := p.journal.done("enrolled"); done {
		return nil
	}
	secret := p.stage.Path("keys", p.practice.ID+".password")
	if err := os.WriteFile(secret, []byte(p.stage.Password()+"\n"), 0o600); err != nil {
		return err
	}
	ready := p.stage.Registry()
	connection := fmt.Sprintf("name: %s\nprotocol: sftp\nhost: %s\nport: %d\nuser: %s\nsecret: file:%s\nhost_keys:\n  - %s\n",
		p.practice.Connection, ready.Host, ready.Port, p.practice.ID, secret, ready.HostKey)
	if err := p.expectReports(); err != nil {
		return err
	}
	if err := p.add(ctx, "connection", connection); err != nil {
		return err
	}
	if err := p.add(ctx, "practice", practiceYAML(p.practice)); err != nil {
		return err
	}
	for _, lane := range registry.Lanes() {
		if err := os.MkdirAll(p.stage.Path("outbox", p.practice.ID, string(lane)), 0o755); err != nil {
			return err
		}
	}
	if err := p.prerequisites(ctx); err != nil {
		return err
	}
	if _, err := p.stage.Starter(ctx, "onboard", p.practice.ID); err != nil {
		return err
	}
	return p.journal.did("enrolled", p.today())
}

// prerequisites settles what the practice's data does not prove.
func (p *player) prerequisites(ctx context.Context) error {
	for _, args := range [][]string{
		{"connection", "test", p.practice.Connection},
		{"prerequisite", "done", p.practice.ID, "intent", "--evidence", "the registry confirmed it by email"},
		{"prerequisite", "done", p.practice.ID, "hl7-version", "--evidence", "the EHR vendor says so"},
	} {
		if _, err := p.stage.Starter(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) add(ctx context.Context, what, text string) error {
	file := p.stage.Path("practices", p.practice.ID+"."+what+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	_, err := p.stage.Starter(ctx, what, "add", file)
	return err
}

func practiceYAML(p registry.Practice) string {
	var b strings.Builder
	fmt.Fprintf(&b, "id: %s\nname: %s\norg_code: %s\niis_id: %q\nzone: %s\nconnection: %s\nagreement_expires: %q\nsites:\n",
		p.ID, p.Name, p.OrgCode, p.IISID, p.Zone, p.Connection, p.Agreement)
	for _, s := range p.Sites {
		fmt.Fprintf(&b, "  - id: %s\n    name: %s\n    facilities: [%s]\n    prescribers: [%q]\n    agreement_expires: %q\n",
			s.ID, s.Name, strings.Join(s.Facilities, ", "), s.Prescribers[0], s.Agreement)
	}
	b.WriteString("contacts:\n")
	for _, c := range p.Contacts {
		fmt.Fprintf(&b, "  - {role: %s, name: %s, email: %s}\n", c.Role, c.Name, c.Email)
	}
	return b.String()
}

func (p *player) today() time.Time { return p.stage.Calendar().Date(time.Now()) }

// step looks at the practice and does what is due. It returns true when the
// practice has reached every stage.
func (p *player) step(ctx context.Context) (bool, error) {
	status, err := ask(ctx, p.stage.Temporal(), workflows.OnboardingID(p.practice.ID), workflows.QueryStatus)
	if err != nil {
		return false, err
	}
	// A worker that does not answer just now leaves the line as it was.
	if status.Progress.Stage != "" {
		p.line.Stage, p.line.Next = status.Progress.Stage, status.Progress.Next
	}
	if err := p.journal.reach("enrolled", p.today()); err != nil {
		return false, err
	}
	if err := p.beginDays(ctx); err != nil {
		return false, err
	}
	switch status.Phase {
	case registry.PhaseTesting:
		return false, errors.Join(p.journal.reach("testing", p.today()), p.testing(ctx, status))
	case registry.PhaseInReview:
		return false, errors.Join(p.journal.reach("in review", p.today()), p.inReview(ctx))
	case registry.PhaseProduction:
		if err := p.journal.reach("production", p.today()); err != nil {
			return false, err
		}
		return p.production(ctx, status)
	case registry.PhaseRegistered, registry.PhaseWithdrawn:
	}
	return false, nil
}

// ask queries a workflow; one that has not started yet knows nothing.
func ask[T any](ctx context.Context, c client.Client, id string, m workflows.Message[T]) (T, error) {
	var out T
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	v, err := c.QueryWorkflow(ctx, id, "", m.Name)
	if err != nil {
		// A worker that was just killed, or a workflow that is not there yet, is
		// asked again at the next look.
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) || ctx.Err() != nil || isAway(err) {
			return out, nil
		}
		return out, err
	}
	return out, v.Get(&out)
}

// isAway recognises a worker that does not answer just now.
func isAway(err error) bool {
	var deadline *serviceerror.DeadlineExceeded
	var away *serviceerror.Unavailable
	var failed *serviceerror.QueryFailed
	var notReady *serviceerror.WorkflowNotReady
	var lost *serviceerror.Canceled
	var unseen *serviceerror.FailedPrecondition // no worker was seen lately
	var busy *serviceerror.ResourceExhausted    // too many ask already
	return errors.As(err, &deadline) || errors.As(err, &away) || errors.As(err, &failed) ||
		errors.As(err, &notReady) || errors.As(err, &lost) || errors.As(err, &unseen) || errors.As(err, &busy)
}

// testing drops a test file a day, and asks for the review when the gate opens.
func (p *player) testing(ctx context.Context, status workflows.Status) error {
	dropped, own := len(p.journal.of(registry.LaneTest)), len(p.own[registry.LaneTest])
	open := status.Gate != nil && status.Gate.Open
	// Where the user's own files are enough, no generated ones are needed.
	all := dropped >= own+len(p.tests) || open && own > 0 && dropped >= own
	if !all {
		next := p.tests[min(max(0, dropped-own), len(p.tests)-1)]
		ready, err := p.corrigible(ctx, registry.LaneTest, next)
		if err != nil || !ready || !p.aDayLater() {
			return err
		}
		p.lastDrop = p.today()
		return p.drop(registry.LaneTest, next, p.exportDate())
	}
	if !open || p.opts.Manual {
		return nil
	}
	_, err := p.stage.Starter(ctx, "review", "send", p.practice.ID)
	return tolerate(err)
}

// tolerate lets a step be tried again at the next look where the worker did not
// answer; a refusal is an error of the journey.
func tolerate(err error) error {
	var r *stage.RefusalError
	if errors.As(err, &r) && r.Code == 3 {
		return nil
	}
	return err
}

func (p *player) aDayLater() bool {
	if p.stage.Calendar().Backfilled {
		return !p.today().Truncate(day).Equal(p.lastDrop.Truncate(day))
	}
	return p.lastDrop.IsZero() || p.today().Sub(p.lastDrop) >= 24*time.Hour
}
