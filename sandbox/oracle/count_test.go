package oracle_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/oracle"
)

func TestAPracticeIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sql(`update errors set state = 'waived', settled_at = now(), settled_by = 'Carla', reason = 'moved away' where first_report = 'r-1'`)
	w.sql(`update deliveries set state = 'renamed', confirmed_how = null, confirmed_at = null, confirmed_by = null where id = 'd-6'`)
	c, err := oracle.Count(t.Context(), w.World, practiceID)
	require.NoError(t, err)
	require.Equal(t, oracle.Counts{
		FilesSent: 6, Test: 3, Production: 1, Historical: 2, Messages: 30, Verified: 5, Reports: 6,
		ErrorsOpened: 2, ErrorsSettled: 1, Letters: 4,
	}, c)
	_, err = oracle.Count(t.Context(), w.World, "lakeside-waco")
	require.Error(t, err)
}

func TestNothingIsJudgedThatCannotBeRead(t *testing.T) {
	for name, do := range map[string]func(*world){
		"no database":             func(w *world) { w.DatabaseURL = "postgres://nobody:hush@127.0.0.1:1/none" },
		"no address":              func(w *world) { w.DatabaseURL = "" },
		"an address that is none": func(w *world) { w.DatabaseURL = "postgres://nobody:hush@:x" },
		"no engine":               func(w *world) { w.Temporal = nil },
		"a folder that is gone":   func(w *world) { w.ScanDirs = append(w.ScanDirs, w.RegistryDir+"/nowhere") },
		"no mails' folder":        func(w *world) { w.MailDir = w.RegistryDir + "/nowhere" },
		"a mail that is none":     func(w *world) { w.addTo(w.MailDir+"/x.eml", "no header\n\nat all") },
		"a schema that is not ours": func(w *world) {
			_, err := w.conn.Exec(w.t.Context(), `alter table reports rename to rapports`)
			require.NoError(w.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			do(w)
			_, err := oracle.Judge(t.Context(), w.World)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hush")
		})
	}
}

func TestManyFindingsAreCutShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 30 {
		w.sql(`insert into notices (event, kind, practice, message_id, recipients, subject, body, state, prepared_at, sent_at)
			select gen_random_uuid()::text, kind, practice, gen_random_uuid()::text, recipients, subject, body, state, prepared_at, sent_at
			from notices where event = 'hold/h-1/0'`)
	}
	words := w.broken(oracle.FalseSuccess)
	require.Len(t, words, 21)
	require.Equal(t, "and 10 more", words[20])
}
