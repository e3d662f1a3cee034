package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCharacterSetsThatFitAreNoFinding(t *testing.T) {
	for said, street := range map[string]string{
		"": "12 Poruvíka Street", "UNICODE UTF-8": "12 Poruvíka Street", "UTF-8": "12 Poruvíka Street",
		"ASCII": "12 Poruvika Street", "8859/1": "12 Poruvika Street", "8859/15": "12 Poru\xe9vika Street",
	} {
		t.Run(said, func(t *testing.T) {
			require.Empty(t, judge(t, batch(soundWith("c-1", set("MSH-18", said), set("PID-11.1", street)))).findings)
		})
	}
	t.Run("bytes that are not what MSH-18 says are one finding", func(t *testing.T) {
		v := judge(t, batch(soundWith("c-1", set("MSH-18", "UNICODE UTF-8"), set("PID-11.1", "12 Poru\xe9vika Street"))))
		require.Equal(t, []string{"F-03.bytes"}, v.rules())
	})
}
