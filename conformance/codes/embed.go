package codes

import (
	"embed"
	"sync"

	"immtrail/registry"
)

//go:embed data/*.txt
var embedded embed.FS

// EmbeddedSet is the set that this build carries.
func EmbeddedSet() (Set, error) {
	s := Set{}
	for _, k := range append(Published(), own()...) {
		f, err := embedded.Open("data/" + string(k) + ".txt")
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "codes", "embedded: %w", err)
		}
		t, err := ReadTable(f)
		_ = f.Close() // only read
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "codes", "embedded %s: %w", k, err)
		}
		s[k] = t
	}
	return s, nil
}

// Embedded is the set that this build carries, made ready at the first call. A
// test holds it sound, so that it panics only in a build that no test has seen.
var Embedded = sync.OnceValue(func() *Tables {
	s, err := EmbeddedSet()
	if err == nil {
		var t *Tables
		if t, err = Build(s); err == nil {
			return t
		}
	}
	panic(err)
})
