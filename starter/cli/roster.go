package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/internal/roster"
	"immtrail/registry"
)

type importOptions struct{ template, dryRun, update bool }

func (a *app) practiceImport() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use: "import FILE.csv", Short: "Add many practices and sites from one list", Args: cobra.MaximumNArgs(1),
		Long: `Adds practices with their sites from a list as a spreadsheet writes it: a row for
each site, and rows with the same practice belong together, so that a group of
sixty clinics is one practice with sixty rows. The columns from, since, history
and evidence are the flags of "starter onboard": a practice that is live already
comes in where it is.

Every fault is told at once, with its line, its column and what to do, and then
nothing is changed. Importing again changes nothing. Rows that differ from what is
known are shown, and applied with --update. Passwords and keys are refused.`,
		Example: `  starter practice import --template > practices.csv
  starter practice import practices.csv --dry-run
  starter practice import practices.csv
  starter practice import practices.csv --update`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.template {
				if err := roster.Template(a.env.Stdout); err != nil {
					return couldNot("%w", err)
				}
				return nil
			}
			if len(args) == 0 {
				return misused("which list? --template writes an empty one")
			}
			return a.importList(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().BoolVar(&o.template, "template", false, "print the head, what each column means, and an example")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVar(&o.update, "update", false, "also change what is known already")
	return cmd
}

func (a *app) practiceExport() *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "Print all practices and sites as a list that import reads", Args: cobra.NoArgs,
		Example: "  starter practice export > practices.csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.exportList(cmd.Context())
		},
	}
}

func (a *app) exportList(ctx context.Context) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	all, err := store.Practices(ctx)
	if err != nil {
		return err
	}
	asked := map[string]roster.Asked{}
	for _, p := range all {
		e, ok, err := store.EntryOf(ctx, p.ID)
		if err != nil {
			return err
		}
		if ok && e.Since != "" {
			asked[p.ID] = roster.Asked{From: string(e.From), Since: e.Since, History: e.History, Evidence: e.Evidence}
		}
	}
	if err := roster.Write(a.env.Stdout, all, func(p *registry.Practice) roster.Asked { return asked[p.ID] }); err != nil {
		return couldNot("%w", err)
	}
	return nil
}

// What an import does with a practice.
const (
	importNew       = "new"
	importUnchanged = "unchanged"
	importChanged   = "changed"
	importWaiting   = "differs" // shown, and applied with --update
)

// importStep is what a list says of one practice and what is done about it.
type importStep struct {
	Line     int             `json:"line"`
	Practice string          `json:"practice"`
	Sites    int             `json:"sites"`
	Does     string          `json:"does"`
	Changes  []roster.Change `json:"changes,omitempty"`
	// Enters is set where the practice comes in at a later stage, Begun where its
	// process was started.
	Enters string `json:"enters,omitempty"`
	Begun  bool   `json:"begun,omitempty"`
	// Fault is set where it could not be done.
	Fault string `json:"fault,omitempty"`

	entry *roster.Entry
	want  *registry.Practice
	// data says that its data differ.
	data bool
}

// importedList is what `practice import --output json` prints.
type importedList struct {
	DryRun    bool           `json:"dry_run,omitempty"`
	Faults    []roster.Fault `json:"faults,omitempty"`
	Practices []*importStep  `json:"practices"`
}

func (a *app) importList(ctx context.Context, path string, o importOptions) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	list, faults, err := a.readList(path)
	if err != nil {
		return err
	}
	im := &importing{app: a, store: store, by: by, dir: filepath.Dir(path), opts: o, faults: faults}
	out := importedList{DryRun: o.dryRun, Practices: []*importStep{}}
	if out.Practices, err = im.plan(ctx, list); err != nil {
		return err
	}
	if out.Faults = im.faults; len(im.faults) > 0 {
		out.Practices = []*importStep{}
	} else if !o.dryRun {
		for _, s := range out.Practices {
			im.apply(ctx, s)
		}
	}
	if err := a.show(out, func(s *screen) { s.importedList(path, out) }); err != nil {
		return err
	}
	undone := slices.ContainsFunc(out.Practices, func(s *importStep) bool { return s.Fault != "" || s.Does == importWaiting && !o.dryRun })
	if len(out.Faults) > 0 || undone {
		return errFound
	}
	return nil
}

func (a *app) readList(path string) (*roster.List, []roster.Fault, error) {
	in := a.env.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, couldNot("%w", err)
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	list, faults, err := roster.Read(in)
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			return nil, nil, couldNot("%w", pathErr)
		}
		return nil, nil, refused("%s: %w", path, err)
	}
	return list, faults, nil
}

// importing is one run of an import.
type importing struct {
	*app
	store  *db.Store
	by     registry.Actor
	dir    string
	opts   importOptions
	faults []roster.Fault
}

func (im *importing) fault(line int, column, words string) {
	im.faults = append(im.faults, roster.Fault{Line: line, Column: column, Words: words})
}

// plan compares the list with what is known; it changes nothing.
func (im *importing) plan(ctx context.Context, list *roster.List) ([]*importStep, error) {
	all, err := im.store.Practices(ctx)
	if err != nil {
		return nil, err
	}
	connections, err := im.store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	known, orgs := map[string]*registry.Practice{}, map[string]string{}
	for _, p := range all {
		known[p.ID], orgs[p.OrgCode] = p, p.ID
	}
	steps := []*importStep{}
	clean := len(im.faults) == 0
	for _, e := range list.Entries {
		s := &importStep{Line: e.Line, Practice: e.ID, entry: e, want: e.Onto(known[e.ID])}
		s.Sites = len(s.want.Sites)
		if !slices.ContainsFunc(connections, func(c db.Connection) bool { return c.Name == s.want.Connection }) && s.want.Connection != "" {
			im.fault(e.Line, "connection", "there is no such connection: starter connection add FILE.yaml, or starter connection list")
		}
		if other, taken := orgs[s.want.OrgCode]; taken && other != e.ID {
			im.fault(e.Line, "org_code", "belongs to the practice "+other+" already")
		}
		if faults := s.want.Check(); clean && len(faults) > 0 {
			im.fault(e.Line, "", strings.Join(faults, "; "))
		}
		if err := im.planEntry(ctx, s, known[e.ID]); err != nil {
			return nil, err
		}
		im.decide(s, known[e.ID])
		steps = append(steps, s)
	}
	slices.SortStableFunc(im.faults, func(a, b roster.Fault) int { return a.Line - b.Line })
	return steps, nil
}

// planEntry finds out whether the practice has to come in at a later stage.
func (im *importing) planEntry(ctx context.Context, s *importStep, base *registry.Practice) error {
	asked := s.entry.Asked()
	if asked.From == "" || asked.From == string(registry.PhaseRegistered) {
		return nil
	}
	e := db.Entry{From: registry.Phase(asked.From), Since: asked.Since, History: asked.History}
	if why := e.Fault(im.now().Format(time.DateOnly)); why != "" {
		column, words, _ := strings.Cut(why, ": ")
		if !slices.ContainsFunc(im.faults, func(f roster.Fault) bool { return f.Line == s.Line && f.Column == column }) {
			im.fault(s.Line, column, words)
		}
		return nil
	}
	if path := im.evidencePath(asked.Evidence); looksLikeFile(asked.Evidence) && path == asked.Evidence && !exists(path) {
		im.fault(s.Line, roster.ColumnEvidence, "there is no such file beside the list; words are taken too")
	}
	if base == nil {
		s.Enters = asked.From
		return nil
	}
	before, entered, err := im.store.EntryOf(ctx, base.ID)
	if err != nil {
		return err
	}
	switch {
	case entered && before.From == e.From && before.Since == e.Since && before.History == e.History:
	case base.Phase == registry.PhaseRegistered || entered && before.Since == "" && base.Phase == e.From:
		s.Enters = asked.From
		s.Changes = append(s.Changes, roster.Change{
			What: "stage", From: base.Phase.Words(), To: e.From.Words() + " since " + e.Since + ", recorded",
		})
	case entered && before.Since != "":
		im.fault(s.Line, roster.ColumnFrom, base.ID+" came in as "+before.From.Words()+" since "+before.Since+historyOf(before)+
			", and what is recorded stands: write the same, or leave from, since, history and evidence empty")
	default:
		im.fault(s.Line, roster.ColumnFrom, base.ID+" is "+base.Phase.Words()+" here already, and what was witnessed is not overwritten: leave from, since, history and evidence empty")
	}
	return nil
}

func historyOf(e db.Entry) string {
	if e.History == "" {
		return ""
	}
	return ", historical load " + e.History
}

// decide says what is to be done with a practice.
func (im *importing) decide(s *importStep, base *registry.Practice) {
	if base == nil {
		s.Does, s.data = importNew, true
		return
	}
	changes := roster.Changes(base, s.want)
	s.data = len(changes) > 0
	s.Changes = append(changes, s.Changes...)
	switch {
	case len(s.Changes) == 0:
		s.Does = importUnchanged
	case im.opts.update:
		s.Does = importChanged
	default:
		s.Does = importWaiting
	}
}

// evidencePath is a file beside the list, where there is one of that name.
func (im *importing) evidencePath(evidence string) string {
	if beside := filepath.Join(im.dir, evidence); evidence != "" && !filepath.IsAbs(evidence) && exists(beside) {
		return beside
	}
	return evidence
}

// apply does what was decided. A fault of one practice does not stop the others.
func (im *importing) apply(ctx context.Context, s *importStep) {
	if err := im.applyOne(ctx, s); err != nil {
		s.Fault = err.Error()
	}
}

func (im *importing) applyOne(ctx context.Context, s *importStep) error {
	if s.Does == importWaiting {
		return nil
	}
	if s.data {
		if err := im.store.SavePractice(ctx, s.want, im.act(im.by, "practice/"+s.Practice, "from a list")); err != nil {
			return err
		}
		if err := im.makeOutboxes(ctx, im.store, s.Practice); err != nil {
			im.note("%s: the folders of the outbox could not be made: %v", s.Practice, err)
		}
	}
	asked := s.entry.Asked()
	if s.Enters != "" {
		if err := im.enter(ctx, im.store, s.want, entryAsked{
			from: asked.From, since: asked.Since, history: asked.History,
			evidence: im.evidencePath(asked.Evidence), approvedBy: asked.ApprovedBy,
		}, im.by); err != nil {
			return err
		}
	}
	if asked.From == "" || s.Does == importUnchanged && s.Enters == "" && asked.From != string(registry.PhaseRegistered) {
		return nil
	}
	again, err := im.begin(ctx, im.store, s.Practice, im.by)
	s.Begun = !again
	return err
}

func (s *screen) importedList(path string, out importedList) {
	if len(out.Faults) > 0 {
		for _, f := range out.Faults {
			s.hang("%s", f)
		}
		s.raw("")
		s.line("%s in %s; nothing was changed.", plural(len(out.Faults), "fault", "faults"), path)
		return
	}
	counts, begun, sites := map[string]int{}, 0, 0
	for _, step := range out.Practices {
		counts[step.Does]++
		sites += step.Sites
		if step.Begun {
			begun++
		}
		s.importStep(step)
	}
	verb := ""
	if out.DryRun {
		verb = "Nothing was done (--dry-run). It would be: "
	}
	s.line("%s%s with %s: %d new, %d changed, %d unchanged, %d that differ.", verb, plural(len(out.Practices), "practice", "practices"),
		plural(sites, "site", "sites"), counts[importNew], counts[importChanged], counts[importUnchanged], counts[importWaiting])
	switch {
	case counts[importWaiting] > 0:
		s.line("What differs is not changed. To change it: starter practice import %s --update", path)
	case out.DryRun:
		s.line("Next: starter practice import %s", path)
	case begun == 0 && counts[importUnchanged] < len(out.Practices):
		s.line("Done. Next: starter status")
	case counts[importUnchanged] == len(out.Practices):
		s.line("Nothing changed.")
	default:
		s.line("%s. Next: starter status", plural(begun, "practice is on its way", "practices are on their way"))
	}
}

func (s *screen) importStep(step *importStep) {
	words := step.Does
	if step.Enters != "" {
		words += ", comes in at " + strings.TrimPrefix(registry.Phase(step.Enters).Words(), "in ")
	}
	if step.Does != importUnchanged || step.Fault != "" {
		s.line("line %d: %s (%s): %s", step.Line, step.Practice, plural(step.Sites, "site", "sites"), words)
	}
	for _, c := range step.Changes {
		s.hang("    %s: %s -> %s", c.What, orWord(c.From, "nothing"), orWord(c.To, "nothing"))
	}
	if step.Fault != "" {
		s.hang("    %s: %s", s.paint(badStyle, "could not be done"), step.Fault)
	}
}
