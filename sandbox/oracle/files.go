package oracle

import (
	"slices"
	"strings"
	"time"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// approvedAt is when a practice went to production, and whether it ever did. A
// practice that was live before it came to us went there when it was added.
func approvedAt(s *store, practice string) (time.Time, bool) {
	for _, m := range s.moves {
		live := m.Kind == "phase" && m.From == string(registry.PhaseInReview) || m.Kind == "practice-added"
		if m.Practice == practice && live && m.To == string(registry.PhaseProduction) {
			return m.RecordedAt, true
		}
	}
	return time.Time{}, false
}

func realData(l registry.Lane) bool {
	return l == registry.LaneProduction || l == registry.LaneHistorical
}

func earlyProduction(f *facts) []found {
	var out []found
	for _, a := range f.shore.all {
		p, known := f.practiceOf(a.account)
		if !known || !realData(a.lane) {
			continue
		}
		at, live := approvedAt(f.after, p.ID)
		switch {
		case !live:
			out = append(out, say(a.id, "%s: the %s file %s reached the registry and the practice is not in production", p.ID, a.lane, a.name))
		case a.at.Before(at):
			out = append(out, say(a.id, "%s: the %s file %s reached the registry %s before the practice went to production",
				p.ID, a.lane, a.name, at.Sub(a.at).Round(time.Millisecond)))
		}
	}
	for _, p := range f.w.Practices {
		at, live := approvedAt(f.after, p.ID)
		if email := f.productionEmail(p); live && at.Before(email) {
			out = append(out, say("", "%s: it went to production %s before the Production email was written",
				p.ID, email.Sub(at).Round(time.Millisecond)))
		}
	}
	return out
}

// productionEmail is when the registry told that the practice is approved: the
// first mail of the registry about it that speaks of production, else what the
// rehearsal says. Zero where nobody knows.
func (f *facts) productionEmail(p Practice) time.Time {
	var first time.Time
	for i := range f.mails {
		m := &f.mails[i]
		about := !f.ours(m) && m.about(f.w.Practices) == p.ID && strings.Contains(strings.ToLower(m.subject), "production")
		if about && (first.IsZero() || m.at.Before(first)) {
			first = m.at
		}
	}
	if first.IsZero() {
		return p.ApprovedAt
	}
	return first
}

func wrongProcessingID(f *facts) []found {
	var out []found
	for i := range f.shore.ledger {
		r := &f.shore.ledger[i]
		for id, n := range r.ProcessingIDs {
			if id != f.processingID(r.Lane) {
				out = append(out, say(r.ID, "the %s file %s holds %d messages with processing ID %q", r.Lane, r.Name, n, id))
			}
		}
	}
	return out
}

func testPatient(f *facts) []found {
	var out []found
	for i := range f.shore.ledger {
		r := &f.shore.ledger[i]
		if realData(r.Lane) && r.TestPatients > 0 {
			out = append(out, say(r.ID, "the %s file %s holds %d test patients", r.Lane, r.Name, r.TestPatients))
		}
	}
	return out
}

// sentTwice looks at test and production files; the historical ones have an
// invariant of their own.
func sentTwice(f *facts) []found {
	return repeated(f, func(l registry.Lane) bool { return l != registry.LaneHistorical })
}

// repeated finds files whose messages came before, as a whole, and single
// messages of production files that came before and had not been refused. A
// test file may hold what another one held, and so may a correction.
func repeated(f *facts, in func(registry.Lane) bool) []found {
	var out []found
	files := map[[3]string]*fakeregistry.Received{}
	for i := range f.shore.ledger {
		r := &f.shore.ledger[i]
		if !in(r.Lane) {
			continue
		}
		content := r.ContentSHA256
		if len(r.Messages) == 0 {
			content = r.SHA256 // nothing could be read of it
		}
		key := [3]string{r.Account, r.Folder, content}
		if first := files[key]; first != nil {
			out = append(out, say(r.ID, "the %s file %s holds what %s held", r.Lane, r.Name, first.Name))
			continue
		}
		files[key] = r
	}
	return append(out, repeatedMessages(f, in, out)...)
}

func repeatedMessages(f *facts, in func(registry.Lane) bool, told []found) []found {
	type place struct{ account, folder, digest string }
	type sight struct {
		file    *fakeregistry.Received
		refused bool
	}
	var out []found
	first := map[place]sight{}
	for i := range f.shore.ledger {
		r := &f.shore.ledger[i]
		whole := slices.ContainsFunc(told, func(t found) bool { return t.about == r.ID })
		if f.w.Overlap || !in(r.Lane) || r.Lane == registry.LaneTest || whole {
			continue
		}
		n, from := 0, ""
		for _, m := range r.Messages {
			k := place{r.Account, r.Folder, m.SHA256}
			before, seen := first[k]
			if seen && before.file.ID != r.ID && (!before.refused || r.Lane == registry.LaneHistorical) {
				n, from = n+1, before.file.Name
			}
			if !seen || before.refused {
				first[k] = sight{r, m.Outcome.Bad()}
			}
		}
		if n > 0 {
			out = append(out, say(r.ID, "the %s file %s repeats %d messages, such as some of %s", r.Lane, r.Name, n, from))
		}
	}
	return out
}

func historyTwice(f *facts) []found {
	out := repeated(f, func(l registry.Lane) bool { return l == registry.LaneHistorical })
	for _, a := range f.shore.all {
		p, known := f.practiceOf(a.account)
		if !known || a.lane != registry.LaneHistorical {
			continue
		}
		for _, m := range f.after.moves {
			if m.Practice == p.ID && m.Kind == "history" && m.To == string(registry.HistoryClosed) && a.at.After(m.RecordedAt) &&
				!slices.ContainsFunc(out, func(t found) bool { return t.about == a.id }) {
				out = append(out, say(a.id, "%s: the historical file %s came after the load was closed", p.ID, a.name))
			}
		}
	}
	return out
}

// falseSuccess holds what PostgreSQL called done, before anything else was
// looked at, against what is there.
func falseSuccess(f *facts) []found {
	var out []found
	for _, d := range f.before.deliveries {
		if d.State != "confirmed" || d.How == string(registry.ConfirmedByPerson) {
			continue
		}
		if id, why := f.notThere(d); why != "" {
			out = append(out, say(id, "%s: the delivery %s (%s) is called confirmed, and %s", d.Practice, d.ID, d.RemoteName, why))
		}
	}
	arrived := map[string]bool{}
	for _, m := range f.mails {
		arrived[m.messageID] = true
	}
	for _, n := range f.before.notices {
		if n.State == "sent" && !arrived[n.MessageID] {
			out = append(out, say("", "%s: the letter about %s is called sent and was not caught", n.Practice, n.Event))
		}
	}
	return out
}

// notThere says what is wrong with a delivery that should be at the registry,
// or "", and which file there has its name.
func (f *facts) notThere(d deliveryRow) (id, why string) {
	account := f.account(d.Practice)
	if account == "" {
		return "", "nobody knows the practice's account"
	}
	same := f.shore.named(account, d.RemoteName)
	if len(same) == 0 {
		return "", "no file of that name reached the registry"
	}
	for _, a := range same {
		id = a.id
		switch {
		case string(a.lane) != d.Lane:
			why = "the file lies among the " + string(a.lane) + " files"
		case a.size != d.Size:
			why = "the file has another size there"
		case a.sha256 != d.Digest:
			why = "the file holds something else there"
		default:
			return "", ""
		}
	}
	return id, why
}

// unknownFile finds files at the registry that no delivery accounts for.
func unknownFile(f *facts) []found {
	var out []found
	for _, a := range f.shore.all {
		p, known := f.practiceOf(a.account)
		if !known {
			out = append(out, say(a.id, "the %s file %s came from an account that no practice has", a.lane, a.name))
			continue
		}
		if _, ok := f.delivery(p.ID, a); !ok {
			out = append(out, say(a.id, "%s: the %s file %s is no delivery of ours", p.ID, a.lane, a.name))
		}
	}
	return out
}

// delivery is the one that brought a file.
func (f *facts) delivery(practice string, a arrived) (deliveryRow, bool) {
	for _, d := range f.after.deliveries {
		if d.Practice == practice && d.Lane == string(a.lane) && d.RemoteName == a.name && strings.EqualFold(d.Digest, a.sha256) {
			return d, true
		}
	}
	return deliveryRow{}, false
}
