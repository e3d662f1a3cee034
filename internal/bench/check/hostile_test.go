package main

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

// Each hostile file is judged as what it is, in a small form: the program
// measures time and memory of the large one.
func TestHostileFilesAreJudged(t *testing.T) {
	all, err := hostiles()
	require.NoError(t, err)
	require.Len(t, all, 13)
	rules := map[string][]string{ // some of those that fire; none for a clean file
		"ordinary, for comparison":       {"F-06.none"},
		"one segment without end":        {"F-03.limit"},
		"empty segments":                 {"M-01"},
		"segments of three letters":      {"M-01", "M-01.order"},
		"repetitions":                    {"P-03.type", "R-01"},
		"escapes":                        {"P-04.junk", "R-01"},
		"every message bad":              {"M-04", "R-15.code"},
		"headers only":                   {"M-10", "M-01"},
		"separators only":                {"P-03", "R-01"},
		"components only":                {"P-03.number"},
		"NUL and control bytes":          {"F-03.nul", "F-03.bytes"},
		"one control ID and one patient": {"F-07", "F-07.everybody", "F-08"},
		"framing and blank lines":        {"F-03.mllp"},
	}
	for i := range all {
		h := &all[i]
		t.Run(h.name, func(t *testing.T) {
			var file bytes.Buffer
			require.NoError(t, h.write(&file, 3*mega))
			judge := func(workers int) (conformance.Summary, []registry.Finding) {
				in, err := options(workers)
				require.NoError(t, err)
				var told []registry.Finding
				in.MaxFindings = 3
				in.OnFinding = func(f registry.Finding) { told = append(told, f) }
				res, _, err := check(bytes.NewReader(file.Bytes()), in)
				require.NoError(t, err)
				return res, told
			}
			res, told := judge(1)
			again, same := judge(3)
			require.Equal(t, res, again)
			require.Equal(t, told, same)
			require.Subset(t, fired(res), rules[h.name])
			for _, f := range told {
				require.Less(t, f.Offset, int64(file.Len()))
			}
			if i == 0 {
				require.Zero(t, res.Errors)
				require.NotEqual(t, registry.OutcomeFileRejected, res.Outcome)
			} else if h.name != "framing and blank lines" {
				require.False(t, res.ErrorFree)
			}
		})
	}
}

func fired(s conformance.Summary) []string {
	var all []string
	for _, c := range s.Counts {
		all = append(all, c.Rule)
	}
	slices.Sort(all)
	return all
}

func TestTheOrdinaryFileIsClean(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, writeOrdinary(&file, 1))
	in, err := options(2)
	require.NoError(t, err)
	res, _, err := check(bytes.NewReader(file.Bytes()), in)
	require.NoError(t, err)
	require.Empty(t, slices.DeleteFunc(res.Counts, func(c registry.RuleCount) bool { return c.Severity == registry.SeverityInfo }))
	messages, broken := scan(file.Bytes())
	require.Equal(t, res.Messages, messages)
	require.Zero(t, broken)
}
