package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/ftptest"
	"immtrail/internal/proftpd"
	"immtrail/internal/sftptest"
	"immtrail/transfer/remotetest"
)

// far is a registry's server with a folder of its own.
type far struct {
	*harness
	// root is the login's folder on disk; file is the connection's YAML.
	root, file string
}

func (f *far) transfer(t *testing.T, args ...string) result {
	t.Helper()
	return f.run(t, append(append([]string{"transfer"}, args...), "--connection", f.file, "--profile", f.dir+"/above.yaml")...)
}

func newFar(t *testing.T, connection, root string) *far {
	t.Helper()
	f := &far{harness: newHarness(t), root: root}
	f.vars["PASSWORD"] = "open sesame"
	f.file = f.harness.file(t, "dshs.yaml", connection+"\nuser: sunrise\nsecret: env:PASSWORD\n")
	f.harness.file(t, "above.yaml", "transfer: {ftps_data_ports: '', dial_timeout: 20s, idle_timeout: 20s}\n")
	for _, dir := range []string{"inbound/test", "inbound/production", "inbound/historical", "reports"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	return f
}

func ftpsFar(t *testing.T) (*far, *ftptest.Server) {
	t.Helper()
	root := t.TempDir()
	srv, err := ftptest.Start(ftptest.Options{User: "sunrise", Password: "open sesame", Root: root})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	return newFar(t, "name: dshs\nprotocol: ftps\nhost: 127.0.0.1\nport: "+strconv.Itoa(srv.Port())+
		"\nhost_keys: ['"+srv.Certificate.KeyPin+"']", root), srv
}

func sftpFar(t *testing.T) *far {
	t.Helper()
	root := t.TempDir()
	srv, err := sftptest.Start(sftptest.Options{Users: map[string]sftptest.User{"sunrise": {Password: "open sesame", Root: root}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	return newFar(t, "name: dshs\nhost: 127.0.0.1\nport: "+strconv.Itoa(srv.Port())+"\nhost_keys: ['"+srv.HostKeyLine()+"']", root)
}

func proFar(t *testing.T) *far {
	t.Helper()
	srv := proftpd.Start(t, proftpd.Options{})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, srv.CA, 0o600))
	return newFar(t, "name: dshs\nprotocol: ftps\nhost: 127.0.0.1\nport: "+strconv.Itoa(srv.FTPSPort)+"\nca: "+ca, srv.Home)
}

func TestTransfer(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *far{
		"ftps":         func(t *testing.T) *far { t.Helper(); f, _ := ftpsFar(t); return f },
		"sftp":         sftpFar,
		"ftps ProFTPD": proFar,
	} {
		t.Run("put, list and get by "+name, func(t *testing.T) {
			f := start(t)
			data := remotetest.Noise(200_000)
			batch := f.harness.file(t, "batch.hl7", string(data))
			f.transfer(t, "put", batch, "--folder", "inbound/test").exits(0).fits().
				shows("by the server's clock", ", from 127.0.0.1:", remotetest.Digest(data), "seen at the registry with the right size", "on a second session", "renamed")
			var again struct {
				AlreadyThere bool                 `json:"already_there"`
				Evidence     struct{ How string } `json:"evidence"`
				SHA256       string               `json:"sha256"`
				Server       struct {
					HostKey string `json:"host_key"`
				}
			}
			f.transfer(t, "put", batch, "--folder", "inbound/test", "--read-back", "-o", "json").exits(0).json(&again)
			require.True(t, again.AlreadyThere)
			require.Equal(t, "read-back", again.Evidence.How)
			require.Equal(t, remotetest.Digest(data), again.SHA256)
			require.NotEmpty(t, again.Server.HostKey)
			f.transfer(t, "list", "inbound/test").exits(0).fits().line("batch.hl7", "200000").shows("1 file;")

			f.transfer(t, "get", "batch.hl7", "--folder", "inbound/test").exits(1).complains("is here already", "--force")
			f.transfer(t, "get", "batch.hl7", "--folder", "inbound/test", "--to", "copy.hl7").exits(0).shows("whole", remotetest.Digest(data))
			got, err := os.ReadFile(filepath.Join(f.dir, "copy.hl7"))
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
			f.transfer(t, "get", "batch.hl7", "--folder", "inbound/test", "--to", "copy.hl7", "--force").exits(0)
			require.NoFileExists(t, filepath.Join(f.dir, "copy.hl7.part"))
		})
		t.Run("probe tells what there is and writes only when asked, by "+name, func(t *testing.T) {
			f := start(t)
			f.transfer(t, "probe").exits(0).fits().line("ok", "session", "logged in").line("ok", "folder inbound/test", "0 files")
			require.Empty(t, names(t, filepath.Join(f.root, "inbound/test")))
			f.transfer(t, "probe", "--write").exits(0).fits().line("ok", "confirm", "read back").line("ok", "remove")
			require.Empty(t, names(t, filepath.Join(f.root, "inbound/test")))
		})
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestTransferRefuses(t *testing.T) {
	t.Run("another file under the name is never overwritten", func(t *testing.T) {
		f, _ := ftpsFar(t)
		theirs := filepath.Join(f.root, "inbound/test/batch.hl7")
		require.NoError(t, os.WriteFile(theirs, []byte("theirs"), 0o600))
		f.transfer(t, "put", f.harness.file(t, "batch.hl7", "mine"), "--folder", "inbound/test").exits(1).complains("different file")
		got, err := os.ReadFile(theirs)
		require.NoError(t, err)
		require.Equal(t, "theirs", string(got))
	})
	t.Run("a name that climbs is wrong usage", func(t *testing.T) {
		f, srv := ftpsFar(t)
		f.transfer(t, "put", f.harness.file(t, "batch.hl7", "x"), "--name", "../x").exits(2)
		f.transfer(t, "get", "../../etc/passwd").exits(2)
		require.Zero(t, srv.Logins())
	})
	t.Run("a download that is cut leaves nothing here", func(t *testing.T) {
		f, srv := ftpsFar(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.root, "reports/r.csv"), remotetest.Noise(100_000), 0o600))
		srv.SetFaults(ftptest.Faults{CutDownloadAt: 50_000})
		f.transfer(t, "get", "r.csv", "--folder", "reports").exits(3)
		require.NoFileExists(t, filepath.Join(f.dir, "r.csv"))
		require.NoFileExists(t, filepath.Join(f.dir, "r.csv.part"))
	})
	t.Run("a refused login is said with what to do, once, and without the secret", func(t *testing.T) {
		f, srv := ftpsFar(t)
		f.vars["PASSWORD"] = "hunter2"
		r := f.transfer(t, "probe").exits(1).fits().shows("refused the login", "accounts get locked")
		require.NotContains(t, r.stdout+r.stderr, "hunter2")
		require.Equal(t, 1, srv.Logins())
		f.transfer(t, "list").exits(3).complains("refused the login")
	})
	t.Run("a failure says what the registry's support asks for: who, where, when", func(t *testing.T) {
		f, srv := ftpsFar(t)
		f.vars["PASSWORD"] = "hunter2"
		r := f.transfer(t, "list", "--folder", "reports").exits(3).
			complains("For the registry's support", "user sunrise at 127.0.0.1:"+strconv.Itoa(srv.Port())+" by ftps", " UTC (", "there)")
		require.NotContains(t, r.stderr, "hunter2")
		f.transfer(t, "list", "reports", "--folder", "other").exits(2)
	})
	t.Run("data ports that are not the profile's are told with what to ask", func(t *testing.T) {
		f, _ := ftpsFar(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.dir, "above.yaml"), []byte("transfer: {ftps_data_ports: 5000-5010}\n"), 0o600))
		f.transfer(t, "probe", "--folder", "reports").exits(1).shows("data port", "which data ports are open")
	})
	t.Run("a secret in clear, or none, is refused", func(t *testing.T) {
		f, _ := ftpsFar(t)
		delete(f.vars, "PASSWORD")
		f.transfer(t, "list").exits(3).complains("secret:")
		f.file = f.harness.file(t, "clear.yaml", "name: d\nprotocol: ftps\nhost: h\nuser: u\nsecret: hunter2\n")
		r := f.transfer(t, "list").exits(1).complains("a reference")
		require.NotContains(t, r.stderr, "hunter2")
	})
	t.Run("a certificate that nobody accepted is shown, and accepted by either fingerprint", func(t *testing.T) {
		f, srv := ftpsFar(t)
		f.file = f.harness.file(t, "new.yaml", "name: dshs\nprotocol: ftps\nhost: 127.0.0.1\nport: "+strconv.Itoa(srv.Port())+
			"\nuser: sunrise\nsecret: env:PASSWORD\n")
		f.transfer(t, "probe").exits(1).complains(srv.Certificate.Fingerprint, srv.Certificate.KeyPin, "--accept-host-key", "800-348-9158")
		require.Zero(t, srv.Logins())
		f.transfer(t, "probe", "--accept-host-key", "cert-sha256:00").exits(1).complains("another key")
		for _, print := range []string{srv.Certificate.Fingerprint, srv.Certificate.KeyPin} {
			f.transfer(t, "probe", "--accept-host-key", print).exits(0)
		}
	})
	t.Run("an SSH key that nobody accepted is shown", func(t *testing.T) {
		f := sftpFar(t)
		srv, err := sftptest.Start(sftptest.Options{Users: map[string]sftptest.User{"sunrise": {Password: "open sesame", Root: f.root}}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, srv.Close()) })
		f.file = f.harness.file(t, "new.yaml", "name: dshs\nhost: 127.0.0.1\nport: "+strconv.Itoa(srv.Port())+"\nuser: sunrise\nsecret: env:PASSWORD\n")
		print := ssh.FingerprintSHA256(srv.HostKey())
		f.transfer(t, "list").exits(1).complains(print)
		f.transfer(t, "list", "--accept-host-key", print).exits(0)
	})
	t.Run("without a connection is wrong usage", func(t *testing.T) {
		newHarness(t).run(t, "transfer", "list").exits(2).complains("connection")
	})
	t.Run("probe of a folder that is not there says so with a remedy", func(t *testing.T) {
		f, _ := ftpsFar(t)
		var got struct {
			OK       bool `json:"ok"`
			Findings []struct{ What, Says, Remedy string }
		}
		r := f.transfer(t, "probe", "--folder", "nowhere", "-o", "json").exits(1)
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &got))
		require.False(t, got.OK)
		last := got.Findings[len(got.Findings)-1]
		require.Equal(t, "folder nowhere", last.What)
		require.NotEmpty(t, last.Remedy)
	})
	t.Run("parallel writes are proven by reading back, and only over sftp", func(t *testing.T) {
		f := sftpFar(t)
		f.transfer(t, "probe", "--write", "--parallel").exits(0).fits().line("ok", "parallel", "read back the same").shows("transfer.trusted_parallel")
		g, _ := ftpsFar(t)
		g.transfer(t, "probe", "--write", "--parallel").exits(2)
	})
}
