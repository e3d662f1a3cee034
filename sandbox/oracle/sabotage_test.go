package oracle_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
	"immtrail/sandbox/mailcatcher"
	"immtrail/sandbox/oracle"
)

// live gives the world a registry that answers over SSH and a mail server.
func (w *world) live() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, ready := io.Pipe()
	done := make(chan error, 1)
	w.Calendar = registry.Calendar{Epoch: time.Now(), Anchor: time.Now(), Day: 400 * time.Millisecond}
	go func() {
		done <- fakeregistry.Main(ctx, fakeregistry.Options{
			Dir: w.RegistryDir, Stdout: ready, Calendar: w.Calendar, Tick: 100 * time.Millisecond,
		})
	}()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	line, err := fakeregistry.ReadReady(out)
	require.NoError(w.t, err)
	w.RegistryAddr, w.HostKey = line.Addr, line.HostKey
	mails, err := mailcatcher.Start(ctx, mailcatcher.Options{Dir: w.MailDir})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, mails.Stop()) })
	w.SMTPAddr = mails.SMTPAddr()
}

func TestASoundWorldHasNoFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Empty(t, w.broken())
	w.live()
	require.Empty(t, w.broken(), "also while registry and mail server run")
}

func TestEachSabotageBreaksExactlyItsInvariant(t *testing.T) {
	broken := map[string]bool{}
	for _, s := range oracle.Sabotages() {
		broken[s.Invariant] = true
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, s.Words)
			w := newWorld(t)
			w.live()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			require.NoError(t, s.Break(ctx, w.World))
			w.broken(s.Invariant)
		})
	}
	for _, name := range oracle.Names() {
		require.True(t, broken[name], "nothing breaks %s", name)
		require.NotEmpty(t, oracle.Describe(name))
	}
}

func TestASabotageIsFoundByName(t *testing.T) {
	s, ok := oracle.FindSabotage("send-twice")
	require.True(t, ok)
	require.Equal(t, oracle.SentTwice, s.Invariant)
	_, ok = oracle.FindSabotage("world-peace")
	require.False(t, ok)
}
