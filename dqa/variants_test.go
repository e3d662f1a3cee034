package dqa_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

// Every shape in which registries of this kind acknowledge, each with a fixture
// of our own making. Where each shape was seen is said in its name.
func TestEveryVariantOfAcknowledgement(t *testing.T) {
	const (
		accepted = registry.OutcomeAccepted
		warned   = registry.OutcomeWarned
		dose     = registry.OutcomeDoseRejected
		patient  = registry.OutcomePatientRejected
		message  = registry.OutcomeMessageRejected
		unknown  = registry.OutcomeUnknown
	)
	type outcomes = map[string]registry.Outcome
	variants := map[string]struct {
		file  string
		want  outcomes
		codes []string
	}{
		"ImmTrac2 2021: AE for a warning":                     {"single-warning.hl7", outcomes{"7001": warned}, []string{"IEE-519"}},
		"ImmTrac2, with LF as it lies in files":               {"single-warning-lf.hl7", outcomes{"7001": warned}, []string{"IEE-519"}},
		"one acknowledgement after another":                   {"stream.hl7", outcomes{"7001": accepted, "7002": patient, "7003": dose}, []string{"", "CLR-100", "IMR-111"}},
		"a batch file":                                        {"batch.hl7", outcomes{"7001": accepted, "7002": patient}, []string{"", "CLR-100"}},
		"WIR lineage: closed by BTS and FTS, opened by none":  {"trailers-only.hl7", outcomes{"7001": accepted, "7002": warned}, []string{"", ""}},
		"NMSIIS: pairs of MSA and ERR in one acknowledgement": {"pairs.hl7", outcomes{"7001": accepted, "7002": message, "7003": unknown}, nil},
		"HP and WIR: the patient segment is ignored":          {"ignored-patient.hl7", outcomes{"7001": patient}, []string{""}},
		"ALERT: a dose segment is ignored":                    {"ignored-dose.hl7", outcomes{"7001": dose}, []string{""}},
		"MCIR: AR":                                            {"rejected-ar.hl7", outcomes{"7001": message}, []string{""}},
		"HIMSS: information, warning, error":                  {"three-severities.hl7", outcomes{"7001": warned, "7002": warned, "7003": patient}, []string{"IEE-251", "IEE-998", ""}},
		"several codes clumped in ERR-8":                      {"clumped.hl7", outcomes{"7001": warned}, []string{"IEE-519", "IEE-411"}},
		"an interface that was down":                          {"outage.hl7", outcomes{"7001": unknown}, []string{""}},
		"the event of a query (Z23 allows it)":                {"query-mode.hl7", outcomes{"7001": accepted}, []string{""}},
		"the enhanced mode's codes":                           {"enhanced.hl7", outcomes{"7001": accepted, "7002": message}, nil},
	}
	seen := map[string]bool{}
	for name, v := range variants {
		seen[v.file] = true
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "acks", v.file))
			require.NoError(t, err)
			r := read(t, string(text))
			require.NoError(t, r.err)
			require.Equal(t, v.want, r.outcomes())
			if v.codes != nil {
				require.Equal(t, v.codes, r.codes())
			}
			require.Zero(t, r.sum.NotUnderstood)
			require.Empty(t, r.sum.Faults)
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "acks"))
	require.NoError(t, err)
	require.Len(t, files, len(seen), "a fixture that no variant reads")
}
