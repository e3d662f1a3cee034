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
	// True says that it was so: a report was missing, little had been sent, an error
	// was overdue, a dose went late. Of questions it says nothing.
	True bool `json:"true"`
	// Over says that it began when nothing was sent any more.
	Over bool `json:"over,omitempty"`
}

// By the rows of what was sent and answered, and not by what the alarm says. In three
// weeks of daily submission some twenty files are confirmed.
const alarmsSQL = `
with sent as (
	select d.practice, d.confirmed_at, case when f.state = 'answered' then f.settled_at end as answered_at
	from deliveries d join files f on f.id = d.file_id where d.confirmed_at is not null and d.lane = 'production'
), last as (select max(confirmed_at) as at from sent)
select kind, words, opened_at, coalesce(closed_at, '0001-01-01 00:00:00+00'),
	case
	when kind in ('errors-overdue', 'errors-old') then exists (select from errors e
		where e.practice = i.practice and e.due_at < i.opened_at)
	when kind = 'report-missing' then exists (select from sent s
		where s.practice = i.practice and s.confirmed_at < i.opened_at - interval '5 days'
		and coalesce(s.answered_at, 'infinity') > i.opened_at - interval '1 day')
	when kind = 'late-doses' then exists (select from deliveries d join dose_counts c on c.file_id = d.file_id
		where d.practice = i.practice and d.lane = 'production' and c.late > 0
		and d.confirmed_at between i.opened_at - interval '8 days' and i.opened_at + interval '1 day')
	else (select count(*) from sent s where s.practice = i.practice
		and s.confirmed_at between i.opened_at - interval '20 days' and i.opened_at) < 10
	end, opened_at > last.at
from incidents i, last
union all
select 'question: ' || reason, what || ': ' || words, opened_at, coalesce(closed_at, '0001-01-01 00:00:00+00'), false, opened_at > last.at
from holds, last
order by 3`

// Alarms are all incidents and questions to a person of the rehearsal, the oldest
// first.
func Alarms(ctx context.Context, w World) ([]Alarm, error) {
	conn, err := connect(ctx, w.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read
	rows, err := conn.Query(ctx, alarmsSQL)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Alarm])
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	return found, nil
}
