package db_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// What no method of the store would write, the schema refuses from anybody.
func TestImpossibleRowsAreRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.practice(t, "early", registry.PhaseTesting)
	b.practice(t, "live", registry.PhaseProduction)
	b.file(t, "early", registry.LaneTest, "a")       // f-1
	b.file(t, "early", registry.LaneProduction, "b") // f-2
	b.file(t, "live", registry.LaneProduction, "c")  // f-3
	d, _, err := b.PrepareDelivery(t.Context(), newDelivery("live", registry.FileRef{ID: "f-3"}, registry.LaneProduction, 1, "c"))
	require.NoError(t, err)
	require.Equal(t, "d-1", d.ID)
	delivery := func(id, file, practice, lane, name, content, state string) string {
		return `insert into deliveries (id, file_id, practice, lane, attempt, connection, folder, remote_name,
			content_digest, digest, vault_key, size, messages, held, state, prepared_at)
			values ('` + id + `', '` + file + `', '` + practice + `', '` + lane + `', 7, 'texas-sftp', 'in', '` + name + `',
			'` + content + `', '` + digest("d") + `', 'k', 1, 1, 0, '` + state + `', now())`
	}
	for name, sql := range map[string]string{
		"a phase that is none":             `update practices set phase = 'limbo' where id = 'early'`,
		"a jump to production":             `update practices set phase = 'production' where id = 'early'`,
		"a move without its audit":         `update practices set phase = 'in_review' where id = 'early'`,
		"a practice without its audit":     `insert into practices select 'x', name, registry, 'ABCD0001', iis_id, zone, connection, phase, history_state, submission_state, history_can, history_since, at, recorded_at from practices where id = 'early'`,
		"submission without its audit":     `update practices set submission_state = 'on' where id = 'early'`,
		"a reopened historical load":       `update practices set history_state = 'loading' where id = 'live'`,
		"a changed audit":                  `update events set reason = 'nothing happened'`,
		"a shortened audit":                `delete from events`,
		"an emptied audit":                 `truncate events`,
		"an event twice":                   `insert into events (key, kind, actor_name, actor_via, actor_claimed, at) select key, kind, actor_name, actor_via, actor_claimed, at from events limit 1`,
		"an event by nobody":               `insert into events (key, kind, actor_name, actor_via, actor_claimed, at) values ('k', 'x', ' ', 'cli', false, now())`,
		"a secret in a connection":         `update connections set secret_ref = 'hunter2'`,
		"a facility of two sites":          `insert into site_facilities values ('live', 'PL1', 'allen', 9)`,
		"the same bytes twice in a lane":   `insert into files (practice, lane, digest, size, vault_key, staged_at) select practice, lane, digest, size, vault_key, staged_at from files where id = 'f-1'`,
		"a file of nobody":                 `insert into files (practice, lane, digest, size, vault_key, staged_at) values ('nobody', 'test', repeat('e', 64), 1, 'k', now())`,
		"a lane that is none":              `insert into files (practice, lane, digest, size, vault_key, staged_at) values ('live', 'fast', repeat('e', 64), 1, 'k', now())`,
		"half a check":                     `update files set checked_at = now() where id = 'f-1'`,
		"a settled file without a date":    `update files set state = 'delivered' where id = 'f-1'`,
		"a production file in testing":     delivery("d-90", "f-2", "early", "production", "N1.HL7", digest("1"), "prepared"),
		"a test file in production":        delivery("d-91", "f-3", "live", "test", "N2.HL7", digest("2"), "prepared"),
		"a delivery that begins delivered": delivery("d-92", "f-3", "live", "production", "N3.HL7", digest("3"), "renamed"),
		"a delivery of another's file":     delivery("d-93", "f-1", "live", "production", "N4.HL7", digest("4"), "prepared"),
		"the same content twice":           delivery("d-94", "f-3", "live", "production", "N5.HL7", digest("c"), "prepared"),
		"a remote name twice":              delivery("d-95", "f-3", "live", "production", d.RemoteName, digest("5"), "prepared"),
		"a remote name that climbs":        delivery("d-96", "f-3", "live", "production", "../N6.HL7", digest("6"), "prepared"),
		"a delivery that skips sending":    `update deliveries set state = 'confirmed', confirmed_how = 'stat', confirmed_at = now(), confirmed_by = 'x', sent_at = now() where id = 'd-1'`,
		"a delivery under another name":    `update deliveries set remote_name = 'OTHER.HL7' where id = 'd-1'`,
		"another content than prepared":    `update deliveries set content_digest = repeat('e', 64) where id = 'd-1'`,
		"a confirmation without a state":   `update deliveries set confirmed_how = 'stat', confirmed_at = now(), confirmed_by = 'x' where id = 'd-1'`,
		"a first file that is none":        `update deliveries set first = true where id = 'd-1'`,
		"a message before the first":       `insert into messages (file_id, ordinal, control_id, sending_app, sending_facility, site, outcome, held, byte_offset, byte_length) values ('f-1', 0, '', '', '', '', 'accepted', false, 0, 1)`,
		"a hold for no reason":             `insert into holds (id, workflow_id, reason, what, opened_at) values ('h', 'w', 'mood', '', now())`,
		"a hold that ends as it must not":  `insert into holds (id, workflow_id, reason, what, opened_at, closed_at, action, closed_by, close_reason) values ('h', 'w', 'error-rate', '', now(), now(), 'arrived', 'x', '')`,
		"a hold that is half closed":       `insert into holds (id, workflow_id, reason, what, opened_at, closed_at) values ('h', 'w', 'system', '', now(), now())`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.sql.Exec(t.Context(), sql)
			var pg *pgconn.PgError
			require.ErrorAs(t, err, &pg, "the schema let it pass")
			require.Contains(t, []string{"23514", "23505", "23503", "23502", "IT001", "IT002"}, pg.Code, pg.Message)
		})
	}
}

func TestErrorsNameNoValues(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.practice(t, "a", registry.PhaseTesting)
	secret := "Invented^Patient"

	t.Run("of a row that is refused", func(t *testing.T) {
		_, err := b.StageFile(t.Context(), db.NewFile{
			Practice: "a", Lane: registry.LaneTest, Digest: secret, Size: 1, VaultKey: "k", At: day0,
		})
		requireKind(t, registry.Invalid, err)
		require.NotContains(t, err.Error(), "Invented")
		require.ErrorContains(t, err, "files_digest_check")
	})

	t.Run("of a value that is no date", func(t *testing.T) {
		err := b.SetHistory(t.Context(), "a", registry.HistoryAsked, &db.HistoryAnswer{Can: true, Since: secret}, act("k"))
		requireKind(t, registry.Invalid, err)
		require.NotContains(t, err.Error(), "Invented")
	})
}
