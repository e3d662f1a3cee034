package db

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// kindPrerequisite is the audit event of an item of the checklist.
const kindPrerequisite = "prerequisite"

// RecordPrerequisites keeps what one person said of items of a practice's
// checklist, with an audit event each; the act's key is made unique by item.
// What stands there already is not written again; changed counts the others.
// Kind Missing without such a practice, Invalid where a waiver has no reason, a
// "done" no evidence, or a reopening nothing to reopen.
func (s *Store) RecordPrerequisites(
	ctx context.Context, practice string, records []registry.PrerequisiteRecord, act Act,
) (changed int, err error) {
	const op = "prerequisites"
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		for _, r := range records {
			if fault := recordFault(r); fault != "" {
				return registry.Errorf(registry.Invalid, op, "%s: %s", r.Key, fault)
			}
			wrote, err := recordPrerequisite(ctx, tx, practice, r, act)
			if err != nil {
				return err
			}
			if wrote {
				changed++
			}
		}
		return nil
	})
	return changed, err
}

func recordFault(r registry.PrerequisiteRecord) string {
	switch {
	case r.State == registry.PrerequisiteWaived && strings.TrimSpace(r.Reason) == "":
		return "a waiver needs a reason"
	case r.State == registry.PrerequisiteOpen && strings.TrimSpace(r.Reason) == "":
		return "opening it again needs a reason"
	case r.State == registry.PrerequisiteDone && r.Evidence == "" && r.EvidenceID == "":
		return "what shows that it is done? words or a file"
	case len(r.Evidence) > 500:
		return "the evidence in words: at most 500 characters; give a file instead"
	}
	return ""
}

func recordPrerequisite(ctx context.Context, tx pgx.Tx, practice string, r registry.PrerequisiteRecord, act Act) (bool, error) {
	tag, err := tx.Exec(ctx, `
		insert into prerequisites as p (practice, key, site, state, evidence, evidence_id, expires, reason, by_name, at)
		values (@practice, @key, @site, @state, @evidence, @document, nullif(@expires, '')::date, @reason, @by, @at)
		on conflict (practice, key, site) do update set state = excluded.state, evidence = excluded.evidence,
			evidence_id = excluded.evidence_id, expires = excluded.expires, reason = excluded.reason,
			by_name = excluded.by_name, at = excluded.at, recorded_at = now()
		where (p.state, p.evidence, p.evidence_id, p.expires, p.reason)
			is distinct from (excluded.state, excluded.evidence, excluded.evidence_id, excluded.expires, excluded.reason)`,
		pgx.NamedArgs{
			"practice": practice, "key": r.Key, "site": r.Site, "state": r.State, "evidence": r.Evidence,
			"document": r.EvidenceID, "expires": r.Expires, "reason": r.Reason, "by": act.By.Name, "at": act.At,
		})
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	act.Key += "/" + r.Key + "/" + r.Site
	act.Reason = r.Reason
	_, err = record(ctx, tx, event{
		practice: practice, site: r.Site, kind: kindPrerequisite, to: string(r.State), act: act,
		detail: map[string]any{"item": r.Key, "evidence": r.Evidence, "evidence_id": r.EvidenceID, "expires": r.Expires},
	})
	return true, err
}

// PrerequisiteFacts reads what is known of a practice besides its own data. What
// depends on the profile and the day is left to the caller. Kind Missing when
// there is no such practice.
func (s *Store) PrerequisiteFacts(ctx context.Context, practice string) (registry.PrerequisiteFacts, error) {
	const op = "prerequisites"
	args := pgx.NamedArgs{"practice": practice}
	var facts registry.PrerequisiteFacts
	rows, err := s.pool.Query(ctx, `
		select key, site, state, evidence, evidence_id, coalesce(expires::text, ''), reason, by_name, at
		from prerequisites where practice = @practice order by key, site`, args)
	if err != nil {
		return facts, fault(op, err)
	}
	facts.Records, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r registry.PrerequisiteRecord, err error) {
		err = row.Scan(&r.Key, &r.Site, &r.State, &r.Evidence, &r.EvidenceID, &r.Expires, &r.Reason, &r.By, &r.At)
		return r, err
	})
	if err != nil {
		return facts, fault(op, err)
	}
	type proof struct {
		TestedAt, DeliveredAt, SeenAt *time.Time
		TestedBy, SeenIn              *string
	}
	found, err := many[proof](ctx, s.pool, `
		select t.at as tested_at, t.by_name as tested_by, d.at as delivered_at, f.at as seen_at, f.id as seen_in
		from practices p join connections c on c.name = p.connection
		left join connection_tests t on t.connection = c.name
			and (t.host, t.port, t.username, t.secret_ref) = (c.host, c.port, c.username, c.secret_ref)
		left join lateral (
			select max(confirmed_at) as at from deliveries
			where connection = c.name and confirmed_how in ('stat', 'listing', 'read-back', 'swept') and confirmed_at >= c.at
		) d on true
		left join lateral (
			select f.id, f.checked_at as at from files f
			where f.practice = p.id and f.messages > 0
			  and not exists (select 1 from rule_counts r where r.file_id = f.id and r.rule like 'M-05%')
			order by f.checked_at desc limit 1
		) f on true
		where p.id = @practice`, args)
	switch {
	case err != nil:
		return facts, fault(op, err)
	case len(found) == 0:
		return facts, noPractice(practice)
	}
	got := found[0]
	if facts.ConnectionTested = or(got.TestedAt); got.TestedAt != nil {
		facts.ConnectionHow = "a test by " + *got.TestedBy + " passed"
	}
	if at := or(got.DeliveredAt); at.After(facts.ConnectionTested) {
		facts.ConnectionTested, facts.ConnectionHow = at, "a file was delivered over it"
	}
	if facts.VersionSeen = or(got.SeenAt); got.SeenIn != nil {
		facts.VersionHow = "file " + *got.SeenIn + " is in HL7 2.5.1"
	}
	return facts, nil
}

// ConnectionTested records that a test of a connection passed, with what it
// logged in as it was tried. It returns the practices on the connection.
func (s *Store) ConnectionTested(ctx context.Context, c Connection, act Act) (practices []string, err error) {
	const op = "connection tested"
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
			insert into connection_tests (connection, host, port, username, secret_ref, by_name, at)
			values (@name, @host, @port, @user, @secret, @by, @at)
			on conflict (connection) do update set host = excluded.host, port = excluded.port,
				username = excluded.username, secret_ref = excluded.secret_ref, by_name = excluded.by_name,
				at = excluded.at, recorded_at = now()`,
			pgx.NamedArgs{
				"name": c.Name, "host": c.Host, "port": c.Port, "user": c.Username, "secret": c.SecretRef,
				"by": act.By.Name, "at": act.At,
			}); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select id from practices where connection = @name and phase = 'registered' order by id`,
			pgx.NamedArgs{"name": c.Name})
		if err != nil {
			return err
		}
		practices, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return practices, err
}
