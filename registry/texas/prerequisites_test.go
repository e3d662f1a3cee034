package texas_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/registry/texas"
)

func row(t *testing.T, l *texas.Loaded, key string) registry.Prerequisite {
	t.Helper()
	n := slices.IndexFunc(l.Profile.Prerequisites, func(r registry.Prerequisite) bool { return r.Key == key })
	require.GreaterOrEqual(t, n, 0, key)
	return l.Profile.Prerequisites[n]
}

func TestPrerequisites(t *testing.T) {
	t.Run("each row stands with its source, and its key is its own", func(t *testing.T) {
		seen := map[string]bool{}
		for _, r := range load(t).Profile.Prerequisites {
			require.False(t, seen[r.Key], r.Key)
			seen[r.Key] = true
			require.NotEmpty(t, r.Says, r.Key)
			require.NotEmpty(t, r.Cite, r.Key)
			require.NotEmpty(t, r.Evidence, r.Key)
			require.Contains(t, []string{"practice", "EHR vendor", "registry", "you"}, r.Owner, r.Key)
			require.Contains(t, []string{"dshs", "default"}, r.Source, r.Key)
			require.Contains(t, registry.Proofs(), r.Proof, r.Key)
		}
		for _, key := range []string{"agreement", "site-agreement", "intent", "org-code", "prescribers", "connection", "hl7-version"} {
			require.True(t, row(t, load(t), key).Required, key)
		}
		require.True(t, row(t, load(t), "site-agreement").PerSite)
		require.False(t, row(t, load(t), "intent").PerSite, "only the parent files it")
	})
	t.Run("an override changes what it names and adds what is new", func(t *testing.T) {
		l := load(t, overlay("prerequisites:\n  - {key: intent, required: false}\n"+
			"  - {key: baa, says: a business associate agreement, owner: practice, required: true}\n"))
		require.False(t, row(t, l, "intent").Required)
		require.Equal(t, "practice", row(t, l, "intent").Owner, "the rest stays")
		require.True(t, row(t, l, "baa").Required)
		require.True(t, row(t, load(t), "intent").Required, "the built-in rows are untouched")
	})
	for what, text := range map[string]string{
		"a row without a key":      "prerequisites: [{required: false}]",
		"an unknown field":         "prerequisites: [{key: intent, needed: false}]",
		"an owner whom nobody is":  "prerequisites: [{key: intent, owner: nobody}]",
		"a proof that is none":     "prerequisites: [{key: intent, proof: magic}]",
		"a new row without words":  "prerequisites: [{key: fresh, owner: you}]",
		"prescribers of no site":   "prerequisites: [{key: prescribers, per_site: false}]",
		"something that is no row": "prerequisites: {intent: false}",
	} {
		t.Run(what+" is refused with its file", func(t *testing.T) {
			_, err := texas.Load(overlay(text))
			require.ErrorContains(t, err, "office.yaml: prerequisites")
		})
	}
}
