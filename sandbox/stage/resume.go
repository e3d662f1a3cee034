package stage

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/workflowservice/v1"

	"immtrail/sandbox/engine"
	"immtrail/workflows"
)

// moveCalendars tells every running workflow that the rehearsal stood still,
// before the worker lets any of them go on: an outage of the rehearsal is not
// a month of silence. The schedules were moved by `starter setup`.
func (s *Stage) moveCalendars(ctx context.Context, down time.Duration) error {
	var page []byte
	moved := 0
	for {
		open, err := s.temporal.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: engine.Namespace, Query: "ExecutionStatus = 'Running'", NextPageToken: page,
		})
		if err != nil {
			return fmt.Errorf("list the running workflows: %w", err)
		}
		for _, w := range open.GetExecutions() {
			if strings.HasPrefix(w.GetType().GetName(), "temporal-sys-") {
				continue
			}
			err := s.temporal.SignalWorkflow(ctx, w.GetExecution().GetWorkflowId(), "",
				workflows.SignalCalendarMoved.Name, s.state.Calendar)
			if err == nil {
				moved++
			}
		}
		if page = open.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	s.opts.Log("resumed after %s; the calendar of %d workflows was moved", down.Round(time.Second), moved)
	return nil
}

// ensureDatabase creates the database where it is not there yet.
func ensureDatabase(ctx context.Context, adminURL, name string) error {
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return err
	}
	if there {
		return nil
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	return err
}

// readKey reads a key file of `starter keys new`.
func readKey(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(trim(data))
}

func trim(data []byte) string { return strings.TrimSpace(string(data)) }
