package cli

import (
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// longRead is the size in bytes from which reading a file shows how far it is.
const longRead = 16 << 20

// progress shows on standard error how much of src was read, on terminals and
// for long files only. done may be called twice.
func (a *app) progress(src io.Reader, size int64, what string) (r io.Reader, done func()) {
	if !a.env.IsTerminal || a.output != outputText || size < longRead {
		return src, func() {}
	}
	p := mpb.New(mpb.WithOutput(a.env.Stderr), mpb.WithWidth(40))
	bar := p.AddBar(size, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)))
	return bar.ProxyReader(src), sync.OnceFunc(func() {
		bar.Abort(true)
		p.Wait()
	})
}
