package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"immtrail/sandbox/fakeregistry"
	"immtrail/sandbox/journey"
	"immtrail/sandbox/nextbuild"
	"immtrail/sandbox/oracle"
	"immtrail/sandbox/stage"
)

// judge asks the oracle, which does not take the product's word for anything.
func judge(ctx context.Context, o options, s *stage.Stage, j *journey.Journey) (verdict, error) {
	w, err := world(ctx, o, s, j)
	if err != nil {
		return verdict{}, err
	}
	if o.sabotage != "" {
		if err := sabotage(ctx, o.sabotage, w); err != nil {
			return verdict{}, err
		}
	}
	if o.record != "" {
		if _, err := oracle.ExportHistories(ctx, s.Temporal(), o.record); err != nil {
			return verdict{}, err
		}
	}
	found, err := oracle.Look(ctx, w)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{Day: s.Calendar().Day.String(), Scanned: found.Scanned}
	for _, r := range j.Rows() {
		counts, err := oracle.Count(ctx, w, r.Practice)
		if err != nil {
			return v, err
		}
		v.Rows = append(v.Rows, verdictRow{
			Row: r, FilesSent: counts.FilesSent, Verified: counts.Verified, Reports: counts.Reports,
			ErrorsOpened: counts.ErrorsOpened, ErrorsSettled: counts.ErrorsSettled,
		})
		for _, missing := range r.Missing {
			v.Reasons = append(v.Reasons, fmt.Sprintf("%s did not reach: %s", r.Practice, missing))
		}
	}
	for _, f := range found.Findings {
		v.Reasons = append(v.Reasons, f.Invariant+": "+f.Words)
	}
	// A scan that looked at nothing finds nothing.
	for _, sink := range oracle.Sinks() {
		if found.Scanned[sink] == 0 {
			v.Reasons = append(v.Reasons, fmt.Sprintf("%s: nothing was looked through of: %s", oracle.ClearText, sink))
		}
	}
	if o.days > 0 {
		if err := v.live(ctx, w, s, j); err != nil {
			return v, err
		}
	}
	v.OK = len(v.Reasons) == 0
	return v, nil
}

// live adds what a long play is about: how long histories became, and what people
// were alarmed by.
func (v *verdict) live(ctx context.Context, w oracle.World, s *stage.Stage, j *journey.Journey) error {
	var err error
	if v.Longest, err = oracle.LongestHistories(ctx, w.Temporal); err != nil {
		return err
	}
	if v.Alarms, err = oracle.Alarms(ctx, w); err != nil {
		return err
	}
	for _, a := range v.Alarms {
		if !a.True && !j.Caused(a.Kind, a.From) {
			v.Reasons = append(v.Reasons, fmt.Sprintf("a needless alarm on %s: %s: %s", a.From.Format(time.DateOnly), a.Kind, a.Words))
		}
		if a.Until.IsZero() && !a.Over {
			v.Reasons = append(v.Reasons, fmt.Sprintf("an alarm is still open: %s: %s", a.Kind, a.Words))
		}
	}
	patched, err := s.Temporal().CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: w.Namespace, Query: nextbuild.Attribute})
	if err != nil {
		return err
	}
	if v.NextBuild = patched.GetCount(); v.NextBuild == 0 {
		v.Reasons = append(v.Reasons, "the next build did nothing")
	}
	if v.Days, err = oracle.SubmissionDays(ctx, w.Temporal, j.Practice(), j.Rare); err != nil {
		return err
	}
	v.Reasons = append(v.Reasons, v.Days.Faults...)
	counts, err := oracle.Count(ctx, w, j.Practice().ID)
	if err != nil {
		return err
	}
	v.Reasons = append(v.Reasons, miscounted(j.Exports(), counts)...)
	for name, n := range v.Longest {
		if n > mostEvents {
			v.Reasons = append(v.Reasons, fmt.Sprintf("a history of %s has %d events, more than %d", name, n, mostEvents))
		}
	}
	return nil
}

// miscounted says where what came of the exports is not what was in them: each file is
// at the registry once and was seen there, with each of its messages, and each message
// that was to be refused is one error, which was settled.
func miscounted(e journey.Exports, c oracle.Counts) []string {
	var all []string
	for _, n := range []struct {
		words     string
		want, got int
	}{
		{"files that are at the registry", e.Files, c.FilesSent},
		{"files that were seen there", e.Files, c.Verified},
		{"messages that are at the registry", e.Messages, c.Messages},
		{"errors that were opened", e.Wrong, c.ErrorsOpened},
		{"errors that were settled", e.Wrong, c.ErrorsSettled},
	} {
		if n.got != n.want {
			all = append(all, fmt.Sprintf("%s: %d, and not %d", n.words, n.got, n.want))
		}
	}
	return all
}

// mostEvents bounds a run's history; Temporal itself warns at 10,240.
const mostEvents = 10_000

func sabotage(ctx context.Context, name string, w oracle.World) error {
	s, known := oracle.FindSabotage(name)
	if !known {
		return fmt.Errorf("no sabotage is called %q; -sabotage help lists them", name)
	}
	return s.Break(ctx, w)
}

// world is where the oracle may look.
func world(ctx context.Context, o options, s *stage.Stage, j *journey.Journey) (oracle.World, error) {
	patients, err := j.Patients()
	if err != nil {
		return oracle.World{}, err
	}
	accounts, err := fakeregistry.ReadAccounts(s.Path(stage.RegistryFolder))
	if err != nil {
		return oracle.World{}, err
	}
	logs, err := filepath.Glob(s.Path("logs", "*.log"))
	if err != nil {
		return oracle.World{}, err
	}
	w := oracle.World{
		RegistryDir: s.Path(stage.RegistryFolder), MailDir: s.MailDir(), DatabaseURL: s.DatabaseURL(),
		Temporal: s.Temporal(), Namespace: "default",
		ScanDirs: []string{s.Path("postgres"), s.Path("temporal")}, NameDirs: []string{s.Path("outbox")},
		Patients: patients, Overlap: o.outbox != "",
		Accounts: accounts, RegistryAddr: s.Registry().Addr, HostKey: s.Registry().HostKey,
		SMTPAddr: s.Mail().SMTPAddr(), Calendar: s.Calendar(),
		Texts: map[string]string{},
	}
	for _, log := range logs {
		if filepath.Base(log) != "registry.log" {
			w.LogFiles = append(w.LogFiles, log)
		}
	}
	for _, r := range j.Rows() {
		p := oracle.Practice{ID: r.Practice, Account: r.Account, OrgCode: r.OrgCode}
		p.ApprovedAt = j.ApprovedAt(r.Practice)
		w.Practices = append(w.Practices, p)
	}
	page, err := fetch(ctx, s.MetricsURL())
	if err != nil {
		return w, err
	}
	w.Texts["metrics"] = page
	return w, nil
}

// fetchPatience is how long a worker that was just started may take to answer.
const fetchPatience = 2 * time.Minute

// fetch reads a page of the worker's, which may be starting just now.
func fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	for {
		page, err := fetchOnce(ctx, url)
		if err == nil {
			return page, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the worker's metrics: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func fetchOnce(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	return string(page), err
}
