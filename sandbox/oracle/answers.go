package oracle

import (
	"errors"
	"io/fs"
	"path/filepath"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// answered is a file that the registry judged, with the report that answers it
// as the product knows it.
type answered struct {
	practice Practice
	entry    *fakeregistry.Received
	delivery *deliveryRow // nil where the file is none of ours
	report   *reportRow   // nil where it was not taken in
	// beside are control IDs of other files that the same report answers.
	beside map[string]bool
}

// answers pairs the ledger with deliveries and reports. A report goes by its
// name: the registry calls no two of an account the same. One of a day or a
// week answers several files.
func (f *facts) answers() []answered {
	byName := map[[2]string]*reportRow{} // practice, name
	sharing := map[[2]string][]*fakeregistry.Received{}
	for i := range f.after.reports {
		r := &f.after.reports[i]
		for _, id := range f.after.practicesOn(r.Connection) {
			byName[[2]string{id, r.Name}] = r
		}
	}
	var all []answered
	for _, a := range f.shore.all {
		p, known := f.practiceOf(a.account)
		if !known || a.entry == nil {
			continue
		}
		one := answered{practice: p, entry: a.entry, report: byName[[2]string{p.ID, a.entry.Answer}]}
		if d, ok := f.delivery(p.ID, a); ok {
			one.delivery = &d
		}
		key := [2]string{p.ID, a.entry.Answer}
		sharing[key] = append(sharing[key], a.entry)
		all = append(all, one)
	}
	for i := range all {
		all[i].beside = map[string]bool{}
		for _, r := range sharing[[2]string{all[i].practice.ID, all[i].entry.Answer}] {
			if r == all[i].entry {
				continue
			}
			for _, m := range r.Messages {
				all[i].beside[m.ControlID] = true
			}
		}
	}
	return all
}

func reportOnce(f *facts) []found {
	var out []found
	first := map[string]reportRow{}
	for _, r := range f.after.reports {
		// Where there was nothing to list, two reports may be the same bytes.
		if r.State != "imported" || r.Records == 0 {
			continue
		}
		if before, twice := first[r.Digest]; twice {
			out = append(out, say("", "the report %s (%s) was imported twice, as %s and %s", r.Name, r.Connection, before.ID, r.ID))
			continue
		}
		first[r.Digest] = r
	}
	for _, a := range f.answers() {
		if a.report == nil || a.report.State != "imported" {
			continue
		}
		if why := f.otherBytes(a); why != "" {
			out = append(out, say("", "%s: the report %s (%s) %s", a.practice.ID, a.report.ID, a.report.Name, why))
			continue
		}
		if why := a.differs(f.after.items[a.report.ID]); why != "" {
			out = append(out, say("", "%s: the report %s (%s) %s", a.practice.ID, a.report.ID, a.report.Name, why))
		}
	}
	return out
}

// otherBytes compares what was imported with what the registry published, where
// that still lies there.
func (f *facts) otherBytes(a answered) string {
	home := filepath.Join(f.w.RegistryDir, "homes", a.entry.Account)
	path := filepath.Join(home, filepath.FromSlash(fakeregistry.DefaultFolders().Reports), a.entry.Answer)
	_, sum, err := digest(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && sum == a.report.Digest {
		return ""
	}
	return "was imported with other bytes than the registry published"
}

// complaintKey is one thing that the registry said about one message. Repeats
// of it within a message are one.
type complaintKey struct{ control, code string }

// differs compares the imported items with the ledger, by message and code.
func (a *answered) differs(items []itemRow) string {
	want, messages := map[complaintKey]bool{}, map[string]bool{}
	for _, m := range a.entry.Messages {
		messages[m.ControlID] = true
		for _, code := range m.Codes {
			want[complaintKey{m.ControlID, code}] = true
		}
	}
	if a.entry.Verdicts[registry.OutcomeFileRejected] > 0 || len(a.entry.Messages) == 0 {
		return a.differsAsWhole(items)
	}
	got := map[complaintKey]bool{}
	for _, i := range items {
		k := complaintKey{i.ControlID, i.Code}
		if a.beside[i.ControlID] && !messages[i.ControlID] {
			continue
		}
		switch {
		case i.ControlID != "" && !messages[i.ControlID]:
			return "has an item about a message that the file did not hold"
		case i.Code != "" && !want[k]:
			return "has an item with code " + i.Code + " that the registry did not write"
		case a.delivery != nil && i.ControlID != "" && i.FileID != a.delivery.FileID:
			return "has an item that was not matched with file " + a.delivery.FileID
		}
		got[k] = true
	}
	for k := range want {
		if !got[k] {
			return "lacks an item with code " + k.code
		}
	}
	return ""
}

func (a *answered) differsAsWhole(items []itemRow) string {
	got := map[string]bool{}
	for _, i := range items {
		got[i.Code] = true
	}
	for code := range a.entry.Codes {
		if !got[code] {
			return "lacks an item with code " + code
		}
	}
	return ""
}

// matters reports whether the registry kept something out for this code.
func (f *facts) matters(code string) bool {
	return registry.FamilyOf(code).Outcome().Bad() && !f.catalogue[code].Harmless
}

func ackJudged(f *facts) []found {
	all := f.answers()
	return append(f.needless(all), f.missing(all)...)
}

// needless finds errors for what the registry only warned of, or did not say.
func (f *facts) needless(all []answered) []found {
	byFile := map[string][]*fakeregistry.Received{}
	for _, a := range all {
		if a.delivery != nil {
			byFile[a.delivery.FileID] = append(byFile[a.delivery.FileID], a.entry)
		}
	}
	var out []found
	for _, e := range f.after.errors {
		if entry, known := f.catalogue[e.Code]; known && !f.matters(e.Code) {
			what := "a warning"
			if entry.Harmless {
				what = "harmless"
			}
			out = append(out, say("", "%s: the error %s was opened for %s, which is %s", e.Practice, e.ID, e.Code, what))
			continue
		}
		said := false
		for _, r := range byFile[e.FileID] {
			said = said || saidOf(r, e.ControlID, e.Code)
		}
		if !said {
			out = append(out, say("", "%s: the error %s was opened for %q on a message of file %s of which the registry did not say that",
				e.Practice, e.ID, e.Code, e.FileID))
		}
	}
	return out
}

// saidOf reports whether the registry said code of a message; without a code,
// whether it refused it.
func saidOf(r *fakeregistry.Received, control, code string) bool {
	if registry.FamilyOf(code) == registry.FamilyFile {
		return r.Codes[code] > 0
	}
	for _, m := range r.Messages {
		if m.ControlID != control {
			continue
		}
		if code == "" && m.Outcome.Bad() {
			return true
		}
		for _, c := range m.Codes {
			if c == code {
				return true
			}
		}
	}
	return false
}

// missing finds refusals that were reported and are in nobody's list. Several
// may be one error, which counts them.
func (f *facts) missing(all []answered) []found {
	type key struct{ practice, code string }
	want, have := map[key]int{}, map[key]int{}
	var order []key
	for _, a := range all {
		if a.delivery == nil || a.report == nil || !a.report.Reconciled {
			continue
		}
		for code := range refusals(a.entry) {
			if !f.matters(code.code) {
				continue
			}
			k := key{a.practice.ID, code.code}
			if want[k] == 0 {
				order = append(order, k)
			}
			want[k]++
		}
	}
	for _, e := range f.after.errors {
		have[key{e.Practice, e.Code}] += e.Times
	}
	var out []found
	for _, k := range order {
		if have[k] < want[k] {
			out = append(out, say("", "%s: the registry refused %d messages for %s, and the list of errors counts %d", k.practice, want[k], k.code, have[k]))
		}
	}
	return out
}

// refusals are the distinct things said about a file's messages, or about the
// file as a whole.
func refusals(r *fakeregistry.Received) map[complaintKey]bool {
	said := map[complaintKey]bool{}
	if r.Verdicts[registry.OutcomeFileRejected] > 0 {
		for code := range r.Codes {
			said[complaintKey{"", code}] = true
		}
		return said
	}
	for _, m := range r.Messages {
		if m.ControlID == "" {
			continue // nobody can tell which message it was
		}
		for _, code := range m.Codes {
			said[complaintKey{m.ControlID, code}] = true
		}
	}
	return said
}
