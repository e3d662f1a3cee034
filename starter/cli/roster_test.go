package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

const listHead = "practice,name,org_code,connection,vendor_contact,vendor_email,from,since,history,evidence,site,facilities,prescribers\n"

// sixty is a group of sixty clinics that is live already, and a practice that begins.
func sixty() string {
	var b strings.Builder
	b.WriteString(listHead)
	for i := range 60 {
		practice := "prairie,,,,,,,,,"
		if i == 0 {
			practice = "prairie,Prairie Clinics,PRAI0060,dshs,Desk,desk@ehr.example,production,2025-09-15,done,production.eml"
		}
		fmt.Fprintf(&b, "%s,clinic-%02d,PRAI-%02d,1234567893\n", practice, i+1, i+1)
	}
	b.WriteString("sun,Sunrise,SUNR0002,dshs,,,registered,,,,main,SUNR0002,\n")
	b.WriteString("known,Only Known,KNOW0003,dshs,,,,,,,main,KNOW0003,\n")
	return b.String()
}

func TestPracticeImport(t *testing.T) {
	b := newBench(t)
	b.connection(t)
	b.file(t, "lists/production.eml", productionEmail)
	path := b.file(t, "lists/group.csv", sixty())

	t.Run("the template says what each column means", func(t *testing.T) {
		b.run(t, "practice", "import", "--template").exits(0).shows("# org_code (required)", "practice,name,org_code", "example-clinics")
		b.run(t, "practice", "import").exits(2).complains("--template")
	})
	t.Run("a dry run tells and does nothing", func(t *testing.T) {
		b.run(t, "practice", "import", path, "--dry-run").exits(0).fits().
			shows("line 2: prairie (60 sites): new, comes in at production", "3 practices with 62 sites: 3 new", "Nothing was done")
		b.run(t, "practice", "list").shows("There is none")
		require.Empty(t, b.eng.onboarded)
	})
	t.Run("sixty sites are one practice, which comes in where it is", func(t *testing.T) {
		b.run(t, "practice", "import", path).exits(0).fits().shows("3 new", "2 practices are on their way", "Next: starter status")
		p, err := b.open(t).Practice(t.Context(), "prairie")
		require.NoError(t, err)
		require.Len(t, p.Sites, 60)
		require.Equal(t, registry.PhaseProduction, p.Phase)
		require.Equal(t, registry.HistoryClosed, p.History)
		approval, _, err := b.open(t).Approval(t.Context(), "prairie")
		require.NoError(t, err)
		require.Equal(t, "J. Ortiz", approval.ApprovedBy, "the email beside the list was read")
		require.NotEmpty(t, approval.EvidenceID)
		require.Contains(t, b.eng.onboarded, "prairie")
		require.Contains(t, b.eng.onboarded, "sun")
		require.NotContains(t, b.eng.onboarded, "known", "an empty from only makes it known")
		require.DirExists(t, filepath.Join(b.dir, "outbox", "prairie", "production"))
	})
	t.Run("again changes nothing and says so", func(t *testing.T) {
		before := len(b.events(t, ""))
		b.run(t, "practice", "import", path).exits(0).shows("3 unchanged", "Nothing changed")
		b.run(t, "practice", "import", path, "--update").exits(0).shows("3 unchanged")
		require.Len(t, b.events(t, ""), before)
	})
	t.Run("what differs is shown, and changed with --update only", func(t *testing.T) {
		text := strings.NewReplacer("Only Known", "Better Known", "KNOW0003,dshs,,,,,,", "KNOW0003,dshs,,,testing,2026-03-01,,",
			",clinic-60,PRAI-60,1234567893\n", ",clinic-60,PRAI-60|EXTRA,1234567893\n").Replace(sixty())
		changed := b.file(t, "lists/changed.csv", text)
		b.run(t, "practice", "import", changed).exits(1).fits().
			shows("known (1 site): differs", "name: Only Known -> Better Known", "stage: registered -> testing since 2026-03-01, recorded",
				"site clinic-60, facilities: PRAI-60 -> PRAI-60|EXTRA", "--update")
		p, err := b.open(t).Practice(t.Context(), "known")
		require.NoError(t, err)
		require.Equal(t, "Only Known", p.Name)
		b.run(t, "practice", "import", changed, "--update").exits(0).shows("2 changed, 1 unchanged")
		p, err = b.open(t).Practice(t.Context(), "known")
		require.NoError(t, err)
		require.Equal(t, "Better Known", p.Name)
		require.Equal(t, registry.PhaseTesting, p.Phase)
		b.run(t, "practice", "import", changed, "--update").exits(0).shows("3 unchanged")
	})
	t.Run("faults of the list and of what is known are told together, and nothing is done", func(t *testing.T) {
		bad := b.file(t, "lists/bad.csv", listHead+
			"fresh,Fresh,PRAI0060,nowhere,,,production,2031-01-01,due,,main,F,\n"+
			"prairie,Prairie,PRAI0060,dshs,,,in-review,2026-01-01,,scan/none.pdf,main,PRAI-01,1234567890\n")
		b.run(t, "practice", "import", bad).exits(1).fits().
			shows("line 2, column connection: there is no such connection", "line 2, column org_code: belongs to the practice",
				"line 2, column since: lies in the future", "line 3, column evidence: there is no such file", "line 3, column prescribers",
				"line 3, column from: prairie came in as production since 2025-09-15, historical load done", "nothing was changed")
		b.run(t, "practice", "show", "fresh").exits(1)
		var out struct{ Faults []struct{ Line int } }
		b.run(t, "practice", "import", bad, "-o", "json").exits(1).json(&out)
		require.GreaterOrEqual(t, len(out.Faults), 6)
	})
	t.Run("a password in a list is refused by its column", func(t *testing.T) {
		b.run(t, "practice", "import", b.file(t, "lists/secret.csv", "password,"+listHead)).exits(1).shows("column password: secrets never go through a list")
	})
	t.Run("an export is a list that changes nothing", func(t *testing.T) {
		out := b.run(t, "practice", "export").exits(0).stdout
		b.run(t, "practice", "import", b.file(t, "lists/export.csv", out)).exits(0).shows("3 unchanged")
	})
	t.Run("a list that is not there exits with 3", func(t *testing.T) {
		b.run(t, "practice", "import", "none.csv").exits(3)
	})
}
