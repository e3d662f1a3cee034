package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// HistoryEHR is an EHR that a historical load comes from. Days are YYYY-MM-DD.
type HistoryEHR struct {
	EHR    string `db:"ehr"` // empty: the present one
	Vendor string `db:"vendor"`
	From   string `db:"used_from"`
	To     string `db:"used_to"`
	// Contact is whom the questions go to; empty: the practice's vendor contact.
	Contact string `db:"contact_email"`
	// Files is the pattern of its files' names; empty: what no other has.
	Files   string     `db:"files"`
	AskedAt *time.Time `db:"asked_at"`
	// Can, Since, Form and Size are the answer; Can is nil before it came.
	Can        *bool      `db:"can"`
	Since      string     `db:"since"`
	Form       string     `db:"form"`
	Size       string     `db:"size"`
	AnsweredBy string     `db:"answered_by"`
	AnsweredAt *time.Time `db:"answered_at"`
}

// RecordHistoryEHR keeps what is known of an EHR of a load, with the audit event
// of the act that told it, in one transaction. An answer stays where e has none.
// Again changes nothing.
func (s *Store) RecordHistoryEHR(ctx context.Context, practice, kind string, e HistoryEHR, act Act) error {
	return s.tx(ctx, "record "+kind, func(tx pgx.Tx) error {
		fresh, err := record(ctx, tx, event{practice: practice, kind: kind, act: act})
		if err != nil {
			return err
		}
		if !fresh {
			_, _, err = recorded(ctx, tx, act.Key, practice, kind)
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into history_ehrs as h (practice, ehr, vendor, used_from, used_to, contact_email, files, asked_at,
				can, since, form, size, answered_by, answered_at)
			values (@practice, @ehr, @vendor, nullif(@from, '')::date, nullif(@to, '')::date, @contact, @files, @asked,
				@can, nullif(@since, '')::date, @form, @size, nullif(@by, ''), @answered)
			on conflict (practice, ehr) do update set vendor = excluded.vendor, used_from = excluded.used_from,
				used_to = excluded.used_to, contact_email = excluded.contact_email, files = excluded.files,
				asked_at = coalesce(excluded.asked_at, h.asked_at), can = coalesce(excluded.can, h.can),
				since = case when excluded.can is null then h.since else excluded.since end,
				form = case when excluded.can is null then h.form else excluded.form end,
				size = case when excluded.can is null then h.size else excluded.size end,
				answered_by = coalesce(excluded.answered_by, h.answered_by), answered_at = coalesce(excluded.answered_at, h.answered_at)`,
			pgx.NamedArgs{
				"practice": practice, "ehr": e.EHR, "vendor": e.Vendor, "from": e.From, "to": e.To, "contact": e.Contact, "files": e.Files,
				"asked": e.AskedAt, "can": e.Can, "since": e.Since, "form": e.Form, "size": e.Size, "by": e.AnsweredBy, "answered": e.AnsweredAt,
			})
		return err
	})
}

const historyEHRs = `
	select ehr, vendor, coalesce(used_from::text, '') as used_from, coalesce(used_to::text, '') as used_to, contact_email, files,
		asked_at, can, coalesce(since::text, '') as since, form, size, coalesce(answered_by, '') as answered_by, answered_at
	from history_ehrs where practice = @practice order by ehr`

// HistoryEHRs lists the EHRs that were asked about, the present one first.
func (s *Store) HistoryEHRs(ctx context.Context, practice string) ([]HistoryEHR, error) {
	all, err := many[HistoryEHR](ctx, s.pool, historyEHRs, pgx.NamedArgs{"practice": practice})
	return all, fault("history EHRs", err)
}

// EHRCount is an EHR's share of a plan.
type EHRCount struct {
	EHR      string `db:"ehr"`
	Files    int    `db:"files"`
	Messages int    `db:"messages"`
	// Twice counts control IDs under which its files say different things.
	Twice int `db:"twice"`
}

// CountHistoryEHRs counts files by the EHR that they are of: the n-th of each
// list belong together.
func (s *Store) CountHistoryEHRs(ctx context.Context, files, ehrs []string) ([]EHRCount, error) {
	all, err := many[EHRCount](ctx, s.pool, `
		with sources as materialized (select id, ehr from unnest(@files::text[], @ehrs::text[]) s (id, ehr)),
		twice as (
			select ehr, count(*)::int as n from (
				select s.ehr from sources s join messages m on m.file_id = s.id where m.control_key is not null
				group by s.ehr, m.control_key having count(*) > 1 and count(distinct m.content_key) > 1) t
			group by ehr
		)
		select s.ehr, count(*)::int as files, coalesce(sum(f.messages), 0)::int as messages, coalesce(max(t.n), 0) as twice
		from sources s join files f on f.id = s.id left join twice t on t.ehr = s.ehr
		group by s.ehr order by s.ehr`, pgx.NamedArgs{"files": files, "ehrs": ehrs})
	return all, fault("history EHRs", err)
}
