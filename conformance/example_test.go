package conformance_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"immtrail/conformance"
	"immtrail/registry"
)

// A message with a vaccine code that nobody assigned. Real callers open a file.
const sample = "MSH|^~\\&|EHR|SUNR1234|IMMTRAC2|TEXIIS|20260304101500-0600||VXU^V04^VXU_V04|c-1|P|2.5.1|||ER|AL|||||Z22^CDCPHINVS\r" +
	"PID|1||K17^^^SUNR1234^MR||Kavori^Nemuri^^^^^L||19800229|F||2106-3^White^CDCREC|12 Poruvika Street^^Austin^TX^78701^USA^H\r" +
	"PD1|||||||||||02|N|20260304|||A|20260304|20260304\r" +
	"ORC|RE||d-1^SUNR1234\r" +
	"RXA|0|1|20250303||777^Unheard of^CVX|999|||01^Historical^NIP001|||||||||||CP|A\r"

// Check reads a stream once and calls back with what is wrong, in the order of
// the file. Findings name a place and a rule; the rule knows what to say.
func ExampleCheck() {
	_, err := conformance.Check(context.Background(), strings.NewReader(sample), conformance.Options{
		Lane: registry.LaneProduction,
		Now:  time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC),
		OnFinding: func(f registry.Finding) {
			if f.Severity == registry.SeverityError {
				rule, _ := conformance.Lookup(f.Rule)
				fmt.Printf("message %d (%s), line %d: %s %s\n", f.Message, f.ControlID, f.Line, f.Path, rule.ID)
			}
		},
	})
	if err != nil {
		fmt.Println(err) // the source failed; a file that is wrong is no error
	}
	// Output: message 1 (c-1), line 5: RXA[1]-5.1 R-05.code
}

// The summary says what becomes of the messages, without any callback.
func ExampleCheck_summary() {
	sum, err := conformance.Check(context.Background(), strings.NewReader(sample), conformance.Options{
		Lane: registry.LaneProduction,
		Now:  time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sum.Messages, "message:", sum.Outcome, sum.Errors, "error")
	// Output: 1 message: dose-rejected 1 error
}

// Several files of one run share a Run: that consent is not checked is told once.
func ExampleRun() {
	run, told := &conformance.Run{}, 0
	for range 3 {
		_, err := conformance.Check(context.Background(), strings.NewReader(sample), conformance.Options{
			Lane: registry.LaneProduction, Now: time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC),
			Profile: &registry.Profile{}, Run: run,
			OnFinding: func(f registry.Finding) {
				if f.Rule == "C-01.unknown" {
					told++
				}
			},
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(told)
	// Output: 1
}

// What is no HL7 is named, not read as a file without messages.
func ExampleCheck_notHL7() {
	sum, _ := conformance.Check(context.Background(), strings.NewReader("\x1f\x8b\x08\x00"), conformance.Options{
		Lane: registry.LaneTest,
		Now:  time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC),
	})
	fmt.Println(sum.Outcome, "-", sum.Found)
	// Output: file-rejected - a gzip archive
}

// Lookup gives the sentences of a rule.
func ExampleLookup() {
	rule, _ := conformance.Lookup("R-05.code")
	fmt.Println(rule.Where, rule.Code)
	// Output: RXA-5.1 103
}
