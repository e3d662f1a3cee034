package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/starter/cli"
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
	})
	t.Run("files on their way have it too, and with --all servers and reminders, without a practice's values", func(t *testing.T) {
		b.eng.updates = nil
		b.eng.ids = map[string][]string{
			"FileSubmission sunrise-plano": {"file/f-1", "file/f-2"}, "RegistryHost": {"host/sftp.example"}, "Reminders": {"reminders"},
			"FileSubmission": {"file/f-9"}, // another practice's
		}
		var out []struct {
			Practice string
			Took     []string
		}
		b.run(t, "profile", "apply", "--all", "-o", "json").exits(0).json(&out)
		require.Len(t, out, 2)
		require.Equal(t, []string{"onboarding/sunrise-plano", "history/sunrise-plano", "watch/sunrise-plano", "file/f-1", "file/f-2"}, out[0].Took)
		require.Equal(t, []string{"host/sftp.example", "reminders"}, out[1].Took)
		require.Equal(t, []int{1, 4}, b.eng.updates[4].arg.(workflows.SetPolicy).Policy.WaitReminders)
		require.NotEqual(t, []int{1, 4}, b.eng.updates[5].arg.(workflows.SetPolicy).Policy.WaitReminders)
		require.NotContains(t, b.run(t, "profile", "apply", "sunrise-plano").exits(0).shows("5 workflows").stdout, "servers")
	})
	t.Run("what ended meanwhile needs no policy", func(t *testing.T) {
		b.eng.answer = func(id, _ string, _ any) (workflows.Answer, error) {
			if id == "file/f-1" || strings.HasPrefix(id, "history") {
				return workflows.Answer{}, cli.ErrGone
			}
			return workflows.Answer{}, nil
		}
		b.run(t, "profile", "apply", "sunrise-plano").exits(0).shows("3 workflows")
	})
	t.Run("without a practice, or with one that is not there, it is refused", func(t *testing.T) {
		b.run(t, "profile", "apply").exits(2).complains("--all")
		b.run(t, "profile", "apply", "nobody").exits(1).complains("starter practice list")
	})
}
