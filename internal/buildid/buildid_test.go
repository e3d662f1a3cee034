package buildid_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/buildid"
)

func TestID(t *testing.T) {
	require.NotEmpty(t, buildid.ID())
	require.NotEqual(t, "unknown", buildid.ID(), "without linker flags and commit the binary's digest tells builds apart")
}
