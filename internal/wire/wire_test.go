package wire_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"immtrail/config"
	"immtrail/internal/wire"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/vault"
)

var key32 = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))

func wired(cfg *config.Config) wire.Wire {
	vars := map[string]string{"KEY": key32, "SHORT": "c2hvcnQ=", "PW": "hunter2"}
	return wire.Wire{Config: cfg, Getenv: func(name string) string { return vars[name] }}
}

func TestSealer(t *testing.T) {
	cfg := config.Default()
	t.Run("without keys says how to make them", func(t *testing.T) {
		_, err := wired(cfg).Sealer()
		require.Equal(t, registry.Invalid, registry.KindOf(err))
		require.ErrorContains(t, err, "starter keys new --kind sealing")
	})
	t.Run("opens what it sealed", func(t *testing.T) {
		cfg.Sealing = config.Sealing{Keys: []config.Key{{ID: "a", Secret: "env:KEY"}}, DigestKey: "env:KEY"}
		s, err := wired(cfg).Sealer()
		require.NoError(t, err)
		got, err := s.Open(s.Seal([]byte("x")))
		require.NoError(t, err)
		require.Equal(t, "x", string(got))
	})
	t.Run("names the key that cannot be used, not its value", func(t *testing.T) {
		cfg.Sealing.Keys[0].Secret = "env:SHORT"
		_, err := wired(cfg).Sealer()
		require.ErrorContains(t, err, "sealing.keys a")
		require.NotContains(t, err.Error(), "c2hvcnQ=")
	})
}

func TestStore(t *testing.T) {
	cfg := config.Default()
	_, err := wired(cfg).Store(t.Context())
	require.Equal(t, registry.Invalid, registry.KindOf(err))
	require.ErrorContains(t, err, "database.url")
}

func TestFileStore(t *testing.T) {
	cfg := config.Default()
	t.Run("that is not set is an error, not a store in memory", func(t *testing.T) {
		_, err := wired(cfg).FileStore(t.Context())
		require.ErrorContains(t, err, "vault.url")
	})
	t.Run("can be written without an identity", func(t *testing.T) {
		_, recipient, err := vault.NewIdentity()
		require.NoError(t, err)
		cfg.Vault = config.Vault{URL: "file://" + filepath.Join(t.TempDir(), "v"), Recipients: []string{recipient}}
		v, err := wired(cfg).FileStore(t.Context())
		require.NoError(t, err)
		_, err = v.Put(t.Context(), strings.NewReader("x"))
		require.NoError(t, err)
		require.NoError(t, v.Close())
	})
	t.Run("names the identity that cannot be read", func(t *testing.T) {
		cfg.Vault.Identities = []config.Secret{"env:GONE"}
		_, err := wired(cfg).FileStore(t.Context())
		require.ErrorContains(t, err, "GONE")
	})
}

func TestTemporal(t *testing.T) {
	cfg := config.Default()
	cfg.Codec.Keys = []config.Key{{ID: "new", Secret: "env:KEY"}, {ID: "gone", Secret: "env:GONE"}}
	t.Run("with the codec off, keys that are there still open old payloads", func(t *testing.T) {
		s, opts, err := wired(cfg).Temporal("worker:1@host")
		require.NoError(t, err)
		require.False(t, s.CodecOn)
		require.Len(t, s.CodecKeys, 1)
		require.Empty(t, opts)
		require.Equal(t, "worker:1@host", s.Identity)
	})
	t.Run("with the codec on, a key that is gone is an error", func(t *testing.T) {
		cfg.Codec.Enabled = true
		_, _, err := wired(cfg).Temporal("x")
		require.ErrorContains(t, err, "codec.keys gone")
	})
	t.Run("an API key becomes a credential", func(t *testing.T) {
		cfg.Codec.Enabled, cfg.Temporal.APIKey = false, "env:PW"
		_, opts, err := wired(cfg).Temporal("x")
		require.NoError(t, err)
		var o client.Options
		opts[0](&o)
		require.NotNil(t, o.Credentials)
	})
}

func TestMail(t *testing.T) {
	cfg := config.Default()
	cfg.Notify.From = "Mary Major <mary@example.org>"
	cfg.Notify.SMTP = config.SMTP{Host: "smtp.example.org", Port: 587, TLS: "starttls", User: "u", Password: "env:PW"}
	t.Run("off sends nothing", func(t *testing.T) {
		m, err := wired(cfg).Mail()
		require.NoError(t, err)
		require.Equal(t, notify.Off{}, m)
	})
	t.Run("send goes by SMTP in the coordinator's name", func(t *testing.T) {
		cfg.Notify.Deliver = "send"
		m, err := wired(cfg).Mail()
		require.NoError(t, err)
		smtp := m.(notify.SMTP)
		require.Equal(t, "hunter2", smtp.Password)
		require.Equal(t, registry.Contact{Role: registry.ContactCoordinator, Name: "Mary Major", Email: "mary@example.org"}, smtp.From)
		require.Equal(t, "example.org", wired(cfg).MessageIDDomain())
	})
	t.Run("with xoauth2 the secret is a token that is read for every letter", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(path, []byte("first\n"), 0o600))
		token := *cfg
		token.Notify.SMTP.Auth, token.Notify.SMTP.Password = "xoauth2", config.Secret("file:"+path)
		smtp, err := wired(&token).SMTP()
		require.NoError(t, err)
		require.Empty(t, smtp.Password)
		require.NoError(t, os.WriteFile(path, []byte("second\n"), 0o600))
		got, err := smtp.Token()
		require.NoError(t, err)
		require.Equal(t, "second", got)

		require.NoError(t, os.Remove(path))
		_, err = wired(&token).SMTP()
		require.ErrorContains(t, err, "notify.smtp.password", "told when the worker starts")
	})
	t.Run("the domain of Message-IDs can be set", func(t *testing.T) {
		cfg.Notify.MessageIDDomain = "mail.example.org"
		require.Equal(t, "mail.example.org", wired(cfg).MessageIDDomain())
	})
	t.Run("what the mail room refuses is said with its setting", func(t *testing.T) {
		cfg.Notify.SMTP.TLS = "none"
		_, err := wired(cfg).Mail()
		require.ErrorContains(t, err, "notify")
		require.NotContains(t, err.Error(), "hunter2")
	})
}

func TestChat(t *testing.T) {
	cfg := config.Default()
	cfg.Notify.Chat = []config.Secret{"env:ROOM"}
	w := wire.Wire{Config: cfg}
	t.Run("is silent while letters are off", func(t *testing.T) {
		w.Getenv = func(string) string { t.Error("no secret is read"); return "" }
		c, err := w.Chat()
		require.NoError(t, err)
		require.NoError(t, c.Say(t.Context(), "words"))
	})
	cfg.Notify.Deliver = "send"
	t.Run("says it in the rooms of the settings", func(t *testing.T) {
		heard := make(chan struct{}, 1)
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard <- struct{}{} }))
		t.Cleanup(s.Close)
		w.Getenv = func(string) string { return strings.Replace(s.URL, "http", "generic", 1) + "?disabletls=yes" }
		c, err := w.Chat()
		require.NoError(t, err)
		require.NoError(t, c.Say(t.Context(), "words"))
		<-heard
	})
	t.Run("an address that is none is said without its secret", func(t *testing.T) {
		w.Getenv = func(string) string { return "pigeon://hunter2" }
		_, err := w.Chat()
		require.ErrorContains(t, err, "room 1")
		require.NotContains(t, err.Error(), "hunter2")
		w.Getenv = func(string) string { return "" }
		_, err = w.Chat()
		require.ErrorContains(t, err, "notify.chat[0]")
	})
}

func TestSecret(t *testing.T) {
	got, err := wired(config.Default()).Secret("env:PW")
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(got))
	_, err = wired(config.Default()).Secret("hunter2")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}
