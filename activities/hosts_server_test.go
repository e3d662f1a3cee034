package activities_test

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/crypto/ssh"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/ftptest"
	"immtrail/internal/sftptest"
	"immtrail/registry"
)

// faultIn reads what an activity's error says of a connection or a server.
func faultIn(t *testing.T, err error) (activities.ConnectionFault, registry.Kind) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	var f activities.ConnectionFault
	require.True(t, app.HasDetails(), app.Error())
	require.NoError(t, app.Details(&f))
	return f, registry.Kind(app.Type())
}

// What is met before the login is everybody's, what is met at or after it is
// that login's.
func TestWhoseFaultItIs(t *testing.T) {
	t.Parallel()
	upload := func(t *testing.T, b *bundle, d activities.PreparedDelivery) (activities.ConnectionFault, registry.Kind) {
		t.Helper()
		_, err := run(t, b.deliveries.UploadFile, b.uploadInput(d))
		return faultIn(t, err)
	}
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	other := func(t *testing.T) string {
		t.Helper()
		key, err := sftptest.NewHostKey()
		require.NoError(t, err)
		return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	}

	for name, c := range map[string]struct {
		breaks func(t *testing.T, b *bundle)
		kind   registry.Kind
		server bool
	}{
		"a server that is not there": {func(t *testing.T, b *bundle) {
			t.Helper()
			require.NoError(t, b.server.Close())
		}, registry.Transient, true},
		"a handshake that never speaks": {func(_ *testing.T, b *bundle) {
			b.profile.Transfer.DialTimeout = 300 * time.Millisecond
			b.server.SetFaults(sftptest.Faults{MuteHandshake: true})
		}, registry.Transient, true},
		"another host key than all pin": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.connect(t, "env:SFTP_PASSWORD", other(t))
		}, registry.HostKeyChanged, true},
		"another host key than this login pins, while another login pins more": {func(t *testing.T, b *bundle) {
			t.Helper()
			require.NoError(t, b.db.SaveConnection(t.Context(), db.Connection{
				Name: "neighbour", Protocol: "sftp", Host: "127.0.0.1", Port: b.server.Port(), Username: "n",
				SecretRef: "env:N", HostKeys: []string{b.server.HostKeyLine()},
			}, b.act("neighbour")))
			b.connect(t, "env:SFTP_PASSWORD", other(t))
		}, registry.HostKeyChanged, false},
		"a login without any pinned key": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.connect(t, "env:SFTP_PASSWORD")
		}, registry.HostKeyChanged, false},
		"a refused login": {func(_ *testing.T, b *bundle) {
			b.server.SetFaults(sftptest.Faults{RefuseAuth: true})
		}, registry.Unauthorised, false},
		"a secret that is gone": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.connect(t, "env:GONE", b.server.HostKeyLine())
		}, registry.Unauthorised, false},
		"a session that is cut": {func(_ *testing.T, b *bundle) {
			b.server.SetFaults(sftptest.Faults{CutUploadAt: 100})
		}, registry.Transient, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, registry.PhaseTesting)
			d := b.prepare(t, 1, registry.LaneTest, 2)
			port := b.server.Port()
			c.breaks(t, b)
			f, kind := upload(t, b, d)
			require.Equal(t, "texas-sftp", f.Connection)
			require.Equal(t, c.kind, kind)
			want := ""
			if c.server {
				want = at(port)
			}
			require.Equal(t, want, f.Server)
		})
	}

	t.Run("FTPS: another certificate is the server's, a refused login is not", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		srv, err := ftptest.Start(ftptest.Options{User: "burl", Password: "hunter2", Root: b.drop})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, srv.Close()) })
		wrong, err := ftptest.NewCertificate()
		require.NoError(t, err)
		b.overFTPS(t, db.Connection{Port: srv.Port(), Username: "burl", HostKeys: []string{wrong.KeyPin}})
		d := b.prepare(t, 1, registry.LaneTest, 2)
		f, kind := upload(t, b, d)
		require.Equal(t, registry.HostKeyChanged, kind)
		require.Equal(t, at(srv.Port()), f.Server)

		b.overFTPS(t, db.Connection{Port: srv.Port(), Username: "nobody", HostKeys: []string{srv.Certificate.KeyPin}})
		f, kind = upload(t, b, d)
		require.Equal(t, registry.Unauthorised, kind)
		require.Empty(t, f.Server)
	})
}

// The date of an FTPS server's certificate is not typed: each session shows it.
func TestCertificateDateIsSeen(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	srv, err := ftptest.Start(ftptest.Options{User: "burl", Password: "hunter2", Root: b.drop})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	b.overFTPS(t, db.Connection{Port: srv.Port(), Username: "burl", HostKeys: []string{srv.Certificate.KeyPin}})
	known := func() []db.Expiry {
		all, err := b.db.Expiries(t.Context(), "texas-sftp", time.Time{})
		require.NoError(t, err)
		return all
	}
	require.Empty(t, known())
	must(t, b.deliveries.UploadFile, b.uploadInput(b.prepare(t, 1, registry.LaneTest, 2)))
	seen := known()
	require.Len(t, seen, 1)
	require.Equal(t, db.CredentialCertificate, seen[0].What)
	require.True(t, seen[0].Seen)

	t.Run("and warned of at 30, 14, 7 and 1 days, each once", func(t *testing.T) {
		watches := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }, Known: func() (activities.ReportKnowledge, error) { return activities.ReportKnowledge{}, nil }}
		var told, before []string
		for days := 40; days >= -1; days-- {
			b.now = seen[0].Expires.AddDate(0, 0, -days).Add(18 * time.Hour)
			look := must(t, watches.LookAtPractice, activities.LookInput{Scope: scope(), Policy: b.profile.Policy})
			for _, e := range look.Ending {
				require.Contains(t, e.Words, "certificate")
				if !slices.Contains(before, e.Event) {
					told, before = append(told, fmt.Sprint(days)), append(before, e.Event)
				}
			}
		}
		require.Equal(t, []string{"30", "14", "7", "1", "-1"}, told)
	})
}

func TestServerLetter(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	hosts, _ := doorman(t, b)
	d := b.prepare(t, 1, registry.LaneTest, 2)
	must(t, hosts.AskPermit, activities.AskPermitInput{Scope: scope(), WorkflowID: "file/f-1", Ask: 1, DeliveryID: d.DeliveryID})
	for n := range 24 {
		require.NoError(t, b.db.SaveConnection(t.Context(), db.Connection{
			Name: fmt.Sprintf("c-%02d", n), Protocol: "sftp", Host: "127.0.0.1", Port: b.server.Port(), Username: "n", SecretRef: "env:N",
		}, b.act(fmt.Sprint("c", n))))
	}
	server := net.JoinHostPort("127.0.0.1", strconv.Itoa(b.server.Port()))
	n, man := b.notices(t)
	must(t, b.practices.OpenHold, activities.OpenHoldInput{
		ID: "h-1", Server: server, WorkflowID: "host/127.0.0.1", Reason: registry.HoldConnection,
		What: "server " + server, Words: "another host key", Actions: []registry.HoldAction{registry.ActionRetry},
	})
	must(t, n.SendNotice, activities.SendNoticeInput{Kind: activities.NoticeHold, HoldID: "h-1", Event: "hold/h-1/0"})
	require.Equal(t, "maria@sunrise.example", man.to(t))
	alert := man.last().Subject + "\n" + man.last().Body
	for _, words := range []string{
		server + ": waiting for you", "another host key", "Sunrise Pediatrics (sunrise), 1 file, of plano", d.RemoteName,
		"Held with it: c-00, c-01,", "and 5 more", "starter hold resolve h-1 --action retry", "starter connection test c-00",
	} {
		require.Contains(t, alert, words)
	}
	must(t, b.practices.CloseHold, activities.CloseHoldInput{ID: "h-1", Action: registry.ActionRetry, By: maria})
	must(t, n.SendNotice, activities.SendNoticeInput{Kind: activities.NoticeResolved, HoldID: "h-1", Event: "hold/h-1/over"})
	require.Contains(t, man.last().Subject, server)
}
