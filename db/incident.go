package db

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Incident is one thing that needs somebody, as it is kept.
type Incident struct {
	ID       string
	Kind     string
	Site     string
	Level    int
	Words    string
	OpenedAt time.Time
}

// IncidentSeed is a condition that was found.
type IncidentSeed struct {
	Kind, Site string
	// Level grades a condition of the same kind; a higher one is told anew.
	Level int
	// Replaces are lesser kinds that end without an all-clear.
	Replaces []string
	// Words are what is so, Advice what to do about it; both are kept as one text.
	Words, Advice string
}

// Told is the text that is kept.
func (s IncidentSeed) Told() string {
	if s.Advice == "" {
		return s.Words
	}
	return s.Words + " " + s.Advice
}

// IncidentLook is one look at a practice.
type IncidentLook struct {
	Practice string
	Date     time.Time
	// Looks name the look. A look that shares a name with it tells again what it
	// opened and closed.
	Looks []string
	// Silent ends what is open without telling, but for the kind Loud.
	Silent bool
	Loud   string
	Wanted []IncidentSeed
}

// IncidentsSettled is what a look changed, and what is open after it.
type IncidentsSettled struct {
	Opened, Closed, Current []Incident
}

// SettleIncidents opens an incident for every condition that has none, closes
// those whose condition is gone, and answers what this look opened and closed,
// on repetition too. Kind Missing when there is no such practice.
func (s *Store) SettleIncidents(ctx context.Context, look IncidentLook) (IncidentsSettled, error) {
	var out IncidentsSettled
	err := s.tx(ctx, "incidents", func(tx pgx.Tx) error {
		// One look at a time: two would open the same thing twice.
		if err := lockPractice(ctx, tx, look.Practice); err != nil {
			return err
		}
		open, err := incidentsWhere(ctx, tx, `practice = $1 and closed_at is null`, look.Practice)
		if err != nil {
			return err
		}
		for _, have := range open {
			if err := settleIncident(ctx, tx, look, have); err != nil {
				return err
			}
		}
		for _, seed := range look.Wanted {
			_, err := tx.Exec(ctx, `
				insert into incidents (practice, kind, site, level, words, opened_at, opened_look)
				values ($1, $2, $3, $4, $5, $6, $7)
				on conflict (practice, kind, site) where closed_at is null do nothing`,
				look.Practice, seed.Kind, seed.Site, seed.Level, seed.Told(), look.Date, look.Looks)
			if err != nil {
				return err
			}
		}
		return readSettled(ctx, tx, look, &out)
	})
	return out, err
}

// settleIncident keeps an open incident whose condition still holds, with its
// newest words, and ends it otherwise.
func settleIncident(ctx context.Context, tx pgx.Tx, look IncidentLook, have Incident) error {
	same := slices.IndexFunc(look.Wanted, func(w IncidentSeed) bool { return w.Kind == have.Kind && w.Site == have.Site })
	if same >= 0 && look.Wanted[same].Level <= have.Level {
		_, err := tx.Exec(ctx, `update incidents set words = $2 where id = $1`, have.ID, look.Wanted[same].Told())
		return err
	}
	replaced := same >= 0 || slices.ContainsFunc(look.Wanted, func(w IncidentSeed) bool {
		return w.Site == have.Site && slices.Contains(w.Replaces, have.Kind)
	})
	_, err := tx.Exec(ctx, `
		update incidents set closed_at = $2, closed_look = $3, silent = $4 where id = $1`,
		have.ID, look.Date, look.Looks, look.Silent && have.Kind != look.Loud || replaced)
	return err
}

func readSettled(ctx context.Context, tx pgx.Tx, look IncidentLook, out *IncidentsSettled) (err error) {
	if out.Opened, err = incidentsWhere(ctx, tx,
		`practice = $1 and opened_look && $2 and closed_at is null`, look.Practice, look.Looks); err != nil {
		return err
	}
	if out.Closed, err = incidentsWhere(ctx, tx,
		`practice = $1 and closed_look && $2 and not silent`, look.Practice, look.Looks); err != nil {
		return err
	}
	out.Current, err = incidentsWhere(ctx, tx, `practice = $1 and closed_at is null`, look.Practice)
	return err
}

// OpenIncidents lists what needs somebody now, oldest first.
func (s *Store) OpenIncidents(ctx context.Context, practice string) ([]Incident, error) {
	var out []Incident
	err := s.tx(ctx, "incidents", func(tx pgx.Tx) (err error) {
		out, err = incidentsWhere(ctx, tx, `practice = $1 and closed_at is null`, practice)
		return err
	})
	return out, err
}

// IncidentRow is an incident with how it ended.
type IncidentRow struct {
	Incident
	ClosedAt time.Time // zero while it is open
}

// Incident reads one. Kind Missing when the practice has none of that ID.
func (s *Store) Incident(ctx context.Context, practice, id string) (IncidentRow, error) {
	const op = "incident"
	rows, err := s.pool.Query(ctx, `
		select id, kind, site, level, words, opened_at, closed_at from incidents where id = $1 and practice = $2`, id, practice)
	if err != nil {
		return IncidentRow{}, fault(op, err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (IncidentRow, error) {
		var i IncidentRow
		var closed *time.Time
		err := row.Scan(&i.ID, &i.Kind, &i.Site, &i.Level, &i.Words, &i.OpenedAt, &closed)
		i.ClosedAt = or(closed)
		return i, err
	})
	return i, fault(op+" "+id, err)
}

func incidentsWhere(ctx context.Context, tx pgx.Tx, where string, args ...any) ([]Incident, error) {
	rows, err := tx.Query(ctx, `
		select id, kind, site, level, words, opened_at from incidents
		where `+where+` order by opened_at, length(id), id`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Incident])
}
