package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
)

// readYAML reads a YAML file into v by v's JSON names; unknown names and wrong
// types are refused, so that a slip of the pen is not an empty value.
func readYAML(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return couldNot("%w", err)
	}
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return refused("%s: %w", path, err)
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return refused("%s: has a key that is not text", path)
	}
	dec := json.NewDecoder(bytes.NewReader(asJSON))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return refused("%s: %s", path, jsonWords(err))
	}
	return nil
}

// jsonWords turns the decoder's words into those of somebody who wrote YAML.
func jsonWords(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		want := map[string]string{"string": "text; put it in quotes", "int": "a whole number", "bool": "true or false"}[wrong.Type.String()]
		if want == "" {
			want = "a list or a group of values"
		}
		return wrong.Field + ": is " + want
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "there is no value called " + name
	}
	return err.Error()
}

// readPractice reads and checks a practice's file; what it leaves open gets
// the values of a practice that begins.
func readPractice(path string) (*registry.Practice, error) {
	p := registry.Practice{
		Registry: "texas", Zone: "America/Chicago",
		Phase: registry.PhaseRegistered, History: registry.HistoryNotAsked, Submission: registry.SubmissionOff,
	}
	if err := readYAML(path, &p); err != nil {
		return nil, err
	}
	if faults := p.Check(); len(faults) > 0 {
		return nil, refused("%s has %s:\n  %s", path, plural(len(faults), "fault", "faults"), strings.Join(faults, "\n  "))
	}
	return &p, nil
}

// practiceFile prints a practice as the file that readPractice reads: what a person
// may change, and not where it stands.
func (a *app) practiceFile(p *registry.Practice) error {
	asJSON, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var tree map[string]any
	if err := json.Unmarshal(asJSON, &tree); err != nil {
		return err
	}
	for _, name := range []string{"phase", "history", "submission"} {
		delete(tree, name)
	}
	text, err := yaml.Marshal(tree)
	if err != nil {
		return err
	}
	if _, err := a.env.Stdout.Write(text); err != nil {
		return couldNot("%w", err)
	}
	return nil
}
