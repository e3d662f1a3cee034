package workflows_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// line is the line in front of a registry's server as the database keeps it, in
// memory: [db.Store.ChoosePermits] has tests of its own.
type line struct {
	mu sync.Mutex
	t  *testing.T
	// nudge passes on that somebody has come; nil where a test does it itself.
	nudge func(env *testsuite.TestWorkflowEnvironment, connection string)

	sessions, perLogin, perHour int
	quietUntil                  func() time.Time
	share                       int64

	waits  []waiting
	turns  int
	served map[string]int
	held   map[string]activities.HostHold // by connection or server
	// most is the greatest number of visits that were inside at once.
	most int
}

type waiting struct {
	activities.Visit
	connection, whose string
	// server is empty where it is the only one.
	server string
	file   bool
	turn   int
}

// server is where every connection of the tests leads that says nothing else.
const server = host + ":22"

func (w waiting) at() string { return cmp.Or(w.server, server) }

func (w waiting) port() int {
	_, text, _ := strings.Cut(w.at(), ":")
	n, _ := strconv.Atoi(text)
	return n
}

func newLine(t *testing.T, sessions, perLogin int) *line {
	t.Helper()
	return &line{
		t: t, sessions: sessions, perLogin: perLogin, served: map[string]int{}, held: map[string]activities.HostHold{},
		nudge: func(env *testsuite.TestWorkflowEnvironment, connection string) {
			env.SignalWorkflow(nudged, activities.PermitAsked{Connection: connection})
		},
	}
}

// nudged is a signal of the tests' own: their main workflow passes it on.
const nudged = "nudged"

func (l *line) ask(env *testsuite.TestWorkflowEnvironment, in activities.AskPermitInput) activities.AskPermitResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	connection := cmp.Or(in.Connection, "to-"+in.Practice)
	l.add(waiting{
		Visit: activities.Visit{Workflow: in.WorkflowID, Ask: in.Ask}, connection: connection,
		whose: cmp.Or(in.Practice, connection), file: in.DeliveryID != "",
	})
	l.nudge(env, connection)
	return activities.AskPermitResult{Host: host, Connection: connection}
}

func (l *line) add(w waiting) {
	if !slices.ContainsFunc(l.waits, func(o waiting) bool { return o.Visit == w.Visit }) {
		l.turns++
		w.turn = l.turns
		l.waits = append(l.waits, w)
	}
}

func (l *line) choose(in activities.ChoosePermitsInput) activities.ChoosePermitsResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(in)
	out := activities.ChoosePermitsResult{Sessions: l.sessions, BytesPerSecond: l.share, Waiting: len(l.waits) - len(in.Inside)}
	free := l.sessions - len(in.Inside)
	if l.perHour > 0 && in.ThisHour+free > l.perHour {
		free = max(0, l.perHour-in.ThisHour)
		out.HourFull = free == 0
	}
	if l.quietUntil != nil {
		if out.QuietUntil = l.quietUntil(); !out.QuietUntil.IsZero() {
			return out
		}
	}
	perLogin := map[string]int{}
	for _, v := range in.Inside {
		perLogin[l.of(v).connection]++
		perLogin[l.of(v).at()]++
	}
	for _, w := range l.inTurns(in) {
		limit := l.perLogin
		if slices.Contains(in.Doubtful, w.connection) {
			limit = 1
		}
		if slices.Contains(in.DoubtfulServers, w.at()) && perLogin[w.at()] > 0 {
			continue
		}
		if perLogin[w.connection] < limit && len(out.Next) < free {
			perLogin[w.connection]++
			perLogin[w.at()]++
			out.Next = append(out.Next, activities.Permit{Visit: w.Visit, Connection: w.connection, Port: w.port(), File: w.file})
			out.Waiting--
		}
	}
	l.most = max(l.most, len(in.Inside)+len(out.Next))
	return out
}

func (l *line) settle(in activities.ChoosePermitsInput) {
	for _, v := range slices.Concat(in.Inside, in.Over, in.Again) {
		l.turns++
		l.served[l.of(v).whose] = l.turns
	}
	l.waits = slices.DeleteFunc(l.waits, func(w waiting) bool { return slices.Contains(in.Over, w.Visit) })
	for i := range l.waits {
		if slices.Contains(in.Again, l.waits[i].Visit) {
			l.turns++
			l.waits[i].turn = l.turns
		}
	}
}

func (l *line) of(v activities.Visit) waiting {
	for _, w := range l.waits {
		if w.Visit == v {
			return w
		}
	}
	return waiting{}
}

// inTurns is the line: the first of each before the second of anybody.
func (l *line) inTurns(in activities.ChoosePermitsInput) []waiting {
	queue := slices.Clone(l.waits)
	slices.SortFunc(queue, func(a, b waiting) int { return cmp.Compare(a.turn, b.turn) })
	nth, seen := map[activities.Visit]int{}, map[string]int{}
	queue = slices.DeleteFunc(queue, func(w waiting) bool {
		_, held := l.held[w.connection]
		_, away := l.held[w.at()]
		return held || away || slices.Contains(in.Inside, w.Visit) || slices.Contains(in.Closed, w.connection) ||
			slices.Contains(in.ClosedServers, w.at())
	})
	for _, w := range queue {
		nth[w.Visit] = seen[w.whose]
		seen[w.whose]++
	}
	slices.SortStableFunc(queue, func(a, b waiting) int {
		return cmp.Or(cmp.Compare(nth[a.Visit], nth[b.Visit]), cmp.Compare(l.served[a.whose], l.served[b.whose]), cmp.Compare(a.turn, b.turn))
	})
	return queue
}

func (l *line) hold(in activities.OpenHoldInput) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := cmp.Or(in.Connection, in.Server)
	if open, again := l.held[name]; again && open.ID != in.ID {
		l.t.Errorf("%s is held twice", name)
	}
	l.held[name] = activities.HostHold{ID: in.ID, Connection: in.Connection, Server: in.Server, Words: in.Words, Since: epoch}
}

func (l *line) unhold(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, h := range l.held {
		if h.ID == id {
			delete(l.held, name)
		}
	}
}

func (l *line) heldAfter(after string) activities.ListHostHoldsResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out activities.ListHostHoldsResult
	for _, h := range l.held {
		if h.ID > after {
			out.Holds = append(out.Holds, h)
		}
	}
	slices.SortFunc(out.Holds, func(a, b activities.HostHold) int { return cmp.Compare(a.ID, b.ID) })
	if len(out.Holds) > 2 { // pages of two
		out.Holds, out.More = out.Holds[:2], true
	}
	return out
}

const host = "sftp.example.org"

// settleAll ends every open hold with "retry".
func settleAll(env *testsuite.TestWorkflowEnvironment, holds []workflows.Hold) {
	for _, h := range holds {
		_ = env.UpdateWorkflowByID(workflows.HostID(host), workflows.UpdateResolveHold.Name, h.ID, &reply{},
			workflows.ResolveHold{HoldID: h.ID, Action: registry.ActionRetry, By: ana})
	}
}
