// Package profiles loads the registry's profile with the files that lie above
// it, the same way for worker and starter: <dir>/texas.yaml for everybody,
// <dir>/mappings.yaml and <dir>/catalogue.yaml for layouts and codes of reports
// that were learnt,
// <dir>/practices/<practice>.yaml for one practice, and <dir>/letters/*.txt.
//
// It must not hold values of its own: those are data of registry/texas.
package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"immtrail/conformance"
	"immtrail/registry"
	"immtrail/registry/texas"
)

// File is the name of the file of overrides for every practice.
const File = "texas.yaml"

// MappingsFile is the name of the file of learnt layouts of reports.
const MappingsFile = "mappings.yaml"

// CatalogueFile is the name of the file of codes that were learnt.
const CatalogueFile = "catalogue.yaml"

// Dir is the folder of overrides; empty means the built-in profile only.
type Dir string

// Load returns the profile for practice, or the one for all where practice is
// empty. Files are read anew each time, so that a changed value counts from
// the next step on; where none has changed their reading is remembered. What is
// returned shares its maps and lists with others: nobody may change them. A folder
// that is set and not there is an error of kind Missing; a file that is not there
// overrides nothing.
func (d Dir) Load(practice string) (*texas.Loaded, error) {
	overlays, err := d.overlays(practice)
	if err != nil {
		return nil, err
	}
	return readings.load(overlays)
}

// overlays reads the files that lie above the profile for practice.
func (d Dir) overlays(practice string) ([]texas.Overlay, error) {
	if d == "" {
		return nil, nil
	}
	if _, err := os.Stat(string(d)); err != nil {
		return nil, registry.Errorf(registry.Missing, "profile", "the folder %s cannot be read (profile.dir)", string(d))
	}
	names := []string{File, MappingsFile, CatalogueFile}
	own := filepath.Join("practices", practice+".yaml")
	if practice != "" {
		if err := registry.CheckID("practice", practice); err != nil {
			return nil, err
		}
		names = append(names, own)
	}
	var overlays []texas.Overlay
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(string(d), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &registry.Error{Kind: registry.Busy, Op: "profile", Err: err}
		}
		overlays = append(overlays, texas.Overlay{Name: filepath.ToSlash(name), Data: data, Practice: name == own})
	}
	return overlays, nil
}

// known refuses rules that the checker does not have: a misspelt one would
// change nothing, and nobody would notice.
func known(loaded *texas.Loaded) error {
	r := loaded.Profile.Rules
	ids := slices.Concat(slices.Sorted(maps.Keys(r.Grades)), r.Held)
	for _, f := range loaded.Foretold {
		if f.Rule != "" && !slices.Contains(ids, f.Rule) {
			ids = append(ids, f.Rule)
		}
	}
	var faults []error
	for _, id := range conformance.UnknownRules(ids) {
		near := ""
		if found := conformance.NearRules(id, 6); len(found) > 0 {
			near = "; is it one of " + strings.Join(found, ", ") + "?"
		}
		faults = append(faults, fmt.Errorf("rules: there is no rule %s%s", id, near))
	}
	if len(faults) == 0 {
		return nil
	}
	return &registry.Error{Kind: registry.Invalid, Op: "profile", Err: errors.Join(faults...)}
}

// Profile is [Dir.Load] without the sources, for who works on with it: a file with a
// fault in it is of kind Busy there, for somebody mends it. Invalid would end each
// workflow that met it for good.
func (d Dir) Profile(practice string) (*registry.Profile, error) {
	loaded, err := d.Working(practice)
	if err != nil {
		return nil, err
	}
	return &loaded.Profile, nil
}

// Working is [Dir.Load] with the errors of [Dir.Profile].
func (d Dir) Working(practice string) (*texas.Loaded, error) {
	loaded, err := d.Load(practice)
	if err != nil && registry.KindOf(err) == registry.Invalid && (practice == "" || registry.CheckID("practice", practice) == nil) {
		err = &registry.Error{Kind: registry.Busy, Op: "settings", Err: err}
	}
	return loaded, err
}

// Letters returns the letters with those of <dir>/letters in their place.
func (d Dir) Letters() (*texas.Letters, error) {
	var overlays []texas.Overlay
	if d != "" {
		entries, err := os.ReadDir(filepath.Join(string(d), "letters"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, &registry.Error{Kind: registry.Busy, Op: "letters", Err: err}
		}
		for _, e := range entries {
			if e.IsDir() || !strings.HasSuffix(e.Name(), ".txt") {
				continue
			}
			data, err := os.ReadFile(filepath.Join(string(d), "letters", e.Name()))
			if err != nil {
				return nil, &registry.Error{Kind: registry.Busy, Op: "letters", Err: err}
			}
			overlays = append(overlays, texas.Overlay{Name: "letters/" + e.Name(), Data: data})
		}
	}
	return texas.LoadLetters(overlays...)
}
