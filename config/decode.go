package config

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
)

// decoder fills a Config from what a file or the environment holds, strictly:
// what has no place in the tree, or has the wrong type, is a fault.
type decoder struct {
	// place says where a key stands.
	place  func(key string) string
	places map[string]string
	faults Faults
}

func (d *decoder) fault(key, format string, args ...any) {
	d.faults = append(d.faults, Fault{Key: key, Place: d.place(key), Words: fmt.Sprintf(format, args...)})
}

// fill decodes raw into the struct v, whose keys begin with prefix.
func (d *decoder) fill(v reflect.Value, raw map[string]any, prefix string) {
	known := fieldsByKey(v.Type())
	for _, name := range sortedKeys(raw) {
		key := join(prefix, name)
		index, ok := known[name]
		if !ok {
			d.fault(key, "no such setting%s", suggestion(name, known))
			continue
		}
		d.set(v.Field(index), raw[name], key)
	}
}

func (d *decoder) set(v reflect.Value, raw any, key string) {
	if raw == nil { // "key:" with nothing after it keeps the default
		return
	}
	switch {
	case v.Type() == timeType, v.Type() == durationType, v.Kind() == reflect.String,
		v.Kind() == reflect.Bool, v.Kind() == reflect.Int:
		d.scalar(v, raw, key)
	case v.Kind() == reflect.Struct:
		d.nested(raw, key, func(m map[string]any) { d.fill(v, m, key) })
	case v.Kind() == reflect.Map:
		d.nested(raw, key, func(m map[string]any) { d.entries(v, m, key) })
	case v.Kind() == reflect.Slice:
		d.list(v, raw, key)
	default:
		d.fault(key, "cannot be set")
	}
}

func (d *decoder) nested(raw any, key string, then func(map[string]any)) {
	m, ok := raw.(map[string]any)
	if !ok {
		d.fault(key, "is a group of settings, not %s", describe(raw))
		return
	}
	then(m)
}

func (d *decoder) entries(v reflect.Value, raw map[string]any, key string) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, name := range sortedKeys(raw) {
		entry := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(name)); old.IsValid() {
			entry.Set(old)
		}
		d.set(entry, raw[name], join(key, name))
		v.SetMapIndex(reflect.ValueOf(name), entry)
	}
}

func (d *decoder) list(v reflect.Value, raw any, key string) {
	items, ok := raw.([]any)
	if !ok {
		d.fault(key, "is a list, not %s", describe(raw))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		d.set(out.Index(i), item, fmt.Sprintf("%s[%d]", key, i))
	}
	v.Set(out)
	d.places[key] = d.place(key)
}

func (d *decoder) scalar(v reflect.Value, raw any, key string) {
	d.places[key] = d.place(key)
	switch {
	case v.Type() == durationType:
		d.duration(v, raw, key)
	case v.Type() == timeType:
		d.moment(v, raw, key)
	case v.Kind() == reflect.String:
		s, ok := raw.(string)
		if !ok {
			if v.Type() == secretType {
				d.fault(key, "%v", errNotReference)
				return
			}
			d.fault(key, "is text, not %s; put it in quotes", describe(raw))
			return
		}
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		b, ok := raw.(bool)
		if !ok {
			d.fault(key, "is true or false, not %s", describe(raw))
			return
		}
		v.SetBool(b)
	case v.Kind() == reflect.Int:
		n, ok := raw.(int)
		if !ok {
			d.fault(key, "is a whole number, not %s", describe(raw))
			return
		}
		v.SetInt(int64(n))
	}
}

func (d *decoder) duration(v reflect.Value, raw any, key string) {
	s, ok := raw.(string)
	if ok {
		if span, err := time.ParseDuration(s); err == nil {
			v.SetInt(int64(span))
			return
		}
	}
	d.fault(key, "is a length of time such as 30s, 5m or 24h")
}

func (d *decoder) moment(v reflect.Value, raw any, key string) {
	switch t := raw.(type) {
	case time.Time:
		v.Set(reflect.ValueOf(t))
		return
	case string:
		if moment, err := time.Parse(time.RFC3339Nano, t); err == nil {
			v.Set(reflect.ValueOf(moment))
			return
		}
	}
	d.fault(key, "is a moment such as 2026-03-31T08:00:00Z")
}

// fieldsByKey maps the keys of a struct to its fields.
func fieldsByKey(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("key"); key != "" {
			fields[key] = i
		}
	}
	return fields
}

func describe(raw any) string {
	switch raw.(type) {
	case map[string]any:
		return "a group of settings"
	case []any:
		return "a list"
	case bool:
		return "true or false"
	case int, int64, uint64, float64:
		return "a number"
	case time.Time:
		return "a date"
	}
	return "text"
}

// suggestion names the known key that is nearest to a mistyped one.
func suggestion(name string, known map[string]int) string {
	best, bestDistance := "", 3
	for _, candidate := range sortedKeys(known) {
		if n := distance(name, candidate); n < bestDistance {
			best, bestDistance = candidate, n
		}
	}
	if best == "" {
		return fmt.Sprintf("; here may stand: %s", strings.Join(sortedKeys(known), ", "))
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is how many letters must change to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
