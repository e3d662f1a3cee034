package workflows

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/registry"
)

// unfilled refuses what was pasted from the current details as it stands there: a
// word that stands for something, such as YOUR NAME, is nobody and no reason.
func unfilled(in any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return err
	}
	if word := blankIn(tree); word != "" {
		return fmt.Errorf("%q stands for what you have to say: put that in its place", word)
	}
	return nil
}

// blankIn is the first such word in decoded JSON; "" where there is none.
func blankIn(v any) string {
	switch v := v.(type) {
	case string:
		if registry.Unfilled(v) {
			return v
		}
	case []any:
		for _, each := range v {
			if word := blankIn(each); word != "" {
				return word
			}
		}
	case map[string]any:
		for _, name := range workflow.DeterministicKeys(v) {
			if word := blankIn(v[name]); word != "" {
				return word
			}
		}
	}
	return ""
}
