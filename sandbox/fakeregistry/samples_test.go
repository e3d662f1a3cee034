package fakeregistry_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// sample is a generated file of the account's two clinics.
func sample(t *testing.T, processing string, o hl7gen.BatchOptions) (string, hl7gen.Facts) {
	t.Helper()
	var file bytes.Buffer
	facts, err := hl7gen.New(4, hl7gen.Options{
		OrgCode: "SUNR0001", Prescribers: []string{"1234567893"}, Now: now, ProcessingID: processing,
		Facilities: []hl7gen.Facility{{ID: "SUNR0001"}, {ID: "SUNR0002"}},
	}).Batch(&file, o)
	require.NoError(t, err)
	return file.String(), facts
}

func TestSampleFilesWithoutDefectsHaveNothingToAnswer(t *testing.T) {
	for lane, folder := range lanes {
		t.Run(string(lane), func(t *testing.T) {
			processing := "P"
			if lane == registry.LaneTest {
				processing = "T"
			}
			o := hl7gen.BatchOptions{Messages: 400}
			if lane == registry.LaneHistorical {
				o.Historical, o.From, o.To = true, now.AddDate(-12, 0, 0), now.AddDate(0, -6, 0)
			}
			text, facts := sample(t, processing, o)
			rec, report := openDesk(t, fakeregistry.Behaviour{}).judge(folder, text)
			require.Empty(t, rec.Codes)
			require.Equal(t, facts.ControlIDs, rec.ControlIDs())
			require.Empty(t, lines(report, "ERR"))
		})
	}
}

func TestSampleDefectsAreAnsweredEachByItsCode(t *testing.T) {
	want := map[hl7gen.Defect]string{
		hl7gen.MissingBirthDate: "MER-909", hl7gen.MissingLot: "IMR-100", hl7gen.DuplicateControlID: "MER-902",
		hl7gen.FutureDose: "IMR-902", hl7gen.BadCVX: "IMR-904", hl7gen.TestPatient: "CLR-903",
		hl7gen.WrongProcessingID: "MER-903", hl7gen.UnknownFacility: "MER-911", hl7gen.BrokenEnvelope: "FIR-901",
		hl7gen.NoConsent: "CLR-100", hl7gen.DuplicateDose: "IMR-109",
	}
	for _, d := range hl7gen.Defects() {
		t.Run(string(d), func(t *testing.T) {
			require.Contains(t, want, d, "a new defect that the registry has no answer to")
			text, facts := sample(t, "P", hl7gen.BatchOptions{Messages: 6, Defects: []hl7gen.Defect{d}})
			rec, _ := openDesk(t, fakeregistry.Behaviour{}).judge("inbound/production", text)
			require.Equal(t, map[string]int{want[d]: 1}, rec.Codes)
			if at := facts.Planted[0].Ordinal; at > 0 {
				require.Equal(t, []string{want[d]}, rec.Messages[at-1].Codes)
			}
			if code := d.Code(); code != "" {
				require.Equal(t, want[d], code)
			}
		})
	}
}

func TestNoSamplePatientIsNamedOutsideOfFilesAndReports(t *testing.T) {
	text, facts := sample(t, "P", hl7gen.BatchOptions{Messages: 6, Defects: []hl7gen.Defect{hl7gen.NoConsent}})
	d := openDesk(t, fakeregistry.Behaviour{})
	rec, report := d.judge("inbound/production", text)
	require.Contains(t, report, facts.Patients[1].Family, "reports name patients, as real ones do")
	require.Equal(t, map[string]int{"CLR-100": 1}, rec.Codes)
	for _, p := range facts.Patients {
		for _, needle := range p.Needles() {
			d.nowhereIn(needle, "ledger.jsonl")
		}
	}
}
