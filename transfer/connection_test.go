package transfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

func TestSecretsAreNeverShown(t *testing.T) {
	c := transfer.Connection{
		Name: "dshs", Protocol: "sftp", Host: "h", User: "u",
		Password: []byte("hunter2-password"), Key: []byte("hunter2-key"), Passphrase: []byte("hunter2-phrase"),
	}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c), fmt.Sprintf(verb, c.Password))
	}
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "c", c, "p", c.Password)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c, "p", c.Password)
	shown = append(shown, string(asJSON), log.String())
	for _, s := range shown {
		for _, form := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), "aHVudGVyMi", "104 117 110"} {
			require.NotContains(t, s, form)
		}
	}
	require.Contains(t, string(asJSON), "(secret)")
	require.Equal(t, "(none)", fmt.Sprintf("%s", transfer.Secret(nil)), "whether one is set may be seen")
}

func TestDefaults(t *testing.T) {
	var c transfer.Connection
	require.Positive(t, c.DialTimeout(), "no setting means no endless wait")
	require.Positive(t, c.IdleTimeout())
	require.False(t, c.Direct())
	c.Settings = registry.TransferSettings{Upload: "direct", DialTimeout: time.Second, IdleTimeout: time.Minute}
	require.Equal(t, time.Second, c.DialTimeout())
	require.Equal(t, time.Minute, c.IdleTimeout())
	require.True(t, c.Direct())
}

func TestByProtocol(t *testing.T) {
	var dialed string
	m := transfer.ByProtocol{"sftp": dialer(func(c transfer.Connection) { dialed = c.Name })}
	_, err := m.Dial(t.Context(), transfer.Connection{Name: "dshs", Protocol: "sftp"})
	require.ErrorIs(t, err, errDialed)
	require.Equal(t, "dshs", dialed)
	_, err = m.Dial(t.Context(), transfer.Connection{Name: "dshs", Protocol: "gopher"})
	require.Equal(t, registry.Invalid, registry.KindOf(err))
}

var errDialed = errors.New("dialed")

type dialer func(transfer.Connection)

func (d dialer) Dial(_ context.Context, c transfer.Connection) (transfer.Remote, error) {
	d(c)
	return nil, errDialed
}

func FuzzJoin(f *testing.F) {
	for _, folder := range []string{"", ".", "prod/in", "/prod/in/", "../x", "a/../../b", "a\x00b", `a\b`, "a//b", "..."} {
		for _, name := range []string{"a.hl7", "..", "../a", "", "a/b", "a\nb"} {
			f.Add(folder, name)
		}
	}
	f.Fuzz(func(t *testing.T, folder, name string) {
		p, err := transfer.Join(folder, name)
		if err != nil {
			require.Equal(t, registry.Invalid, registry.KindOf(err))
			return
		}
		dir, err := transfer.CleanFolder(folder)
		require.NoError(t, err)
		require.Equal(t, name, path.Base(p), "the name is the last part")
		require.Equal(t, dir, path.Dir(p), "the file is in its folder")
		for part := range strings.SplitSeq(p, "/") {
			require.NotEqual(t, "..", part)
		}
		require.Equal(t, strings.HasPrefix(folder, "/"), path.IsAbs(p), "a relative folder stays relative")
	})
}
