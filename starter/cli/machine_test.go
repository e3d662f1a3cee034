package cli_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/activities"
	"immtrail/config"
	"immtrail/db"
	"immtrail/internal/dbtest"
	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/starter/cli"
)

func TestSetup(t *testing.T) {
	b := benchOn(t, dbtest.New(t, nil))
	b.eng.missing = []string{"PracticeID"}

	t.Run("commands refuse a database without the schema and say the remedy", func(t *testing.T) {
		b.run(t, "practice", "list").exits(3).complains("starter migrate")
	})
	t.Run("migrate may be repeated", func(t *testing.T) {
		b.run(t, "migrate").exits(0).shows("starter setup")
		b.run(t, "migrate").exits(0)
	})
	t.Run("setup prepares Temporal and the schedules of practices that send", func(t *testing.T) {
		b.practice(t, registry.PhaseProduction)
		require.NoError(t, b.open(t).SetSubmission(t.Context(), "sunrise-plano", registry.SubmissionPaused, b.act("pause")))
		require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "outbox", "sunrise-plano")))
		b.run(t, "setup").exits(0).fits().shows("starter doctor")
		require.Empty(t, b.eng.missing)
		require.Len(t, b.eng.schedules, 1)
		require.Equal(t, "sunrise-plano", b.eng.schedules[0].Practice)
		require.True(t, b.eng.schedules[0].Paused, "what a person paused stays paused")
		require.DirExists(t, filepath.Join(b.dir, "outbox", "sunrise-plano", "production"))
	})
	t.Run("setup does not make an outbox anew from which files came", func(t *testing.T) {
		folder := filepath.Join(b.dir, "outbox", "sunrise-plano", "production")
		b.store = nil // it was opened for the subtest before
		_, err := b.open(t).StageFile(t.Context(), db.NewFile{
			Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: strings.Repeat("a", 64), Size: 1, VaultKey: "k", At: b.at(),
		})
		require.NoError(t, err)
		require.NoError(t, os.Rename(folder, folder+".away"))
		b.run(t, "setup").exits(3).shows("mount the share", "touch")
		require.NoDirExists(t, folder)
		require.NoError(t, os.Rename(folder+".away", folder))
		require.NoError(t, os.Remove(filepath.Join(folder, activities.OutboxMarker)))
		b.run(t, "setup").exits(3).shows("mount the share", "touch")
		require.NoError(t, os.WriteFile(filepath.Join(folder, activities.OutboxMarker), nil, 0o600))
		b.run(t, "setup").exits(0)
	})
	t.Run("setup may be run by root and repeated", func(t *testing.T) {
		b.env.Login = "root"
		b.run(t, "setup").exits(0)
	})
	t.Run("without Temporal it says so and exits with 3", func(t *testing.T) {
		b.env.Dial = func(context.Context, *config.Config, func(string) string) (cli.Engine, error) {
			return nil, errors.New("no Temporal server answers at 127.0.0.1:1")
		}
		b.run(t, "setup").exits(3).shows("no Temporal server answers")
	})
	t.Run("without a database the password is not shown", func(t *testing.T) {
		b.keys["DB_URL"] = "postgres://immtrail:hunter2@127.0.0.1:1/none?connect_timeout=1"
		r := b.run(t, "migrate").exits(3)
		require.NotContains(t, r.stdout+r.stderr, "hunter2")
	})
}

func TestDoctor(t *testing.T) {
	b := newBench(t)
	t.Run("a clock that is off is found", func(t *testing.T) {
		b.run(t, "doctor").exits(1).line("wrong", "clock").shows("NTP")
	})
	b.env.Now = time.Now
	t.Run("a new installation is healthy and told to add a connection", func(t *testing.T) {
		b.run(t, "doctor").exits(0).fits().line("ok", "database").line("ok", "temporal").line("ok", "worker").
			line("ok", "file store").line("ok", "outbox").line("ok", "clock").shows("Next: starter connection add FILE.yaml")
	})
	t.Run("it leaves nothing behind", func(t *testing.T) {
		entries, err := os.ReadDir(filepath.Join(b.dir, "outbox"))
		require.NoError(t, err)
		require.Empty(t, entries)
		kept, err := filepath.Glob(filepath.Join(b.dir, "files", "sha256", "*", "*"))
		require.NoError(t, err)
		require.Empty(t, kept)
	})
	t.Run("json has the same looks", func(t *testing.T) {
		var got struct {
			OK    bool
			Looks []struct{ Name, State, Remedy string }
			Next  string
		}
		b.run(t, "doctor", "-o", "json").exits(0).json(&got)
		require.True(t, got.OK)
		require.NotEmpty(t, got.Looks)
	})
	t.Run("nobody works: the remedy is the next command", func(t *testing.T) {
		b.eng.workers = nil
		defer func() { b.eng.workers = []string{"w"} }()
		b.run(t, "doctor").exits(1).line("wrong", "worker").shows("Next: start the worker")
	})
	t.Run("search attributes that are missing lead to setup", func(t *testing.T) {
		b.eng.missing = []string{"DueBy"}
		defer func() { b.eng.missing = nil }()
		b.run(t, "doctor").exits(1).shows("DueBy", "Next: starter setup")
	})
	t.Run("a key that does not fit the file store is found", func(t *testing.T) {
		good := b.keys["IDENTITY"]
		b.keys["IDENTITY"] = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
		defer func() { b.keys["IDENTITY"] = good }()
		r := b.run(t, "doctor").exits(1).line("wrong", "file store")
		require.NotContains(t, r.stdout, "AGE-SECRET-KEY")
	})
	t.Run("an outbox that is not there is found", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(b.dir, "outbox")))
		defer func() { _ = os.Mkdir(filepath.Join(b.dir, "outbox"), 0o700) }()
		b.run(t, "doctor").exits(1).line("wrong", "outbox")
	})
	t.Run("the outbox of a practice without its marker is found", func(t *testing.T) {
		b := newBench(t)
		b.env.Now = time.Now
		b.practice(t, registry.PhaseProduction)
		b.run(t, "doctor").line("ok", "outbox", "1 outbox is there and marked")
		require.NoError(t, os.Remove(filepath.Join(b.dir, "outbox", "sunrise-plano", "production", activities.OutboxMarker)))
		b.run(t, "doctor").exits(1).shows("outbox of sunrise-plano", "touch")
	})
	t.Run("a database that is gone is found, and the rest is still looked at", func(t *testing.T) {
		good := b.keys["DB_URL"]
		b.keys["DB_URL"] = "postgres://u:hunter2@127.0.0.1:1/none"
		defer func() { b.keys["DB_URL"] = good }()
		r := b.run(t, "doctor").exits(1).line("wrong", "database").line("ok", "file store")
		require.NotContains(t, r.stdout, "hunter2")
	})
	t.Run("a connection that cannot be used is found by its name", func(t *testing.T) {
		b.connection(t)
		b.run(t, "doctor").exits(1).line("wrong", "connection", "dshs").shows("Next: starter connection test dshs")
	})
	t.Run("broken settings are found first", func(t *testing.T) {
		b.file(t, config.FileName, "temporal: {addresz: x}")
		b.run(t, "doctor").exits(1).shows("temporal.addresz", "Next: starter config check")
	})
}

func TestDoctorMail(t *testing.T) {
	b := newBench(t)
	b.env.Now = time.Now
	mail := func(t *testing.T, greeting string) int {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte(greeting))
				_, _ = bufio.NewReader(conn).ReadString('\n') // until the other side hangs up
				_ = conn.Close()
			}
		}()
		return l.Addr().(*net.TCPAddr).Port
	}
	text, err := os.ReadFile(config.FileName)
	require.NoError(t, err)
	with := func(port int) {
		b.file(t, config.FileName, strings.Replace(string(text), "notify: {", "notify: {deliver: send, smtp: {host: 127.0.0.1, tls: none, port: "+strconv.Itoa(port)+"}, ", 1))
	}
	t.Run("one that greets is enough; no letter is sent", func(t *testing.T) {
		with(mail(t, "220 mail.example.org ESMTP\r\n"))
		b.run(t, "doctor").line("ok", "mail", "127.0.0.1 answers")
	})
	t.Run("something else at that address is found", func(t *testing.T) {
		with(mail(t, "SSH-2.0-OpenSSH\r\n"))
		b.run(t, "doctor").exits(1).line("wrong", "mail")
	})
}

func TestConnection(t *testing.T) {
	b := newBench(t)
	host, err := sftptest.NewHostKey()
	require.NoError(t, err)
	root := t.TempDir()
	for _, dir := range []string{"inbound/test", "inbound/production", "inbound/historical", "reports"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	server, err := sftptest.Start(sftptest.Options{
		HostKey: host, Users: map[string]sftptest.User{"BURL6343": {Password: "s3cret", Root: root}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b.keys["SFTP_PASSWORD"] = "s3cret"
	path := b.file(t, "dshs.yaml", "name: dshs\nhost: 127.0.0.1\nport: "+strconv.Itoa(server.Port())+"\nuser: BURL6343\nsecret: env:SFTP_PASSWORD\n")
	print := ssh.FingerprintSHA256(server.HostKey())

	t.Run("the first time the server's key is shown and nothing is stored", func(t *testing.T) {
		b.run(t, "connection", "add", path).exits(1).complains(print, "800-348-9158", "--accept-host-key")
		b.run(t, "connection", "list").exits(0).shows("There is none")
	})
	t.Run("another key than the accepted one is refused", func(t *testing.T) {
		b.run(t, "connection", "add", path, "--accept-host-key", "SHA256:other").exits(1).complains("another key")
	})
	t.Run("the key that a person accepted is pinned", func(t *testing.T) {
		b.run(t, "connection", "add", path, "--accept-host-key", print).exits(0).shows("starter connection test dshs")
		r := b.run(t, "connection", "list").exits(0).fits().line("dshs", "sftp", "BURL6343", "env:SFTP_PASSWORD", "1 key")
		require.NotContains(t, r.stdout, "s3cret")
	})
	t.Run("changing it keeps the accepted key", func(t *testing.T) {
		b.run(t, "connection", "add", path).exits(0)
	})
	t.Run("test logs in and looks into the folders", func(t *testing.T) {
		b.run(t, "connection", "test", "dshs").exits(0).shows("logged in", "inbound/test: 0 files", "reports: 0 files")
	})
	t.Run("a folder that is not there is found", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(root, "reports")))
		b.run(t, "connection", "test", "dshs").exits(1).line("reports:", "does not exist")
	})
	t.Run("a wrong password is found and not shown", func(t *testing.T) {
		b.keys["SFTP_PASSWORD"] = "wrong-s3cret"
		r := b.run(t, "connection", "test", "dshs").exits(1).shows("refused the login")
		require.NotContains(t, r.stdout, "s3cret")
	})
	t.Run("every fault of a file is said at once, and a secret in clear is not repeated", func(t *testing.T) {
		r := b.run(t, "connection", "add", b.file(t, "bad.yaml", "name: D S\nprotocol: ftp\nport: 0\nsecret: hunter2\n")).
			exits(1).complains("name:", "protocol:", "host:", "port:", "user:", "secret:")
		require.NotContains(t, r.stderr, "hunter2")
	})
	t.Run("a relative path to a secret is refused: the worker looks from elsewhere", func(t *testing.T) {
		b.run(t, "connection", "add", b.file(t, "rel.yaml", "name: d\nhost: h\nuser: u\nsecret: 'file:key'\n")).exits(1).complains("whole path")
	})
	t.Run("a server that does not answer exits with 3", func(t *testing.T) {
		require.NoError(t, server.Close())
		b.file(t, "profiles/texas.yaml", "transfer: {dial_timeout: 1s}\n")
		b.run(t, "connection", "add", path, "--accept-host-key", print).exits(3)
	})
}
