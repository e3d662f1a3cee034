package db

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// FacilityOwners are the practices, by ID, that at least one of the identifiers
// names: as a facility of a site, as org code or as IIS ID. A practice that was
// withdrawn owns nothing.
func (s *Store) FacilityOwners(ctx context.Context, ids []string) ([]string, error) {
	const op = "facility owners"
	rows, err := s.pool.Query(ctx, `
		select p.id from practices p
		where p.phase <> 'withdrawn' and (p.org_code = any(@ids::text[]) or (p.iis_id <> '' and p.iis_id = any(@ids::text[]))
			or exists (select 1 from site_facilities f where f.practice = p.id and f.facility = any(@ids::text[])))
		order by p.id`, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fault(op, err)
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return owners, fault(op, err)
}
