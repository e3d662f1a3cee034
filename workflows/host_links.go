package workflows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// Bounds of what is told to [activities.Hosts.ChoosePermits] and handed to the
// next run, which have to fit into history. What is left out is tried earlier
// than it would be, and found out again; what is held the database knows.
const (
	mostClosed   = 24
	mostDoubtful = 16
	mostServers  = 6
	mostKept     = 5
	mostNotes    = 20
	mostTold     = 3
	releasedKept = 60 // bytes of a server's words
)

// linked is a connection or a server: one of both names is set.
type linked struct{ connection, server string }

// String is what a hold of it is called.
func (l linked) String() string {
	if l.server != "" {
		return "server " + l.server
	}
	return "connection " + l.connection
}

// ofHold is what a hold holds.
func ofHold(held Hold) linked { return linked{connection: held.Connection, server: held.Server} }

func (h *registryHost) link(l linked) (HostLink, bool) {
	if l.server != "" {
		link, ok := h.Servers[l.server]
		return link, ok
	}
	link, ok := h.Links[l.connection]
	return link, ok
}

func (h *registryHost) setLink(l linked, link HostLink) {
	if l.server != "" {
		h.Servers[l.server] = link
		return
	}
	h.Links[l.connection] = link
}

// fault is told by a visit: the server did something that whoever comes next
// with the same login would meet too, or, before the login, whoever comes next at
// all. Refusals hold at once, since accounts get locked; weather does after the
// time allowed. A trial that fails brings the hold back.
func (h *registryHost) fault(ctx workflow.Context, v HostVisit, r PermitReleased) error {
	what := linked{connection: v.Connection}
	if r.Server != "" {
		what = linked{server: r.Server}
	}
	l, _ := h.link(what)
	now := workflow.Now(ctx)
	patient := r.Kind == registry.Transient || r.Kind == registry.Busy
	if l.Hold != "" || patient && l.Next.After(now) {
		return nil // it was inside when another one met the same
	}
	if l.Faults == 0 {
		l.Since = now
	}
	l.Faults++
	if patient && l.Settled == "" && now.Sub(l.Since) < h.transientHold() {
		l.Next = now.Add(h.backoff(l.Faults, r.Kind))
		h.setLink(what, l)
		return nil
	}
	return h.holdLink(ctx, what, r.Words)
}

// works is told by a visit that came to its end: what was wrong with its login
// and its server is over, and who was told of a hold is told of that.
func (h *registryHost) works(ctx workflow.Context, v HostVisit) {
	for _, what := range []linked{{connection: v.Connection}, {server: h.serverOf(v)}} {
		l, doubtful := h.link(what)
		if !doubtful || l.Hold != "" {
			continue
		}
		delete(h.Links, what.connection)
		delete(h.Servers, what.server)
		if l.Settled != "" {
			h.Settled = append(h.Settled, l.Settled)
			h.allClear(ctx, l.Settled)
		}
	}
}

// forgetWeather begins every clock anew that ran while a server was away.
func (h *registryHost) forgetWeather() {
	// The order does not matter.
	//workflowcheck:ignore
	for name, l := range h.Links {
		if l.Hold == "" && l.Settled == "" {
			delete(h.Links, name)
		}
	}
}

// sortLinks says which of links let nobody in, and which one at a time. Held
// ones are known to the database; they are named for the moment in which it has
// not heard of the hold.
func sortLinks(links map[string]HostLink, now time.Time, mostClosed, mostDoubtful int) (closed, doubtful []string) {
	for _, name := range workflow.DeterministicKeys(links) {
		if l := links[name]; l.Hold != "" || l.Next.After(now) {
			closed = append(closed, name)
			continue
		}
		doubtful = append(doubtful, name)
	}
	return closed[:min(len(closed), mostClosed)], doubtful[:min(len(doubtful), mostDoubtful)]
}

// reached reports whether a visit has been inside for longer than a login takes:
// the server answers then, however long the visit lasts.
func (h *registryHost) reached(server string, now time.Time) bool {
	return slices.ContainsFunc(h.Inside, func(v HostVisit) bool {
		return h.serverOf(v) == server && now.Sub(v.Seen) >= h.reachTime()
	})
}

// serverOf is "host:port" of a visit, as the database writes it.
func (h *registryHost) serverOf(v HostVisit) string { return h.host + ":" + strconv.Itoa(v.Port) }

func (h *registryHost) reachTime() time.Duration {
	return scaled(reachTime, leastReachTime, h.policy.Patience)
}

// weatherNotes name what is tried again by itself.
func (h *registryHost) weatherNotes(now time.Time) []string {
	var notes []string
	for _, links := range []map[string]HostLink{h.Servers, h.Links} {
		for _, name := range workflow.DeterministicKeys(links) {
			if l := links[name]; l.Hold == "" && l.Next.After(now) {
				notes = append(notes, fmt.Sprintf("%s failed %d times in a row; it is tried again by itself", name, l.Faults))
			}
		}
	}
	if more := len(notes) - mostNotes; more > 0 {
		notes = append(notes[:mostNotes], fmt.Sprintf("and %d more", more))
	}
	return notes
}

// handOver is what the next run begins with. What visits came to while this one
// ended is told by the number of their permit alone, and the first faults in
// words: all of it has to fit into history.
func (h *registryHost) handOver() *HostState {
	s := h.HostState
	s.Links, s.Servers = keptLinks(h.Links, mostKept), keptLinks(h.Servers, mostKept)
	s.Released = nil
	faults := 0
	for _, r := range h.Released {
		if h.inside(r) < 0 {
			continue
		}
		if r.Outcome == VisitFault {
			faults++
		}
		r.Workflow, r.Ask, r.Words = "", 0, firstBytes(r.Words, releasedKept)
		if faults > mostTold {
			r.Words = ""
		}
		s.Released = append(s.Released, r)
	}
	return &s
}

// inside is the place of the visit that r ends; -1 where that is known already.
// A permit's number is nobody else's.
func (h *registryHost) inside(r PermitReleased) int {
	return slices.IndexFunc(h.Inside, func(v HostVisit) bool {
		return v.Permit == r.Permit && (r.Workflow == "" || v.Workflow == r.Workflow)
	})
}

// keptLinks leaves out what is held: that is the database's.
func keptLinks(links map[string]HostLink, most int) map[string]HostLink {
	out := map[string]HostLink{}
	for _, name := range workflow.DeterministicKeys(links) {
		if l := links[name]; l.Hold == "" && len(out) < most {
			out[name] = l
		}
	}
	return out
}

// transientHold is how long a connection or a server may fail before a person is
// asked.
func (h *registryHost) transientHold() time.Duration {
	return scaled(transferWork.scheduleToClose, leastWholeStep, h.policy.Patience)
}

// backoff grows with the faults in a row; a busy server is given four times as
// long.
func (h *registryHost) backoff(faults int, kind registry.Kind) time.Duration {
	work := transferWork.spaced(h.policy)
	first, most := scaled(work.first, leastBackoff, h.policy.Patience), scaled(work.most, leastBackoff, h.policy.Patience)
	if kind == registry.Busy {
		first, most = 4*first, 4*most
	}
	wait := first
	for range faults - 1 {
		if wait >= most {
			break
		}
		wait *= 2
	}
	return min(wait, most)
}

// holdWords is what a hold is called: "connection dshs to sftp.example.org".
func (h *registryHost) holdWords(what linked) string {
	if what.server != "" {
		return what.String()
	}
	return strings.TrimSpace(what.String() + " to " + h.host)
}

// heldAgain is a hold that an earlier run left open.
func (h *registryHost) heldAgain(held activities.HostHold) Hold {
	out := Hold{
		ID: held.ID, Connection: held.Connection, Server: held.Server, Reason: registry.HoldConnection,
		Words: held.Words, Since: held.Since, Actions: connectionActions(),
	}
	out.What = h.holdWords(ofHold(out))
	return out
}
