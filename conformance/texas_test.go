package conformance_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry/texas"
)

func TestTheTexasProfileNamesRulesThatExist(t *testing.T) {
	loaded, err := texas.Load()
	require.NoError(t, err)
	rules := loaded.Profile.Rules
	ids := append(slices.Collect(maps.Keys(rules.Grades)), rules.Held...)
	require.Empty(t, conformance.UnknownRules(ids))
	require.NotEmpty(t, rules.Held)
}
