package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// SavePractice adds a practice, or replaces the data of one that is there
// (name, numbers, zone, connection, sites, contacts). Where a practice stands
// is taken from p only when it is added: a practice that was live before
// immtrail enters where it is. Kind Invalid with every fault of
// [registry.Practice.Check], NotAllowed when another practice of the registry
// has the org code.
func (s *Store) SavePractice(ctx context.Context, p *registry.Practice, act Act) error {
	const op = "save practice"
	if faults := p.Check(); len(faults) > 0 {
		return registry.Errorf(registry.Invalid, op, "%d faults, the first: %s", len(faults), faults[0])
	}
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		added, err := savePractice(ctx, tx, p, act.At)
		if err != nil {
			return err
		}
		if err := replaceSites(ctx, tx, p); err != nil {
			return err
		}
		if err := replaceContacts(ctx, tx, p); err != nil {
			return err
		}
		e := event{practice: p.ID, kind: "practice-changed", act: act}
		if added {
			e.kind, e.to = "practice-added", string(orElse(p.Phase, registry.PhaseRegistered))
		}
		_, err = record(ctx, tx, e)
		return err
	})
}

func savePractice(ctx context.Context, tx pgx.Tx, p *registry.Practice, at time.Time) (added bool, err error) {
	return value[bool](ctx, tx, `
		insert into practices (id, name, registry, org_code, iis_id, zone, connection, agreement_expires,
			phase, history_state, submission_state, at)
		values (@id, @name, @registry, @org_code, @iis_id, @zone, @connection, nullif(@agreement, '')::date,
			@phase, @history, @submission, @at)
		on conflict (id) do update set name = excluded.name, registry = excluded.registry,
			org_code = excluded.org_code, iis_id = excluded.iis_id, zone = excluded.zone,
			connection = excluded.connection, agreement_expires = excluded.agreement_expires
		returning xmax = 0`,
		pgx.NamedArgs{
			"id": p.ID, "name": p.Name, "registry": p.Registry, "org_code": p.OrgCode, "iis_id": p.IISID,
			"zone": p.Zone, "connection": p.Connection, "agreement": p.Agreement, "at": at,
			"phase":      orElse(p.Phase, registry.PhaseRegistered),
			"history":    orElse(p.History, registry.HistoryNotAsked),
			"submission": orElse(p.Submission, registry.SubmissionOff),
		})
}

func orElse[T ~string](v, otherwise T) T {
	if v == "" {
		return otherwise
	}
	return v
}

func replaceSites(ctx context.Context, tx pgx.Tx, p *registry.Practice) error {
	args := pgx.NamedArgs{"practice": p.ID}
	if _, err := tx.Exec(ctx, `delete from sites where practice = @practice`, args); err != nil {
		return err
	}
	for i, site := range p.Sites {
		_, err := tx.Exec(ctx, `
			insert into sites (practice, id, ordinal, name, prescribers, agreement_expires, from_date, until_date)
			values (@practice, @id, @ordinal, @name, @prescribers, nullif(@agreement, '')::date,
				nullif(@from, '')::date, nullif(@until, '')::date)`,
			pgx.NamedArgs{
				"practice": p.ID, "id": site.ID, "ordinal": i + 1, "name": site.Name,
				"prescribers": append([]string{}, site.Prescribers...), "agreement": site.Agreement,
				"from": site.From, "until": site.Until,
			})
		if err != nil {
			return err
		}
		for n, facility := range site.Facilities {
			_, err := tx.Exec(ctx, `
				insert into site_facilities (practice, facility, site, ordinal)
				values (@practice, @facility, @site, @ordinal)`,
				pgx.NamedArgs{"practice": p.ID, "facility": facility, "site": site.ID, "ordinal": n + 1})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func replaceContacts(ctx context.Context, tx pgx.Tx, p *registry.Practice) error {
	args := pgx.NamedArgs{"practice": p.ID}
	if _, err := tx.Exec(ctx, `delete from contacts where practice = @practice`, args); err != nil {
		return err
	}
	for i, c := range p.Contacts {
		_, err := tx.Exec(ctx, `
			insert into contacts (practice, ordinal, role, name, email, phone, zone)
			values (@practice, @ordinal, @role, @name, @email, @phone, @zone)`,
			pgx.NamedArgs{
				"practice": p.ID, "ordinal": i + 1, "role": c.Role, "name": c.Name,
				"email": c.Email, "phone": c.Phone, "zone": c.Zone,
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// Practice reads a practice with its sites and contacts. Kind Missing when
// there is none.
func (s *Store) Practice(ctx context.Context, id string) (*registry.Practice, error) {
	const op = "practice"
	found, err := s.practices(ctx, id)
	if err != nil {
		return nil, fault(op, err)
	}
	if len(found) == 0 {
		return nil, noPractice(id)
	}
	return found[0], nil
}

// Practices lists all practices with sites and contacts, by ID.
func (s *Store) Practices(ctx context.Context) ([]*registry.Practice, error) {
	found, err := s.practices(ctx, "")
	return found, fault("practices", err)
}

// practices reads one practice, or all where id is empty, in one snapshot.
func (s *Store) practices(ctx context.Context, id string) ([]*registry.Practice, error) {
	var all []*registry.Practice
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
		func(tx pgx.Tx) error {
			var err error
			all, err = readPractices(ctx, tx, id)
			return err
		})
	return all, err
}

func readPractices(ctx context.Context, q querier, id string) ([]*registry.Practice, error) {
	args := pgx.NamedArgs{"id": id}
	rows, err := q.Query(ctx, `
		select id, name, registry, org_code, iis_id, zone, connection, coalesce(agreement_expires::text, ''),
			phase, history_state, submission_state
		from practices where @id = '' or id = @id order by id`, args)
	if err != nil {
		return nil, err
	}
	byID := map[string]*registry.Practice{}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*registry.Practice, error) {
		p := &registry.Practice{}
		err := row.Scan(&p.ID, &p.Name, &p.Registry, &p.OrgCode, &p.IISID, &p.Zone, &p.Connection, &p.Agreement,
			&p.Phase, &p.History, &p.Submission)
		byID[p.ID] = p
		return p, err
	})
	if err != nil {
		return nil, err
	}
	if err := readSites(ctx, q, args, byID); err != nil {
		return nil, err
	}
	return all, readContacts(ctx, q, args, byID)
}

func readSites(ctx context.Context, q querier, args pgx.NamedArgs, into map[string]*registry.Practice) error {
	rows, err := q.Query(ctx, `
		select s.practice, s.id, s.name, s.prescribers, coalesce(s.agreement_expires::text, ''),
			coalesce(s.from_date::text, ''), coalesce(s.until_date::text, ''),
			array(select f.facility from site_facilities f
				where f.practice = s.practice and f.site = s.id order by f.ordinal)
		from sites s where @id = '' or s.practice = @id order by s.practice, s.ordinal`, args)
	if err != nil {
		return err
	}
	var practice string
	var site registry.Site
	_, err = pgx.ForEachRow(rows, []any{
		&practice, &site.ID, &site.Name, &site.Prescribers, &site.Agreement, &site.From, &site.Until, &site.Facilities,
	}, func() error {
		one := site
		one.Prescribers = append([]string(nil), site.Prescribers...)
		one.Facilities = append([]string(nil), site.Facilities...)
		into[practice].Sites = append(into[practice].Sites, one)
		return nil
	})
	return err
}

func readContacts(ctx context.Context, q querier, args pgx.NamedArgs, into map[string]*registry.Practice) error {
	rows, err := q.Query(ctx, `
		select practice, role, name, email, phone, zone
		from contacts where @id = '' or practice = @id order by practice, ordinal`, args)
	if err != nil {
		return err
	}
	var practice string
	var c registry.Contact
	_, err = pgx.ForEachRow(rows, []any{&practice, &c.Role, &c.Name, &c.Email, &c.Phone, &c.Zone}, func() error {
		into[practice].Contacts = append(into[practice].Contacts, c)
		return nil
	})
	return err
}

// lockPractice makes concurrent changes of a practice wait for each other until
// the transaction ends. Kind Missing when there is no such practice.
func lockPractice(ctx context.Context, tx pgx.Tx, id string) error {
	_, err := practiceForUpdate(ctx, tx, id)
	return err
}

// standing is where a practice is.
type standing struct {
	Phase           registry.Phase
	HistoryState    registry.HistoryState
	SubmissionState registry.SubmissionState
}

func practiceForUpdate(ctx context.Context, tx pgx.Tx, id string) (standing, error) {
	at, err := one[standing](ctx, tx, `
		select phase, history_state, submission_state from practices where id = @id for update`,
		pgx.NamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return at, noPractice(id)
	}
	return at, err
}

func noPractice(id string) error {
	return registry.Errorf(registry.Missing, "practice", "there is no practice %q; `starter practice list` shows them", id)
}
