package cli_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestErrorsByFilterAndRule(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	sent := b.at().AddDate(0, 0, -20)
	b.delivered(t, "a", sent, 6)
	b.reported(t, "a", sent, told{"IMR-111", "IMR-111", "CLR-100", "", "", ""})

	t.Run("by cause, and by whatever a coordinator asks for", func(t *testing.T) {
		b.run(t, "errors", "list").exits(0).fits().line("2", "IMR-111", "sunrise-plano", "2", "practice").line("1", "CLR-100")
		b.run(t, "errors", "list", "--code", "CLR-100", "--each").exits(0).fits().line("plano", "CLR-100", "open")
		b.run(t, "errors", "list", "--older-than", "10").exits(0).fits().line("2", "IMR-111")
		b.run(t, "errors", "list", "--older-than", "30").exits(0).shows("There is none.")
		b.run(t, "errors", "list", "--vendor", "nobody.example").exits(0).shows("There is none.")
		b.run(t, "errors", "list", "--site", "allen", "--each").exits(0).fits().line("allen", "IMR-111")
		b.run(t, "errors", "list", "--owner", "moon").exits(2).complains("ehr-vendor")
		b.run(t, "errors", "list", "--older-than", "-1").exits(2)
	})
	t.Run("a rule moves what is open and says whose the next are", func(t *testing.T) {
		b.run(t, "errors", "rule", "list").exits(0).fits().shows("catalogue says whose")
		b.run(t, "errors", "rule", "set", "sunrise-plano", "--site", "allen", "--code", "imr-111", "--owner", "ehr-vendor", "--to", "Tess Mallow",
			"--reason", "their table of makers").exits(0).fits().shows("1 open error followed it")
		b.run(t, "errors", "rule", "list", "sunrise-plano").exits(0).fits().line("sunrise-plano", "allen", "IMR-111", "ehr-vendor", "Tess Mallow", "Mary Major")
		b.run(t, "errors", "list", "--owner", "ehr-vendor", "--each").exits(0).fits().line("allen", "IMR-111", "ehr-vendor", "assigned")
		require.Len(t, b.events(t, "owner-rule-set"), 1)
		var each []struct{ ID string }
		b.run(t, "errors", "list", "--owner", "ehr-vendor", "--each", "-o", "json").exits(0).json(&each)
		b.run(t, "errors", "show", each[0].ID).exits(0).fits().line("In hand of", "Tess Mallow, since", b.at().Format(time.DateOnly), "by a rule of the practice")
		b.run(t, "errors", "rule", "remove", "sunrise-plano", "--site", "allen", "--code", "IMR-111", "--reason", "mended").exits(0).fits()
		b.run(t, "errors", "rule", "remove", "sunrise-plano", "--reason", "mended").exits(1).complains("no such rule")
		b.run(t, "errors", "rule", "set", "sunrise-plano", "--owner", "moon", "--reason", "x").exits(2)
	})
	t.Run("how much a code weighs is told", func(t *testing.T) {
		b.run(t, "errors", "explain", "CLR-100").exits(0).fits().line("Severity", "high")
		b.run(t, "errors", "explain", "IMR-111").exits(0).line("Severity", "normal")
		b.run(t, "errors", "explain", "IEE-519").exits(0).line("Severity", "low")
	})
	t.Run("what lies under an older key is sealed anew, once", func(t *testing.T) {
		b.run(t, "keys", "reseal").exits(0).fits().shows("Nothing to do")
	})
	require.WithinDuration(t, sent, b.at(), 30*24*time.Hour)
}
