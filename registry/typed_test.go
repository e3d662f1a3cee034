package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestWordsThatStandForSomethingAreKnown(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"YOUR NAME", " NAME ", "…", "...", "YYYY-MM-DD", "FILE.eml", "WHAT IT ASKS FOR"} {
		require.True(t, registry.Unfilled(text), text)
	}
	for _, text := range []string{"", "Name", "Mary Major", "FILE-1.eml", "the EHR moves…", "2026-03-31", "file"} {
		require.False(t, registry.Unfilled(text), text)
	}
}

func TestACommandIsPartedFromItsRemark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ move, command, remark string }{
		{"starter review send a", "starter review send a", ""},
		{
			"starter production approve a --email FILE.eml (when the email is there), or call 1, option 3",
			"starter production approve a --email FILE.eml", "(when the email is there), or call 1, option 3",
		},
		{`starter hold resolve h --action drop --reason "gone (twice); over" (or --action retry)`, `starter hold resolve h --action drop --reason "gone (twice); over"`, "(or --action retry)"},
		{"starter connection host-key accept a --fingerprint SHA256:u0... --by told", "starter connection host-key accept a --fingerprint SHA256:u0... --by told", ""},
		{"starter status a, or call 1", "starter status a", "or call 1"},
		{"call 800-348-9158, option 3", "", "call 800-348-9158, option 3"},
	} {
		command, remark := registry.SplitMove(c.move)
		require.Equal(t, c.command, command)
		require.Equal(t, c.remark, remark)
	}
}
