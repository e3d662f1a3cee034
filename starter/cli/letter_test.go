package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func TestLetters(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	const event = "first-file/sunrise-plano"
	t.Run("every kind can be previewed as it would read", func(t *testing.T) {
		for _, kind := range registry.LetterKinds() {
			b.run(t, "letter", "preview", string(kind)).exits(0).shows("Subject", "Sunrise Family Clinic")
		}
	})
	t.Run("of a practice's own data too, and to whom it goes", func(t *testing.T) {
		b.run(t, "letter", "preview", "production-notice-vendor", "--practice", "sunrise-plano").exits(0).shows("To ", "Sunrise Pediatrics")
		b.run(t, "letter", "preview", "alert-hold", "--practice", "sunrise-plano").exits(1).complains("leave --practice out")
	})
	t.Run("a kind that nobody knows is refused with those that there are", func(t *testing.T) {
		b.run(t, "letter", "preview", "love-letter").exits(1).complains("review-request", "resolved")
		b.run(t, "letter", "list", "--kind", "love-letter").exits(1).complains("review-request")
	})
	t.Run("without any letter the list says so", func(t *testing.T) {
		b.run(t, "letter", "list").exits(0).shows("There is no such letter.")
	})
	_, err := b.open(t).PrepareNotice(t.Context(), db.Notice{
		Event: event, Kind: registry.LetterFirstFile, Practice: "sunrise-plano", MessageID: "m@x.example",
		Recipients: []string{"registry@example.org"}, Subject: "First production file delivered", Body: "Dear data exchange team\n", PreparedAt: b.at(),
	})
	require.NoError(t, err)
	t.Run("what waits can be listed and read", func(t *testing.T) {
		b.run(t, "letter", "list", "--waiting").exits(0).fits().shows(event, "not sent yet")
		b.run(t, "letter", "show", event).exits(0).shows("Dear data exchange team", "registry@example.org", "m@x.example")
		b.run(t, "letter", "show", "first-file/nobody").exits(1).complains("starter letter list")
	})
	t.Run("a person sends it", func(t *testing.T) {
		b.eng.answer = func(string, string, any) (workflows.Answer, error) {
			return workflows.Answer{Words: "the letter goes out"}, nil
		}
		b.run(t, "letter", "send", event).exits(0).shows("the letter goes out")
		last := b.eng.updates[len(b.eng.updates)-1]
		require.Equal(t, "onboarding/sunrise-plano", last.workflowID)
		require.Equal(t, "send-letter", last.name)
	})
	t.Run("what was sent, or is sent otherwise, is refused with the way to go", func(t *testing.T) {
		_, err := b.open(t).SettleNotice(t.Context(), event, true, b.at())
		require.NoError(t, err)
		b.run(t, "letter", "send", event).exits(1).complains("sent on")
		b.run(t, "letter", "send", "review/sunrise-plano/1").exits(1).complains("starter review send sunrise-plano")
		b.run(t, "letter", "send", "nothing").exits(1).complains("letter list --waiting")
		require.NotContains(t, b.run(t, "letter", "list", "--waiting").exits(0).stdout, event)
		b.run(t, "letter", "list").exits(0).shows("sent on")
	})
	t.Run("one that a mail server does not take for good is told from one that a person let go", func(t *testing.T) {
		store := b.open(t)
		for event, by := range map[string]registry.Actor{"digest/0123456789abcdef/2026-03-09": registry.System, "history-questions/sunrise-plano": mary} {
			_, err := store.PrepareNotice(t.Context(), db.Notice{
				Event: event, Kind: registry.LetterDigestWeek, Practice: "sunrise-plano", MessageID: event + "@x.example",
				Recipients: []string{"gone@example.org"}, Subject: "s", Body: "b", PreparedAt: b.at(),
			})
			require.NoError(t, err)
			_, err = store.GiveUpNotice(t.Context(), "sunrise-plano", event, db.Act{Key: event, By: by, At: b.at()})
			require.NoError(t, err)
		}
		b.run(t, "letter", "list").exits(0).fits().shows("not sent: the mail server", "not sent: given up by Mary")
		require.NotContains(t, b.run(t, "letter", "list", "--waiting").exits(0).stdout, "digest/")
	})
}
