package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime/pprof"
	"time"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/vault"
)

// spec is what the importing process is told.
type spec struct{ URL, Vault, Report string }

// done is what it tells.
type done struct {
	Import, Reconcile time.Duration
	Items, Errors     int
	// Peak memory in bytes, and processor time, of the process.
	Peak int64
	CPU  time.Duration
}

// builtin answers one profile for every practice.
type builtin struct{ profile *registry.Profile }

// Profile is that one.
func (b builtin) Profile(string) (*registry.Profile, error) { return b.profile, nil }

// importIn does what the worker does once the report is fetched: the same
// activities, out of the file store.
func importIn(ctx context.Context, in, profile string) error {
	var s spec
	if err := json.Unmarshal([]byte(in), &s); err != nil {
		return err
	}
	store, err := open(ctx, s.URL)
	if err != nil {
		return err
	}
	defer store.Close()
	a, id, err := fetched(ctx, s, store)
	if err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var out done
	began := time.Now()
	imported, err := a.ImportReport(ctx, activities.ImportReportInput{ReportID: id})
	if err != nil {
		return err
	}
	out.Import, began = time.Since(began), time.Now()
	settled, err := a.ReconcileErrors(ctx, activities.ReconcileErrorsInput{ReportID: id})
	if err != nil {
		return err
	}
	out.Reconcile, out.Items, out.Errors = time.Since(began), imported.Items, settled.Opened
	return json.NewEncoder(os.Stdout).Encode(out)
}

// fetched lays the report into the file store, as a collection does.
func fetched(ctx context.Context, s spec, store *db.Store) (a *activities.Reports, id string, err error) {
	loaded, err := texas.Load()
	if err != nil {
		return nil, "", err
	}
	loaded.Profile.Reports.Lists = "all"
	secret, recipient, err := identity(s.Vault + ".key")
	if err != nil {
		return nil, "", err
	}
	files, err := vault.Open(ctx, vault.Options{URL: "file://" + s.Vault, Recipients: []string{recipient}, Identities: []string{secret}})
	if err != nil {
		return nil, "", err
	}
	f, err := os.Open(s.Report)
	if err != nil {
		return nil, "", err
	}
	object, err := files.Put(ctx, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, "", err
	}
	report, err := store.AddReport(ctx, db.FetchedReport{
		Connection: connection, File: db.RemoteFile{Name: "dqa-20260303.txt", Size: object.Size, ModTime: sentAt},
		Digest: object.SHA256, VaultKey: object.Key, At: sentAt.AddDate(0, 0, 1), Dated: sentAt.AddDate(0, 0, 1),
	})
	return &activities.Reports{
		DB: store, Vault: files, Profiles: builtin{&loaded.Profile},
		Known: func() (activities.ReportKnowledge, error) {
			return activities.ReportKnowledge{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings, Foretold: loaded.Foretold}, nil
		},
		Clock: func() time.Time { return sentAt.AddDate(0, 0, 1) },
	}, report.ID, err
}

// identity is the file store's key, kept from one run of the child to the next.
func identity(path string) (secret, recipient string, err error) {
	var keys [2]string
	if text, err := os.ReadFile(path); err == nil {
		err := json.Unmarshal(text, &keys)
		return keys[0], keys[1], err
	}
	keys[0], keys[1], err = vault.NewIdentity()
	if err != nil {
		return "", "", err
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return "", "", err
	}
	return keys[0], keys[1], os.WriteFile(path, text, 0o600)
}
