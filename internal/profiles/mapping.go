package profiles

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
	"immtrail/registry/texas"
)

const mappingsHead = "# Layouts of reports, written by `starter report learn`; edit them as you like.\n"

const catalogueHead = "# What codes of the registry mean, written by `starter errors classify`.\n"

// SaveMapping writes a layout of reports into the file at path, in the place
// of one with the same name, before all others; other values of the file stay.
// The file is replaced as a whole or not at all. A mapping that cannot be used
// and a file that is none of ours are errors of kind Invalid and change
// nothing.
func SaveMapping(path string, m registry.ReportMapping) error {
	return save(path, mappingsHead, "mappings", func(known []registry.ReportMapping) []registry.ReportMapping {
		return append([]registry.ReportMapping{m}, slices.DeleteFunc(known, func(k registry.ReportMapping) bool { return k.Name == m.Name })...)
	})
}

// SaveCode writes what a code means, in the place of what the file said of it.
// Otherwise as [SaveMapping].
func SaveCode(path string, entry registry.CatalogueEntry) error {
	return save(path, catalogueHead, "catalogue", func(known map[string]code) map[string]code {
		if known == nil {
			known = map[string]code{}
		}
		known[entry.Code] = code{
			Owner: entry.Owner, Meaning: entry.Meaning, Remedy: entry.Remedy, Source: entry.Source,
			Harmless: entry.Harmless, PerPatient: entry.PerPatient,
			Scope: entry.Scope, Foretold: entry.Foretold, Confidence: entry.Confidence, Page: entry.Page,
		}
		return known
	})
}

// code is an entry of the catalogue as files of overrides write it.
type code struct {
	Owner      registry.Owner `yaml:"owner,omitempty"`
	Meaning    string         `yaml:"meaning,omitempty"`
	Remedy     string         `yaml:"remedy,omitempty"`
	Source     string         `yaml:"source,omitempty"`
	Harmless   bool           `yaml:"harmless"`
	PerPatient bool           `yaml:"per_patient"`
	Scope      registry.Scope `yaml:"scope,omitempty"`
	Foretold   []string       `yaml:"foretold,omitempty"`
	Confidence string         `yaml:"confidence,omitempty"`
	Page       string         `yaml:"page,omitempty"`
}

// save changes one value of a file of overrides.
func save[T any](path, head, key string, change func(T) T) error {
	doc := map[string]any{}
	var known T
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return &registry.Error{Kind: registry.Busy, Op: key, Err: err}
	default:
		var list struct {
			Rest map[string]yaml.Node `yaml:",inline"`
		}
		if yaml.Unmarshal(old, &doc) != nil || yaml.Unmarshal(old, &list) != nil {
			return registry.Errorf(registry.Invalid, key, "%s is not a file of overrides", path)
		}
		if node, ok := list.Rest[key]; ok {
			if err := node.Decode(&known); err != nil {
				return registry.Errorf(registry.Invalid, key, "%s: %s is not written as it should be", path, key)
			}
		}
	}
	if doc == nil {
		doc = map[string]any{}
	}
	doc[key] = change(known)
	var out bytes.Buffer
	out.WriteString(head)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return registry.Errorf(registry.Invalid, key, "%w", err)
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
