package db_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

const server = "sftp.example.org"

// queue is a database with practices, each with a connection of its own.
type queue struct {
	*bundle
	files int
}

func newQueue(t *testing.T, practices ...string) *queue {
	t.Helper()
	q := &queue{bundle: open(t)}
	for _, id := range practices {
		p := q.practice(t, id, registry.PhaseProduction)
		require.NoError(t, q.SaveConnection(t.Context(), db.Connection{
			Name: "to-" + id, Protocol: "sftp", Host: server, Port: 22, Username: id, SecretRef: "env:X",
		}, act("to-"+id)))
		p.Connection = "to-" + id
		require.NoError(t, q.SavePractice(t.Context(), p, act("moved-"+id)))
	}
	return q
}

// ask puts n files of a practice into the line and returns their workflows.
func (q *queue) ask(t *testing.T, practice string, n int) []string {
	t.Helper()
	var workflows []string
	for range n {
		q.files++
		staged, err := q.StageFile(t.Context(), db.NewFile{
			Practice: practice, Lane: registry.LaneProduction, Digest: fmt.Sprintf("%064x", q.files), Size: 10, VaultKey: "k", At: day0,
		})
		require.NoError(t, err)
		a := db.PermitAsk{
			WorkflowID: "file/" + staged.File.ID, Ask: 1, Host: server, Connection: "to-" + practice, Practice: practice,
			FileID: staged.File.ID, AskedAt: day0,
		}
		require.NoError(t, q.AskPermit(t.Context(), a))
		workflows = append(workflows, a.WorkflowID)
	}
	return workflows
}

func (q *queue) choose(t *testing.T, c db.PermitChoice) (workflows []string, waiting int) {
	t.Helper()
	c.Host = server
	if c.PerLogin == 0 {
		c.PerLogin = 2
	}
	line, err := q.ChoosePermits(t.Context(), c)
	require.NoError(t, err)
	for _, p := range line.Next {
		workflows = append(workflows, p.WorkflowID)
	}
	return workflows, line.Waiting
}

func visit(workflows ...string) []db.PermitVisit {
	var out []db.PermitVisit
	for _, w := range workflows {
		out = append(out, db.PermitVisit{WorkflowID: w, Ask: 1})
	}
	return out
}

func TestChoosePermits(t *testing.T) {
	t.Parallel()

	t.Run("one of each before the second of anybody, and choosing decides nothing", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "many", "one", "two")
		many, one, two := q.ask(t, "many", 50), q.ask(t, "one", 1), q.ask(t, "two", 2)
		for range 2 {
			next, waiting := q.choose(t, db.PermitChoice{Max: 4})
			require.Equal(t, []string{many[0], one[0], two[0], many[1]}, next)
			require.Equal(t, 49, waiting)
		}
	})

	t.Run("with one free place after the other nobody is passed over", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "many", "late")
		q.ask(t, "many", 20)
		var order []string
		var over []db.PermitVisit
		for n := range 6 {
			if n == 2 {
				q.ask(t, "late", 2)
			}
			next, _ := q.choose(t, db.PermitChoice{Max: 1, Over: over})
			order = append(order, next[0])
			over = visit(next...)
		}
		require.Equal(t, []string{"file/f-1", "file/f-2", "file/f-21", "file/f-3", "file/f-22", "file/f-4"}, order)
	})

	t.Run("a login has its bounds, a doubtful one is tried by one, a closed one by none", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "a", "b", "c")
		a, b := q.ask(t, "a", 5), q.ask(t, "b", 5)
		q.ask(t, "c", 5)
		next, _ := q.choose(t, db.PermitChoice{Max: 9, Doubtful: []string{"to-b"}, Closed: []string{"to-c"}})
		require.Equal(t, []string{a[0], b[0], a[1]}, next)
		next, _ = q.choose(t, db.PermitChoice{Max: 9, Inside: visit(a[0], b[0]), Doubtful: []string{"to-b"}, Closed: []string{"to-c"}})
		require.Equal(t, []string{a[1]}, next)
		next, _ = q.choose(t, db.PermitChoice{Max: 9, Inside: visit(a[0], a[1]), Over: visit(b[0])})
		require.NotContains(t, next, a[2], "two of one login are inside")
	})

	t.Run("a held connection lets nobody in, whatever the asker knows", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "a", "b")
		q.ask(t, "a", 2)
		b := q.ask(t, "b", 1)
		require.NoError(t, q.OpenHold(t.Context(), db.Hold{
			ID: "h-1", Connection: "to-a", WorkflowID: "host/" + server, Reason: registry.HoldConnection, OpenedAt: day0,
			Actions: []registry.HoldAction{registry.ActionRetry},
		}))
		next, waiting := q.choose(t, db.PermitChoice{Max: 9})
		require.Equal(t, b, next)
		require.Equal(t, 2, waiting)
	})

	t.Run("who is back in line stands behind the others of the practice", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "a")
		a := q.ask(t, "a", 3)
		next, _ := q.choose(t, db.PermitChoice{Max: 9, PerLogin: 3, Again: visit(a[0])})
		require.Equal(t, []string{a[1], a[2], a[0]}, next)
	})

	t.Run("the end of a visit does not take the next one's place", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "a")
		a := q.ask(t, "a", 1)
		again := db.PermitAsk{WorkflowID: a[0], Ask: 2, Host: server, Connection: "to-a", Practice: "a", FileID: "f-1", AskedAt: day0}
		for range 2 {
			require.NoError(t, q.AskPermit(t.Context(), again))
		}
		next, _ := q.choose(t, db.PermitChoice{Max: 1, Over: visit(a[0])})
		require.Equal(t, a, next, "the first visit is over, the second waits")
		line, err := q.ChoosePermits(t.Context(), db.PermitChoice{
			Host: server, Max: 1, PerLogin: 1, Over: []db.PermitVisit{{WorkflowID: a[0], Ask: 2}},
		})
		require.NoError(t, err)
		require.Empty(t, line.Next)
	})

	t.Run("reports stand in line like a practice", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "a")
		q.ask(t, "a", 3)
		require.NoError(t, q.AskPermit(t.Context(), db.PermitAsk{
			WorkflowID: "reports/to-a-1", Ask: 1, Host: server, Connection: "to-a", AskedAt: day0,
		}))
		next, _ := q.choose(t, db.PermitChoice{Max: 2})
		require.Equal(t, []string{"file/f-1", "reports/to-a-1"}, next)
	})

	t.Run("ten thousand in line are looked through in no time", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, "many", "one")
		first := q.ask(t, "many", 1)
		_, err := q.sql.Exec(t.Context(), `
			insert into permits (workflow_id, ask, host, connection, practice, asked_at)
			select 'file/x-' || n, 1, $1, 'to-many', 'many', now() from generate_series(1, 10000) n`, server)
		require.NoError(t, err)
		one := q.ask(t, "one", 1)
		next, waiting := q.choose(t, db.PermitChoice{Max: 4})
		require.Equal(t, []string{first[0], one[0], "file/x-1"}, next)
		require.Equal(t, 9999, waiting)
	})
}

func TestServers(t *testing.T) {
	t.Parallel()
	const away = server + ":22"
	ctx := t.Context()
	hold := db.Hold{
		ID: "h-s", Server: away, WorkflowID: "host/" + server, Reason: registry.HoldConnection, What: "server " + away,
		Words: "another host key", OpenedAt: day0, Actions: []registry.HoldAction{registry.ActionRetry},
	}
	// c leads to another port of the same machine.
	fresh := func(t *testing.T) *queue {
		t.Helper()
		q := newQueue(t, "a", "b", "c")
		require.NoError(t, q.SaveConnection(ctx, db.Connection{
			Name: "to-c", Protocol: "sftp", Host: server, Port: 2222, Username: "c", SecretRef: "env:X",
		}, act("c-moved")))
		return q
	}

	t.Run("a held one lets nobody in with any login; another port goes on", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		q.ask(t, "a", 2)
		q.ask(t, "b", 1)
		c := q.ask(t, "c", 1)
		require.NoError(t, q.OpenHold(ctx, hold))
		next, waiting := q.choose(t, db.PermitChoice{Max: 9})
		require.Equal(t, c, next)
		require.Equal(t, 3, waiting)

		second := hold
		second.ID = "h-t"
		requireKind(t, registry.Invalid, q.OpenHold(ctx, second))
		require.NoError(t, q.CloseHold(ctx, "h-s", registry.ActionRetry, act("")))
		next, _ = q.choose(t, db.PermitChoice{Max: 9})
		require.Len(t, next, 4)
	})

	t.Run("a closed one is left out, a doubtful one is tried by one of all logins", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		a, b, c := q.ask(t, "a", 2), q.ask(t, "b", 2), q.ask(t, "c", 2)
		next, _ := q.choose(t, db.PermitChoice{Max: 9, ClosedServers: []string{away}})
		require.Equal(t, c, next)
		next, _ = q.choose(t, db.PermitChoice{Max: 9, DoubtfulServers: []string{away}})
		require.Equal(t, []string{a[0], c[0], c[1]}, next)
		next, _ = q.choose(t, db.PermitChoice{Max: 9, DoubtfulServers: []string{away}, Inside: visit(a[0])})
		require.Equal(t, c, next)
		next, _ = q.choose(t, db.PermitChoice{Max: 9, DoubtfulServers: []string{away}, Closed: []string{"to-a"}})
		require.Equal(t, []string{b[0], c[0], c[1]}, next, "whoever may still try")
		next, _ = q.choose(t, db.PermitChoice{Max: 9, PerLogin: 1})
		require.ElementsMatch(t, []string{a[0], b[0], c[0]}, next)
	})

	t.Run("its hold is found by the host, by every practice on it and by its connections", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		q.ask(t, "a", 2)
		q.ask(t, "b", 1)
		q.ask(t, "c", 1)
		require.NoError(t, q.OpenHold(ctx, hold))
		found, err := q.ConnectionHolds(ctx, "host/"+server, "", 5)
		require.NoError(t, err)
		require.Equal(t, []db.ConnectionHold{{ID: "h-s", Server: away, Words: "another host key", OpenedAt: day0}}, found)
		for practice, want := range map[string]int{"a": 1, "b": 1, "c": 0} {
			of, err := q.Holds(ctx, practice, true)
			require.NoError(t, err)
			require.Len(t, of, want, practice)
			h, held, err := q.ConnectionHeld(ctx, "to-"+practice)
			require.NoError(t, err)
			require.Equal(t, want == 1, held)
			require.True(t, !held || h.ID == "h-s")
		}
		held, err := q.HeldConnections(ctx)
		require.NoError(t, err)
		require.Equal(t, []db.HeldConnection{
			{Practice: "a", Connection: "to-a", HoldID: "h-s", Server: away, Since: day0},
			{Practice: "b", Connection: "to-b", HoldID: "h-s", Server: away, Since: day0},
		}, held)
		waits, err := q.WaitingForServer(ctx, away, 2)
		require.NoError(t, err)
		require.Equal(t, []string{"to-a", "to-b"}, waits.Connections)
		require.Equal(t, 3, waits.Files)
		require.Len(t, waits.Practices, 2)
		require.Len(t, waits.Names, 2)
		at, err := q.ConnectionsAt(ctx, away)
		require.NoError(t, err)
		require.Subset(t, at, []string{"to-a", "to-b"})
		require.NotContains(t, at, "to-c")
		same, err := q.ServerConnections(ctx, "to-a")
		require.NoError(t, err)
		require.Len(t, same, len(at))
	})

	t.Run("who waits for a connection that moved to another host waits there once it asks again", func(t *testing.T) {
		t.Parallel()
		q := fresh(t)
		a := q.ask(t, "a", 1)
		require.NoError(t, q.AskPermit(ctx, db.PermitAsk{
			WorkflowID: a[0], Ask: 1, Host: "new.example.org", Connection: "to-a", Practice: "a", FileID: "f-1", AskedAt: day0,
		}))
		next, _ := q.choose(t, db.PermitChoice{Max: 9})
		require.Empty(t, next)
	})
}

func TestConnectionHolds(t *testing.T) {
	t.Parallel()
	q := newQueue(t, "a", "b")
	ctx := t.Context()
	q.ask(t, "a", 3)
	hold := db.Hold{
		ID: "h-1", Connection: "to-a", WorkflowID: "host/" + server, Reason: registry.HoldConnection, What: "connection to-a",
		Words: "login refused", OpenedAt: day0, Actions: []registry.HoldAction{registry.ActionRetry},
	}

	t.Run("a connection is held once", func(t *testing.T) {
		require.NoError(t, q.OpenHold(ctx, hold))
		require.NoError(t, q.OpenHold(ctx, hold), "the same again changes nothing")
		second := hold
		second.ID = "h-2"
		requireKind(t, registry.Invalid, q.OpenHold(ctx, second))
	})

	t.Run("it is found by the host, by its practice and by who waits", func(t *testing.T) {
		found, err := q.ConnectionHolds(ctx, "host/"+server, "", 5)
		require.NoError(t, err)
		require.Equal(t, []db.ConnectionHold{{ID: "h-1", Connection: "to-a", Words: "login refused", OpenedAt: day0}}, found)
		after, err := q.ConnectionHolds(ctx, "host/"+server, "h-1", 5)
		require.NoError(t, err)
		require.Empty(t, after)

		of, err := q.Holds(ctx, "a", true)
		require.NoError(t, err)
		require.Equal(t, []db.Hold{hold}, of)
		of, err = q.Holds(ctx, "b", true)
		require.NoError(t, err)
		require.Empty(t, of)

		held, err := q.HeldConnections(ctx)
		require.NoError(t, err)
		require.Equal(t, []db.HeldConnection{{Practice: "a", Connection: "to-a", HoldID: "h-1", Since: day0}}, held)
	})

	t.Run("who waits is named: practices, sites, files", func(t *testing.T) {
		_, err := q.sql.Exec(ctx, `insert into messages (file_id, ordinal, control_id, sending_app, sending_facility, site, outcome, held, byte_offset, byte_length)
			select 'f-1', n, '', '', '', (array['plano', 'allen'])[n], 'accepted', false, 0, 1 from generate_series(1, 2) n`)
		require.NoError(t, err)
		got, err := q.WaitingFor(ctx, "to-a", 2)
		require.NoError(t, err)
		require.Equal(t, 3, got.Files)
		require.Len(t, got.Practices, 1)
		require.Equal(t, "a", got.Practices[0].ID)
		require.Equal(t, []string{"allen", "plano"}, slices.Sorted(slices.Values(got.Practices[0].Sites)))
		require.Equal(t, []string{"f-1", "f-2"}, got.Names)
	})

	t.Run("it ends only by what it offers", func(t *testing.T) {
		requireKind(t, registry.NotAllowed, q.CloseHold(ctx, "h-1", registry.ActionDrop, act("")))
		require.NoError(t, q.CloseHold(ctx, "h-1", registry.ActionRetry, act("")))
		next, _ := q.choose(t, db.PermitChoice{Max: 1})
		require.Len(t, next, 1)
	})
}
