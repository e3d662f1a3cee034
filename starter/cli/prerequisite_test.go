package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestPrerequisite(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseRegistered)

	t.Run("without a practice it lists what the profile asks, and where that comes from", func(t *testing.T) {
		b.run(t, "prerequisite", "list").exits(0).fits().line("intent", "required", "practice").shows("DSHS")
	})
	t.Run("the checklist says how far each is and the command for each that stops testing", func(t *testing.T) {
		b.run(t, "prerequisite", "list", "sunrise-plano").exits(0).fits().
			line("org-code", "done").line("intent", "open", "practice").line("connection", "open", "you").
			shows(`> starter prerequisite done sunrise-plano intent --evidence FILE`, "> starter connection test dshs",
				`> starter prerequisite done sunrise-plano site-agreement --site plano --evidence FILE`)
	})
	t.Run("words are evidence; the process is told at once, and again changes nothing", func(t *testing.T) {
		b.run(t, "prerequisite", "done", "sunrise-plano", "intent", "--evidence", "confirmed on 2026-02-10").exits(0).
			shows("intent is done", "more are missing", "> starter prerequisite done sunrise-plano agreement")
		require.Contains(t, b.eng.signals, "onboarding/sunrise-plano prerequisites-changed")
		b.run(t, "prerequisite", "done", "sunrise-plano", "intent", "--evidence", "confirmed on 2026-02-10").exits(0).
			shows("nothing changed")
		require.Len(t, b.events(t, "prerequisite"), 1)
		require.Equal(t, "Mary Major", b.events(t, "prerequisite")[0].By.Name)
		b.run(t, "prerequisite", "list", "sunrise-plano").line("intent", "done", "confirmed on 2026-02-10", "(Mary Major, 2026-03-31)")
	})
	t.Run("a file is kept in the file store", func(t *testing.T) {
		path := b.file(t, "agreement.pdf", "%PDF-1.7 invented")
		b.run(t, "prerequisite", "done", "sunrise-plano", "site-agreement", "--evidence", path, "--expires", "2028-01-31").exits(0)
		var items []struct {
			Key, State, Ends string
			EvidenceID       string `json:"evidence_id"`
		}
		b.run(t, "prerequisite", "list", "sunrise-plano", "-o", "json").exits(0).json(&items)
		for _, i := range items {
			if i.Key == "site-agreement" {
				require.Equal(t, "done", i.State)
				require.Equal(t, "2028-01-31", i.Ends)
				require.FileExists(t, filepath.Join(b.dir, "files", filepath.FromSlash(i.EvidenceID)))
			}
		}
	})
	t.Run("a slip of the pen is refused with its remedy", func(t *testing.T) {
		done := func(args ...string) result {
			return b.run(t, append([]string{"prerequisite", "done", "sunrise-plano"}, args...)...)
		}
		done("agreement", "--evidence", "seen").exits(2).complains("--expires")
		done("agreement", "--evidence", "seen", "--expires", "31.1.2028").exits(2).complains("2028-01-31")
		done("agreement", "--evidence", "seen", "--expires", "2026-03-30").exits(1).complains("ended before today")
		done("intent", "--evidence", "seen", "--expires", "2028-01-31").exits(2).complains("leave --expires out")
		done("intent", "--evidence", "seen", "--site", "plano").exits(2).complains("as a whole")
		done("site-agreement", "--evidence", "seen", "--site", "nowhere", "--expires", "2028-01-31").exits(1).complains("nowhere")
		done("nothing", "--evidence", "seen").exits(1).complains("site-agreement")
		done("intent", "--evidence", "scans/no-such.pdf").exits(3).complains("words are taken too")
		done("intent").exits(2)
		b.run(t, "prerequisite", "waive", "sunrise-plano", "intent").exits(2).complains("reason")
		b.run(t, "prerequisite", "done", "nobody", "intent", "--evidence", "seen").exits(1).complains("starter practice list")
	})
	t.Run("a waiver carries its reason and who decided", func(t *testing.T) {
		b.env.Login = "sam"
		defer func() { b.env.Login = "mary" }()
		b.run(t, "prerequisite", "waive", "sunrise-plano", "contact-practice", "--reason", "it is one person", "--by", "mary").exits(0)
		b.run(t, "prerequisite", "list", "sunrise-plano").fits().line("contact-practice", "waived", "it is one person")
		require.Contains(t, b.events(t, "prerequisite")[0].By.Name, "Mary Major")
	})
	t.Run("reopening takes it back", func(t *testing.T) {
		b.run(t, "prerequisite", "reopen", "sunrise-plano", "contact-practice", "--reason", "a desk was hired").exits(0).shows("open again")
		b.run(t, "prerequisite", "list", "sunrise-plano", "--open").exits(0).line("contact-practice", "open", "a desk was hired")
	})
	t.Run("a practice beyond that stage is held up by none of it", func(t *testing.T) {
		b.practice(t, registry.PhaseRegistered)
		b.run(t, "onboard", "sunrise-plano", "--from", "testing", "--since", "2026-03-01").exits(0)
		b.run(t, "prerequisite", "list", "sunrise-plano").exits(0).shows("nothing of this holds it up")
	})
}
