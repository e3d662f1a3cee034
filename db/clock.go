package db

import (
	"context"
	"time"
)

// Clock is the server's clock, to be compared with ours.
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	t, err := value[time.Time](ctx, s.pool, `select clock_timestamp()`, nil)
	return t, fault("database clock", err)
}
