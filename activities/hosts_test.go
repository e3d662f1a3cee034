package activities_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// doorman is the line in front of a server, with a Temporal that only notes
// what it was asked.
func doorman(t *testing.T, b *bundle) (*activities.Hosts, *[]string) {
	t.Helper()
	var started []string
	c := mocks.NewClient(t)
	c.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
		Return(func(_ context.Context, id, signal string, _ any, _ client.StartWorkflowOptions, wf any, _ ...any) (client.WorkflowRun, error) {
			started = append(started, id+" "+signal+" "+wf.(string))
			return nil, nil
		}).Maybe()
	return &activities.Hosts{DB: b.db, Client: c, TaskQueue: "q", Profiles: b, Clock: func() time.Time { return b.now }}, &started
}

func TestAskPermit(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	hosts, started := doorman(t, b)
	d := b.prepare(t, 1, registry.LaneTest, 2)
	in := activities.AskPermitInput{Scope: scope(), WorkflowID: "file/f-1", Ask: 1, DeliveryID: d.DeliveryID}

	t.Run("stands in the line of the delivery's server and wakes its workflow", func(t *testing.T) {
		for range 2 {
			got := must(t, hosts.AskPermit, in)
			require.Equal(t, activities.AskPermitResult{Host: "127.0.0.1", Connection: "texas-sftp"}, got)
		}
		require.Equal(t, []string{
			"host/127.0.0.1 permit-asked RegistryHost", "host/127.0.0.1 permit-asked RegistryHost",
		}, *started)
		line := must(t, hosts.ChoosePermits, activities.ChoosePermitsInput{Host: "127.0.0.1"})
		require.Equal(t, []activities.Permit{{
			Visit: activities.Visit{Workflow: "file/f-1", Ask: 1}, Connection: "texas-sftp", Port: b.server.Port(), File: true,
		}}, line.Next)
	})

	t.Run("there is no line where a person uploads", func(t *testing.T) {
		require.NoError(t, b.db.SaveConnection(t.Context(), db.Connection{Name: "hand", Protocol: "byhand"}, b.act("hand")))
		got := must(t, hosts.AskPermit, activities.AskPermitInput{WorkflowID: "x", Ask: 1, Connection: "hand"})
		require.True(t, got.Free)
	})
}

func TestLimitsOfTheHost(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	hosts, _ := doorman(t, b)
	for _, id := range []string{"a", "b", "c"} {
		must(t, hosts.AskPermit, activities.AskPermitInput{WorkflowID: "reports/" + id, Ask: 1, Connection: "texas-sftp"})
	}
	in := activities.ChoosePermitsInput{Host: "127.0.0.1"}

	t.Run("sessions and sessions of one login", func(t *testing.T) {
		b.profile.Host = registry.HostSettings{Sessions: 3, SessionsPerLogin: 2, BytesPerSecond: 3 << 20}
		got := must(t, hosts.ChoosePermits, in)
		require.Len(t, got.Next, 2)
		require.EqualValues(t, 1<<20, got.BytesPerSecond, "the share of one of three")
		b.profile.Host.Sessions = 1
		require.Len(t, must(t, hosts.ChoosePermits, in).Next, 1)
	})
	t.Run("an hour that is full", func(t *testing.T) {
		b.profile.Host = registry.HostSettings{Sessions: 3, SessionsPerLogin: 3, FilesPerHour: 10}
		full := in
		full.ThisHour = 9
		require.Len(t, must(t, hosts.ChoosePermits, full).Next, 1)
		full.ThisHour = 10
		got := must(t, hosts.ChoosePermits, full)
		require.Empty(t, got.Next)
		require.True(t, got.HourFull)
	})
	t.Run("quiet hours in the registry's zone, by the calendar", func(t *testing.T) {
		// It is 9 in the morning of Monday in Chicago.
		b.profile.Host = registry.HostSettings{Sessions: 3, SessionsPerLogin: 3, QuietHours: []string{"Mon 08:00-10:00"}}
		got := must(t, hosts.ChoosePermits, in)
		require.Empty(t, got.Next)
		require.Equal(t, b.now.Add(time.Hour), got.QuietUntil.UTC())
		require.Equal(t, 3, got.Waiting)
	})
}

// What the server did must be told from what we did ourselves: the one holds
// the connection for everybody, the other holds nothing of theirs.
func TestFaultsOfAConnection(t *testing.T) {
	t.Parallel()
	fault := func(t *testing.T, err error) (activities.ConnectionFault, *temporal.ApplicationError) {
		t.Helper()
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		var f activities.ConnectionFault
		if app.HasDetails() {
			require.NoError(t, app.Details(&f))
		}
		return f, app
	}

	t.Run("a refused login, in upload and in confirm", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		d := b.prepare(t, 1, registry.LaneTest, 2)
		must(t, b.deliveries.UploadFile, b.uploadInput(d))
		second := b.prepare(t, 2, registry.LaneTest, 2)
		b.connect(t, "env:GONE", b.server.HostKeyLine())
		for _, act := range []func() error{
			func() error { _, err := run(t, b.deliveries.UploadFile, b.uploadInput(second)); return err },
			func() error { _, err := run(t, b.deliveries.ConfirmDelivery, b.confirmInput(d)); return err },
		} {
			f, app := fault(t, act())
			require.Equal(t, "texas-sftp", f.Connection)
			require.Equal(t, string(registry.Unauthorised), app.Type())
			require.True(t, app.NonRetryable())
		}
	})

	t.Run("a server that is not there is tried again from the line, not by the step", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		d := b.prepare(t, 1, registry.LaneTest, 2)
		require.NoError(t, b.server.Close())
		_, err := run(t, b.deliveries.UploadFile, b.uploadInput(d))
		f, app := fault(t, err)
		require.Equal(t, "texas-sftp", f.Connection)
		require.Equal(t, string(registry.Transient), app.Type())
		require.True(t, app.NonRetryable())
	})

	t.Run("a file store that fails says nothing about the connection", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		d := b.prepare(t, 1, registry.LaneTest, 2)
		require.NoError(t, b.vault.Close())
		_, err := run(t, b.deliveries.UploadFile, b.uploadInput(d))
		f, _ := fault(t, err)
		require.Empty(t, f.Connection)
	})

	t.Run("a different file under our name is this file's own trouble", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		d := b.prepare(t, 1, registry.LaneTest, 2)
		require.NoError(t, os.WriteFile(filepath.Join(b.drop, b.profile.Folders.Test, d.RemoteName), []byte("another file"), 0o600))
		_, err := run(t, b.deliveries.UploadFile, b.uploadInput(d))
		f, app := fault(t, err)
		require.Empty(t, f.Connection)
		require.Equal(t, string(registry.Conflict), app.Type())
	})
}

func TestPace(t *testing.T) {
	t.Parallel()
	read := func(t *testing.T, n int, bytesPerSecond int64) time.Duration {
		t.Helper()
		start := time.Now()
		r := activities.Pace(t.Context(), bytesPerSecond).Reader(io.NopCloser(strings.NewReader(strings.Repeat("x", n))))
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Len(t, got, n)
		return time.Since(start)
	}
	// A second's worth goes at once, the rest at the pace.
	require.GreaterOrEqual(t, read(t, 15_000, 10_000), 450*time.Millisecond)
	require.Less(t, read(t, 1<<20, 0), time.Minute, "at that pace it would be 100 seconds")
}

func TestConnectionLetter(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	hosts, _ := doorman(t, b)
	d := b.prepare(t, 1, registry.LaneTest, 2)
	must(t, hosts.AskPermit, activities.AskPermitInput{Scope: scope(), WorkflowID: "file/f-1", Ask: 1, DeliveryID: d.DeliveryID})
	n, man := b.notices(t)
	must(t, b.practices.OpenHold, activities.OpenHoldInput{
		ID: "h-1", Connection: "texas-sftp", WorkflowID: "host/127.0.0.1", Reason: registry.HoldConnection,
		What: "connection texas-sftp", Words: "login refused", Actions: []registry.HoldAction{registry.ActionRetry},
	})
	send := func(kind activities.NoticeKind, event string) string {
		must(t, n.SendNotice, activities.SendNoticeInput{Kind: kind, HoldID: "h-1", Event: event})
		require.Equal(t, "maria@sunrise.example", man.to(t), "the coordinator of the practice that waits")
		return man.last().Subject + "\n" + man.last().Body
	}

	alert := send(activities.NoticeHold, "hold/h-1/0")
	for _, words := range []string{
		"texas-sftp: waiting for you", "login refused", "Sunrise Pediatrics (sunrise), 1 file, of plano", d.RemoteName,
		"starter connection test texas-sftp", "starter hold resolve h-1 --action retry", "800-348-9158",
	} {
		require.Contains(t, alert, words)
	}
	require.NotContains(t, alert, "drop", "only what ends this hold is offered")

	must(t, b.practices.CloseHold, activities.CloseHoldInput{ID: "h-1", Action: registry.ActionRetry, By: maria})
	require.Contains(t, send(activities.NoticeResolved, "hold/h-1/over"), "Maria Ortega settled it")
}
