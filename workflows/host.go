package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
)

// RegistryHostInput starts the workflow of a registry's server, or continues it.
type RegistryHostInput struct {
	activities.HostInput
	// State is set where a run continues an earlier one.
	State *HostState `json:"state,omitempty"`
}

// HostState survives continue-as-new. The line itself stands in the database,
// and so do the holds.
type HostState struct {
	// Permits is the number of the last permit.
	Permits int64 `json:"permits"`
	// Inside are the visits that go on.
	Inside []HostVisit `json:"inside,omitempty"`
	// Links are connections that are not as they should be, Servers ("host:port")
	// are servers that are not.
	Links   map[string]HostLink `json:"links,omitempty"`
	Servers map[string]HostLink `json:"servers,omitempty"`
	// HourFrom is when the current hour began, ThisHour how many files it had.
	HourFrom time.Time `json:"hour_from"`
	ThisHour int       `json:"this_hour,omitempty"`
	// Settled are holds whose end has still to be told.
	Settled []string `json:"settled,omitempty"`
	// Released came in while the run ended.
	Released []PermitReleased `json:"released,omitempty"`
}

// HostVisit is a workflow that is let in.
type HostVisit struct {
	activities.Visit
	Permit     int64  `json:"permit"`
	Connection string `json:"connection"`
	// Port is that of its server, on this host.
	Port int `json:"port"`
	// Seen is when it was let in, or last known to live.
	Seen time.Time `json:"seen"`
}

// HostLink is a connection, or a server, that is not as it should be.
type HostLink struct {
	// Since is when the faults began, Faults how many there were in a row; Next
	// is when it may be tried again.
	Since  time.Time `json:"since,omitzero"`
	Faults int       `json:"faults,omitempty"`
	Next   time.Time `json:"next,omitzero"`
	// Hold is what holds it. Settled is the hold that a person has settled: the
	// next visit is a trial.
	Hold    string `json:"hold,omitempty"`
	Settled string `json:"settled,omitempty"`
}

const (
	// An hour of a registry's limit is an hour of the clock on the wall.
	limitedHour = time.Hour
	// livesFor is how long a visit may be silent before it is asked whether it
	// lives.
	livesFor      = 15 * time.Minute
	leastLivesFor = 30 * time.Second
	// reachTime is longer than any login may take (transfer.dial_timeout is 65 s).
	reachTime      = 3 * time.Minute
	leastReachTime = 10 * time.Second
)

// RegistryHost keeps the door of a registry's server: it lets workflows in by
// the registry's limits and in turns, so that no practice delays another, and
// holds once, whoever has met it, a connection where its login is wrong, and the
// server where nobody gets as far as a login: it is away, silent, another one
// than was pinned. Everything that is asked of a person about them is asked here.
func RegistryHost(ctx workflow.Context, in RegistryHostInput) error {
	h, err := newHost(ctx, in)
	if err != nil {
		return err
	}
	if err := h.takeOver(ctx); err != nil {
		return err
	}
	for {
		if err := h.run(ctx); !errors.Is(err, errContinue) {
			return err
		}
		if err := h.finish(ctx); err != nil {
			return err
		}
		if !h.decided() { // a decision that came in by now is of this run
			break
		}
	}
	in.Calendar, in.Policy, in.State = h.calendar, h.policy, h.handOver()
	return workflow.NewContinueAsNewError(ctx, RegistryHost, in)
}

type registryHost struct {
	*process
	HostState
	host string
	// look says that the line has to be looked at; it is set by every nudge.
	look bool
	// over and again are to be told to the database at the next look.
	over, again []activities.Visit
	// alerts stop the alert of a hold.
	alerts map[string]workflow.CancelFunc
	// seen is what the last look came to.
	seen activities.ChoosePermitsResult
}

func newHost(ctx workflow.Context, in RegistryHostInput) (*registryHost, error) {
	p, err := newProcess(ctx, "host "+in.Host, "", in.Calendar, in.Policy)
	if err != nil {
		return nil, err
	}
	p.business = in.Business
	h := &registryHost{process: p, host: in.Host, look: true, alerts: map[string]workflow.CancelFunc{}}
	if in.State != nil {
		h.HostState = *in.State
	}
	if h.Links == nil {
		h.Links = map[string]HostLink{}
	}
	if h.Servers == nil {
		h.Servers = map[string]HostLink{}
	}
	hear(ctx, p, SignalPermitAsked, func(activities.PermitAsked) { h.look = true })
	hear(ctx, p, SignalPermitReleased, func(r PermitReleased) { h.Released = append(h.Released, r) })
	return h, answer(ctx, QueryStatus, h.status)
}

func (h *registryHost) run(ctx workflow.Context) error {
	for {
		if err := h.settleVisits(ctx); err != nil {
			return err
		}
		if err := h.settleHolds(ctx); err != nil {
			return err
		}
		if h.look {
			if err := h.letIn(ctx); err != nil {
				return err
			}
		} else if err := h.rest(ctx); err != nil {
			return err
		}
		// Here the database knows of every visit that is over.
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && len(h.over)+len(h.again) == 0 {
			return errContinue
		}
	}
}

// decided reports whether a decision waits to be applied.
func (h *registryHost) decided() bool {
	return slices.ContainsFunc(h.sortedHolds(), func(o *openHold) bool { return o.decision != nil })
}

// settleVisits takes in what visits came to.
func (h *registryHost) settleVisits(ctx workflow.Context) error {
	h.listen()
	for len(h.Released) > 0 {
		r := h.Released[0]
		h.Released = h.Released[1:]
		at := h.inside(r)
		if at < 0 {
			continue // known already
		}
		v := h.Inside[at]
		h.Inside = slices.Delete(h.Inside, at, at+1)
		h.look = true
		if r.Outcome != VisitFault {
			h.over = append(h.over, v.Visit)
			if r.Outcome == VisitDone {
				h.works(ctx, v)
			}
			continue
		}
		h.again = append(h.again, v.Visit)
		if err := h.fault(ctx, v, r); err != nil {
			return err
		}
		h.listen()
	}
	return nil
}

// letIn asks who goes next and tells them.
func (h *registryHost) letIn(ctx workflow.Context) error {
	h.look = false
	now := workflow.Now(ctx)
	if now.Sub(h.HourFrom) >= limitedHour {
		h.HourFrom, h.ThisHour = now, 0
	}
	in := activities.ChoosePermitsInput{
		Scope: h.scope(), Host: h.host, Over: h.over, Again: h.again, ThisHour: h.ThisHour,
	}
	for _, v := range h.Inside {
		in.Inside = append(in.Inside, v.Visit)
	}
	in.Closed, in.Doubtful = sortLinks(h.Links, now, mostClosed, mostDoubtful)
	in.ClosedServers, in.DoubtfulServers = sortLinks(h.Servers, now, mostServers, mostServers)
	in.DoubtfulServers = slices.DeleteFunc(in.DoubtfulServers, func(server string) bool { return h.reached(server, now) })
	seen, err := must(ctx, h.process, briefWork, "who goes next", hosts.ChoosePermits, in)
	if err != nil {
		return err
	}
	h.over, h.again, h.seen = nil, nil, seen
	if err := h.grant(ctx, seen.Next); err != nil {
		return err
	}
	return h.tellWhoWaits(ctx)
}

// grant lets them in, all at once. Whoever has ended in the meantime loses its
// place.
func (h *registryHost) grant(ctx workflow.Context, permits []activities.Permit) error {
	now := workflow.Now(ctx)
	visits, told := make([]HostVisit, len(permits)), make([]workflow.Future, len(permits))
	for i, p := range permits {
		// Greater than every number before it, also after somebody has ended this
		// workflow and another one has begun.
		h.Permits = max(h.Permits+1, now.UnixMilli())
		visits[i] = HostVisit{Visit: p.Visit, Permit: h.Permits, Connection: p.Connection, Port: p.Port, Seen: now}
		told[i] = h.signalVisit(ctx, visits[i])
	}
	for i, v := range visits {
		err := told[i].Get(ctx, nil)
		if temporal.IsCanceledError(err) {
			return err
		}
		if err != nil {
			h.over = append(h.over, v.Visit)
			h.look = true
			continue
		}
		h.Inside = append(h.Inside, v)
		if permits[i].File {
			h.ThisHour++
		}
	}
	return nil
}

// signalVisit says to a workflow that it is let in.
func (h *registryHost) signalVisit(ctx workflow.Context, v HostVisit) workflow.Future {
	return workflow.SignalExternalWorkflow(ctx, v.Workflow, "", SignalPermitGranted.Name, PermitGranted{
		Host: h.host, Connection: v.Connection, Ask: v.Ask, Permit: v.Permit, BytesPerSecond: h.seen.BytesPerSecond,
	})
}

// tellVisit says it again, to ask so whether the workflow lives.
func (h *registryHost) tellVisit(ctx workflow.Context, v HostVisit) (lives bool, err error) {
	err = h.signalVisit(ctx, v).Get(ctx, nil)
	if temporal.IsCanceledError(err) {
		return false, err
	}
	return err == nil, nil
}

// rest waits for whatever comes first: a signal, a decision, a connection's next
// trial, the end of quiet hours or of a full hour, a visit that was silent for
// long.
func (h *registryHost) rest(ctx workflow.Context) error {
	now := workflow.Now(ctx)
	until, what := h.nextLook(now)
	var date time.Time
	if !until.IsZero() {
		date = h.calendar.Date(until)
	}
	came, err := h.waitUntil(ctx, date, what, func() bool {
		return h.look || len(h.Released) > 0 || h.decided()
	})
	if err != nil || !came {
		return err
	}
	h.look = true
	return h.askSilent(ctx)
}

func (h *registryHost) nextLook(now time.Time) (until time.Time, what string) {
	earlier := func(at time.Time, why string) {
		if until.IsZero() || at.Before(until) {
			until, what = at, why
		}
	}
	for _, links := range []map[string]HostLink{h.Links, h.Servers} {
		for _, name := range workflow.DeterministicKeys(links) {
			if l := links[name]; l.Hold == "" && l.Next.After(now) {
				earlier(l.Next, "try "+name+" again")
			}
		}
	}
	if h.seen.Waiting > 0 && !h.seen.QuietUntil.IsZero() {
		earlier(h.calendar.Wall(h.seen.QuietUntil), "the end of quiet hours")
	}
	if h.seen.Waiting > 0 && h.seen.HourFull {
		earlier(h.HourFrom.Add(limitedHour), "the end of a full hour")
	}
	for _, v := range h.Inside {
		earlier(v.Seen.Add(h.livesFor()), "does "+v.Workflow+" live?")
		server := h.serverOf(v)
		if _, doubtful := h.Servers[server]; doubtful && h.seen.Waiting > 0 && !h.reached(server, now) {
			earlier(v.Seen.Add(h.reachTime()), "has "+server+" been reached?")
		}
	}
	return until, what
}

func (h *registryHost) livesFor() time.Duration {
	return scaled(livesFor, leastLivesFor, h.policy.Patience)
}

// askSilent asks visits that were silent for long whether they live, and takes
// the places of those that do not.
func (h *registryHost) askSilent(ctx workflow.Context) error {
	for _, v := range slices.Clone(h.Inside) {
		if workflow.Now(ctx).Sub(v.Seen) < h.livesFor() {
			continue
		}
		lives, err := h.tellVisit(ctx, v)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(h.Inside, func(i HostVisit) bool { return i.Permit == v.Permit })
		if lives {
			h.Inside[at].Seen = workflow.Now(ctx)
			continue
		}
		h.Inside = slices.Delete(h.Inside, at, at+1)
		h.over = append(h.over, v.Visit)
	}
	return nil
}

// tellWhoWaits shows the line in the Web UI.
func (h *registryHost) tellWhoWaits(ctx workflow.Context) error {
	line := activities.Progress{
		Source: h.source, Whose: "nobody", Next: "nothing",
		Stage: fmt.Sprintf("%s: %d of %d visits, %d waiting", h.host, len(h.Inside), h.seen.Sessions, h.seen.Waiting),
	}
	line.Since = h.now(ctx)
	if len(h.holds) > 0 {
		line.Next, line.Whose = "settle what is held", "you"
	}
	h.notes = nil
	for _, v := range h.Inside {
		h.notes = append(h.notes, fmt.Sprintf("inside: %s on %s", v.Workflow, v.Connection))
	}
	h.notes = append(h.notes, h.weatherNotes(workflow.Now(ctx))...)
	if !h.seen.QuietUntil.IsZero() {
		h.notes = append(h.notes, "quiet hours until "+h.seen.QuietUntil.Format("Monday 15:04"))
	}
	h.progress = line
	return h.show(ctx)
}
