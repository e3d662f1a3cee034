package conformance

import "slices"

// spoken is a rule that silences others, and where it fired.
type spoken struct {
	rule *Rule
	s    *segment
}

// markSilencers finds the rules that silence others. It panics where there is
// no such rule.
func markSilencers() {
	for _, r := range declared {
		for _, id := range r.SilencedBy {
			byID()[id].silences = true
		}
	}
}

// silent reports whether r, broken in s, is the consequence of what was told
// there already, and remembers it where it may be the cause of something else.
// A rule that is looked at before those that silence it is never silent: they
// stand in the order of the checks.
func (c *checker) silent(r *Rule, s *segment) bool {
	if r.silences && c.weigh[r.n] != "" {
		c.m.spoken = append(c.m.spoken, spoken{r, s})
	}
	if r.SilencedBy == nil {
		return false
	}
	return slices.ContainsFunc(c.m.spoken, func(x spoken) bool {
		return x.s == s && slices.Contains(r.SilencedBy, x.rule.ID) &&
			severityRank(c.weigh[x.rule.n]) <= severityRank(c.weigh[r.n])
	})
}
