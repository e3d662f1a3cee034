package ftps_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/ftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
	"immtrail/transfer/remotetest"
)

// childVariable turns this test binary into an upload that is to be killed.
const childVariable = "IMMTRAIL_FTPS_TEST_CHILD"

// task is what the other process does.
type task struct {
	Port int
	Pin  string
	// Announced is a file that stands for the caller's record: it is there once
	// the last step was about to be taken.
	Announced string
}

func child(text string) error {
	var j task
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	r, err := ftps.Dialer{}.Dial(context.Background(), transfer.Connection{
		Name: "dshs", Protocol: ftps.Protocol, Host: "127.0.0.1", Port: j.Port, User: "sunrise",
		Password: []byte("open sesame"), HostKeys: []string{j.Pin},
	})
	if err != nil {
		return err
	}
	req := remotetest.Request("prod/in", name, body)
	req.BeforePublish = func(context.Context) error { return os.WriteFile(j.Announced, nil, 0o600) }
	_, err = r.Upload(context.Background(), req)
	return err
}

// The process that uploads is killed at every step; another one, which knows
// only what was recorded, goes on: the file arrives once, or a person is asked.
func TestClientKilled(t *testing.T) {
	for _, tc := range []struct {
		when   string
		faults ftptest.Faults
		kind   registry.Kind
		left   string
		stores int
	}{
		{"before the first byte", ftptest.Faults{StallUploadAt: 1}, "", name, 2},
		{"in the middle of the bytes", ftptest.Faults{StallUploadAt: 300_000}, "", name, 2},
		{"at the last byte", ftptest.Faults{StallUploadAt: 600_000}, "", name, 2},
		{"before the transfer is answered", ftptest.Faults{StallEndReply: true}, "", name, 2},
		{"before the rename", ftptest.Faults{StallBeforeRename: true}, "", name, 2},
		{"after the rename, before its answer", ftptest.Faults{StallRenameReply: true}, "", name, 1},
		{"after the rename, and the server gave it another name", ftptest.Faults{StallRenameReply: true, RenamedTo: "%s.done"}, "", name + ".done", 1},
		{"after the rename, and the file was swept", ftptest.Faults{StallRenameReply: true, SweepAfterRename: true}, registry.DeliveryUnknown, "", 1},
	} {
		t.Run(tc.when, func(t *testing.T) {
			f := startFake(t)
			f.SetFaults(tc.faults)
			struck := make(chan struct{}, 10)
			f.OnStrike(func() { struck <- struct{}{} })
			announced := filepath.Join(t.TempDir(), "announced")
			text, err := json.Marshal(task{Port: f.Connection.Port, Pin: f.Connection.HostKeys[0], Announced: announced})
			require.NoError(t, err)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+string(text))
			require.NoError(t, cmd.Start())
			<-struck
			if tc.faults.RenamedTo != "" || tc.faults.SweepAfterRename {
				<-struck
			}
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait() // killed
			f.OnStrike(nil)
			f.SetFaults(ftptest.Faults{})
			require.Eventually(t, func() bool { return f.Sessions() == 0 }, time.Minute, time.Millisecond)

			_, err = os.Stat(announced)
			recordedThen := err == nil
			_, err = f.upload(t, func(r *transfer.UploadRequest) { r.MayBeThere = recordedThen })
			require.Equal(t, tc.stores, f.Stores())
			entries, derr := os.ReadDir(f.Disk)
			require.NoError(t, derr)
			if tc.kind != "" {
				require.Equal(t, tc.kind, remotetest.Kind(t, err))
				require.Empty(t, entries, "it is never sent again blindly")
				return
			}
			require.NoError(t, err)
			require.Len(t, entries, 1)
			require.Equal(t, tc.left, entries[0].Name())
			got, err := os.ReadFile(filepath.Join(f.Disk, tc.left))
			require.NoError(t, err)
			require.Equal(t, remotetest.Digest(body), remotetest.Digest(got))
		})
	}
}
