package oracle

import (
	"immtrail/registry"
)

// legalMoves follows the audit of each practice from its first event to its
// last, which must be where the practice stands.
func legalMoves(f *facts) []found {
	var out []found
	for _, p := range f.after.practices {
		out = append(out, legalPhases(f.after, p)...)
		out = append(out, chain(f.after, p.ID, "history", p.HistoryState, func(m moveRow) bool {
			return registry.HistoryState(m.From).CanFollow(registry.HistoryState(m.To))
		})...)
		out = append(out, chain(f.after, p.ID, "submission", p.SubmissionState, func(m moveRow) bool {
			known := func(s string) bool {
				return s == string(registry.SubmissionOff) || s == string(registry.SubmissionOn) || s == string(registry.SubmissionPaused)
			}
			return known(m.From) && known(m.To)
		})...)
	}
	return out
}

func legalPhases(s *store, p practiceRow) []found {
	added := 0
	start := ""
	for _, m := range s.moves {
		if m.Practice == p.ID && m.Kind == "practice-added" {
			added++
			start = m.To
		}
	}
	var out []found
	if added != 1 {
		out = append(out, say("", "%s: the audit says %d times that it was added", p.ID, added))
	}
	if first, moved := firstMove(s, p.ID, "phase"); moved && first.From != start {
		out = append(out, say("", "%s: it was added as %q, and its first move (event %d) is from %q", p.ID, start, first.ID, first.From))
	} else if !moved && start != p.Phase {
		out = append(out, say("", "%s: it was added as %q, stands in %q, and the audit has no move", p.ID, start, p.Phase))
	}
	return append(out, chain(s, p.ID, "phase", p.Phase, legalPhase)...)
}

// legalPhase asks the diagram: by the event that the audit names, or by any.
func legalPhase(m moveRow) bool {
	for _, event := range registry.PhaseEvents() {
		if m.Event != "" && m.Event != string(event) {
			continue
		}
		if to, err := registry.Next(registry.Phase(m.From), event); err == nil && string(to) == m.To {
			return true
		}
	}
	return false
}

func firstMove(s *store, practice, kind string) (moveRow, bool) {
	for _, m := range s.moves {
		if m.Practice == practice && m.Kind == kind {
			return m, true
		}
	}
	return moveRow{}, false
}

// chain walks the moves of one kind: each is legal and begins where the one
// before ended, and the last ends where the practice stands.
func chain(s *store, practice, kind, stands string, legal func(moveRow) bool) []found {
	var out []found
	at := ""
	for _, m := range s.moves {
		if m.Practice != practice || m.Kind != kind {
			continue
		}
		if !legal(m) {
			out = append(out, say("", "%s: the %s went from %q to %q (event %d), which the diagram does not have", practice, kind, m.From, m.To, m.ID))
		}
		if at != "" && m.From != at {
			out = append(out, say("", "%s: the %s was %q, and the next move (event %d) is from %q", practice, kind, at, m.ID, m.From))
		}
		at = m.To
	}
	if at != "" && at != stands {
		out = append(out, say("", "%s: by the audit the %s is %q, and it stands at %q", practice, kind, at, stands))
	}
	return out
}
