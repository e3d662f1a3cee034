package cli_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestLateDosesAreTold(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.delivered(t, "1", b.at().Add(-24*time.Hour), 8) // of allen's four doses two are late

	words := []string{"2 doses were given more than 30 days before they went", "allen 2 of"}
	b.run(t, "status", "sunrise-plano").exits(0).fits().shows(words...)
	b.run(t, "quality", "sunrise-plano").exits(0).fits().shows(words...)
	require.NotContains(t, b.run(t, "quality", "sunrise-plano", "--site", "plano").exits(0).stdout, "30 days before")
	b.run(t, "file", "show", "f-1").exits(0).fits().shows(words...)
	require.Contains(t, b.run(t, "status", "sunrise-plano", "-o", "json").stdout, `"late_doses"`)
}
