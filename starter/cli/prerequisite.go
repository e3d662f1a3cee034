package cli

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) prerequisiteCommand() *cobra.Command {
	return folder("prerequisite", "See and settle what has to be there before testing",
		"  starter prerequisite list sunrise-plano\n"+
			`  starter prerequisite done sunrise-plano intent --evidence "DSHS confirmed it on 2026-02-10"`,
		a.prerequisiteList(), a.prerequisiteDone(), a.prerequisiteWaive(), a.prerequisiteReopen())
}

func (a *app) prerequisiteList() *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use: "list [PRACTICE]", Short: "List the checklist of a practice, or what the profile asks for", Args: cobra.MaximumNArgs(1),
		Long: `Lists what has to be there before testing, how far each is, who owes it, and the
command that settles it. Without a practice it lists what the profile asks of
every practice, with where that comes from.`,
		Example: "  starter prerequisite list sunrise-plano\n  starter prerequisite list sunrise-plano --open\n  starter prerequisite list",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listAsked()
			}
			return a.listPrerequisites(cmd.Context(), args[0], open)
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "only what is not done or waived")
	return cmd
}

// listAsked shows the rows of the profile.
func (a *app) listAsked() error {
	loaded, err := a.loadProfile("")
	if err != nil {
		return err
	}
	rows := loaded.Profile.Prerequisites
	return a.show(rows, func(s *screen) {
		table := make([][]string, len(rows))
		for i, r := range rows {
			asked := "required"
			if !r.Required {
				asked = "asked for"
			}
			if r.Off {
				asked = "off"
			}
			if r.PerSite {
				asked += ", of each site"
			}
			table[i] = []string{r.Key, asked, r.Owner, r.Says, r.Cite}
		}
		s.table([]string{"ITEM", "IS", "WHO OWES IT", "WHAT", "WHERE THAT COMES FROM"}, table)
	})
}

// checklist is a practice with its checklist.
type checklist struct {
	practice *registry.Practice
	profile  *registry.Profile
	items    []registry.PrerequisiteItem
}

func (a *app) checklist(ctx context.Context, store *db.Store, id string) (checklist, error) {
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return checklist{}, err
	}
	loaded, err := a.loadProfile(id)
	if err != nil {
		return checklist{}, err
	}
	items, err := activities.Checklist(ctx, store, p, &loaded.Profile, a.now())
	return checklist{practice: p, profile: &loaded.Profile, items: items}, err
}

// shownItem is an item as `prerequisite list` prints it.
type shownItem struct {
	registry.PrerequisiteItem
	// Move is the command that settles it, while it stops testing.
	Move string `json:"move,omitempty"`
}

func (a *app) listPrerequisites(ctx context.Context, id string, openOnly bool) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	c, err := a.checklist(ctx, store, id)
	if err != nil {
		return err
	}
	shown := []shownItem{}
	for _, i := range c.items {
		one := shownItem{PrerequisiteItem: i}
		open := i.State == registry.PrerequisiteOpen || i.State == registry.PrerequisiteExpired
		if open {
			one.Move = activities.PrerequisiteMove(c.practice, []registry.PrerequisiteItem{i})
		}
		if open || !openOnly {
			shown = append(shown, one)
		}
	}
	return a.show(shown, func(s *screen) { s.prerequisites(c, shown) })
}

func (s *screen) prerequisites(c checklist, items []shownItem) {
	rows := make([][]string, len(items))
	stops := 0
	for i, item := range items {
		rows[i] = []string{item.Key, item.Site, itemState(item), item.Owner, itemWords(item)}
		if item.Stops() {
			stops++
		}
	}
	if len(rows) > 0 {
		s.table([]string{"ITEM", "SITE", "STATE", "WHO OWES IT", "WHY, OR BY WHAT"}, rows)
		s.raw("")
	}
	switch {
	case c.practice.Phase != registry.PhaseRegistered:
		s.line("%s is %s: nothing of this holds it up any more.", c.practice.ID, c.practice.Phase.Words())
	case stops == 0:
		s.line("Nothing stops testing. Next: starter onboard %s", c.practice.ID)
	default:
		s.line("%s testing. What moves each:", plural(stops, "item stops", "items stop"))
		said := map[string]bool{}
		for _, w := range activities.Wanted(c.practice, registryItems(items)) {
			if !said[w.Move] {
				s.move("  ", w.Move)
			}
			said[w.Move] = true
		}
		s.line("Without one of them: starter prerequisite waive %s ITEM --reason \"...\"", c.practice.ID)
	}
}

func registryItems(items []shownItem) []registry.PrerequisiteItem {
	out := make([]registry.PrerequisiteItem, len(items))
	for i, item := range items {
		out[i] = item.PrerequisiteItem
	}
	return out
}

func itemState(i shownItem) string {
	if i.State == registry.PrerequisiteOpen && !i.Required {
		return "open, not required"
	}
	return string(i.State)
}

func itemWords(i shownItem) string {
	words := i.Why
	if words == "" {
		words = i.Found
	}
	if i.EvidenceID != "" {
		words = joinWords("; ", words, "a document is on file")
	}
	if i.State == registry.PrerequisiteWaived {
		words = i.Reason
	}
	if i.Ends != "" && i.State != registry.PrerequisiteExpired {
		words = joinWords("; ", words, "until "+i.Ends)
	}
	if i.By != "" {
		words = joinWords(" ", words, "("+i.By+", "+day(i.At)+")")
	}
	return words
}

// settleOptions say what a person says of items.
type settleOptions struct {
	sites                         []string
	allSites                      bool
	by, evidence, expires, reason string
	state                         registry.PrerequisiteState
}

func (o *settleOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&o.sites, "site", nil, "of this site; may be given several times")
	cmd.Flags().BoolVar(&o.allSites, "all-sites", false, "of every site for which it is open, or ends earlier")
	cmd.Flags().StringVar(&o.by, "by", "", "who decides, where that is not you (as --as)")
	cmd.MarkFlagsMutuallyExclusive("site", "all-sites")
}

func (a *app) prerequisiteDone() *cobra.Command {
	o := settleOptions{state: registry.PrerequisiteDone}
	cmd := &cobra.Command{
		Use: "done PRACTICE ITEM", Short: "Record that an item is there, with what shows it", Args: cobra.ExactArgs(2),
		Long: `Records that an item of the checklist is there. The evidence is a file, which is
kept in the file store, or words. An agreement also has the day on which it ends;
you are warned before it does. Doing it again changes nothing.`,
		Example: `  starter prerequisite done sunrise-plano intent --evidence "DSHS confirmed it on 2026-02-10"
  starter prerequisite done lakeside site-agreement --evidence a.pdf --expires 2028-01-31`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.settlePrerequisite(cmd.Context(), args[0], args[1], o)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.evidence, "evidence", "", "a file, or words, without patients' names")
	cmd.Flags().StringVar(&o.expires, "expires", "", "last day on which it holds, YYYY-MM-DD")
	_ = cmd.MarkFlagRequired("evidence")
	return cmd
}

func (a *app) prerequisiteWaive() *cobra.Command {
	o := settleOptions{state: registry.PrerequisiteWaived}
	cmd := &cobra.Command{
		Use: "waive PRACTICE ITEM", Short: "Begin testing without an item, with a reason", Args: cobra.ExactArgs(2),
		Example: `  starter prerequisite waive lakeside contact-practice --reason "the coordinator is the practice"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.settlePrerequisite(cmd.Context(), args[0], args[1], o)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.reason, "reason", "", "why; it goes into the audit log")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) prerequisiteReopen() *cobra.Command {
	o := settleOptions{state: registry.PrerequisiteOpen}
	cmd := &cobra.Command{
		Use: "reopen PRACTICE ITEM", Short: "Take a word back: the item is open again", Args: cobra.ExactArgs(2),
		Long: `Opens an item again that a person had settled, or that was proven: it is open
until it is recorded, or proven, anew. A practice that tests already goes on.`,
		Example: `  starter prerequisite reopen sunrise-plano connection --reason "DSHS moves the account"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.settlePrerequisite(cmd.Context(), args[0], args[1], o)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.reason, "reason", "", "why; it goes into the audit log")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

// settled is what `prerequisite done, waive, reopen --output json` print.
type settled struct {
	Practice string                     `json:"practice"`
	Item     string                     `json:"item"`
	State    registry.PrerequisiteState `json:"state"`
	Changed  int                        `json:"changed"`
	// Left are the items that still stop testing.
	Left []activities.WantedPrerequisite `json:"left"`
}

func (a *app) settlePrerequisite(ctx context.Context, id, key string, o settleOptions) error {
	by, err := a.actorBy(o.by)
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	c, err := a.checklist(ctx, store, id)
	if err != nil {
		return err
	}
	sites, err := c.sites(key, o)
	if err != nil {
		return err
	}
	if err := o.expiry(c, key, a.now().Format(time.DateOnly)); err != nil {
		return err
	}
	words, document, err := a.keepEvidence(ctx, o.evidence)
	if err != nil {
		return err
	}
	var records []registry.PrerequisiteRecord
	for _, site := range sites {
		records = append(records, registry.PrerequisiteRecord{
			Key: key, Site: site, State: o.state, Evidence: words, EvidenceID: document, Expires: o.expires, Reason: o.reason,
		})
	}
	out := settled{Practice: id, Item: key, State: o.state, Left: []activities.WantedPrerequisite{}}
	if out.Changed, err = store.RecordPrerequisites(ctx, id, records, a.act(by, "prerequisite/"+id, o.reason)); err != nil {
		return err
	}
	if c, err = a.checklist(ctx, store, id); err != nil {
		return err
	}
	out.Left = append(out.Left, activities.Wanted(c.practice, c.items)...)
	a.nudge(ctx, c.practice)
	return a.show(out, func(s *screen) { s.settled(c.practice, out) })
}

func (s *screen) settled(p *registry.Practice, out settled) {
	said := map[registry.PrerequisiteState]string{
		registry.PrerequisiteDone: "is done", registry.PrerequisiteWaived: "is waived", registry.PrerequisiteOpen: "is open again",
	}[out.State]
	if out.Changed == 0 {
		s.line("%s: %s %s already; nothing changed.", out.Practice, out.Item, said)
	} else {
		s.line("%s: %s %s.", out.Practice, out.Item, said)
	}
	switch {
	case p.Phase != registry.PhaseRegistered:
	case len(out.Left) == 0:
		s.line("Nothing stops testing any more. Next: starter onboard %s", out.Practice)
	default:
		s.line("%s. Next: %s", plural(len(out.Left), "more is missing", "more are missing"), out.Left[0].Words)
		s.move("  ", out.Left[0].Move)
	}
}

// sites are the sites that a person speaks of; one empty name for an item of the
// practice.
func (c checklist) sites(key string, o settleOptions) ([]string, error) {
	var known, open, keys []string
	perSite := false
	for _, i := range c.items {
		if !slices.Contains(keys, i.Key) {
			keys = append(keys, i.Key)
		}
		if i.Key != key {
			continue
		}
		perSite, known = i.PerSite, append(known, i.Site)
		renewed := i.Ends != "" && i.Ends < o.expires
		if i.State == registry.PrerequisiteOpen || i.State == registry.PrerequisiteExpired || renewed {
			open = append(open, i.Site)
		}
	}
	switch {
	case len(known) == 0:
		return nil, refused("there is no item %q on the checklist of %s; it has %s", key, c.practice.ID, strings.Join(keys, ", "))
	case !perSite && (len(o.sites) > 0 || o.allSites):
		return nil, misused("%s is asked of the practice as a whole: leave --site out", key)
	case !perSite:
		return known, nil
	case o.allSites && o.state == registry.PrerequisiteOpen:
		return known, nil
	case o.allSites:
		return open, nil
	case len(o.sites) == 0 && len(known) == 1:
		return known, nil
	case len(o.sites) == 0:
		return nil, misused("%s is asked of each site: add --site %s, or --all-sites", key, known[0])
	}
	for _, site := range o.sites {
		if !slices.Contains(known, site) {
			return nil, refused("%s has no open site %q; starter practice show %s", c.practice.ID, site, c.practice.ID)
		}
	}
	return o.sites, nil
}

// expiry refuses a date of end where none belongs, and none where one does.
func (o settleOptions) expiry(c checklist, key, today string) error {
	if o.state != registry.PrerequisiteDone {
		return nil
	}
	n := slices.IndexFunc(c.items, func(i registry.PrerequisiteItem) bool { return i.Key == key })
	switch _, err := time.Parse(time.DateOnly, o.expires); {
	case !c.items[n].Expires && o.expires != "":
		return misused("%s does not end on a day: leave --expires out", key)
	case !c.items[n].Expires:
		return nil
	case o.expires == "":
		return misused("when does it end? --expires YYYY-MM-DD")
	case err != nil:
		return misused("--expires %q: a date such as 2028-01-31", o.expires)
	case o.expires < today:
		return refused("--expires %s: it ended before today; ask for a new one", o.expires)
	}
	return nil
}

// keepEvidence takes what a person gives as evidence: a file goes into the file store,
// anything else is words.
func (a *app) keepEvidence(ctx context.Context, given string) (words, document string, err error) {
	info, statErr := os.Stat(given)
	switch {
	case given == "":
		return "", "", nil
	case statErr != nil && looksLikeFile(given):
		return "", "", couldNot("%w (words are taken too: --evidence \"DSHS confirmed it on 2026-02-10\")", statErr)
	case statErr != nil:
		if strings.ContainsAny(given, "\r\n") {
			return "", "", misused("the evidence in words is one line")
		}
		return given, "", nil
	case info.IsDir() || info.Size() == 0 || info.Size() > maxEmail:
		return "", "", refused("%s is no document: a file of up to 25 MB", given)
	}
	f, err := os.Open(given)
	if err != nil {
		return "", "", couldNot("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	store, err := a.fileStore(ctx)
	if err != nil {
		return "", "", err
	}
	kept, err := store.Put(ctx, f)
	if err != nil {
		return "", "", err
	}
	return "", kept.Key, nil
}

// looksLikeFile tells a path that is mistyped from words.
func looksLikeFile(given string) bool {
	if strings.ContainsAny(given, " ") {
		return false
	}
	return strings.ContainsAny(given, `/\`) || strings.Contains(given, ".")
}

// nudge has the practice's process look at once. That it cannot is no failure: it
// looks by itself the next morning.
func (a *app) nudge(ctx context.Context, p *registry.Practice) {
	if p.Phase == registry.PhaseWithdrawn {
		return
	}
	eng, err := a.engine(ctx)
	if err == nil {
		err = eng.Signal(ctx, workflows.OnboardingID(p.ID), workflows.SignalPrerequisitesChanged.Name, workflows.PrerequisitesChanged{})
	}
	if err != nil {
		a.note("It is recorded. Temporal did not answer, so that the practice's process looks at it tomorrow.")
	}
}
