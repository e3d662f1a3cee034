package db

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
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
	// Replaces is a lesser kind that ends without an all-clear.
	Replaces string
	Words    string
}

// IncidentLook is one look at a practice.
type IncidentLook struct {
	Practice string
	Date     time.Time
	// Look names the look. The same look again tells again what it opened and
	// closed.
	Look string
	// Silent ends what is open without telling.
	Silent bool
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
		if err := lockPracticeRow(ctx, tx, look.Practice); err != nil {
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
				look.Practice, seed.Kind, seed.Site, seed.Level, seed.Words, look.Date, look.Look)
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
		_, err := tx.Exec(ctx, `update incidents set words = $2 where id = $1`, have.ID, look.Wanted[same].Words)
		return err
	}
	replaced := same >= 0 || slices.ContainsFunc(look.Wanted, func(w IncidentSeed) bool {
		return w.Replaces == have.Kind && w.Site == have.Site
	})
	_, err := tx.Exec(ctx, `
		update incidents set closed_at = $2, closed_look = $3, silent = $4 where id = $1`,
		have.ID, look.Date, look.Look, look.Silent || replaced)
	return err
}

func readSettled(ctx context.Context, tx pgx.Tx, look IncidentLook, out *IncidentsSettled) (err error) {
	if out.Opened, err = incidentsWhere(ctx, tx,
		`practice = $1 and opened_look = $2 and closed_at is null`, look.Practice, look.Look); err != nil {
		return err
	}
	if out.Closed, err = incidentsWhere(ctx, tx,
		`practice = $1 and closed_look = $2 and not silent`, look.Practice, look.Look); err != nil {
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

func incidentsWhere(ctx context.Context, tx pgx.Tx, where string, args ...any) ([]Incident, error) {
	rows, err := tx.Query(ctx, `
		select id, kind, site, level, words, opened_at from incidents
		where `+where+` order by opened_at, length(id), id`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Incident])
}

// lockPracticeRow lets one writer at a time decide about a practice. Kind
// Missing when there is no such practice.
func lockPracticeRow(ctx context.Context, tx pgx.Tx, practice string) error {
	_, err := value[string](ctx, tx, `select id from practices where id = @id for no key update`, pgx.NamedArgs{"id": practice})
	if errors.Is(err, pgx.ErrNoRows) {
		return registry.Errorf(registry.Missing, "practice", "there is no practice %q", practice)
	}
	return err
}
