package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestTables(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	for i, reason := range []string{"", "", "", "every prerequisite of the practice is there and was looked at", ""} {
		act := db.Act{Key: string(rune('a' + i)), By: mary, At: b.at(), Reason: reason}
		if err := b.open(t).RecordAct(t.Context(), "sunrise-plano", "", "attested-nothing-to-send", act); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a column that is mostly empty keeps a width in which words can be read", func(t *testing.T) {
		b.run(t, "audit", "list").exits(0).fits().shows("prerequisite", "WHY")
	})
}

func TestCommandsStayWhole(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	long := "starter connection accept-host-key sunrise-plano --fingerprint SHA256:" + strings.Repeat("x", 43) + " --reason told-by-telephone"
	say := func(move, next string) {
		require.NoError(t, b.open(t).RecordProgress(t.Context(), db.Progress{
			Practice: "sunrise-plano", Source: "onboarding", Stage: "testing", Next: next, Whose: "you", Move: move, At: b.at(), Since: b.at(),
		}))
	}
	t.Run("a command that is longer than the screen stands on one line, to be copied", func(t *testing.T) {
		say(long+" (once the registry said so), or call it at once and ask what it is that has become of the key of its server", "look at the key of the server")
		lines := strings.Split(b.run(t, "status").exits(0).stdout, "\n")
		require.Condition(t, func() bool {
			for _, l := range lines {
				if strings.TrimSpace(l) == "> "+long {
					return true
				}
			}
			return false
		}, lines)
		for _, l := range lines {
			require.True(t, len(l) <= 100 || strings.Contains(l, long), l)
		}
	})
	t.Run("so does one at the end of a sentence", func(t *testing.T) {
		say("", "settle what the registry refused of the files of last week and of the week before, and tell whoever has to know it. See: starter errors list --practice sunrise-plano")
		b.run(t, "status").exits(0).fits().shows("starter errors list --practice sunrise-plano")
	})
}
