package cli_test

import (
	"testing"

	"immtrail/db"
	"immtrail/registry"
)

func TestTables(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	for i, reason := range []string{"", "", "", "every prerequisite of the practice is there and was looked at", ""} {
		act := db.Act{Key: string(rune('a' + i)), By: mary, At: b.at(), Reason: reason}
		if err := b.open(t).RecordAct(t.Context(), "sunrise-plano", "", "attested-nothing-to-send", act); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a column that is mostly empty keeps a width in which words can be read", func(t *testing.T) {
		b.run(t, "audit", "list").exits(0).fits().shows("prerequisite", "WHY")
	})
}
