package roster

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"immtrail/internal/cells"
	"immtrail/registry"
)

// Asked is what a list says of where a practice stands; the words of the flags of
// `starter onboard`. From is empty where it is only made known.
type Asked struct{ From, Since, History, Evidence, ApprovedBy string }

// Asked is what the list says of where the practice stands.
func (e *Entry) Asked() Asked {
	return Asked{
		From: string(stageNamed(e.cells[ColumnFrom])), Since: e.cells[ColumnSince], History: e.cells[ColumnHistory],
		Evidence: e.cells[ColumnEvidence], ApprovedBy: e.cells[ColumnApprovedBy],
	}
}

// Onto is base with what the list says of the practice; base is nil for a new
// one. Columns that the list does not have leave what base has; the sites are
// those of the list and no others.
func (e *Entry) Onto(base *registry.Practice) *registry.Practice {
	p := &registry.Practice{Registry: "texas", Zone: "America/Chicago"}
	if base != nil {
		*p = *base
		p.Contacts = slices.Clone(base.Contacts)
	}
	p.Sites = nil
	for _, c := range columns {
		if c.set != nil && e.list.has[c.name] {
			c.set(p, e.cells[c.name])
		}
	}
	p.Contacts = slices.DeleteFunc(p.Contacts, func(c registry.Contact) bool { return c.Email == "" })
	for _, row := range e.sites {
		site := registry.Site{}
		if base != nil {
			if n := slices.IndexFunc(base.Sites, func(s registry.Site) bool { return s.ID == row.cells["site"] }); n >= 0 {
				site = base.Sites[n]
			}
		}
		for _, c := range columns {
			if c.setSite != nil && e.list.has[c.name] {
				c.setSite(&site, row.cells[c.name])
			}
		}
		p.Sites = append(p.Sites, site)
	}
	return p
}

// Change is one difference between what is known and what a list says.
type Change struct {
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Changes are the differences from one state of a practice to another, by column.
func Changes(from, to *registry.Practice) []Change {
	var out []Change
	differ := func(what, a, b string) {
		if a != b {
			out = append(out, Change{what, a, b})
		}
	}
	for _, c := range columns {
		if c.get != nil {
			differ(c.name, c.get(from), c.get(to))
		}
	}
	for _, s := range to.Sites {
		n := slices.IndexFunc(from.Sites, func(o registry.Site) bool { return o.ID == s.ID })
		if n < 0 {
			differ("site "+s.ID, "", "added")
			continue
		}
		for _, c := range columns {
			if c.getSite != nil {
				differ("site "+s.ID+", "+c.name, c.getSite(&from.Sites[n]), c.getSite(&s))
			}
		}
	}
	for _, s := range from.Sites {
		if !slices.ContainsFunc(to.Sites, func(o registry.Site) bool { return o.ID == s.ID }) {
			differ("site "+s.ID, "known", "taken out")
		}
	}
	return out
}

// Template writes what each column means, the head, and an example that is never
// imported.
func Template(w io.Writer) error {
	var head, example []string
	for _, line := range []string{
		"# A row for each site. Rows with the same practice belong together: what concerns the",
		"# whole practice may stand in the first of them only. Lines that begin with # are",
		"# passed over. Dates are 2026-03-31. Never put a password or a key into this list.",
		"#",
	} {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	for _, c := range columns {
		must := ""
		if c.must {
			must = " (required)"
		}
		if _, err := fmt.Fprintf(w, "# %s%s: %s\n", c.name, must, strings.ReplaceAll(c.says, `"`, "'")); err != nil {
			return err
		}
		head, example = append(head, c.name), append(example, c.example)
	}
	out := csv.NewWriter(w)
	return out.WriteAll([][]string{head, example})
}

// Write writes practices as a list that [Read] understands; no cell of it is a
// formula. stage tells where each stands, and may be nil.
func Write(w io.Writer, practices []*registry.Practice, stage func(*registry.Practice) Asked) error {
	out := csv.NewWriter(w)
	var head []string
	for _, c := range columns {
		head = append(head, c.name)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, p := range practices {
		var asked Asked
		if stage != nil {
			asked = stage(p)
		}
		for i := range p.Sites {
			row := make([]string, len(columns))
			for n, c := range columns {
				switch {
				case c.getSite != nil:
					row[n] = c.getSite(&p.Sites[i])
				case c.get != nil:
					row[n] = c.get(p)
				default:
					row[n] = asked.cell(c.name)
				}
				row[n] = cells.Plain(row[n])
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

func (a Asked) cell(name string) string {
	switch name {
	case ColumnFrom:
		return strings.ReplaceAll(a.From, "_", "-")
	case ColumnSince:
		return a.Since
	case ColumnHistory:
		return a.History
	case ColumnEvidence:
		return a.Evidence
	case ColumnApprovedBy:
		return a.ApprovedBy
	}
	return ""
}
