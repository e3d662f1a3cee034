package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/workflows"
)

func TestProfileApply(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	folder := filepath.Join(b.dir, "profiles", "practices")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "sunrise-plano.yaml"), []byte("policy.wait_reminders: [1, 4]\n"), 0o600))

	t.Run("gives what runs the policy of today's profile, with the practice's own values", func(t *testing.T) {
		b.run(t, "profile", "apply", "sunrise-plano").exits(0).shows("sunrise-plano: 3 workflows have the policy of today's profile.")
		require.Len(t, b.eng.updates, 3)
		for i, id := range []string{"onboarding/sunrise-plano", "history/sunrise-plano", "watch/sunrise-plano"} {
			require.Equal(t, id, b.eng.updates[i].workflowID)
			sent := b.eng.updates[i].arg.(workflows.SetPolicy)
			require.Equal(t, []int{1, 4}, sent.Policy.WaitReminders)
			require.Equal(t, mary, sent.By)
		}
		var out []map[string]any
		b.run(t, "profile", "apply", "--all", "-o", "json").exits(0).json(&out)
		require.Len(t, out, 1)
	})
	t.Run("without a practice, or with one that is not there, it is refused", func(t *testing.T) {
		b.run(t, "profile", "apply").exits(2).complains("--all")
		b.run(t, "profile", "apply", "nobody").exits(1).complains("starter practice list")
	})
}
