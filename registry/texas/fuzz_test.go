package texas_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry/texas"
)

// FuzzOverlay reads any file of overrides, mappings of reports among them: it
// is refused with words or gives a profile.
func FuzzOverlay(f *testing.F) {
	f.Add("reports: {per: week, lists: bad-only, weekday: friday}\n")
	f.Add("mappings:\n- name: mine\n  columns: {control_id: [\"our *\"], message: [\"[\"]}\n  lines: [\"(?P<code>[A-Z]+-\\\\d+)\"]\n  sections: [{heading: \"*\", code: true}]\n")
	f.Add("catalogue:\n  QQQ-1: {meaning: x, owner: practice}\n")
	f.Add("- [\n")
	f.Fuzz(func(t *testing.T, text string) {
		loaded, err := texas.Load(texas.Overlay{Name: "texas.yaml", Data: []byte(text)})
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NotEmpty(t, loaded.Mappings)
	})
}
