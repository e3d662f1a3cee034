package texas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
)

// lay lays one overlay over the set and returns every fault in it.
func (s *set) lay(o Overlay) []error {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(o.Data))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil // an empty file overrides nothing
	case err != nil:
		return []error{fmt.Errorf("%s: %w", o.Name, err)}
	}
	root := doc.Content[0]
	if root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return []error{fmt.Errorf("%s: wants lines such as policy.test_files_min: 4", o.Name)}
	}
	l := layer{set: s, name: o.Name, practice: o.Practice, seen: map[string]bool{}}
	l.mapping(root, "")
	l.confirm()
	return l.errs
}

// layer is one overlay while it is read.
type layer struct {
	*set
	name      string
	practice  bool
	seen      map[string]bool
	confirmed *yaml.Node
	errs      []error
}

func (l *layer) fail(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf("%s: %w", l.name, fmt.Errorf(format, args...)))
}

func (l *layer) mapping(node *yaml.Node, prefix string) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, val := prefix+node.Content[i].Value, node.Content[i+1]
		switch {
		case key == "catalogue":
			l.errs = append(l.errs, l.out.Catalogue.overlay(l.name, val)...)
			l.foretoldByCatalogue(val)
		case key == "predictions":
			l.predictions(val)
		case key == "mappings":
			l.mappings(val)
		case key == "prerequisites":
			l.prerequisites(val)
		case key == "confirmed":
			l.confirmed = val
		case val.Kind == yaml.MappingNode && (l.isGroup(key) || l.isMap(key)):
			l.mapping(val, key+".")
		default:
			l.one(key, val)
		}
	}
}

// isGroup reports whether key is a part of the profile such as "policy".
func (l *layer) isGroup(key string) bool {
	for k := range l.fields {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

func (l *layer) isMap(key string) bool {
	f, ok := l.fields[key]
	return ok && f.Kind() == reflect.Map
}

func (l *layer) one(key string, val *yaml.Node) {
	if l.seen[key] {
		l.fail("%s: stands twice", key)
		return
	}
	l.seen[key] = true
	if to := l.entries[key].Follows; to != "" {
		l.fail("%s: is always the same as %s; set that", key, to)
		return
	}
	if l.practice && strings.HasPrefix(key, "host.") {
		l.fail("%s: is of the registry's server, which all practices share; set it in texas.yaml", key)
		return
	}
	if err := l.set.set(key, val); err != nil {
		l.fail("%w", err)
		return
	}
	if of, _, ok := l.mapEntry(key); ok {
		key = of // the map as a whole was set
	}
	l.by[key] = l.name
	e := l.entries[key]
	// A value of yours is as good as your word about DSHS: see confirm.
	e.Confirmed, e.Cite = false, "built in: "+e.Cite
	l.entries[key] = e
}

// confirm marks values that DSHS has confirmed to the user.
func (l *layer) confirm() {
	if l.confirmed == nil {
		return
	}
	var said map[string]string
	if err := strictDecode(l.confirmed, &said); err != nil {
		l.fail("confirmed: %w", err)
		return
	}
	for _, key := range sortedKeys(said) {
		e, ok := l.entries[key]
		switch {
		case !ok:
			l.fail("confirmed.%s: there is no such value", key)
		case strings.TrimSpace(said[key]) == "":
			l.fail("confirmed.%s: say who confirmed it and when", key)
		default:
			e.Confirmed, e.Cite = true, "confirmed: "+said[key]
			l.entries[key] = e
		}
	}
}

// mappings puts the overlay's layouts before those already there; one with the
// same name is replaced.
func (l *layer) mappings(node *yaml.Node) {
	var ms []registry.ReportMapping
	if err := strictDecode(node, &ms); err != nil {
		l.fail("mappings: %w", err)
		return
	}
	named := map[string]bool{}
	for i, m := range ms {
		if why := mappingFault(m); why != "" {
			l.fail("mappings[%d]: %s", i, why)
			return
		}
		named[m.Name] = true
	}
	for _, old := range l.out.Mappings {
		if !named[old.Name] {
			ms = append(ms, old)
		}
	}
	l.out.Mappings = ms
}

// strictDecode decodes node and refuses fields that the target does not have.
func strictDecode(node *yaml.Node, into any) error {
	b, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	err = dec.Decode(into)
	var te *yaml.TypeError
	if errors.As(err, &te) {
		return errors.New(wrongType(into))
	}
	return err
}

// wrongType says what was wanted, since yaml's own words name Go types.
func wrongType(into any) string {
	switch reflect.TypeOf(into).Elem().String() {
	case "int", "int64":
		return "wants a whole number"
	case "float64":
		return "wants a number"
	case "bool":
		return "wants true or false"
	case "time.Duration":
		return "wants a length of time such as 30s or 2m"
	case "string":
		return "wants one text"
	case "[]int":
		return "wants a list of whole numbers such as [1, 3, 7]"
	case "[]string":
		return "wants a list of texts"
	}
	return "has a field that is unknown or of the wrong kind"
}
