package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/internal/mailfile"
	"immtrail/registry"
	"immtrail/starter/evidence"
)

// evidenceQuery is what `evidence` is asked for.
type evidenceQuery struct {
	practice string
	from, to string
	out      string
	// documents encloses what people handed in.
	documents bool
}

func (a *app) evidenceCommand() *cobra.Command {
	var q evidenceQuery
	var all bool
	cmd := &cobra.Command{
		Use: "evidence [PRACTICE] -o FILE.zip", Short: "Write what a practice keeps of its reporting: stages, files, letters, reports",
		Args: cobra.MaximumNArgs(1),
		Long: `Writes a ZIP for DSHS, the EHR vendor or Promoting Interoperability: a summary to
read (README.md), and the tables and letters it rests on: every stage with who and
when, test files, how each file was seen at the registry and what the registry
answered, submissions by month, errors by code and how they ended. It holds no
patient data; who wrote it stays in the audit log. Emails of the registry and other
documents that were handed in are named; --documents encloses them as they came. What
stands in those is other people's writing: look into them before you share the pack.

--from and --to are days of the practice, both included. A file that is there
already is not overwritten.`,
		Example: `  starter evidence sunrise-plano -o sunrise-2026.zip --from 2026-01-01 --to 2026-12-31
  starter evidence --all -o everybody.zip`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.practice = args[0]
			}
			if (q.practice == "") != all {
				return misused("name a practice, or --all")
			}
			return a.evidence(cmd.Context(), q)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every practice, a folder each")
	cmd.Flags().StringVar(&q.from, "from", "", "first day (YYYY-MM-DD); the beginning without it")
	cmd.Flags().StringVar(&q.to, "to", "", "last day (YYYY-MM-DD); today without it")
	cmd.Flags().BoolVar(&q.documents, "documents", false, "enclose the documents that were handed in, byte for byte")
	cmd.Flags().StringVarP(&q.out, "output", "o", "", "the ZIP to write")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

func (a *app) evidence(ctx context.Context, q evidenceQuery) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	practices, err := a.evidencePractices(ctx, store, q.practice)
	if err != nil {
		return err
	}
	pack := evidence.Pack{Made: a.now(), By: by.Name}
	for _, p := range practices {
		one, err := a.evidenceOf(ctx, store, p, q, &pack)
		if err != nil {
			return err
		}
		pack.Practices = append(pack.Practices, one)
	}
	if err := writeEvidence(pack, q.out); err != nil {
		return err
	}
	for _, p := range practices {
		if err := store.RecordAct(ctx, p.ID, "", "evidence-written", a.act(by, "evidence/"+p.ID, "")); err != nil {
			return err
		}
	}
	s := a.screen()
	s.line("The evidence of %s is in %s.", plural(len(practices), "practice", "practices"), q.out)
	if q.documents {
		s.line("It encloses documents as they came: look into them for patients' names before you share it.")
		return nil
	}
	s.line("It holds no patient data, but names of people at work: share it with those whom it concerns.")
	return nil
}

func (a *app) evidencePractices(ctx context.Context, store *db.Store, id string) ([]*registry.Practice, error) {
	if id != "" {
		p, err := a.practice(ctx, store, id)
		return []*registry.Practice{p}, err
	}
	practices, err := store.Practices(ctx)
	if err == nil && len(practices) == 0 {
		err = refused("there is no practice yet; `starter practice add` adds one")
	}
	return practices, err
}

// evidenceOf reads one practice's evidence; the time is that of its zone.
func (a *app) evidenceOf(
	ctx context.Context, store *db.Store, p *registry.Practice, q evidenceQuery, pack *evidence.Pack,
) (evidence.Practice, error) {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return evidence.Practice{}, couldNot("%s: its time zone %s is not known on this machine", p.ID, p.Zone)
	}
	filter := db.EvidenceFilter{Practice: p.ID, To: pack.Made}
	if q.from != "" {
		if filter.From, err = time.ParseInLocation(time.DateOnly, q.from, zone); err != nil {
			return evidence.Practice{}, misused("--from %s: a day such as 2026-01-31", q.from)
		}
	}
	if q.to != "" {
		last, err := time.ParseInLocation(time.DateOnly, q.to, zone)
		if err != nil {
			return evidence.Practice{}, misused("--to %s: a day such as 2026-01-31", q.to)
		}
		filter.To = last.AddDate(0, 0, 1)
	}
	if !filter.From.Before(filter.To) {
		return evidence.Practice{}, misused("--from %s is not before --to", q.from)
	}
	known, err := store.Evidence(ctx, filter)
	if err != nil {
		return evidence.Practice{}, err
	}
	loaded, err := a.loadProfile(p.ID)
	if err != nil {
		return evidence.Practice{}, err
	}
	out := evidence.Practice{
		Practice: *p, RegistryName: loaded.Profile.Title, From: filter.From, To: filter.To, Known: known,
	}
	if q.documents {
		out.Open = func(key string) ([]byte, string, error) { return a.document(ctx, key) }
	}
	return out, nil
}

// document reads what a person handed in, and tells how its name should end.
func (a *app) document(ctx context.Context, key string) (data []byte, ending string, err error) {
	vault, err := a.fileStore(ctx)
	if err != nil {
		return nil, "", err
	}
	f, err := vault.Open(ctx, key)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = f.Close() }() // only read from
	if data, err = io.ReadAll(io.LimitReader(f, maxEmail+1)); err != nil {
		return nil, "", err
	}
	switch mailfile.Read(data).Format {
	case mailfile.EML:
		ending = ".eml"
	case mailfile.MSG:
		ending = ".msg"
	case mailfile.PDF:
		ending = ".pdf"
	case mailfile.Other:
	}
	return data, ending, nil
}

// writeEvidence writes a new file, whole or not at all.
func writeEvidence(pack evidence.Pack, to string) (err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return refused("%s is there already; name another file, or remove it", to)
	}
	if err != nil {
		return couldNot("%w", err)
	}
	err = errors.Join(pack.Write(f), f.Close())
	if err != nil {
		_ = os.Remove(to) // half a pack proves nothing
		return couldNot("write the evidence: %w", err)
	}
	return nil
}
