package activities

import (
	"context"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/vault"
)

// Reports brings in what the registry says about our files, and keeps the
// errors until they are settled.
//
// A connection may serve several practices of one registry; its folder of
// reports is that of the first of them.
type Reports struct {
	DB          *db.Store
	Vault       *vault.Vault
	Dialer      transfer.Dialer
	Connections Connections
	Profiles    ProfileSource
	// Known is asked for each report anew, so that a layout or a code that was
	// taught counts from the next report on.
	Known func() (ReportKnowledge, error)
	Clock Clock
}

// ReportKnowledge is what is known of reports: the meaning of codes and the
// layouts that were met.
type ReportKnowledge struct {
	Catalogue map[string]registry.CatalogueEntry
	Mappings  []registry.ReportMapping
	// Foretold says which rules of our checker foretell which codes.
	Foretold []registry.Foretold
}

// ListReportsInput names the connection to look at. Scope.Practice is empty: a
// connection may serve several practices.
type ListReportsInput struct {
	Scope
	Connection string `json:"connection"`
	Max        int    `json:"max"`
}

// RemoteReport is a report that lies at the registry and is not imported yet.
type RemoteReport struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// ListReportsResult lists what is new, oldest first.
type ListReportsResult struct {
	Reports []RemoteReport `json:"reports,omitempty"`
	// Refused counts names in the listing that are not plain file names.
	Refused int  `json:"refused,omitempty"`
	More    bool `json:"more,omitempty"`
}

// ListReports lists the reports that were not imported before (by name, size
// and time; the digest decides at import). Where the profile allows it, it
// removes those that were.
func (a *Reports) ListReports(ctx context.Context, in ListReportsInput) (ListReportsResult, error) {
	defer beat(ctx, nil)()
	out, err := a.listReports(ctx, in)
	return out, fail(ctx, err)
}

func (a *Reports) listReports(ctx context.Context, in ListReportsInput) (ListReportsResult, error) {
	var out ListReportsResult
	remote, profile, err := a.dial(ctx, in.Connection, in.date(a.Clock))
	if err != nil {
		return out, err
	}
	defer func() { _ = remote.Close() }() // nothing was written
	listing, err := remote.List(ctx, profile.Folders.Reports)
	if err != nil {
		return out, met(in.Connection, err)
	}
	out.Refused = listing.Refused
	files := candidates(listing.Entries, profile.Reports.NamePattern)
	if profile.Transfer.DeleteReports {
		if err := a.clearReports(ctx, remote, profile.Folders.Reports, in.Connection, files); err != nil {
			return out, err
		}
	}
	fresh, err := a.DB.NewReportFiles(ctx, in.Connection, files)
	if err != nil {
		return out, err
	}
	if in.Max > 0 && len(fresh) > in.Max {
		fresh, out.More = fresh[:in.Max], true
	}
	for _, f := range fresh {
		out.Reports = append(out.Reports, RemoteReport{Name: f.Name, Size: f.Size})
	}
	return out, nil
}

// clearReports removes at the registry what was taken in by an earlier
// collection; never what nobody could read.
func (a *Reports) clearReports(ctx context.Context, remote transfer.Remote, folder, connection string, files []db.RemoteFile) error {
	done, err := a.DB.ImportedReportFiles(ctx, connection, files)
	if err != nil {
		return err
	}
	for _, f := range done {
		if err := remote.Remove(ctx, folder, f.Name); err != nil {
			return met(connection, err)
		}
	}
	return nil
}

// candidates are the entries that look like finished reports, oldest first.
func candidates(entries []transfer.Entry, pattern string) []db.RemoteFile {
	var files []db.RemoteFile
	for _, e := range entries {
		// Patterns are checked when the profile is loaded.
		if ok, err := path.Match(pattern, e.Name); pattern != "" && (err != nil || !ok) {
			continue
		}
		if strings.HasSuffix(e.Name, transfer.PartSuffix) {
			continue
		}
		files = append(files, db.RemoteFile{Name: e.Name, Size: e.Size, ModTime: e.ModTime})
	}
	slices.SortFunc(files, func(a, b db.RemoteFile) int {
		if c := a.ModTime.Compare(b.ModTime); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return files
}

// dial opens a session on the connection, with the profile that holds there.
func (a *Reports) dial(ctx context.Context, connection string, at time.Time) (transfer.Remote, *registry.Profile, error) {
	practices, err := a.DB.ConnectionPractices(ctx, connection)
	if err != nil {
		return nil, nil, err
	}
	if len(practices) == 0 {
		return nil, nil, registry.Errorf(registry.Missing, "reports", "no practice uses the connection %q", connection)
	}
	profile, err := a.Profiles.Profile(practices[0])
	if err != nil {
		return nil, nil, err
	}
	conn, err := a.Connections.Connection(ctx, connection, profile.Transfer)
	if err != nil {
		return nil, nil, err
	}
	remote, err := a.Connections.dial(ctx, a.Dialer, conn, at)
	return remote, profile, err
}

// FetchReportInput names a report at the registry.
type FetchReportInput struct {
	Scope
	Connection string `json:"connection"`
	Name       string `json:"name"`
	// BytesPerSecond is the visit's share of the host's limit; 0 has none.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
}

// FetchReportResult is the report in the vault.
type FetchReportResult struct {
	ReportID string `json:"report_id"`
	// Known says that the same bytes were taken in before, under any name.
	Known bool `json:"known,omitempty"`
}

// FetchReport downloads the report, complete (size agrees before and after),
// into the vault. A report is unique by connection and digest.
func (a *Reports) FetchReport(ctx context.Context, in FetchReportInput) (FetchReportResult, error) {
	defer beat(ctx, nil)()
	out, err := a.fetchReport(ctx, in)
	return out, fail(ctx, unnamed(in.Name, err))
}

func (a *Reports) fetchReport(ctx context.Context, in FetchReportInput) (FetchReportResult, error) {
	var out FetchReportResult
	remote, profile, err := a.dial(ctx, in.Connection, in.date(a.Clock))
	if err != nil {
		return out, err
	}
	defer func() { _ = remote.Close() }() // nothing was written
	seen, err := remote.Stat(ctx, profile.Folders.Reports, in.Name)
	if err != nil {
		return out, met(in.Connection, err)
	}
	if !seen.Exists {
		return out, registry.Errorf(registry.Missing, "fetch report", "the report is no longer at the registry")
	}
	object, err := a.download(ctx, remote, profile.Folders.Reports, in)
	if err != nil {
		return out, err
	}
	report, err := a.DB.AddReport(ctx, db.FetchedReport{
		Connection: in.Connection,
		File:       db.RemoteFile{Name: in.Name, Size: seen.Size, ModTime: seen.ModTime},
		Digest:     object.SHA256, VaultKey: object.Key, At: in.date(a.Clock),
		Dated: ReportDate(in.Name, in.Calendar.Date(seen.ModTime), in.date(a.Clock), profile.BusinessDays().Location()),
	})
	if err != nil {
		return out, err
	}
	return FetchReportResult{ReportID: report.ID, Known: report.Settled()}, nil
}

// ReportDate is the day that a report is of: the one in its name, or else that
// on which it was written, unless the server's clock is plainly wrong.
func ReportDate(name string, written, now time.Time, zone *time.Location) time.Time {
	const believable = 400 * 24 * time.Hour // longer than any folder keeps reports
	date, ok := registry.DateInName(name, zone)
	if !ok {
		date = written
		if written.After(now.AddDate(0, 0, 1)) || written.Before(now.Add(-believable)) {
			date = now
		}
	}
	y, m, d := date.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// download streams a file from the registry into the vault. The vault sees the
// end of the file only once the download has proven to be whole.
func (a *Reports) download(ctx context.Context, remote transfer.Remote, folder string, in FetchReportInput) (vault.Object, error) {
	read, write := io.Pipe()
	done := make(chan transfer.Downloaded, 1)
	go func() {
		got, err := remote.Download(ctx, folder, in.Name, pace(ctx, in.BytesPerSecond).writer(write))
		_ = write.CloseWithError(met(in.Connection, err)) // nil is the end of the file
		done <- got
	}()
	object, err := a.Vault.Put(ctx, read)
	_ = read.CloseWithError(io.ErrClosedPipe) // frees the download where the vault gave up
	got := <-done
	if err == nil && got.SHA256 != object.SHA256 {
		err = registry.Errorf(registry.Corrupt, "fetch report", "what was stored is not what was read")
	}
	return object, err
}
