package conformance

import (
	"immtrail/hl7"
	"immtrail/registry"
)

// siteFinder knows which identifiers name the practice and its sites.
type siteFinder struct {
	active bool
	only   string            // the one site of a practice with one site
	site   map[string]string // facility identifier to site ID
	parent map[string]bool   // org code and IIS ID
	signs  map[string]bool   // prescribers of the site agreements
}

func newSiteFinder(p *registry.Practice) siteFinder {
	f := siteFinder{site: map[string]string{}, parent: map[string]bool{}, signs: map[string]bool{}}
	if p == nil || len(p.Sites) == 0 {
		return f
	}
	f.active = true
	if len(p.Sites) == 1 {
		f.only = p.Sites[0].ID
	}
	for _, id := range []string{p.OrgCode, p.IISID} {
		if id != "" {
			f.parent[id] = true
		}
	}
	for _, s := range p.Sites {
		for _, id := range s.Facilities {
			f.site[id] = s.ID
		}
		for _, id := range s.Prescribers {
			f.signs[id] = true
		}
	}
	return f
}

// checkSite finds the site by MSH-4, MSH-22 and RXA-11.4, the most exact last.
func (c *checker) checkSite() {
	f, m := &c.sites, &c.m
	if !f.active {
		return
	}
	ours := false
	look := func(id []byte) {
		if hl7.Empty(id) {
			return
		}
		if site, ok := f.site[string(id)]; ok {
			m.site, ours = site, true
		} else if f.parent[string(id)] {
			ours = true
		}
	}
	for _, n := range [...]int{4, 22} {
		for _, part := range [...]int{10, 3, 2, 1} {
			look(m.msh.Component(n, part))
		}
	}
	for i := range m.orders {
		if rxa := m.orders[i].rxa; rxa != nil && m.orders[i].dose.administered {
			look(rxa.Sub(11, 4, 1))
			look(rxa.Component(11, 1))
		}
	}
	switch {
	case !ours:
		c.hit(ruleForeignSender, m.msh, 4)
	case m.site == "" && f.only != "":
		m.site = f.only
	case m.site == "":
		c.hit(ruleNoSite, m.msh, 4)
	}
}
