package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/hl7"
	"immtrail/registry"
)

// VersionKey is the row of the profile that a file in HL7 2.5.1 proves.
const VersionKey = "hl7-version"

// WantedPrerequisite is what keeps testing from starting: one row of the
// checklist, with the sites that it is wanted of.
type WantedPrerequisite struct {
	Key   string `json:"key"`
	Owner string `json:"owner"`
	// Words say what is missing and why, Move what moves it.
	Words string `json:"words"`
	Move  string `json:"move"`
}

// Checklist is the practice's checklist as the profile asks it on the day date.
// It is no activity: what it returns grows with the sites.
func Checklist(ctx context.Context, store *db.Store, p *registry.Practice, profile *registry.Profile, date time.Time) ([]registry.PrerequisiteItem, error) {
	facts, err := store.PrerequisiteFacts(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	facts.Today = inZone(date, p.Zone).Format(time.DateOnly)
	facts.RegistryContact = profile.DataExchangeEmail != ""
	facts.NamesCarryIIS = strings.Contains(profile.File.NameTemplate, "{iis}")
	return registry.Checklist(p, profile.Prerequisites, facts), nil
}

// Wanted gathers what stops testing, row by row: sixty sites without an agreement
// are one line.
func Wanted(p *registry.Practice, items []registry.PrerequisiteItem) []WantedPrerequisite {
	var wanted []WantedPrerequisite
	for i := 0; i < len(items); {
		end := i
		var open []registry.PrerequisiteItem
		for ; end < len(items) && items[end].Key == items[i].Key; end++ {
			if items[end].Stops() {
				open = append(open, items[end])
			}
		}
		if len(open) > 0 {
			wanted = append(wanted, WantedPrerequisite{
				Key: open[0].Key, Owner: open[0].Owner, Words: wantedWords(open), Move: PrerequisiteMove(p, open),
			})
		}
		i = end
	}
	return wanted
}

// sitesNamed is how many sites are named before the others are counted.
const sitesNamed = 3

func wantedWords(open []registry.PrerequisiteItem) string {
	words := open[0].Says
	if open[0].Site == "" {
		return words + ": " + open[0].Why
	}
	var sites []string
	for _, i := range open[:min(len(open), sitesNamed)] {
		sites = append(sites, i.Site)
	}
	if len(open) > sitesNamed {
		return fmt.Sprintf("%s, of %d sites: %s and %d more", words, len(open), strings.Join(sites, ", "), len(open)-sitesNamed)
	}
	words += ", of " + strings.Join(sites, ", ")
	if len(open) == 1 {
		words += ": " + open[0].Why
	}
	return words
}

// PrerequisiteMove is the command that moves items of one row, to be pasted; what
// is in capitals has to be filled in.
func PrerequisiteMove(p *registry.Practice, open []registry.PrerequisiteItem) string {
	first := open[0]
	switch first.Proof {
	case registry.ProofConnection:
		return "starter connection test " + p.Connection
	case registry.ProofOrgCode, registry.ProofIISID, registry.ProofPrescribers, registry.ProofContactPractice,
		registry.ProofContactVendor, registry.ProofContactRegistry, registry.ProofContactCoordinator:
		return "starter practice add " + p.ID + ".yaml (with the change in it; starter practice show " + p.ID + " -o yaml prints what is known)"
	case registry.ProofNone, registry.ProofAgreement, registry.ProofVersion:
	}
	command := fmt.Sprintf("starter prerequisite done %s %s", p.ID, first.Key)
	switch {
	case len(open) > 1:
		command += " --all-sites"
	case first.Site != "":
		command += " --site " + first.Site
	}
	command += " --evidence FILE"
	if first.Expires {
		command += " --expires DATE"
	}
	return command
}

// WaivePrerequisitesInput is a person's word that testing starts without what is
// missing.
type WaivePrerequisitesInput struct {
	Scope
	By     registry.Actor `json:"by"`
	Reason string         `json:"reason"`
	Key    string         `json:"key"`
}

// WaivePrerequisites waives each item that stops testing, in that person's name.
// Repeating it changes nothing. Kind Invalid without a reason.
func (a *Practices) WaivePrerequisites(ctx context.Context, in WaivePrerequisitesInput) (Done, error) {
	return Done{}, fail(ctx, a.waive(ctx, in))
}

func (a *Practices) waive(ctx context.Context, in WaivePrerequisitesInput) error {
	p, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return err
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return err
	}
	items, err := Checklist(ctx, a.DB, p, profile, in.date(a.Clock))
	if err != nil {
		return err
	}
	var records []registry.PrerequisiteRecord
	for _, i := range items {
		if i.Stops() {
			records = append(records, registry.PrerequisiteRecord{
				Key: i.Key, Site: i.Site, State: registry.PrerequisiteWaived, Reason: in.Reason,
			})
		}
	}
	_, err = a.DB.RecordPrerequisites(ctx, in.Practice, records, a.act(in.Scope, in.Key, in.By, in.Reason))
	return err
}

// SeeVersionInput asks whether a file that waits in the outbox for test files
// tells the version of HL7 that the EHR writes.
type SeeVersionInput struct {
	Scope
	Key string `json:"key"`
}

// SeeVersion looks at the first message of the files in the outbox for test
// files, and records the item whose proof is the version when one is in HL7
// 2.5.1. The files stay where they are. An outbox that is not there shows
// nothing. Repeating it changes nothing.
func (a *Files) SeeVersion(ctx context.Context, in SeeVersionInput) (Done, error) {
	return Done{}, fail(ctx, a.seeVersion(ctx, in))
}

func (a *Files) seeVersion(ctx context.Context, in SeeVersionInput) error {
	o, err := a.openOutbox(in.Practice, registry.LaneTest)
	switch {
	case err != nil && registry.KindOf(err) == registry.Missing:
		return nil
	case err != nil:
		return err
	}
	defer o.close()
	files, _, err := o.list()
	if err != nil {
		return err
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !o.speaks251(f) {
			continue
		}
		var records []registry.PrerequisiteRecord
		for _, row := range profile.Prerequisites {
			if row.Proof == registry.ProofVersion && !row.Off {
				records = append(records, registry.PrerequisiteRecord{
					Key: row.Key, State: registry.PrerequisiteDone, Evidence: "a file in the outbox for test files is in HL7 2.5.1",
				})
			}
		}
		_, err := a.DB.RecordPrerequisites(ctx, in.Practice, records,
			(&Practices{Clock: a.Clock}).act(in.Scope, in.Key, registry.System, ""))
		return err
	}
	return nil
}

// speaks251 reports whether the first message of a file is in HL7 2.5.1. A file
// that cannot be read says nothing.
func (o *outbox) speaks251(f outboxFile) bool {
	file, err := o.root.Open(o.lane + "/" + f.name)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // only read from
	version, err := firstVersion(file)
	return err == nil && version == "2.5.1"
}

// firstVersion is MSH-12 of the first message.
func firstVersion(r io.Reader) (string, error) {
	reader := hl7.NewReader(r, hl7.Limits{})
	for {
		u, err := reader.Next()
		if err != nil {
			return "", err
		}
		if u.Kind != hl7.KindMessage {
			continue
		}
		msh := u.Segment("MSH")
		if msh == nil {
			return "", errors.New("a message without MSH")
		}
		return string(msh.Component(12, 1)), nil
	}
}
