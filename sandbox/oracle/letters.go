package oracle

import (
	"cmp"
	"slices"
	"strings"

	"immtrail/registry"
)

// ours reports whether a mail is one of the product's: what the registry wrote
// itself lies in the same folder.
func (f *facts) ours(m *caught) bool { return !f.registryMail(m.from) }

func oneLetter(f *facts) []found {
	var out []found
	recorded := map[string]bool{}
	for _, n := range f.after.notices {
		recorded[n.MessageID] = true
	}
	first := map[string]*caught{}   // by Message-ID
	said := map[[32]byte]*caught{}  // by words
	kinds := map[[2]string]*count{} // by practice and kind
	for i := range f.mails {
		m := &f.mails[i]
		if !f.ours(m) {
			continue
		}
		if before := first[m.messageID]; before != nil {
			if before.words() != m.words() {
				out = append(out, say("", "the mails %s and %s have one Message-ID and say different things", before.file, m.file))
			}
			continue // the same letter once more
		}
		first[m.messageID] = m
		if !recorded[m.messageID] {
			out = append(out, say("", "the mail %s is a letter that was never recorded", m.file))
		}
		if before := said[m.words()]; before != nil && m.kind() != otherLetter {
			out = append(out, say("", "the mails %s and %s say the same under two Message-IDs", before.file, m.file))
		}
		said[m.words()] = m
		if k := m.kind(); k != otherLetter {
			key := [2]string{m.about(f.w.Practices), string(k)}
			if kinds[key] == nil {
				kinds[key] = &count{practice: key[0], kind: k}
			}
			kinds[key].n++
		}
	}
	return append(out, f.tooMany(kinds)...)
}

type count struct {
	practice string
	kind     letter
	n        int
}

// tooMany finds kinds of letters of which there are more than events.
func (f *facts) tooMany(kinds map[[2]string]*count) []found {
	var out []found
	for _, c := range kinds {
		if most := f.events(c.practice, c.kind); c.n > most {
			out = append(out, say("", "%s: %d letters of the kind %s for %d events", c.practice, c.n, c.kind, most))
		}
	}
	slices.SortFunc(out, func(a, b found) int { return cmp.Compare(a.words, b.words) })
	return out
}

// events counts what a kind of letter is written about: each round of review,
// and the rest once.
func (f *facts) events(practice string, k letter) int {
	if k != reviewRequest {
		return 1
	}
	rounds := 0
	for _, m := range f.after.moves {
		if m.Practice == practice && m.Kind == "phase" && m.From == string(registry.PhaseTesting) && m.To == string(registry.PhaseInReview) {
			rounds++
		}
	}
	return rounds
}

func letterRecipients(f *facts) []found {
	var out []found
	for i := range f.mails {
		m := &f.mails[i]
		if !f.ours(m) {
			continue
		}
		k := m.kind()
		toRegistry := slices.ContainsFunc(m.to, f.registryMail)
		switch {
		case toRegistry && k != reviewRequest && k != firstFile:
			out = append(out, say("", "the mail %s went to the registry and is neither a review request nor about a first file", m.file))
		case !toRegistry && (k == reviewRequest || k == firstFile):
			out = append(out, say("", "the mail %s is a %s and did not go to the registry", m.file, k))
		case len(m.to) == 0:
			out = append(out, say("", "the mail %s is addressed to nobody", m.file))
		}
		if other := f.strangers(m); other != "" {
			out = append(out, say("", "the mail %s about %s went to a contact of %s only", m.file, m.about(f.w.Practices), other))
		}
	}
	return out
}

// strangers names the practice whose contact got a letter about another one: an
// address that only contacts of that practice have.
func (f *facts) strangers(m *caught) string {
	about := m.about(f.w.Practices)
	if about == "" {
		return ""
	}
	for _, to := range m.to {
		own, other := false, ""
		for _, c := range f.after.contacts {
			if !strings.EqualFold(c.Email, to) {
				continue
			}
			own = own || c.Practice == about
			if c.Practice != about {
				other = c.Practice
			}
		}
		if !own && other != "" {
			return other
		}
	}
	return ""
}
