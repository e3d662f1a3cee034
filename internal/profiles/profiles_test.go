package profiles_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/internal/profiles"
	"immtrail/registry"
	"immtrail/registry/texas"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "texas.yaml", "policy.test_files_min: 4\npolicy.error_due_days: 9\n")
	write(t, dir, "practices/sunrise-plano.yaml", "policy.test_files_min: 5\n")
	d := profiles.Dir(dir)

	t.Run("a practice's file lies above the one for all", func(t *testing.T) {
		p, err := d.Profile("sunrise-plano")
		require.NoError(t, err)
		require.Equal(t, 5, p.Policy.TestFilesMin)
		require.Equal(t, 9, p.Policy.ErrorDueDays)
	})
	t.Run("other practices do not see it", func(t *testing.T) {
		p, err := d.Profile("lakeside-waco")
		require.NoError(t, err)
		require.Equal(t, 4, p.Policy.TestFilesMin)
	})
	t.Run("a change counts from the next look on", func(t *testing.T) {
		write(t, dir, "practices/lakeside-waco.yaml", "policy.test_files_min: 3\n")
		p, err := d.Profile("lakeside-waco")
		require.NoError(t, err)
		require.Equal(t, 3, p.Policy.TestFilesMin)
	})
	t.Run("what one caller does with its values is not another's", func(t *testing.T) {
		mine, err := d.Profile("sunrise-plano")
		require.NoError(t, err)
		mine.Policy.TestFilesMin = 99
		p, err := d.Profile("sunrise-plano")
		require.NoError(t, err)
		require.Equal(t, 5, p.Policy.TestFilesMin)
	})
	t.Run("a file that is taken back is forgotten, also where it was read before", func(t *testing.T) {
		for _, min := range []int{3, 5, 3} {
			write(t, dir, "practices/hill-country.yaml", fmt.Sprintf("policy.test_files_min: %d\n", min))
			p, err := d.Profile("hill-country")
			require.NoError(t, err)
			require.Equal(t, min, p.Policy.TestFilesMin)
		}
		require.NoError(t, os.Remove(filepath.Join(dir, "practices", "hill-country.yaml")))
		p, err := d.Profile("hill-country")
		require.NoError(t, err)
		require.Equal(t, 4, p.Policy.TestFilesMin)
	})
	t.Run("looking again costs the reading of files and no more", func(t *testing.T) {
		again := testing.AllocsPerRun(5, func() { _, _ = d.Profile("sunrise-plano") })
		require.Less(t, again, 1000.0, "parsing takes some ten thousand")
	})
	t.Run("more practices with files of their own than are remembered are each told theirs", func(t *testing.T) {
		for n := 1; n <= 70; n++ {
			id := fmt.Sprintf("clinic-%03d", n)
			write(t, dir, "practices/"+id+".yaml", fmt.Sprintf("policy.error_due_days: %d\n", n))
			for _, n := range []int{n, max(1, n-1)} {
				p, err := d.Profile(fmt.Sprintf("clinic-%03d", n))
				require.NoError(t, err)
				require.Equal(t, n, p.Policy.ErrorDueDays)
			}
		}
	})
	t.Run("without a folder the built-in values hold", func(t *testing.T) {
		p, err := profiles.Dir("").Profile("sunrise-plano")
		require.NoError(t, err)
		require.Equal(t, 3, p.Policy.TestFilesMin)
	})
	t.Run("a folder that is set and not there is no empty one", func(t *testing.T) {
		_, err := profiles.Dir(filepath.Join(dir, "gone")).Load("")
		require.Equal(t, registry.Missing, registry.KindOf(err))
		require.ErrorContains(t, err, "profile.dir")
	})
	t.Run("a name cannot climb out of the folder", func(t *testing.T) {
		_, err := d.Load("../texas")
		require.Equal(t, registry.Invalid, registry.KindOf(err))
	})
	t.Run("a fault names its file", func(t *testing.T) {
		write(t, dir, "practices/odd.yaml", "policy.fun: 1\n")
		_, err := d.Load("odd")
		require.ErrorContains(t, err, "practices/odd.yaml")
	})
	t.Run("a fault in a file ends nothing that runs: somebody mends it", func(t *testing.T) {
		_, err := d.Load("odd")
		require.Equal(t, registry.Invalid, registry.KindOf(err), "at a desk it is a wrong input")
		_, err = d.Profile("odd")
		require.Equal(t, registry.Busy, registry.KindOf(err))
		require.ErrorContains(t, err, "practices/odd.yaml")
		_, err = d.Profile("../texas")
		require.Equal(t, registry.Invalid, registry.KindOf(err), "no file mends that")
	})
}

func TestLetters(t *testing.T) {
	dir := t.TempDir()
	t.Run("without overrides they are the built-in ones", func(t *testing.T) {
		l, err := profiles.Dir(dir).Letters()
		require.NoError(t, err)
		require.Equal(t, texas.SourceDefault, l.Source(registry.LetterHold))
	})
	t.Run("a file takes the place of one letter", func(t *testing.T) {
		write(t, dir, "letters/alert-hold.txt", "Subject: ours\n\nSomething waits.\n")
		write(t, dir, "letters/readme.md", "not a letter")
		l, err := profiles.Dir(dir).Letters()
		require.NoError(t, err)
		subject, _, err := l.Render(registry.LetterHold, texas.SampleLetterData())
		require.NoError(t, err)
		require.Equal(t, "ours", subject)
	})
	t.Run("a name that is no letter is refused", func(t *testing.T) {
		write(t, dir, "letters/alert-fun.txt", "Subject: x\n\ny\n")
		_, err := profiles.Dir(dir).Letters()
		require.ErrorContains(t, err, "alert-fun.txt")
	})
}

func TestRulesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "texas.yaml", "rules.grades.P-06.past: warning\nrules.held: [D-02, Q-01]\n")
	_, err := profiles.Dir(dir).Load("")
	require.ErrorContains(t, err, "there is no rule P-06.past; is it one of P-06,")
	require.ErrorContains(t, err, "there is no rule Q-01")
	require.Equal(t, registry.Invalid, registry.KindOf(err))
	write(t, dir, "texas.yaml", "rules.grades.P-06.future: warning\nrules.held: [D-02]\n")
	_, err = profiles.Dir(dir).Load("")
	require.NoError(t, err)
}

func TestEveryRuleCanBeGraded(t *testing.T) {
	dir := t.TempDir()
	lines := "rules.grades:\n"
	for _, r := range conformance.Rules() {
		lines += "  " + r.ID + ": warning\n"
	}
	write(t, dir, "texas.yaml", lines)
	p, err := profiles.Dir(dir).Profile("")
	require.NoError(t, err)
	require.Len(t, p.Rules.Grades, len(conformance.Rules()))
}
