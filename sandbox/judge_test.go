package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/journey"
	"immtrail/sandbox/oracle"
)

func TestMiscounted(t *testing.T) {
	exports := journey.Exports{Files: 95, Messages: 563, Wrong: 3}
	right := oracle.Counts{FilesSent: 95, Verified: 95, Messages: 563, ErrorsOpened: 3, ErrorsSettled: 3}
	require.Empty(t, miscounted(exports, right))
	for words, change := range map[string]func(*oracle.Counts){
		"files that are at the registry: 94, and not 95":      func(c *oracle.Counts) { c.FilesSent-- },
		"files that were seen there: 94, and not 95":          func(c *oracle.Counts) { c.Verified-- },
		"messages that are at the registry: 564, and not 563": func(c *oracle.Counts) { c.Messages++ },
		"errors that were opened: 4, and not 3":               func(c *oracle.Counts) { c.ErrorsOpened++ },
		"errors that were settled: 2, and not 3":              func(c *oracle.Counts) { c.ErrorsSettled-- },
	} {
		t.Run(words, func(t *testing.T) {
			counts := right
			change(&counts)
			require.Equal(t, []string{words}, miscounted(exports, counts))
		})
	}
}
