package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

type listedRule struct{ Rule, Test, Production, Historical, From, By, Reason string }

func TestRules(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	one := func(id string) listedRule {
		var got []listedRule
		b.run(t, "rules", "show", id, "--practice", "sunrise-plano", "-o", "json").exits(0).json(&got)
		i := slices.IndexFunc(got, func(r listedRule) bool { return r.Rule == id })
		require.GreaterOrEqual(t, i, 0)
		return got[i]
	}

	t.Run("list shows every rule with its grade and where that comes from", func(t *testing.T) {
		b.run(t, "rules", "list").exits(0).fits().line("R-10", "E", "E", "E", "the rule itself").line("D-02", "yes")
		require.NotContains(t, b.run(t, "rules", "list").exits(0).shows("starter rules list --all").stdout, "\nZ-RXA")
		b.run(t, "rules", "list", "--all").exits(0).fits().line("Z-RXA-5.2.length")
		b.run(t, "rules", "list", "--changed").exits(0).shows("No rule has been changed")
	})
	t.Run("a rule that is none is refused with what may have been meant", func(t *testing.T) {
		b.run(t, "rules", "show", "r-10").exits(1).complains("there is no rule r-10", "Did you mean", "R-10 ")
		b.run(t, "rules", "set", "R-99", "--grade", "off", "--practice", "sunrise-plano", "--reason", "x").exits(1).complains("Did you mean", "R-0")
		b.run(t, "rules", "clear", "consent", "--practice", "sunrise-plano", "--reason", "x").exits(1).complains("there is no rule")
	})
	t.Run("set wants a grade, a practice and a reason", func(t *testing.T) {
		b.run(t, "rules", "set", "R-10", "--grade", "off", "--practice", "sunrise-plano").exits(2)
		b.run(t, "rules", "set", "R-10", "--practice", "sunrise-plano", "--reason", "x").exits(2)
		b.run(t, "rules", "set", "R-10", "--grade", "lax", "--practice", "sunrise-plano", "--reason", "x").exits(2).complains("off, info, warning, error")
		b.run(t, "rules", "set", "R-10", "--grade", "off", "--practice", "nowhere", "--reason", "x").exits(1)
		b.run(t, "rules", "set", "R-10", "--grade", "off", "--practice", "sunrise-plano", "--reason", "  ").exits(1).complains("with a reason")
	})
	t.Run("a person's grade is kept, said again without change, and shown with who and why", func(t *testing.T) {
		set := []string{"rules", "set", "R-10", "--grade", "warning", "--practice", "sunrise-plano", "--by", "mary", "--reason", "DSHS said so"}
		b.run(t, set...).exits(0).fits().shows("R-10 and its parts", "is graded warning for sunrise-plano", "Mary Major", "starter rules clear R-10")
		b.run(t, set...).exits(0).shows("already")
		require.Equal(t, listedRule{"R-10", "W", "W", "W", "Mary Major, 2026-03-31", "Mary Major", "DSHS said so"}, one("R-10"))
		require.Equal(t, "Mary Major", one("R-10.junk").By, "a family counts for all its rules")
		require.Len(t, b.events(t, "rule-graded"), 1)
		b.run(t, "rules", "list", "--changed", "--practice", "sunrise-plano").exits(0).fits().line("R-10.junk", "Mary Major, 2026-03-31")
	})
	t.Run("the profile's file is named where it sets the grade", func(t *testing.T) {
		b.file(t, "profiles/texas.yaml", "rules.grades.P-06.future: info\n")
		require.Equal(t, "texas.yaml", one("P-06.future").From)
		require.Equal(t, "I", one("P-06.future").Test)
	})
	t.Run("what holds a patient's message back is not switched off by the way", func(t *testing.T) {
		set := []string{"rules", "set", "D-02", "--grade", "warning", "--practice", "sunrise-plano", "--reason", "they changed their mind"}
		b.run(t, set...).exits(1).complains("D-02", "--send-held-messages")
		b.run(t, "rules", "set", "D-02", "--grade", "error", "--practice", "sunrise-plano", "--reason", "x").exits(0)
		b.run(t, append(set, "--send-held-messages")...).exits(0)
		require.Equal(t, "W", one("D-02").Production)
	})
	t.Run("clear takes it back", func(t *testing.T) {
		clear := []string{"rules", "clear", "R-10", "--practice", "sunrise-plano", "--reason", "mended"}
		b.run(t, clear...).exits(0).shows("as the profile says again")
		b.run(t, clear...).exits(0).shows("nothing changed")
		require.Equal(t, "the rule itself", one("R-10").From)
	})
	t.Run("several practices, or all, in one command", func(t *testing.T) {
		other := strings.NewReplacer("sunrise-plano", "dawn-austin", "BURL6343", "DAWN1234", "0001112000", "0001112001").Replace(practiceFile)
		b.run(t, "practice", "add", b.file(t, "dawn.yaml", other+"phase: testing\n")).exits(0)
		set := []string{"rules", "set", "R-12.pair", "--grade", "warning", "--reason", "our tables are old"}
		b.run(t, append(set, "--all", "--practice", "sunrise-plano")...).exits(2)
		b.run(t, set...).exits(2)
		b.run(t, append(set, "--practice", "sunrise-plano", "--practice", "nowhere")...).exits(1)
		require.Equal(t, "E", one("R-12.pair").Production, "nothing is changed where one of them is none")
		b.run(t, append(set, "--practice", "sunrise-plano")...).exits(0)
		b.run(t, append(set, "--all")...).exits(0).fits().shows("for dawn-austin from the next check on", "for sunrise-plano already", "starter rules clear R-12.pair --all")
		require.Equal(t, "W", one("R-12.pair").Production)
		var got []struct {
			Practice string
			Again    bool
		}
		b.run(t, "rules", "clear", "R-12.pair", "--all", "--reason", "renewed", "-o", "json").exits(0).json(&got)
		require.Len(t, got, 2)
		require.False(t, got[0].Again || got[1].Again)
	})
	t.Run("nobody decides in somebody's name who may not", func(t *testing.T) {
		b.run(t, "rules", "set", "R-10", "--grade", "off", "--practice", "sunrise-plano", "--by", "Sam Minor", "--reason", "x").exits(1).complains("may not act for")
		b.env.Login = "sam"
		b.run(t, "rules", "set", "R-10", "--grade", "off", "--practice", "sunrise-plano", "--by", "mary", "--reason", "she said so").exits(0)
		require.Equal(t, "Mary Major (entered by Sam Minor)", one("R-10").By)
		b.env.Login = "mary"
	})
}
