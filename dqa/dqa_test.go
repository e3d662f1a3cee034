package dqa_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
	"immtrail/dqa/extract"
	"immtrail/registry"
	"immtrail/registry/texas"
)

func TestMain(m *testing.M) {
	extract.Serve() // spreadsheets and documents are read by a child of this program
	os.Exit(m.Run())
}

// report is everything that reading one gave.
type report struct {
	items    []registry.ReportItem
	verdicts []dqa.Verdict
	sum      dqa.Summary
	err      error
}

func options(tb testing.TB) dqa.Options {
	tb.Helper()
	l, err := texas.Load()
	require.NoError(tb, err)
	return dqa.Options{Catalogue: l.Catalogue, Mappings: l.Mappings}
}

func read(tb testing.TB, text string) report {
	tb.Helper()
	return readWith(tb, text, options(tb))
}

func readWith(tb testing.TB, text string, opts dqa.Options) report {
	tb.Helper()
	var r report
	opts.Verdict = func(v dqa.Verdict) error {
		r.verdicts = append(r.verdicts, v)
		return nil
	}
	r.sum, r.err = dqa.Read(context.Background(), strings.NewReader(text), opts, func(it registry.ReportItem) error {
		r.items = append(r.items, it)
		return nil
	})
	return r
}

// one is the only verdict of a report.
func (r report) one(t *testing.T) dqa.Verdict {
	t.Helper()
	require.NoError(t, r.err)
	require.Len(t, r.verdicts, 1)
	return r.verdicts[0]
}

func (r report) codes() []string {
	var codes []string
	for _, it := range r.items {
		codes = append(codes, it.Code)
	}
	return codes
}

func (r report) outcomes() map[string]registry.Outcome {
	m := map[string]registry.Outcome{}
	for _, v := range r.verdicts {
		m[v.ControlID] = v.Outcome
	}
	return m
}
