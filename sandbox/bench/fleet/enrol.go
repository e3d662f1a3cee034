package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
	"immtrail/workflows"
)

const prescriber = "1234567893"

func practiceID(n int) string { return fmt.Sprintf("practice-%05d", n) }
func orgCode(n int) string    { return fmt.Sprintf("BNC%c%04d", 'A'+n/10_000, n%10_000) }

// scheduleTakes is more than it takes to make a practice's schedules and its watch.
const scheduleTakes = 1200 * time.Millisecond

// enrol makes the practices known, live, each with its schedules and its watch. The
// submissions of all are due at the same minute.
func (s *site) enrol(ctx context.Context) error {
	began := time.Now()
	if err := each(s.opts.practices, func(n int) error { return s.enrolOne(ctx, n) }); err != nil {
		return err
	}
	due := time.Now().UTC().Add(time.Duration(s.opts.practices)*scheduleTakes/starters + 90*time.Second).Truncate(time.Minute)
	s.due = make([]time.Time, s.opts.practices)
	if err := each(s.opts.practices, func(n int) error {
		if err := s.watch(ctx, n); err != nil {
			return err
		}
		return s.schedule(ctx, n, due)
	}); err != nil {
		return err
	}
	fmt.Printf("\n%d practices are live after %.0f s\n", s.opts.practices, time.Since(began).Seconds())
	if !time.Now().Before(due) {
		return errors.New("the schedules came too late; the machine is busy with something else")
	}
	return s.quietly(ctx)
}

func (s *site) enrolOne(ctx context.Context, n int) error {
	id, org := practiceID(n), orgCode(n)
	act := func(key string) db.Act { return db.Act{Key: key, By: registry.System, At: time.Now()} }
	if err := s.store.SaveConnection(ctx, db.Connection{
		Name: id, Protocol: "sftp", Host: s.ready.Host, Port: s.ready.Port, Username: id,
		SecretRef: "env:LOGIN", HostKeys: []string{s.ready.HostKey},
	}, act("connection/"+id)); err != nil {
		return err
	}
	if err := s.store.SavePractice(ctx, &registry.Practice{
		ID: id, Name: "Practice " + id, Registry: "texas", OrgCode: org, Zone: "America/Chicago", Connection: id,
		Phase: registry.PhaseProduction,
		Sites: []registry.Site{{ID: "main", Name: "Main", Facilities: []string{org}, Prescribers: []string{prescriber}}},
		Contacts: []registry.Contact{
			{Role: registry.ContactVendor, Name: "Desk", Email: "desk@ehr.example"},
			{Role: registry.ContactCoordinator, Name: "The Bench", Email: "bench@practice.example"},
		},
	}, act("practice/"+id)); err != nil {
		return err
	}
	if err := s.store.SetSubmission(ctx, id, registry.SubmissionOn, act("on/"+id)); err != nil {
		return err
	}
	if err := s.store.RecordProgress(ctx, db.Progress{ // as the onboarding leaves it
		Practice: id, Source: "onboarding", Stage: "production: live", Whose: "nobody", Ended: true, At: time.Now(),
	}); err != nil {
		return err
	}
	if err := activities.MakeOutbox(s.path("outbox"), id); err != nil {
		return err
	}
	return s.export(n, 1)
}

// schedule makes the schedules as the product does, by a cadence that is due at a
// minute of the day.
func (s *site) schedule(ctx context.Context, n int, due time.Time) error {
	s.due[n] = due
	schedules := &activities.Schedules{Client: s.temporal, TaskQueue: queue}
	_, err := schedules.EnsureSchedules(ctx, activities.EnsureSchedulesInput{
		Scope: activities.Scope{Practice: practiceID(n)}, Connection: practiceID(n), Zone: "America/Chicago", CadenceDays: 1, Policy: s.policy,
		Cadence: &registry.Cadence{
			Every: registry.CadenceCron, Cron: fmt.Sprintf("%d %d * * *", due.Minute(), due.Hour()), Zone: "UTC",
		},
	})
	return err
}

func (s *site) watch(ctx context.Context, n int) error {
	id := practiceID(n)
	_, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.WatchID(id), TaskQueue: queue,
		TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(id)),
	}, workflows.Watch, workflows.WatchInput{Version: 1, Practice: id, Policy: s.policy})
	return err
}

// export is a practice's n-th day, written by its EHR an hour ago.
func (s *site) export(practice, n int) error {
	var b bytes.Buffer
	gen := hl7gen.New(uint64(practice*1000+n), hl7gen.Options{
		OrgCode: orgCode(practice), Facilities: []hl7gen.Facility{{ID: orgCode(practice)}}, Prescribers: []string{prescriber},
		Now: time.Now().UTC(), ProcessingID: "P",
	})
	if _, err := gen.Batch(&b, hl7gen.BatchOptions{Messages: s.opts.messages}); err != nil {
		return err
	}
	path := filepath.Join(s.path("outbox"), practiceID(practice), string(registry.LaneProduction), fmt.Sprintf("day-%d.hl7", n))
	old := time.Now().Add(-time.Hour)
	return errors.Join(os.WriteFile(path, b.Bytes(), 0o600), os.Chtimes(path, old, old))
}
