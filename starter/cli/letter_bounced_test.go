package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestLettersThatCameBack(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	store := b.open(t)
	const event = "production/sunrise-plano"
	_, err := store.PrepareNotice(t.Context(), db.Notice{
		Event: event, Kind: registry.LetterProductionVendor, Practice: "sunrise-plano", MessageID: "m@x.example",
		Recipients: []string{"hl7@vendor.example"}, Subject: "in production", Body: "Hello\n", PreparedAt: b.at(),
	})
	require.NoError(t, err)
	_, err = store.SettleNotice(t.Context(), event, true, b.at())
	require.NoError(t, err)
	save := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	dsn := "From: MAILER-DAEMON@mx.example\nDate: Mon, 2 Mar 2026 09:00:00 -0600\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\n\n" +
		"--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; hl7@vendor.example\nAction: failed\nStatus: 5.1.1\n\n" +
		"--B\nContent-Type: text/rfc822-headers\n\nMessage-ID: <m@x.example>\n\n--B--\n"
	bounce := save("undelivered.eml", dsn)

	t.Run("an answer changes nothing", func(t *testing.T) {
		reply := save("reply.eml", "From: hl7@vendor.example\nAuto-Submitted: auto-replied\nDate: Mon, 2 Mar 2026 09:00:00 -0600\n\nback on Monday\n")
		b.run(t, "letter", "bounced", "--email", reply).exits(0).shows("no letter came back")
		b.run(t, "letter", "list").exits(0).shows("sent on")
	})
	t.Run("a bounce marks its letter, once", func(t *testing.T) {
		b.run(t, "letter", "bounced", "--email", bounce).exits(0).shows("nobody got the letter", "starter letter show "+event)
		b.run(t, "letter", "bounced", "--email", bounce).exits(0).shows("known already")
		b.run(t, "letter", "list").exits(0).fits().shows("came back: nobody got it")
		require.Len(t, b.events(t, "letter-bounced"), 1)
		untold, err := store.UntoldBounces(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, untold, 1, "the worker tells of it")
	})
	t.Run("what is no bounce of ours is refused", func(t *testing.T) {
		b.run(t, "letter", "bounced", "--email", save("other.eml", strings.ReplaceAll(dsn, "m@x.example", "z@x.example"))).exits(1).complains("no letter of ours")
		b.run(t, "letter", "bounced", "--email", save("x.eml", "\x00")).exits(1).complains("cannot be read")
		b.run(t, "letter", "bounced").exits(2)
	})
}
