package cli_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/starter/cli"
)

// portfolioLine is a row of `status --output json`.
type portfolioLine struct {
	Practice, Site, Whose, Move, Vendor string
	Days                                int `json:"days_waiting"`
	Overdue                             bool
}

func TestPortfolio(t *testing.T) {
	b := newBench(t)
	b.connection(t)
	for _, p := range [][2]string{{"alpha", "ALPH0001"}, {"beta", "BETA0002"}, {"gamma", "GAMM0003"}, {"delta", "DELT0004"}} {
		b.add(t, p[0], p[1])
	}
	say := func(practice, whose string, days int, p db.Progress) {
		t.Helper()
		p.Practice, p.Source, p.Whose, p.At, p.Since = practice, "onboarding", whose, b.at(), b.at().AddDate(0, 0, -days)
		p.Stage, p.Next, p.Move = "testing", "something of "+practice, "starter status "+practice
		require.NoError(t, b.open(t).RecordProgress(t.Context(), p))
	}
	say("alpha", "registry", 40, db.Progress{})
	say("beta", "EHR vendor", 3, db.Progress{Due: b.at().AddDate(0, 0, -1)})
	say("gamma", "you", 2, db.Progress{Attention: true})
	say("delta", "you", 9, db.Progress{Attention: true})
	_, err := b.open(t).SettleIncidents(t.Context(), db.IncidentLook{
		Practice: "alpha", Date: b.at().AddDate(0, 0, -16), Looks: []string{"one"},
		Wanted: []db.IncidentSeed{{Kind: "quiet-site", Site: "plano", Words: "Site plano has had no record in a file for 16 days."}},
	})
	require.NoError(t, err)
	rows := func(args ...string) (names []string, lines []portfolioLine) {
		t.Helper()
		b.run(t, append([]string{"status", "-o", "json"}, args...)...).exits(0).json(&lines)
		for _, l := range lines {
			names = append(names, strings.TrimSuffix(l.Practice+"/"+l.Site, "/"))
		}
		return names, lines
	}

	t.Run("who must act comes first: you, the vendor, the registry, each by how long", func(t *testing.T) {
		names, lines := rows()
		require.Equal(t, []string{"alpha/plano", "delta", "gamma", "beta", "alpha"}, names)
		require.Equal(t, 16, lines[0].Days)
		require.Equal(t, 9, lines[1].Days)
		require.Equal(t, "desk@ehr.example", lines[1].Vendor)
		b.run(t, "status").exits(0).fits().shows("alpha/plano", "starter submission attest alpha --site plano", "Site plano has had no record")
	})
	t.Run("by owner", func(t *testing.T) {
		names, _ := rows("--owner", "you")
		require.Equal(t, []string{"alpha/plano", "delta", "gamma"}, names)
		names, _ = rows("--owner", "vendor")
		require.Equal(t, []string{"beta"}, names)
		names, _ = rows("--owner", "nobody")
		require.Empty(t, names)
	})
	t.Run("by coordinator: what is theirs to do, of their practices", func(t *testing.T) {
		p, err := b.open(t).Practice(t.Context(), "delta")
		require.NoError(t, err)
		p.Contacts = append(p.Contacts, registry.Contact{Role: registry.ContactCoordinator, Name: "Tess Mallow", Email: "tess@example.org"})
		require.NoError(t, b.open(t).SavePractice(t.Context(), p, b.act("tess")))
		for _, who := range []string{"tess mallow", "Tess@Example.org"} {
			names, _ := rows("--owner", who)
			require.Equal(t, []string{"delta"}, names)
		}
		b.run(t, "status", "--owner", "marry").exits(2).complains(`"marry" is nobody who coordinates a practice`)
	})
	t.Run("by vendor: address, domain or name", func(t *testing.T) {
		for _, vendor := range []string{"desk@ehr.example", "EHR.example", "ehr desk"} {
			names, _ := rows("--vendor", vendor)
			require.Len(t, names, 5, vendor)
		}
		b.run(t, "status", "--vendor", "other.example").exits(2).complains(`"other.example" is no practice's EHR vendor`)
	})
	t.Run("by site: every site of that name, also where all is well", func(t *testing.T) {
		names, _ := rows("--site", "plano")
		require.ElementsMatch(t, []string{"alpha/plano", "beta/plano", "gamma/plano", "delta/plano"}, names)
		b.run(t, "status", "--site", "nosuch").exits(2).complains("no practice has such a site")
	})
	t.Run("only what is past its date", func(t *testing.T) {
		names, lines := rows("--overdue")
		require.Equal(t, []string{"beta"}, names)
		require.True(t, lines[0].Overdue)
	})
	t.Run("nothing that fits is said in a word", func(t *testing.T) {
		b.run(t, "status", "--owner", "practice").exits(0).shows("Nothing of that kind")
		b.run(t, "status", "alpha", "--overdue").exits(2).complains("leave alpha out")
	})
	t.Run("live: shown at once, and again when it changes", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		out := &tail{}
		env := b.env
		env.Args, env.Stdin, env.Stdout, env.Stderr = []string{"status", "--watch", "--every", "100ms"}, strings.NewReader(""), out, out
		ended := make(chan int, 1)
		go func() { ended <- cli.Run(ctx, env) }()
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "something of gamma") }, time.Minute, 20*time.Millisecond)
		require.NotContains(t, out.String(), "\x1b", "no control characters where there is no terminal")
		say("gamma", "practice", 2, db.Progress{})
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "waits for practice") }, time.Minute, 20*time.Millisecond)
		stop()
		require.Zero(t, <-ended)
		require.LessOrEqual(t, strings.Count(out.String(), "something of delta"), 2, "what has not changed is not shown again")
	})
}

// tail is an output that may be read while it is written.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}
