package db

import (
	"context"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// ReportCode is how often a report tells a code with one outcome. An empty code
// is an item without one: an acceptance, or what nobody understands.
type ReportCode struct {
	Code    string           `db:"code"`
	Outcome registry.Outcome `db:"outcome"`
	Items   int              `db:"items"`
	// Unmatched items belong to nothing that was sent.
	Unmatched int `db:"unmatched"`
	// Records are the messages of ours that they are about.
	Records int `db:"records"`
}

// ReportCodes counts a report's items by code and outcome, the most frequent
// first; lines that nobody understands and differences are left out.
func (s *Store) ReportCodes(ctx context.Context, report string) ([]ReportCode, error) {
	rows, err := many[ReportCode](ctx, s.pool, `
		select code, outcome, count(*)::int as items, count(*) filter (where file_id is null)::int as unmatched,
			count(distinct (file_id, message)) filter (where file_id is not null)::int as records
		from told_items where report_id = @report and kind = 'answer'
		group by code, outcome order by count(*) desc, code, outcome`, pgx.NamedArgs{"report": report})
	return rows, fault("report codes", err)
}

// ReportDifference is a delivery of which a report answers fewer messages than
// were sent.
type ReportDifference struct {
	FileID     string `db:"file_id" json:"file"`
	Practice   string `db:"practice" json:"practice"`
	RemoteName string `db:"remote_name" json:"name"`
	Expected   int    `db:"expected" json:"sent"`
	Found      int    `db:"found" json:"answered"`
}

// ReportDifferences lists them in the report's order.
func (s *Store) ReportDifferences(ctx context.Context, report string, limit int) ([]ReportDifference, error) {
	rows, err := many[ReportDifference](ctx, s.pool, `
		select i.file_id, d.practice, d.remote_name, i.expected, i.found
		from report_items i join deliveries d on d.id = i.delivery_id
		where i.report_id = @report and i.kind = 'difference' order by i.ordinal limit @limit`,
		pgx.NamedArgs{"report": report, "limit": atMost(limit)})
	return rows, fault("report differences", err)
}
