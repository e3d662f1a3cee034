package crowd_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/db"
	"immtrail/internal/sftptest"
	"immtrail/registry"
)

// The issue: one practice with 10,000 files or a dead password does not delay
// another: 50 practices of which 5 are broken. Here the many files are 100, so
// that it fits into two minutes; 10,000 stand in line in db's TestChoosePermits.
func TestFiftyPracticesOfWhichFiveAreBroken(t *testing.T) {
	const healthy, each, many = 45, 1, 100
	w := newWorld(t, 2)
	well := func(n int) string { return fmt.Sprintf("well-%02d", n) }
	for n := range healthy {
		w.enrol(t, well(n), n, nil)
	}
	round := func() {
		files := make([][]registry.FileRef, healthy)
		for n := range healthy {
			files[n] = w.stage(t, well(n), n, each)
		}
		for n := range healthy {
			w.submit(t, well(n), files[n])
		}
	}
	round()
	alone := w.until(t, "well", healthy*each)

	mute, err := sftptest.Start(sftptest.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })
	mute.SetFaults(sftptest.Faults{MuteHandshake: true})
	other, err := sftptest.NewHostKey()
	require.NoError(t, err)
	broken := map[string]struct {
		files  int
		change func(*db.Connection, *sftptest.User)
	}{
		"dead-password": {10, func(c *db.Connection, _ *sftptest.User) { c.SecretRef = "env:BAD" }},
		"wrong-pin": {5, func(c *db.Connection, _ *sftptest.User) {
			c.HostKeys = []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(other.PublicKey())))}
		}},
		"no-folder":  {5, func(_ *db.Connection, u *sftptest.User) { u.Root = filepath.Join(u.Root, "empty") }},
		"silent":     {5, func(c *db.Connection, _ *sftptest.User) { c.Port = mute.Port() }},
		"many-files": {many, nil},
	}
	org := healthy
	for id, b := range broken {
		org++
		w.enrol(t, id, org, b.change)
		w.submit(t, id, w.stage(t, id, org, b.files))
	}
	refused := w.server.Stats().Refused
	round()
	together := w.until(t, "well", 2*healthy*each)
	ahead := w.delivered(t, "many-files")
	t.Logf("a file of each of 45 practices: %s alone, %s beside 5 broken ones; of the %d files of one practice %d went meanwhile",
		alone.Round(time.Millisecond), together.Round(time.Millisecond), many, ahead)

	require.LessOrEqual(t, together, 3*alone+time.Minute, "the others are delayed by a bounded time")
	require.Less(t, ahead, many, "the many did not go first")
	require.Eventually(t, func() bool { return len(holdsOf(t, w)) == 3 }, patience, tick, "one hold each")
	require.ElementsMatch(t, []string{"to-dead-password", "to-no-folder", "to-wrong-pin"}, holdsOf(t, w))
	require.LessOrEqual(t, w.server.Stats().Refused-refused, 2, "a run of refused logins stops after 2, across both workers")
	require.LessOrEqual(t, w.server.Stats().MostSessions, 4, "sessions at once, of both workers together")
}

// holdsOf names what is held, by whose login it is.
func holdsOf(t *testing.T, w *world) []string {
	t.Helper()
	holds, err := w.store.Holds(t.Context(), "", true)
	require.NoError(t, err)
	var names []string
	for _, h := range holds {
		names = append(names, h.Connection+h.Server)
	}
	return names
}
