package oracle

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LongestHistories are the highest numbers of events of a run's history, by
// workflow type. Runs that retention took away are not among them.
func LongestHistories(ctx context.Context, c Engine) (map[string]int64, error) {
	all, err := executions(ctx, c, "default")
	if err != nil {
		return nil, err
	}
	longest := map[string]int64{}
	for _, e := range all {
		events := e.GetHistoryLength()
		if e.GetCloseTime() == nil { // the list counts those of closed runs only
			h, err := history(ctx, c, e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId())
			if err != nil {
				return nil, err
			}
			events = int64(len(h.GetEvents()))
		}
		name := e.GetType().GetName()
		longest[name] = max(longest[name], events)
	}
	return longest, nil
}

// Alarm is one thing by which people were alarmed.
type Alarm struct {
	// Kind is that of an incident, or "question: " and the reason of a hold.
	Kind  string    `json:"kind"`
	Words string    `json:"words"`
	From  time.Time `json:"from"`
	// Until is zero for what is still open.
	Until time.Time `json:"until,omitzero"`
}

// Alarms are all incidents and questions to a person of the rehearsal, the oldest
// first.
func Alarms(ctx context.Context, w World) ([]Alarm, error) {
	conn, err := connect(ctx, w.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read
	rows, err := conn.Query(ctx, `
		select kind, words, opened_at, coalesce(closed_at, '0001-01-01 00:00:00+00') from incidents
		union all
		select 'question: ' || reason, what || ': ' || words, opened_at, coalesce(closed_at, '0001-01-01 00:00:00+00') from holds
		order by 3`)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Alarm])
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	return found, nil
}
