package sftp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
	"immtrail/transfer/sftp"
)

// childVariable turns this test binary into a process that is to be killed.
const childVariable = "IMMTRAIL_SFTP_TEST_CHILD"

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

// task is what the other process does: upload body, or be a server.
type task struct {
	Port    int
	HostKey string
	Direct  bool
	// Announced is a file that stands for the caller's record: it is there once
	// the last step was about to be taken.
	Announced string
	// Root and KeyFile make it a server that writes in parallel.
	Root, KeyFile string
}

func child(text string) error {
	var j task
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	if j.Root != "" {
		return serve(j)
	}
	c := transfer.Connection{
		Name: "dshs", Protocol: sftp.Protocol, Host: "127.0.0.1", Port: j.Port, User: "sunrise",
		Password: []byte("open sesame"), HostKeys: []string{j.HostKey},
	}
	if j.Direct {
		c.Settings.Upload = transfer.UploadDirect
	}
	r, err := sftp.Dialer{}.Dial(context.Background(), c)
	if err != nil {
		return err
	}
	req := remotetest.Request("prod/in", name, body)
	req.BeforePublish = func(context.Context) error { return os.WriteFile(j.Announced, nil, 0o600) }
	_, err = r.Upload(context.Background(), req)
	return err
}

func serve(j task) error {
	key, err := sftptest.LoadOrCreateHostKey(j.KeyFile)
	if err != nil {
		return err
	}
	s, err := sftptest.Start(sftptest.Options{HostKey: key, Users: map[string]sftptest.User{"sunrise": {Password: "open sesame", Root: j.Root}}})
	if err != nil {
		return err
	}
	s.SetFaults(sftptest.Faults{ScatterWrites: 4 * time.Millisecond})
	fmt.Println(s.Port())
	_, _ = io.Copy(io.Discard, os.Stdin) // lives as long as the test
	return s.Close()
}

// start starts the other process.
func start(t *testing.T, j task) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	text, err := json.Marshal(j)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	_, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewReader(out)
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed
}

// The process that uploads is killed at every step; another one, which knows
// only what was recorded, goes on: the file arrives once, or a person is asked.
func TestClientKilled(t *testing.T) {
	for _, tc := range []struct {
		when   string
		faults sftptest.Faults
		// kind is what the next attempt ends with, where it does not deliver.
		kind    registry.Kind
		renames int
		// theirs is what somebody else puts under our name before the next attempt.
		theirs string
		// left is what lies there then, where it is not our file under its name.
		left string
	}{
		{when: "while it opens the file", faults: sftptest.Faults{StallBefore: "open"}, kind: "", renames: 1},
		{when: "before the first byte", faults: sftptest.Faults{StallUploadAt: 1}, kind: "", renames: 1},
		{when: "in the middle of the bytes", faults: sftptest.Faults{StallUploadAt: 150_000}, kind: "", renames: 1},
		{when: "at the last byte", faults: sftptest.Faults{StallUploadAt: 300_000}, kind: "", renames: 1},
		{when: "while it closes the file", faults: sftptest.Faults{StallBefore: "close"}, kind: "", renames: 1},
		{when: "before the rename", faults: sftptest.Faults{StallBefore: "rename"}, kind: "", renames: 1},
		{when: "after the rename, before its answer", faults: sftptest.Faults{StallBefore: "rename-reply"}, kind: "", renames: 1},
		{when: "after the rename, and the file was swept", faults: sftptest.Faults{StallBefore: "rename-reply", SweepAfterRename: true}, kind: registry.DeliveryUnknown},
		{
			when: "after the rename, and the server gave it another name", renames: 1, left: name + ".done",
			faults: sftptest.Faults{StallBefore: "rename-reply", RenamedTo: "%s.done"},
		},
		{
			when: "before the rename, and somebody takes the name", theirs: "theirs", kind: registry.Conflict, left: name,
			faults: sftptest.Faults{StallBefore: "rename"},
		},
		{when: "when the disk was full at the last byte", faults: sftptest.Faults{DiskFullAt: 300_000, StallBefore: "close"}, renames: 1},
		{when: "when the rename was refused", faults: sftptest.Faults{DenyRename: true}, renames: 1},
	} {
		for _, direct := range []bool{false, true} {
			if direct && (strings.HasPrefix(tc.faults.StallBefore, "rename") || tc.faults.DenyRename) {
				continue // there is none
			}
			t.Run(fmt.Sprintf("%s (direct: %t)", tc.when, direct), func(t *testing.T) {
				f := startFake(t)
				f.SetFaults(tc.faults)
				struck := make(chan struct{}, 10)
				f.OnStrike(func() { struck <- struct{}{} })
				announced := filepath.Join(t.TempDir(), "announced")
				cmd, _ := start(t, task{Port: f.Connection.Port, HostKey: f.HostKeyLine(), Direct: direct, Announced: announced})
				<-struck
				if tc.faults.SweepAfterRename || tc.faults.RenamedTo != "" || tc.faults.DiskFullAt > 0 {
					<-struck
				}
				end(cmd)
				f.OnStrike(nil)
				f.SetFaults(sftptest.Faults{})
				require.Eventually(t, func() bool { return f.Stats().Sessions == 0 }, time.Minute, time.Millisecond)

				if tc.theirs != "" {
					f.put(t, []byte(tc.theirs))
				}
				if direct {
					f.Connection.Settings.Upload = transfer.UploadDirect
				}
				_, err := os.Stat(announced)
				up, err := f.upload(t, mayBeThereIf(err == nil))
				if tc.kind != "" {
					require.Equal(t, tc.kind, remotetest.Kind(t, err))
					if tc.theirs == "" {
						require.Empty(t, f.names(t), "it is never sent again blindly")
						return
					}
					got, err := os.ReadFile(filepath.Join(f.Disk, name))
					require.NoError(t, err)
					require.Equal(t, tc.theirs, string(got), "it was not touched")
					return
				}
				require.NoError(t, err)
				if tc.left != "" {
					require.True(t, up.AlreadyThere)
					require.Equal(t, []string{tc.left}, f.names(t))
					return
				}
				require.Equal(t, remotetest.Digest(body), up.SHA256)
				f.delivered(t)
				if !direct {
					require.Equal(t, tc.renames, f.Stats().Renames)
				}
			})
		}
	}
}

// A server that writes in parallel is killed at random moments, which leaves
// holes in what lies there. internal/bench/transfer does it 200 times.
func TestServerKilledWhileItWritesInParallel(t *testing.T) {
	dice := rand.New(rand.NewPCG(4, 2))
	for range 6 {
		root, keyFile := t.TempDir(), filepath.Join(t.TempDir(), "hostkey")
		key, err := sftptest.LoadOrCreateHostKey(keyFile)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(root, "prod", "in"), 0o700))
		final := filepath.Join(root, "prod", "in", name)
		var acked, taken int64
		send := func(after time.Duration) error {
			cmd, out := start(t, task{Root: root, KeyFile: keyFile})
			defer end(cmd)
			said, err := out.ReadString('\n')
			require.NoError(t, err)
			port, err := strconv.Atoi(strings.TrimSpace(said))
			require.NoError(t, err)
			c := transfer.Connection{
				Name: "dshs", Protocol: sftp.Protocol, Host: "127.0.0.1", Port: port, User: "sunrise",
				Password: []byte("open sesame"), HostKeys: []string{line(key)},
				Settings: registry.TransferSettings{TrustedParallel: []string{"127.0.0.1"}},
			}
			r, err := sftp.Dialer{}.Dial(t.Context(), c)
			require.NoError(t, err)
			defer r.Close()
			if after > 0 {
				timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
				defer timer.Stop()
			}
			req := remotetest.Request("prod/in", name, big)
			source := &counting{Reader: bytes.NewReader(big)}
			req.Source = func() (io.ReadCloser, error) { return io.NopCloser(source), nil }
			req.Acknowledged, req.Progress = acked, func(n int64) { acked = n }
			_, err = r.Upload(t.Context(), req)
			taken = source.n
			return err
		}
		if send(time.Duration(1+dice.IntN(60))*time.Millisecond) != nil {
			require.NoFileExists(t, final, "nothing is there before it is whole")
			if acked > 0 {
				part, err := os.ReadFile(final + transfer.PartSuffix)
				require.NoError(t, err)
				require.True(t, bytes.HasPrefix(part, big[:acked]), "what was acknowledged lies there without a hole")
				require.LessOrEqual(t, taken-acked, int64(4<<20), "what a resume sends again")
			}
			require.NoError(t, send(0))
		}
		got, err := os.ReadFile(final)
		require.NoError(t, err)
		require.True(t, bytes.Equal(big, got))
	}
}

// counting tells how much was taken.
type counting struct {
	io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
