package service_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/config"
	"immtrail/db"
	"immtrail/internal/dbtest"
	"immtrail/registry"
	"immtrail/vault"
	"immtrail/worker/service"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// setting is a worker's settings on a database, with a Temporal that is not
// there.
func setting(t *testing.T, databaseURL string) (*config.Config, service.Options) {
	t.Helper()
	secret, recipient, err := vault.NewIdentity()
	require.NoError(t, err)
	vars := map[string]string{
		"ID": secret, "KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)), "URL": databaseURL,
	}
	cfg := config.Default()
	cfg.Database.URL = "env:URL"
	cfg.Vault = config.Vault{
		URL: "file://" + filepath.Join(t.TempDir(), "files"), Recipients: []string{recipient},
		Identities: []config.Secret{"env:ID"},
	}
	cfg.Sealing = config.Sealing{Keys: []config.Key{{ID: "a", Secret: "env:KEY"}}, DigestKey: "env:KEY"}
	cfg.Temporal.Address = unusedAddress(t)
	cfg.Health.Listen, cfg.Metrics.Listen = "127.0.0.1:0", "127.0.0.1:0"
	return cfg, service.Options{Getenv: func(name string) string { return vars[name] }, Logger: slog.New(slog.DiscardHandler)}
}

// unusedAddress is one at which nobody listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	return addr
}

func TestRun(t *testing.T) {
	t.Run("a database without the schema is refused at once, with the remedy", func(t *testing.T) {
		cfg, opts := setting(t, dbtest.New(t, nil))
		opts.Ready = func() { t.Error("it must not get ready") }
		err := service.Run(t.Context(), cfg, opts)
		require.ErrorContains(t, err, "starter migrate")
		require.Equal(t, registry.Invalid, registry.KindOf(err))
	})
	t.Run("keys that do not fit the file store are refused at once", func(t *testing.T) {
		cfg, opts := setting(t, dbtest.New(t, db.Migrate))
		_, stranger, err := vault.NewIdentity()
		require.NoError(t, err)
		cfg.Vault.Recipients = []string{stranger}
		require.Equal(t, registry.Unauthorised, registry.KindOf(service.Run(t.Context(), cfg, opts)))
	})
	t.Run("a profile with a fault is refused by its key", func(t *testing.T) {
		cfg, opts := setting(t, "postgres://nobody@127.0.0.1:1/none")
		cfg.Profile.Dir = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Profile.Dir, "texas.yaml"), []byte("policy.fun: 3"), 0o600))
		require.ErrorContains(t, service.Run(t.Context(), cfg, opts), "policy.fun")
	})
	t.Run("a Temporal that is late is waited for until the worker is stopped", func(t *testing.T) {
		cfg, opts := setting(t, dbtest.New(t, db.Migrate))
		var out syncBuffer
		opts.Logger = slog.New(slog.NewTextHandler(&out, nil))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- service.Run(ctx, cfg, opts) }()
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "waiting at the start") }, timeout, tick)
		cancel()
		require.Error(t, <-done)
		require.NotContains(t, out.String(), "postgres://", "an address with its password must not be logged")
	})
}

// syncBuffer is written by the worker while the test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
