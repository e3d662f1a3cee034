package oracle_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/oracle"
)

func TestAnAlarmIsHeldAgainstWhatWasSentAndAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The production file was confirmed on one day and is answered on another.
	w.sql(`update deliveries set confirmed_at = '2026-05-04 12:00+00' where lane = 'production' and state = 'confirmed'`)
	w.sql(`update files set state = 'answered', settled_at = '2026-05-20 12:00+00' where lane = 'production'`)
	w.sql(`update errors set due_at = '2026-05-08 12:00+00' where practice = 'sunrise-plano'`)
	w.sql(`insert into incidents (practice, kind, words, opened_at, opened_look) values ('sunrise-plano', 'x', 'words', now(), '{}')`)
	for _, a := range []struct {
		kind, opened string
		so           bool
	}{
		{"report-missing", "2026-05-06", false}, // two days after its delivery
		{"report-missing", "2026-05-12", true},
		{"report-missing", "2026-05-29", false}, // it was there by then
		{"errors-overdue", "2026-05-07", false},
		{"errors-overdue", "2026-05-10", true},
		{"floor-warning", "2026-05-25", true}, // one file in three weeks
	} {
		w.sql(`update incidents set kind = '` + a.kind + `', opened_at = '` + a.opened + ` 12:00+00'`)
		found, err := oracle.Alarms(t.Context(), w.World)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, a.so, found[0].True, "%s on %s", a.kind, a.opened)
		require.True(t, found[0].Until.IsZero())
		require.True(t, found[0].Over, "nothing was sent after 4 May")
	}
}
