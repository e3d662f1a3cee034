package fakeregistry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// optionsEnv makes the test's binary be the registry, as the sandbox's is.
const optionsEnv = "FAKEREGISTRY_TEST_OPTIONS"

func TestMain(m *testing.M) {
	file := os.Getenv(optionsEnv)
	if file == "" {
		os.Exit(m.Run())
	}
	opts, err := fakeregistry.ReadOptions(file)
	if err == nil {
		opts.Stdin = os.Stdin
		err = fakeregistry.Main(context.Background(), opts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is the registry as a process of its own.
type child struct {
	t     *testing.T
	dir   string
	ready fakeregistry.Ready
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// spawn starts the registry in dir; a calendar's day lasts 200 ms.
func spawn(t *testing.T, dir string, accounts ...fakeregistry.Account) *child {
	t.Helper()
	opts := fakeregistry.Options{
		Dir: dir, Accounts: accounts, Tick: 20 * time.Millisecond,
		Calendar: registry.Calendar{Epoch: now, Anchor: time.Now(), Day: 200 * time.Millisecond},
	}
	file := filepath.Join(t.TempDir(), "options.json")
	require.NoError(t, fakeregistry.WriteOptions(file, opts))
	c := &child{t: t, dir: dir, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), optionsEnv+"="+file)
	c.cmd.Stderr = os.Stderr
	var err error
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(c.kill)
	c.ready, err = fakeregistry.ReadReady(out)
	require.NoError(t, err)
	return c
}

func (c *child) cut() { _ = c.cmd.Process.Kill() }

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func (c *child) order(m fakeregistry.Misbehaviour) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(c.t, fakeregistry.Misbehave(ctx, c.dir, m))
}

// dial logs in, pinning the key of the ready line.
func (c *child) dial(user string) (*sftp.Client, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.ready.HostKey))
	require.NoError(c.t, err)
	conn, err := net.DialTimeout("tcp", c.ready.Addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	sc, chans, reqs, err := ssh.NewClientConn(conn, c.ready.Addr, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password("pw")}, HostKeyCallback: ssh.FixedHostKey(key),
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return sftp.NewClient(ssh.NewClient(sc, chans, reqs))
}

// upload does what a good sender does, up to the confirmation.
func (c *child) upload(name, content string) error {
	client, err := c.dial("sunrise")
	if err != nil {
		return err
	}
	defer client.Close()
	f, err := client.Create(name + ".part")
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(content)); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return client.PosixRename(name+".part", name)
}

func (c *child) ledger() []fakeregistry.Received {
	all, err := fakeregistry.ReadLedger(c.dir)
	require.NoError(c.t, err)
	return all
}

func (c *child) eventually(what string, is func() bool) {
	c.t.Helper()
	require.Eventually(c.t, is, time.Minute, 20*time.Millisecond, what)
}

func (c *child) reports() []string {
	entries, err := os.ReadDir(filepath.Join(c.dir, "homes", "sunrise", "reports"))
	require.NoError(c.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestOverTheWire(t *testing.T) {
	c := spawn(t, t.TempDir(), account(fakeregistry.Behaviour{After: 0.5}))
	require.NoError(t, c.upload("inbound/test/A.HL7", batch(good(1))))
	c.eventually("the file is judged and answered", func() bool { return len(c.reports()) == 1 })
	client, err := c.dial("sunrise")
	require.NoError(t, err)
	defer client.Close()
	f, err := client.Open(path.Join("reports", c.reports()[0]))
	require.NoError(t, err)
	defer f.Close()
	report, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Contains(t, string(report), "MSA|AA|C0001")

	t.Run("an account that is added while it runs may log in", func(t *testing.T) {
		_, err := c.dial("late")
		require.Error(t, err)
		late := account(fakeregistry.Behaviour{})
		late.User, late.OrgCode = "late", "LATE0001"
		require.NoError(t, fakeregistry.WriteAccounts(c.dir, []fakeregistry.Account{account(fakeregistry.Behaviour{}), late}))
		c.eventually("the new account works", func() bool {
			client, err := c.dial("late")
			if err != nil {
				return false
			}
			defer client.Close()
			_, err = client.Stat("inbound/historical")
			return err == nil
		})
	})
}

func TestEndsWithItsParent(t *testing.T) {
	c := spawn(t, t.TempDir(), account(fakeregistry.Behaviour{}))
	require.NoError(t, c.stdin.Close())
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Fatal("the registry outlived its parent")
	}
}

// sender sends one small file after another.
type sender struct {
	*child
	n int
}

func (s *sender) send() (name string, err error) {
	s.n++
	name = fmt.Sprintf("M%02d.HL7", s.n)
	return name, s.upload("inbound/test/"+name, batch(good(s.n)))
}

func (s *sender) arrived(name string) bool {
	return slices.ContainsFunc(s.ledger(), func(r fakeregistry.Received) bool { return r.Name == name })
}

func TestUploadsFailOnDemand(t *testing.T) {
	c := &sender{child: spawn(t, t.TempDir(), account(fakeregistry.Behaviour{SweepAtOnce: true}))}
	failing := map[string]fakeregistry.Misbehaviour{
		"uploads refused":       {RefuseUploads: true},
		"renames refused":       {RefuseRename: true},
		"disk full":             {DiskFullAt: 50},
		"cut in the upload":     {CutUploadAt: 50},
		"cut before the rename": {CutBeforeRename: true},
		"logins refused":        {RefuseLogins: true},
		"another host key":      {NewHostKey: true},
		"the folder closed":     {CloseFolder: "inbound/test"},
		"no rename extension":   {NoPosixRename: true},
	}
	for name, m := range failing {
		t.Run(name+": the file does not arrive, and does afterwards", func(t *testing.T) {
			c.order(m)
			file, err := c.send()
			require.Error(t, err)
			c.order(fakeregistry.Misbehaviour{})
			after, err := c.send()
			require.NoError(t, err)
			c.eventually("the next file is received", func() bool { return c.arrived(after) })
			require.False(t, c.arrived(file))
		})
	}
}

func TestMisbehaviourOfARegistryThatTakesFiles(t *testing.T) {
	c := &sender{child: spawn(t, t.TempDir(), account(fakeregistry.Behaviour{SweepAtOnce: true}))}
	t.Run("a lost answer to the rename: the file arrived all the same", func(t *testing.T) {
		c.order(fakeregistry.Misbehaviour{LoseRenameReply: true, Once: true})
		file, err := c.send()
		require.Error(t, err)
		c.eventually("it is received", func() bool { return c.arrived(file) })
		_, err = c.send()
		require.NoError(t, err, "once means once")
	})
	t.Run("no reports until it ends", func(t *testing.T) {
		c.order(fakeregistry.Misbehaviour{NoReports: true})
		c.eventually("what was due came", func() bool { return len(c.reports()) > 0 })
		before := len(c.reports())
		file, err := c.send()
		require.NoError(t, err)
		c.eventually("it is received", func() bool { return c.arrived(file) })
		require.Len(t, c.reports(), before)
		c.order(fakeregistry.Misbehaviour{})
		c.eventually("its report comes", func() bool { return len(c.reports()) > before })
	})
	t.Run("asleep: files stay where they are", func(t *testing.T) {
		c.order(fakeregistry.Misbehaviour{Asleep: true})
		file, err := c.send()
		require.NoError(t, err)
		client, err := c.dial("sunrise")
		require.NoError(t, err)
		defer client.Close()
		_, err = client.Stat("inbound/test/" + file)
		require.NoError(t, err, "also of an account that is swept at once")
		require.False(t, c.arrived(file))
		c.order(fakeregistry.Misbehaviour{})
		c.eventually("it is received", func() bool { return c.arrived(file) })
	})
}

// Killed at any moment, again and again, the registry takes each file once,
// judges it once and answers it once, and is found where it was.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	c := spawn(t, dir, account(fakeregistry.Behaviour{SweepAtOnce: true}))
	first := c.ready
	const files, kills = 24, 8
	random := rand.New(rand.NewPCG(1, 2))
	for n := range files {
		name, text := fmt.Sprintf("inbound/test/K%02d.HL7", n), batch(good(n))
		if n%(files/kills) != 0 {
			require.NoError(t, c.upload(name, text))
			continue
		}
		timer := time.AfterFunc(time.Duration(random.IntN(6000))*time.Microsecond, c.cut)
		err := c.upload(name, text)
		timer.Stop()
		c.kill()
		c = spawn(t, dir)
		require.Equal(t, first, c.ready, "same address, same host key")
		if err != nil && !c.taken(path.Base(name)) {
			require.NoError(t, c.upload(name, text))
		}
	}
	c.eventually("every file is answered", func() bool { return len(c.reports()) == files })
	seen := map[string]int{}
	for _, r := range c.ledger() {
		seen[r.Name]++
		require.True(t, r.ErrorFree())
	}
	require.Len(t, seen, files)
	for name, times := range seen {
		require.Equal(t, 1, times, name)
	}
}

// taken reports whether the file went out of the sender's sight though the
// sender never heard so.
func (c *child) taken(name string) bool {
	found, err := filepath.Glob(filepath.Join(c.dir, "*", "sunrise", "test", "*_"+name))
	require.NoError(c.t, err)
	_, err = os.Stat(filepath.Join(c.dir, "homes", "sunrise", "inbound", "test", name))
	return len(found) > 0 || !errors.Is(err, fs.ErrNotExist)
}

func TestOptionsThatCannotWork(t *testing.T) {
	for name, o := range map[string]fakeregistry.Options{
		"no folder":                 {},
		"two lanes, one folder":     {Dir: t.TempDir(), Folders: registry.FolderSettings{Test: "in", Production: "in", Historical: "h", Reports: "r"}},
		"a folder outside":          {Dir: t.TempDir(), Folders: registry.FolderSettings{Test: "../in", Production: "p", Historical: "h", Reports: "r"}},
		"an account without key":    {Dir: t.TempDir(), Accounts: []fakeregistry.Account{{User: "a", OrgCode: "A"}}},
		"an account with a bad key": {Dir: t.TempDir(), Accounts: []fakeregistry.Account{{User: "a", OrgCode: "A", AuthorizedKey: "nonsense"}}},
		"an account named ..":       {Dir: t.TempDir(), Accounts: []fakeregistry.Account{{User: "..", OrgCode: "A", Password: "x"}}},
		"an unknown form of answer": {Dir: t.TempDir(), Accounts: []fakeregistry.Account{
			{User: "a", OrgCode: "A", Password: "x", Behaviour: fakeregistry.Behaviour{Answer: "fax"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Stdout = io.Discard
			require.Error(t, fakeregistry.Main(context.Background(), o))
		})
	}
}
