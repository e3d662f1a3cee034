package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

const envPrefix = "IMMTRAIL_"

// Variables that are not settings: they say where the settings are, and that
// this is a rehearsal in which anybody may act under any name.
const (
	EnvFile    = "IMMTRAIL_CONFIG"
	EnvAllowAs = "IMMTRAIL_ALLOW_AS"
)

// EnvName is the variable that sets key.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__"))
}

// KnownEnv reports whether name is a variable that immtrail understands.
// Variables without the prefix IMMTRAIL_ are none of its business: false.
func KnownEnv(name string) bool {
	if name == EnvFile || name == EnvAllowAs {
		return true
	}
	_, _, err := envTarget(name)
	return err == nil
}

// envTarget finds the key that name sets and the type it has.
func envTarget(name string) (key string, t reflect.Type, err error) {
	rest, ok := strings.CutPrefix(name, envPrefix)
	if !ok {
		return "", nil, fmt.Errorf("does not begin with %s", envPrefix)
	}
	t = reflect.TypeFor[Config]()
	for word := range strings.SplitSeq(strings.ToLower(rest), "__") {
		switch t.Kind() {
		case reflect.Struct:
			index, known := fieldsByKey(t)[word]
			if !known {
				return "", nil, fmt.Errorf("no such setting")
			}
			t = t.Field(index).Type
		case reflect.Map:
			t = t.Elem()
		default:
			return "", nil, fmt.Errorf("no such setting")
		}
		key = join(key, word)
	}
	if t.Kind() == reflect.Map || t.Kind() == reflect.Struct && t != timeType {
		return "", nil, fmt.Errorf("is a group of settings")
	}
	return key, t, nil
}

// fromEnv turns the variables of environ ("NAME=value") into a tree of raw
// values, with the variable that each key came from.
func fromEnv(environ []string, faults *Faults) (tree map[string]any, from map[string]string) {
	tree, from = map[string]any{}, map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || name == EnvFile || name == EnvAllowAs {
			continue
		}
		key, t, err := envTarget(name)
		if err != nil {
			*faults = append(*faults, Fault{Key: name, Place: "environment", Words: err.Error() + " (docs: two underscores between levels, such as IMMTRAIL_TEMPORAL__ADDRESS)"})
			continue
		}
		raw, err := envValue(t, value)
		if err != nil {
			*faults = append(*faults, Fault{Key: key, Place: name, Words: err.Error()})
			continue
		}
		put(tree, strings.Split(key, "."), raw)
		from[key] = name
	}
	return tree, from
}

// envValue gives the text of a variable the type that its key wants; what does
// not fit is left as it is for the decoder to refuse.
func envValue(t reflect.Type, value string) (any, error) {
	switch {
	case t == durationType || t == timeType:
		return value, nil
	case t.Kind() == reflect.Bool:
		if b, err := strconv.ParseBool(value); err == nil {
			return b, nil
		}
	case t.Kind() == reflect.Int:
		if n, err := strconv.Atoi(value); err == nil {
			return n, nil
		}
	case t.Kind() == reflect.Slice:
		return envList(t.Elem(), value)
	}
	return value, nil
}

func envList(elem reflect.Type, value string) (any, error) {
	items := []any{}
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if elem.Kind() != reflect.Struct {
			items = append(items, part)
			continue
		}
		id, ref, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("write id=reference, with commas between keys")
		}
		items = append(items, map[string]any{"id": id, "secret": ref})
	}
	return items, nil
}

func put(tree map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		next, ok := tree[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[name] = next
		}
		tree = next
	}
	tree[path[len(path)-1]] = value
}
