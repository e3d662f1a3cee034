package activities

import (
	"context"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer/byhand"
)

// Hosts keeps the line in front of each registry's server: who wants to log in,
// who goes next, what holds a connection. Who is let in is decided by the
// workflow of the host.
type Hosts struct {
	DB        *db.Store
	Client    client.Client
	TaskQueue string
	// Profiles give the limits; those of the registry count, not a practice's.
	Profiles ProfileSource
	Clock    Clock
}

// HostWorkflow is the workflow type of a registry's server, and its signals'
// names are frozen: asking starts it.
const (
	HostWorkflow         = "RegistryHost"
	PermitAskedSignal    = "permit-asked"
	protocolByHand       = byhand.Protocol
	maxPermits           = registry.MostSessions
	holdsPerPage         = 12
	longestWordsPerEntry = 300
)

// HostID is the workflow ID of a registry's server.
func HostID(host string) string { return "host/" + host }

// HostInput starts the workflow of a registry's server.
type HostInput struct {
	Version  int               `json:"version"`
	Host     string            `json:"host"`
	Calendar registry.Calendar `json:"calendar"`
	// Policy is the registry's: patience and due days; no practice's overrides.
	Policy registry.Policy `json:"policy"`
	// Business are the registry's working days.
	Business registry.BusinessDays `json:"business,omitzero"`
}

// PermitAsked tells a host's workflow that somebody has come to stand in line.
// It is a nudge: the line itself stands in the database.
type PermitAsked struct {
	Connection string `json:"connection"`
}

// AskPermitInput asks for a visit at the server of a delivery's connection, or
// of the connection named.
type AskPermitInput struct {
	Scope
	// WorkflowID is who asks, Ask counts its visits from 1.
	WorkflowID string `json:"workflow_id"`
	Ask        int    `json:"ask"`
	DeliveryID string `json:"delivery_id,omitempty"`
	Connection string `json:"connection,omitempty"`
}

// AskPermitResult says where the line is.
type AskPermitResult struct {
	Host       string `json:"host,omitempty"`
	Connection string `json:"connection"`
	// Free says that there is no line: nothing of ours logs in there.
	Free bool `json:"free,omitempty"`
}

// AskPermit puts the workflow into the line and tells the host's workflow,
// starting it where it does not run. Repeating it changes nothing.
func (a *Hosts) AskPermit(ctx context.Context, in AskPermitInput) (AskPermitResult, error) {
	out, err := a.ask(ctx, in)
	return out, fail(ctx, err)
}

func (a *Hosts) ask(ctx context.Context, in AskPermitInput) (AskPermitResult, error) {
	visit := db.PermitAsk{WorkflowID: in.WorkflowID, Ask: in.Ask, Connection: in.Connection, AskedAt: in.date(a.Clock)}
	if in.DeliveryID != "" {
		d, err := a.DB.Delivery(ctx, in.Practice, in.DeliveryID)
		if err != nil {
			return AskPermitResult{}, err
		}
		visit.Connection, visit.Practice, visit.FileID = d.Connection, d.Practice, d.FileID
	}
	conn, err := a.DB.Connection(ctx, visit.Connection)
	if err != nil {
		return AskPermitResult{}, err
	}
	if conn.Protocol == protocolByHand {
		return AskPermitResult{Connection: conn.Name, Free: true}, nil
	}
	visit.Host = strings.ToLower(conn.Host)
	if err := a.DB.AskPermit(ctx, visit); err != nil {
		return AskPermitResult{}, err
	}
	profile, err := a.Profiles.Profile("")
	if err != nil {
		return AskPermitResult{}, err
	}
	_, err = a.Client.SignalWithStartWorkflow(ctx, HostID(visit.Host), PermitAskedSignal,
		PermitAsked{Connection: conn.Name},
		client.StartWorkflowOptions{
			TaskQueue: a.TaskQueue, StaticSummary: "the line in front of " + visit.Host,
			TypedSearchAttributes: temporal.NewSearchAttributes(needsAttention.ValueSet(false)),
		}, HostWorkflow, HostInput{
			Version: 1, Host: visit.Host, Calendar: in.Calendar, Policy: profile.Policy, Business: profile.BusinessDays(),
		})
	return AskPermitResult{Host: visit.Host, Connection: conn.Name}, err
}

// needsAttention is the search attribute by which people find what waits for
// them. `starter setup` registers it.
var needsAttention = temporal.NewSearchAttributeKeyBool("NeedsAttention")

// Visit is one visit of a workflow at a registry's server.
type Visit struct {
	Workflow string `json:"workflow"`
	Ask      int    `json:"ask"`
}

// ChoosePermitsInput asks who goes in next.
type ChoosePermitsInput struct {
	Scope
	Host string `json:"host"`
	// Inside are the visits that go on; Over have ended since the last look,
	// Again are back in line.
	Inside []Visit `json:"inside,omitempty"`
	Over   []Visit `json:"over,omitempty"`
	Again  []Visit `json:"again,omitempty"`
	// Closed connections let nobody in, Doubtful ones one at a time; the same for
	// servers ("host:port").
	Closed          []string `json:"closed,omitempty"`
	Doubtful        []string `json:"doubtful,omitempty"`
	ClosedServers   []string `json:"closed_servers,omitempty"`
	DoubtfulServers []string `json:"doubtful_servers,omitempty"`
	// ThisHour counts the files that were let in within the current hour.
	ThisHour int `json:"this_hour,omitempty"`
}

// Permit lets one visit in.
type Permit struct {
	Visit
	Connection string `json:"connection"`
	// Port is that of the connection's server.
	Port int `json:"port"`
	// File says that it is a file that counts by the hour.
	File bool `json:"file,omitempty"`
}

// ChoosePermitsResult is who goes in, and why nobody else does.
type ChoosePermitsResult struct {
	Next []Permit `json:"next,omitempty"`
	// Waiting counts those that stay in line, Sessions how many may be inside.
	Waiting  int `json:"waiting"`
	Sessions int `json:"sessions"`
	// QuietUntil is the date at which quiet hours end; zero while there are none.
	QuietUntil time.Time `json:"quiet_until,omitzero"`
	// HourFull says that the hour has had its files.
	HourFull bool `json:"hour_full,omitempty"`
	// BytesPerSecond is the share of one visit; 0 has no limit.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
}

// ChoosePermits takes what is over out of the line and says who goes in next,
// by the registry's limits and in turns. Repeating it changes nothing but the
// places of those that are back in line.
func (a *Hosts) ChoosePermits(ctx context.Context, in ChoosePermitsInput) (ChoosePermitsResult, error) {
	out, err := a.choose(ctx, in)
	return out, fail(ctx, err)
}

func (a *Hosts) choose(ctx context.Context, in ChoosePermitsInput) (ChoosePermitsResult, error) {
	profile, err := a.Profiles.Profile("")
	if err != nil {
		return ChoosePermitsResult{}, err
	}
	limits := profile.Host
	out := ChoosePermitsResult{Sessions: min(max(1, limits.Sessions), maxPermits)}
	out.BytesPerSecond = limits.BytesPerSecond / int64(out.Sessions)
	free := max(0, out.Sessions-len(in.Inside))
	if left := limits.FilesPerHour - in.ThisHour; limits.FilesPerHour > 0 && left < free {
		free = max(0, left)
		out.HourFull = free == 0
	}
	quiet, err := registry.ParseQuietHours(limits.QuietHours, profile.Zone)
	if err != nil {
		return out, registry.Errorf(registry.Invalid, "limits of the host", "host.quiet_hours: %w", err)
	}
	if until, is := quiet.Until(in.date(a.Clock)); is {
		free, out.QuietUntil = 0, until
	}
	line, err := a.DB.ChoosePermits(ctx, db.PermitChoice{
		Host: in.Host, Inside: visits(in.Inside), Over: visits(in.Over), Again: visits(in.Again),
		Closed: in.Closed, Doubtful: in.Doubtful,
		ClosedServers: in.ClosedServers, DoubtfulServers: in.DoubtfulServers, PerLogin: max(1, limits.SessionsPerLogin), Max: free,
	})
	if err != nil {
		return out, err
	}
	out.Waiting = line.Waiting
	for _, p := range line.Next {
		out.Next = append(out.Next, Permit{
			Visit: Visit{Workflow: p.WorkflowID, Ask: p.Ask}, Connection: p.Connection, Port: p.Port, File: p.FileID != "",
		})
	}
	return out, nil
}

func visits(in []Visit) []db.PermitVisit {
	out := make([]db.PermitVisit, len(in))
	for i, v := range in {
		out[i] = db.PermitVisit{WorkflowID: v.Workflow, Ask: v.Ask}
	}
	return out
}

// ListHostHoldsInput asks for what is held at a host, page by page.
type ListHostHoldsInput struct {
	Scope
	Host string `json:"host"`
	// After is the last ID of the page before.
	After string `json:"after,omitempty"`
}

// HostHold is an open hold of a connection, or of a server.
type HostHold struct {
	ID         string    `json:"id"`
	Connection string    `json:"connection,omitempty"`
	Server     string    `json:"server,omitempty"`
	Words      string    `json:"words"`
	Since      time.Time `json:"since"`
}

// ListHostHoldsResult is a page of them.
type ListHostHoldsResult struct {
	Holds []HostHold `json:"holds,omitempty"`
	More  bool       `json:"more,omitempty"`
}

// ListHostHolds lists the connections and servers that were held when an earlier run of the
// host's workflow ended.
func (a *Hosts) ListHostHolds(ctx context.Context, in ListHostHoldsInput) (ListHostHoldsResult, error) {
	found, err := a.DB.ConnectionHolds(ctx, HostID(in.Host), in.After, holdsPerPage+1)
	if err != nil {
		return ListHostHoldsResult{}, fail(ctx, err)
	}
	var out ListHostHoldsResult
	for _, h := range found[:min(len(found), holdsPerPage)] {
		out.Holds = append(out.Holds, HostHold{
			ID: h.ID, Connection: h.Connection, Server: h.Server, Words: cut(h.Words, longestWordsPerEntry), Since: h.OpenedAt,
		})
	}
	out.More = len(found) > holdsPerPage
	return out, nil
}
