package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"immtrail/conformance"
	"immtrail/hl7"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// told is everything that a check says, in the order in which it says it.
type told struct {
	summary conformance.Summary
	err     error
	said    []any
}

func tell(src io.Reader, change ...func(*conformance.Options)) told {
	var all told
	in := conformance.Options{
		Lane: registry.LaneProduction, Now: now, Practice: practice,
		OnFinding: func(f registry.Finding) { all.said = append(all.said, f) },
		OnMessage: func(m conformance.MessageFact) { all.said = append(all.said, m) },
	}
	for _, c := range change {
		c(&in)
	}
	all.summary, all.err = conformance.Check(context.Background(), src, in)
	return all
}

// pieces hands out a random number of bytes at a time.
type pieces struct {
	src io.Reader
	rnd *rand.Rand
}

func (p pieces) Read(b []byte) (int, error) { return p.src.Read(b[:min(len(b), 1+p.rnd.IntN(90_000))]) }

// manyBlocks is a file of a few blocks with something of everything in it.
func manyBlocks(t *testing.T, messages int) []byte {
	t.Helper()
	var file bytes.Buffer
	gen := hl7gen.New(3, hl7gen.Options{OrgCode: "SUNR1234", Now: now})
	for i := range 4 {
		opt := hl7gen.BatchOptions{Messages: messages / 4}
		if i%2 == 0 {
			opt.Defects = hl7gen.Defects()
		}
		_, err := gen.Batch(&file, opt)
		require.NoError(t, err)
		file.WriteString("a stray line\r\n\r\n")
		file.WriteString(soundWith("again", set("PID-7", "")))
		file.WriteString("\x0b" + soundWith(fmt.Sprint("c-", i)) + "\x1c\r")
	}
	return file.Bytes()
}

func TestFindingsAreTheSameForAnyChunksAndWorkers(t *testing.T) {
	file := manyBlocks(t, 600)
	want := tell(bytes.NewReader(file), func(in *conformance.Options) { in.Workers = 1 })
	require.NoError(t, want.err)
	require.Greater(t, len(want.said), 600)
	for _, workers := range []int{1, 2, 3, 7} {
		for seed := range uint64(2) {
			src := pieces{bytes.NewReader(file), rand.New(rand.NewPCG(seed, 1))}
			got := tell(src, func(in *conformance.Options) { in.Workers = workers })
			require.Equal(t, want.summary, got.summary, "%d workers", workers)
			require.Equal(t, want.said, got.said, "%d workers", workers)
		}
	}
	t.Run("and places are those of the file", func(t *testing.T) {
		for _, one := range want.said {
			if f, ok := one.(registry.Finding); ok && f.Path != "file" {
				require.Equal(t, line(file, f.Offset), f.Line, "%+v", f)
			}
		}
	})
	t.Run("and up to the same limits", func(t *testing.T) {
		few := func(workers int) told {
			return tell(bytes.NewReader(file), func(in *conformance.Options) { in.Workers, in.MaxFindings = workers, 2 })
		}
		require.Equal(t, few(1), few(4))
	})
	t.Run("and up to the same segment that is too long", func(t *testing.T) {
		long := append(bytes.Clone(file), "MSH|^~\\&|A\rNTE|1||"+strings.Repeat("x", 3<<20)+"\r"+string(file)...)
		one := tell(bytes.NewReader(long), func(in *conformance.Options) { in.Workers = 1 })
		require.Equal(t, one, tell(bytes.NewReader(long), func(in *conformance.Options) { in.Workers = 3 }))
		for _, said := range one.said {
			if f, ok := said.(registry.Finding); ok && f.Rule == "F-03.limit" {
				require.EqualValues(t, len(file)+len("MSH|^~\\&|A\r"), f.Offset)
				require.Equal(t, line(long, f.Offset), f.Line)
				return
			}
		}
		t.Fatal("not said")
	})
}

// line counts plainly.
func line(file []byte, offset int64) int {
	n := 1
	for i, c := range file[:offset] {
		if c == '\n' || (c == '\r' && file[i+1] != '\n') {
			n++
		}
	}
	return n
}

func TestWorkersEndWithTheCheck(t *testing.T) {
	defer goleak.VerifyNone(t)
	file := manyBlocks(t, 2000)
	four := func(in *conformance.Options) { in.Workers = 4 }
	t.Run("when all went well", func(t *testing.T) {
		require.NoError(t, tell(bytes.NewReader(file), four).err)
	})
	t.Run("when the source fails", func(t *testing.T) {
		gone := errors.New("disk gone")
		got := tell(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(gone)), four)
		require.ErrorIs(t, got.err, gone)
		require.NotEmpty(t, got.said, "what came before has been told")
	})
	t.Run("when the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		in := conformance.Options{
			Lane: registry.LaneTest, Now: now, Workers: 4,
			OnMessage: func(conformance.MessageFact) { cancel() },
		}
		_, err := conformance.Check(ctx, bytes.NewReader(file), in)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("when the callback panics", func(t *testing.T) {
		require.PanicsWithValue(t, "caller", func() {
			tell(bytes.NewReader(file), four, func(in *conformance.Options) {
				in.OnFinding = func(registry.Finding) { panic("caller") }
			})
		})
	})
	t.Run("when the source panics", func(t *testing.T) {
		require.PanicsWithValue(t, "source", func() {
			tell(io.MultiReader(bytes.NewReader(file), panicking{}), four)
		})
	})
	t.Run("when a limit is met", func(t *testing.T) {
		got := tell(bytes.NewReader(file), four, func(in *conformance.Options) { in.Limits = hl7.Limits{Segment: 50} })
		require.NoError(t, got.err)
	})
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("source") }

func TestACleanMessageCostsNoMemory(t *testing.T) {
	file := func(messages int) []byte {
		var b bytes.Buffer
		_, err := hl7gen.New(5, hl7gen.Options{OrgCode: "SUNR1234", Now: now}).Batch(&b, hl7gen.BatchOptions{Messages: messages})
		require.NoError(t, err)
		return b.Bytes()
	}
	allocs := func(file []byte) float64 {
		r := bytes.NewReader(file)
		return testing.AllocsPerRun(3, func() {
			r.Reset(file)
			_, err := conformance.Check(context.Background(), r, conformance.Options{
				Lane: registry.LaneTest, Now: now, Practice: practice, Workers: 1,
				OnFinding: func(registry.Finding) {},
			})
			require.NoError(t, err)
		})
	}
	few, many := allocs(file(2000)), allocs(file(6000))
	// What grows with the file is the table of digests, by doubling.
	require.InDelta(t, few, many, 10, "4,000 messages more")
}
