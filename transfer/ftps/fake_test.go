package ftps_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"immtrail/internal/ftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
	"immtrail/transfer/remotetest"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := child(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const name = "BURL6343_prod_000001.hl7"

var body = remotetest.Noise(600_000)

// fake is a server that misbehaves on demand.
type fake struct {
	*ftptest.Server
	remotetest.Fixture
}

func startFake(t *testing.T, change ...func(*ftptest.Options)) *fake {
	t.Helper()
	root := t.TempDir()
	o := ftptest.Options{User: "sunrise", Password: "open sesame", Root: root}
	for _, c := range change {
		c(&o)
	}
	srv, err := ftptest.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	disk := filepath.Join(root, "prod", "in")
	require.NoError(t, os.MkdirAll(disk, 0o700))
	c := transfer.Connection{
		Name: "dshs", Protocol: ftps.Protocol, Host: "127.0.0.1", Port: srv.Port(), User: "sunrise",
		Password: []byte("open sesame"), HostKeys: []string{srv.Certificate.Fingerprint},
		Settings: registry.TransferSettings{DialTimeout: 20 * time.Second, IdleTimeout: 20 * time.Second},
	}
	wrong := c
	wrong.Password = []byte("guess")
	return &fake{Server: srv, Fixture: remotetest.Fixture{
		Dialer: ftps.Dialer{}, Connection: c, WrongLogin: wrong,
		Folder: "prod/in", Disk: disk, OtherKey: otherPin(t),
		LastStep: func(l remotetest.LastStep) {
			srv.SetFaults(ftptest.Faults{LoseRenameReply: l.LoseAnswer, SweepAfterRename: l.Sweep, RenamedTo: l.RenamedTo})
		},
	}}
}

func noMLSD(o *ftptest.Options) { o.NoMLSD = true }

func TestAgainstFake(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remotetest.Fixture { t.Helper(); return startFake(t).Fixture })
}

// Servers from before RFC 3659: LIST, SIZE and MDTM.
func TestAgainstFakeWithoutMLSD(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
		t.Helper()
		return startFake(t, noMLSD).Fixture
	})
}
