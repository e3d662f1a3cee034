package texas_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry/texas"
)

func TestForetold(t *testing.T) {
	loaded, err := texas.Load()
	require.NoError(t, err)
	rules := map[string][]string{}
	for _, f := range loaded.Foretold {
		rules[f.Key] = append(rules[f.Key], f.Rule)
	}
	require.Equal(t, []string{"N-01"}, rules["IEE-519"])
	require.Equal(t, []string{"N-03.contact", "P-10"}, rules["IEE-413"])
	require.Equal(t, []string{"B-08"}, rules["OBX-14"])
	require.Equal(t, []string{""}, rules["CLR-100"], "no file can show which consents the registry has")
	for key := range rules {
		if len(key) == 7 {
			require.Contains(t, loaded.Catalogue, key, "a code that is foretold is known")
		}
	}
}

func TestNameTemplateEnding(t *testing.T) {
	load := func(text string) error {
		_, err := texas.Load(texas.Overlay{Name: "texas.yaml", Data: []byte(text)})
		return err
	}
	t.Run("a template that does not end in .HL7 is refused with setting and remedy", func(t *testing.T) {
		err := load(`file.name_template: "{org}_{seq}.txt"`)
		require.ErrorContains(t, err, "texas.yaml: file.name_template")
		require.ErrorContains(t, err, ".HL7")
		require.ErrorContains(t, err, "F-01.extension")
	})
	t.Run("unless the profile says that DSHS wants it so", func(t *testing.T) {
		require.NoError(t, load("file.name_template: \"{org}_{seq}.txt\"\nrules.grades.F-01.extension: \"off\"\n"))
	})
}
