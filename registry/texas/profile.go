package texas

import (
	_ "embed" // the profile is data
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
)

//go:embed profile.yaml
var profileYAML []byte

// Overlay is a file of values that lie above the built-in ones. Its YAML uses
// the keys of the profile, dotted (policy.test_files_min: 4) or nested, and
// may also hold
//
//	catalogue:  {CLR-100: {remedy: "…"}}     codes of the registry's answers
//	prerequisites: [{key: intent, required: false}]   rows of the checklist
//	predictions: {IEE-998: {rules: [P-09], source: "…"}}   rules that foretell them
//	mappings:   [{name: …, columns: {…}}]    layouts of delimited reports
//	confirmed:  {folders.test: "phone call with DSHS, 2026-11-02"}
//
// the last for values that DSHS has confirmed to you.
type Overlay struct {
	// Name is the file's name, or "practice sunrise-plano".
	Name string
	Data []byte
	// Practice says that it holds for one practice alone: what all share cannot be
	// set there.
	Practice bool
}

// Sources of a value, as screens show them.
const (
	SourceDSHS    = "DSHS document"
	SourceDefault = "our default"
	// SourceOverride is followed by the name of the overlay.
	SourceOverride = "your override: "
)

// Value is one value of the profile with where it comes from.
type Value struct {
	// Key is dotted: "policy.test_files_min".
	Key string `json:"key"`
	// Value is as it would be written in YAML, on one line.
	Value string `json:"value"`
	// Source is SourceDSHS, SourceDefault, or SourceOverride and a name.
	Source string `json:"source"`
	// Cite is the document, or the reason of a default.
	Cite string `json:"cite"`
	// Confirmed says that DSHS itself says so: in a document, or to you.
	Confirmed bool `json:"confirmed"`
	// RegistryDecides says that DSHS has the say about this value, so that an
	// unconfirmed one is worth a question.
	RegistryDecides bool `json:"registry_decides"`
}

// Loaded is the profile after all overlays.
type Loaded struct {
	Profile   registry.Profile
	Values    []Value
	Catalogue Catalogue
	// Mappings are the layouts of delimited reports, overlays first.
	Mappings []registry.ReportMapping
	// Foretold says which rules of our checker foretell which codes.
	Foretold []registry.Foretold
}

// Unconfirmed lists the values about which DSHS has the say and which nobody
// has confirmed with DSHS.
func (l *Loaded) Unconfirmed() []Value {
	var open []Value
	for _, v := range l.Values {
		if v.RegistryDecides && !v.Confirmed {
			open = append(open, v)
		}
	}
	return open
}

// Load lays overlays over the built-in profile, the later above the earlier.
// Lists are replaced whole; rules.grades, the catalogue, predictions and mappings
// are laid over entry by entry. What a catalogue entry says of "foretold" counts
// for the predictions, too. It returns an error of kind Invalid that joins every
// fault of every overlay, each with its file and key.
func Load(overlays ...Overlay) (*Loaded, error) {
	s, err := builtin()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, o := range overlays {
		errs = append(errs, s.lay(o)...)
	}
	s.follow()
	errs = append(errs, s.check()...)
	if len(errs) > 0 {
		return nil, &registry.Error{Kind: registry.Invalid, Op: "profile texas", Err: errors.Join(errs...)}
	}
	out := s.out
	for _, key := range s.order {
		out.Values = append(out.Values, s.value(key))
	}
	return &out, nil
}

// entry is a value of profile.yaml.
type entry struct {
	Key       string    `yaml:"key"`
	Value     yaml.Node `yaml:"value"`
	Source    string    `yaml:"source"`
	Cite      string    `yaml:"cite"`
	Confirmed bool      `yaml:"confirmed"`
	Decides   string    `yaml:"decides"`
	Follows   string    `yaml:"follows"`
}

// set is the profile while overlays are laid over it.
type set struct {
	out     Loaded
	fields  map[string]reflect.Value
	order   []string
	entries map[string]entry
	// by is the overlay that set a key last.
	by map[string]string
}

func builtin() (*set, error) {
	s := &set{entries: map[string]entry{}, by: map[string]string{}}
	s.fields = map[string]reflect.Value{}
	index(reflect.ValueOf(&s.out.Profile).Elem(), "", s.fields)
	var entries []entry
	if err := yaml.Unmarshal(profileYAML, &entries); err != nil {
		return nil, registry.Errorf(registry.Invalid, "profile texas", "profile.yaml: %w", err)
	}
	for _, e := range entries {
		if err := s.set(e.Key, &e.Value); err != nil {
			return nil, registry.Errorf(registry.Invalid, "profile texas", "profile.yaml: %w", err)
		}
		s.entries[e.Key] = e
		s.order = append(s.order, e.Key)
	}
	var err error
	if s.out.Catalogue, err = BuiltinCatalogue(); err != nil {
		return nil, err
	}
	if s.out.Foretold, err = foretold(); err != nil {
		return nil, err
	}
	if s.out.Profile.Prerequisites, err = builtinPrerequisites(); err != nil {
		return nil, err
	}
	s.out.Mappings, err = builtinMappings()
	return s, err
}

// index collects the settable fields of a profile by their dotted yaml keys.
func index(v reflect.Value, prefix string, into map[string]reflect.Value) {
	for i := range v.NumField() {
		name := strings.Split(v.Type().Field(i).Tag.Get("yaml"), ",")[0]
		if name == "-" {
			continue // has a file of its own
		}
		key := prefix + name
		if v.Field(i).Kind() == reflect.Struct {
			index(v.Field(i), key+".", into)
			continue
		}
		into[key] = v.Field(i)
	}
}

// Keys lists every key that a profile has, in no order.
func Keys() []string {
	var p registry.Profile
	fields := map[string]reflect.Value{}
	index(reflect.ValueOf(&p).Elem(), "", fields)
	return sortedKeys(fields)
}

// set decodes node into the field of key. Entries of a map are set one by one.
func (s *set) set(key string, node *yaml.Node) error {
	field, ok := s.fields[key]
	if !ok {
		if of, name, found := s.mapEntry(key); found {
			return setMapEntry(s.fields[of], key, name, node)
		}
		return fmt.Errorf("%s: there is no such value", key)
	}
	if node.Tag == "!!null" {
		return fmt.Errorf(`%s: is empty; write "" where nothing is meant`, key)
	}
	into := reflect.New(field.Type())
	if err := strictDecode(node, into.Interface()); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	field.Set(into.Elem())
	return nil
}

// mapEntry finds the map that key is an entry of, and the entry's name, which
// may have a dot of its own: rules.grades.M-03.future.
func (s *set) mapEntry(key string) (of, name string, ok bool) {
	for k, f := range s.fields {
		if f.Kind() == reflect.Map && strings.HasPrefix(key, k+".") {
			return k, key[len(k)+1:], true
		}
	}
	return "", "", false
}

func setMapEntry(m reflect.Value, key, name string, node *yaml.Node) error {
	val := reflect.New(m.Type().Elem())
	if err := strictDecode(node, val.Interface()); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	m.SetMapIndex(reflect.ValueOf(name), val.Elem())
	return nil
}

// follow gives values that follow another key that key's value.
func (s *set) follow() {
	for _, key := range s.order {
		if to := s.entries[key].Follows; to != "" {
			s.fields[key].Set(s.fields[to])
			s.by[key] = s.by[to]
			e := s.entries[key]
			e.Confirmed = s.entries[to].Confirmed
			s.entries[key] = e
		}
	}
}

func (s *set) value(key string) Value {
	e := s.entries[key]
	v := Value{
		Key: key, Value: oneLine(s.fields[key].Interface()), Source: SourceDefault, Cite: e.Cite,
		Confirmed: e.Confirmed, RegistryDecides: e.Decides == "registry",
	}
	if e.Source == "dshs" {
		v.Source = SourceDSHS
	}
	if by := s.by[key]; by != "" {
		v.Source = SourceOverride + by
	}
	return v
}

// oneLine writes a value the way it would be written in YAML's short form.
func oneLine(v any) string {
	var node yaml.Node
	if err := node.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	node.Style = yaml.FlowStyle
	b, err := yaml.Marshal(&node)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
