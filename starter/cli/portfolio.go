package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// statusAsked narrows the overview of all practices.
type statusAsked struct {
	attention, overdue, watch bool
	vendor, owner, site       string
	every                     time.Duration
}

func (a *app) statusCommand() *cobra.Command {
	var asked statusAsked
	cmd := &cobra.Command{
		Use: "status [PRACTICE]", Short: "See who must do what next, since when", Args: cobra.MaximumNArgs(1),
		Long: `Lists the practices, and those of their sites that need somebody, with their stage,
what they wait for, whose turn it is and since when, when it is due and how many
errors are open. What needs you comes first, then what practices, vendors and the
registry owe; in each, what is overdue and what has waited longest. Under each row
stands the command, or the telephone call, that moves it. With a practice it also
shows its files and what waits for you. --owner with the name or address of a
coordinator shows what is that person's to do.`,
		Example: `  starter status
  starter status --owner you --overdue
  starter status --owner "Mary Major"
  starter status --vendor ehr.example.com
  starter status --site elgin
  starter status --watch
  starter status sunrise-plano`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if asked.any() || asked.watch {
					return misused("with a practice there is nothing to narrow: leave the flags out, or leave %s out", args[0])
				}
				return a.statusOf(cmd.Context(), args[0])
			}
			if asked.watch {
				return a.watchStatus(cmd.Context(), asked)
			}
			return a.status(cmd.Context(), asked)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asked.attention, "attention", false, "only what needs you")
	f.BoolVar(&asked.overdue, "overdue", false, "only what is past its date")
	f.StringVar(&asked.owner, "owner", "", "whose turn: you, practice, vendor, registry, or a coordinator's name")
	f.StringVar(&asked.vendor, "vendor", "", "the EHR vendor: address, the part behind its @, or name")
	f.StringVar(&asked.site, "site", "", "only this site")
	f.BoolVar(&asked.watch, "watch", false, "show it anew whenever it changes, until Ctrl-C")
	f.DurationVar(&asked.every, "every", 2*time.Second, "with --watch: how often to look")
	return cmd
}

// name is how a row is called: a site stands behind its practice.
func (l statusLine) name() string {
	if l.Site == "" {
		return l.Practice
	}
	return l.Practice + "/" + l.Site
}

// errorWords say how many errors are open.
func errorWords(l statusLine) string {
	if l.OpenErrors == 0 {
		return ""
	}
	words := "; " + plural(l.OpenErrors, "open error", "open errors")
	if l.OverdueErrors > 0 {
		words += fmt.Sprintf(", %d overdue", l.OverdueErrors)
	}
	return words
}

func (a *app) status(ctx context.Context, asked statusAsked) error {
	lines, practices, err := a.portfolio(ctx, asked)
	if err != nil {
		return err
	}
	loose, err := a.looseHolds(ctx, asked)
	if err != nil {
		return err
	}
	return a.show(lines, func(s *screen) {
		if len(lines) > 0 || loose == 0 {
			s.portfolio(a.now(), lines, practices, asked)
		}
		if loose > 0 {
			s.line("%s: starter hold list",
				plural(loose, "thing waits for you that concerns no one practice", "things wait for you that concern no one practice"))
		}
	})
}

// looseHolds counts what waits and stands in no practice's row: a report that cannot be
// fetched, for instance.
func (a *app) looseHolds(ctx context.Context, asked statusAsked) (int, error) {
	if asked.any() && !asked.attention {
		return 0, nil
	}
	store, err := a.store(ctx)
	if err != nil {
		return 0, err
	}
	holds, err := store.Holds(ctx, "", true)
	n := 0
	for _, h := range holds {
		if h.Practice == "" && h.Connection == "" && h.Server == "" {
			n++
		}
	}
	return n, err
}

// any reports whether only some rows are asked for.
func (q statusAsked) any() bool {
	return q.attention || q.overdue || q.vendor != "" || q.owner != "" || q.site != ""
}

func (s *screen) portfolio(now time.Time, lines []statusLine, practices int, asked statusAsked) {
	switch {
	case practices == 0:
		s.line("There is no practice yet. Next: starter practice add FILE.yaml")
	case len(lines) == 0 && (asked.overdue || asked.site != "" || asked.vendor != "" || asked.owner != ""):
		s.line("Nothing of that kind. All practices: starter status")
	case len(lines) == 0:
		s.line("Nothing waits for you.")
	default:
		s.status(now, lines)
	}
}

// watchStatus shows the overview again whenever it has changed, until it is
// stopped.
func (a *app) watchStatus(ctx context.Context, asked statusAsked) error {
	tick := time.NewTicker(max(asked.every, 100*time.Millisecond))
	defer tick.Stop()
	shown := []byte(nil)
	for {
		lines, practices, err := a.portfolio(ctx, asked)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var page bytes.Buffer
		screen := &screen{w: &page, color: a.screen().color}
		screen.portfolio(a.now(), lines, practices, asked)
		if ctx.Err() == nil && !bytes.Equal(page.Bytes(), shown) {
			shown = page.Bytes()
			if err := a.redraw(lines, shown); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// redraw clears a terminal; elsewhere one overview follows the other.
func (a *app) redraw(lines []statusLine, page []byte) error {
	if a.output == outputJSON {
		return a.show(lines, nil)
	}
	head := "\n" + a.now().Format(time.DateTime) + "\n\n"
	if a.env.IsTerminal {
		head = "\x1b[H\x1b[2J" + head[1:]
	}
	if _, err := a.env.Stdout.Write(append([]byte(head), page...)); err != nil {
		return couldNot("%w", err)
	}
	return nil
}

// portfolio are the rows of all practices and of the sites that need somebody,
// sorted by who must act; practices counts all.
func (a *app) portfolio(ctx context.Context, asked statusAsked) (lines []statusLine, practices int, err error) {
	store, err := a.store(ctx)
	if err != nil {
		return nil, 0, err
	}
	now := a.now()
	all, err := store.Portfolio(ctx, now)
	if err != nil {
		return nil, 0, err
	}
	if err := ownerKnown(asked.owner, all); err != nil {
		return nil, 0, err
	}
	if err := vendorKnown(asked.vendor, all); err != nil {
		return nil, 0, err
	}
	known := make([]*registry.Practice, len(all))
	byID := make(map[string]db.PortfolioPractice, len(all))
	for i, p := range all {
		known[i] = &registry.Practice{ID: p.ID, Name: p.Name, Phase: p.Phase, Connection: p.Connection}
		byID[p.ID] = p
	}
	rows := []statusLine{}
	if asked.site == "" {
		if rows, err = a.statusLines(ctx, store, known, ""); err != nil {
			return nil, 0, err
		}
	}
	sites, err := store.PortfolioSites(ctx, now, asked.site)
	if err != nil {
		return nil, 0, err
	}
	if asked.site != "" && len(sites) == 0 {
		return nil, 0, misused("--site %s: no practice has such a site; starter practice show PRACTICE lists them", asked.site)
	}
	for _, s := range sites {
		rows = append(rows, siteLine(s))
	}
	lines, told := []statusLine{}, map[string]bool{}
	for _, l := range rows {
		p := byID[l.Practice]
		l.Vendor, l.Coordinators = p.Vendor, p.Coordinators
		// Errors are told once, in the first row of the practice.
		if l.Site == "" && l.Source != "connection" && !told[l.Practice] {
			told[l.Practice] = true
			l.Sites, l.OpenErrors, l.OverdueErrors = p.Sites, p.Open, p.Overdue
			if l.Due == nil && p.Open > 0 && p.Phase != registry.PhaseWithdrawn {
				l.Due = p.Due
			}
		}
		l.age(now)
		if asked.wants(l, p) {
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, byWhoMustAct)
	return lines, len(all), nil
}

// siteLine is the row of a site.
func siteLine(s db.PortfolioSite) statusLine {
	l := statusLine{
		Practice: s.Practice, Site: s.Site, Phase: s.Phase, Source: "site", Stage: s.Phase.Words(),
		Next: "nothing", Whose: "nobody", OpenErrors: s.Open, OverdueErrors: s.Overdue, Due: s.Due, Since: s.Since,
		Move: "starter practice show " + s.Practice,
	}
	if s.Open > 0 {
		l.Next, l.Whose, l.Attention = "settle what the registry refused", "you", s.Overdue > 0
		l.Move = fmt.Sprintf("starter errors list --practice %s --site %s", s.Practice, s.Site)
	}
	if s.Incident != "" {
		l.Next, l.Whose, l.Attention = s.Words, "you", true
		switch s.Incident {
		case activities.IncidentQuietSite, activities.IncidentFloorWarning, activities.IncidentFloor:
			l.Stage += ", silent"
			l.Move = activities.AttestMove(s.Practice, s.Site)
		}
	}
	return l
}

// age counts the days that a row waits and whether it is late.
func (l *statusLine) age(now time.Time) {
	if l.Since != nil {
		l.Days = max(0, int(now.Sub(*l.Since)/(24*time.Hour)))
	}
	l.Overdue = l.OverdueErrors > 0 || l.Due != nil && l.Due.Before(now)
}

func (q statusAsked) wants(l statusLine, p db.PortfolioPractice) bool {
	switch {
	case q.attention && !l.Attention, q.overdue && !l.Overdue:
		return false
	case q.vendor != "" && !hasVendor(p, q.vendor):
		return false
	}
	owner := strings.ToLower(q.owner)
	return owner == "" || owner == strings.ToLower(l.Whose) || owner == "vendor" && l.Whose == "EHR vendor" ||
		l.Whose == "you" && coordinates(p, owner)
}

// coordinates reports whether somebody, by name or address in small letters, is the
// practice's coordinator.
func coordinates(p db.PortfolioPractice, who string) bool {
	return slices.ContainsFunc(p.Coordinators, func(c string) bool { return strings.ToLower(c) == who })
}

// ownerKnown refuses an owner who is nobody: an empty overview would say that
// nothing waits.
func ownerKnown(owner string, all []db.PortfolioPractice) error {
	owner = strings.ToLower(owner)
	if slices.Contains([]string{"", "you", "practice", "vendor", "ehr vendor", "registry", "nobody"}, owner) ||
		slices.ContainsFunc(all, func(p db.PortfolioPractice) bool { return coordinates(p, owner) }) {
		return nil
	}
	return misused("--owner %q is nobody who coordinates a practice: you, practice, vendor, registry, or a coordinator's name or address", owner)
}

// hasVendor reports whether a practice's EHR vendor is called so: by address, by the
// part behind its @, or by name.
func hasVendor(p db.PortfolioPractice, vendor string) bool {
	_, domain, _ := strings.Cut(p.Vendor, "@")
	return p.ID != "" && slices.ContainsFunc([]string{p.Vendor, domain, p.VendorName}, func(of string) bool {
		return of != "" && strings.EqualFold(of, vendor)
	})
}

// vendorKnown refuses a vendor whom nobody has, as ownerKnown does.
func vendorKnown(vendor string, all []db.PortfolioPractice) error {
	if vendor == "" || slices.ContainsFunc(all, func(p db.PortfolioPractice) bool { return hasVendor(p, vendor) }) {
		return nil
	}
	return misused("--vendor %q is no practice's EHR vendor: its address, the part behind the @, or its name, as starter practice show PRACTICE has it", vendor)
}

// owners in the order in which the overview names them.
var owners = []string{"you", "practice", "EHR vendor", "registry"}

// byWhoMustAct puts what needs you first, then by whose turn it is; what is
// overdue before what is not, and then what has waited longest.
func byWhoMustAct(x, y statusLine) int {
	rank := func(l statusLine) int {
		n := slices.Index(owners, l.Whose)
		if n < 0 {
			n = len(owners)
		}
		return n
	}
	first := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case a:
			return -1
		}
		return 1
	}
	return cmp.Or(first(x.Attention, y.Attention), cmp.Compare(rank(x), rank(y)), first(x.Overdue, y.Overdue), cmp.Compare(y.Days, x.Days))
}

// callOf is the registry's telephone and address for a practice. Profiles without
// an override of their own are read once.
func (a *app) callOf(practice string) (phone, mail string, ok bool) {
	if a.cfg == nil {
		return "", "", false
	}
	key := ""
	if exists(filepath.Join(a.cfg.Profile.Dir, "practices", practice+".yaml")) {
		key = practice
	}
	if known, ok := a.calls[key]; ok {
		return known[0], known[1], true
	}
	loaded, err := a.loadProfile(key)
	if err != nil {
		return "", "", false
	}
	if a.calls == nil {
		a.calls = map[string][2]string{}
	}
	a.calls[key] = [2]string{loaded.Profile.DataExchangePhone, loaded.Profile.DataExchangeEmail}
	return loaded.Profile.DataExchangePhone, loaded.Profile.DataExchangeEmail, true
}
