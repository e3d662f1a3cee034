package transfer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

const (
	oldKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOzLuxNLvZ8qU6m9xNtC0cC5tqU1kq8pQ3q3m8l1mF9Y"
	newKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHcWyO2uVh5K9l3cYhU1Jm4sV0o0fE1q9cQm8w2mZr3R"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestPin(t *testing.T) {
	t.Run("a key without a date holds for ever", func(t *testing.T) {
		p, err := transfer.ParsePin(oldKey + " comment")
		require.NoError(t, err)
		require.Equal(t, oldKey, p.String())
		require.True(t, p.Holds(today))
		require.True(t, p.Holds(time.Time{}))
		require.Contains(t, p.Fingerprint(), "ssh-ed25519 SHA256:")
	})
	t.Run("a key with a date holds until then, and not where nobody knows the time", func(t *testing.T) {
		for _, written := range []string{"20261124Z", "20261124", "202611240000", "20261124000000Z"} {
			p, err := transfer.ParsePin(`expiry-time="` + written + `" ` + oldKey)
			require.NoError(t, err, written)
			require.True(t, p.Holds(today))
			require.False(t, p.Holds(today.AddDate(0, 0, 1)))
			require.False(t, p.Holds(time.Time{}))
			again, err := transfer.ParsePin(p.String())
			require.NoError(t, err)
			require.Equal(t, p, again)
		}
	})
	t.Run("what is not understood pins nothing", func(t *testing.T) {
		for _, bad := range []string{
			"", "nonsense", "ssh-ed25519 nonsense", `expiry-time="tomorrow" ` + oldKey, `expiry-time="20261399" ` + oldKey,
			`cert-authority ` + oldKey, `expiry-time="20261124",expiry-time="20271124" ` + oldKey, oldKey + "\n" + newKey,
		} {
			_, err := transfer.ParsePin(bad)
			require.Equal(t, registry.HostKeyChanged, registry.KindOf(err), bad)
			require.Error(t, err, bad)
		}
	})
}

func TestFingerprintsThatPeopleType(t *testing.T) {
	hexa := strings.Repeat("ab", 32)
	cert := transfer.PinCertificate + hexa
	for _, typed := range []string{cert, hexa, strings.ToUpper(hexa), strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), " " + cert + "\n"} {
		require.True(t, transfer.SameFingerprint(cert, typed), typed)
	}
	for _, typed := range []string{"", "ab", strings.Repeat("ab", 31) + "ac", transfer.PinKey + hexa, "SHA256:" + hexa} {
		require.False(t, transfer.SameFingerprint(cert, typed), typed)
	}
	require.False(t, transfer.SameFingerprint("SHA256:x", "sha256:x"), "keys of SSH are base64")
}

func TestEndsOfAServer(t *testing.T) {
	require.Empty(t, transfer.Capabilities{}.Ends())
	require.Equal(t, []transfer.End{{What: "certificate", At: today}}, transfer.Capabilities{Expires: today}.Ends())
}

func TestRotate(t *testing.T) {
	until := today.AddDate(0, 0, 14)
	rotate := func(lines ...string) []string {
		t.Helper()
		out, err := transfer.Rotate(lines, newKey, today, until)
		require.NoError(t, err)
		return out
	}
	window := rotate(oldKey)
	require.Equal(t, []string{newKey, `expiry-time="20261207120000Z" ` + oldKey}, window)
	require.Equal(t, window, rotate(window...), "twice is once")
	require.Equal(t, []string{newKey}, rotate())
	require.Equal(t, []string{newKey}, rotate(`expiry-time="20261122Z" `+oldKey), "what is over stays over")
	require.Equal(t, []string{newKey, `expiry-time="20261124000000Z" ` + oldKey}, rotate(`expiry-time="20261124Z" `+oldKey),
		"no window is made longer")
	_, err := transfer.Rotate([]string{"nonsense"}, newKey, today, until)
	require.Error(t, err)
	_, err = transfer.Rotate([]string{oldKey}, "nonsense", today, until)
	require.Error(t, err)
}
