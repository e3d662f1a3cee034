package cli

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// slow is after how long a run shows how far it is.
const slow = 2 * time.Second

// meter shows over all files of a run how much was read, how fast, and how long
// it will take: on standard error, on a terminal, when it takes longer than
// slow. Between files the line is gone, so that verdicts can be printed.
type meter struct {
	out    io.Writer
	start  time.Time
	show   chan struct{} // closed when it has taken long
	total  int64         // bytes of all files, 0 where nobody knows
	before int64         // bytes of the files before the one at hand
}

func (a *app) newMeter(inputs []input) *meter {
	m := &meter{out: a.env.Stderr, start: a.env.Now(), show: make(chan struct{})}
	for _, in := range inputs {
		m.total += in.size
		if !in.regular && in.problem == "" {
			m.total = 0 // a pipe: nobody knows
			break
		}
	}
	time.AfterFunc(slow, func() { close(m.show) })
	return m
}

// watch counts what is read of src. done may be called twice.
func (m *meter) watch(src io.Reader, in input) (r io.Reader, done func()) {
	p := mpb.New(mpb.WithOutput(m.out), mpb.WithWidth(30), mpb.WithRenderDelay(m.show))
	what := decor.Name("checking " + tail(visible(in.path), 30) + " ")
	rate := decor.NewAverageSpeed(decor.SizeB1000(0), "% .0f", m.start)
	var bar *mpb.Bar
	if m.total > 0 {
		bar = p.AddBar(m.total, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(what), mpb.AppendDecorators(
			decor.Percentage(), decor.Name(", "), rate, decor.Name(", "),
			decor.NewAverageETA(decor.ET_STYLE_GO, m.start, nil), decor.Name(" left")))
	} else {
		bar = p.New(0, mpb.NopStyle(), mpb.BarRemoveOnComplete(), mpb.PrependDecorators(what,
			decor.CurrentKiloByte("% .0f"), decor.Name(" read, "), rate))
	}
	bar.SetCurrent(m.before)
	counted := &countingReader{src: src, bar: bar}
	return counted, sync.OnceFunc(func() {
		m.before += counted.n
		bar.Abort(true)
		p.Wait()
	})
}

type countingReader struct {
	src io.Reader
	bar *mpb.Bar
	n   int64
}

func (r *countingReader) Read(b []byte) (int, error) {
	n, err := r.src.Read(b)
	r.n += int64(n)
	r.bar.IncrBy(n)
	return n, err
}
