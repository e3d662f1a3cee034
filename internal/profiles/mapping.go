package profiles

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
	"immtrail/registry/texas"
)

const mappingsHead = "# Layouts of reports, written by `starter report learn`; edit them as you like.\n"

// SaveMapping writes a layout of reports into the file at path, in the place
// of one with the same name, before all others; other values of the file stay.
// The file is replaced as a whole or not at all. A mapping that cannot be used
// and a file that is none of ours are errors of kind Invalid and change
// nothing.
func SaveMapping(path string, m registry.ReportMapping) error {
	doc := map[string]any{}
	var known []registry.ReportMapping
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return &registry.Error{Kind: registry.Busy, Op: "mappings", Err: err}
	default:
		var held struct {
			Mappings []registry.ReportMapping `yaml:"mappings"`
		}
		if yaml.Unmarshal(old, &doc) != nil || yaml.Unmarshal(old, &held) != nil {
			return registry.Errorf(registry.Invalid, "mappings", "%s is not a file of overrides", path)
		}
		known = held.Mappings
	}
	all := []registry.ReportMapping{m}
	for _, k := range known {
		if k.Name != m.Name {
			all = append(all, k)
		}
	}
	if doc == nil {
		doc = map[string]any{}
	}
	doc["mappings"] = all
	var out bytes.Buffer
	out.WriteString(mappingsHead)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return registry.Errorf(registry.Invalid, "mappings", "%w", err)
	}
	if _, err := texas.Load(texas.Overlay{Name: filepath.Base(path), Data: out.Bytes()}); err != nil {
		return err
	}
	return replace(path, out.Bytes())
}

// replace writes a file beside path and moves it there.
func replace(path string, data []byte) error {
	fault := func(err error) error { return &registry.Error{Kind: registry.Busy, Op: "mappings", Err: err} }
	f, err := os.CreateTemp(filepath.Dir(path), ".mappings-*")
	if err != nil {
		return fault(err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Chmod(f.Name(), 0o644) //nolint:gosec // it holds no secret, and the worker may be another user
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // a leftover is harmless
		return fault(err)
	}
	return nil
}
