package extract

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Limits of a document.
const (
	maxPages = 5_000
	// The reader is PDFium in a WebAssembly sandbox; its memory comes in pages
	// of 64 KiB.
	maxSandbox = (384 << 20) / (64 << 10)
	// sameFault is after how many unreadable pages in a row the rest is given up.
	sameFault = 20
	// endWithin are the last bytes of a document in which its end has to stand
	// (Adobe's implementation note on the file trailer).
	endWithin = 1024
)

var errNoPages = errors.New("no page can be read")

// document writes the text of all pages line by line.
func document(ctx context.Context, data []byte, w *writer) error {
	// PDFium mends a document without an end, and reads what there is of it.
	if !bytes.Contains(data[max(0, len(data)-endWithin):], []byte("%%EOF")) {
		return errCutOff
	}
	pool, err := webassembly.Init(webassembly.Config{
		Context: ctx, MinIdle: 1, MaxIdle: 1, MaxTotal: 1,
		// PDFium's own setjmp needs exceptions; the rest is what it may not have:
		// much memory, any file of ours, our pipe.
		RuntimeConfig: engine(len(data)).WithMemoryLimitPages(maxSandbox).
			WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling),
		FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		return err
	}
	reader, err := pool.GetInstance(maxTime)
	if err != nil {
		return err
	}
	doc, err := reader.OpenDocument(&requests.OpenDocument{File: &data})
	if err != nil {
		return err
	}
	count, err := reader.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil {
		return err
	}
	if count.PageCount > maxPages {
		return errTooMuchText
	}
	var l layout
	read, faults := 0, 0
	for i := range count.PageCount {
		pieces, err := page(reader, requests.Page{ByIndex: &requests.PageByIndex{Document: doc.Document, Index: i}})
		if err != nil {
			if faults++; faults >= sameFault {
				return err
			}
			continue
		}
		read, faults = read+1, 0
		for _, cells := range l.rows(pieces) {
			if err := w.row(1, cells); err != nil {
				return err
			}
		}
	}
	// A page that cannot be read may hold an error: the report is not whole.
	if read == 0 || read < count.PageCount {
		return errNoPages
	}
	return nil
}

// engine is how PDFium itself is run. Compiling it takes seconds, which a small
// document is not worth.
func engine(size int) wazero.RuntimeConfig {
	if size < 256<<10 {
		return wazero.NewRuntimeConfigInterpreter()
	}
	return wazero.NewRuntimeConfig()
}

func page(reader pdfium.Pdfium, p requests.Page) ([]piece, error) {
	text, err := reader.GetPageTextStructured(&requests.GetPageTextStructured{
		Page: p, Mode: requests.GetPageTextStructuredModeRects,
	})
	if err != nil {
		return nil, err
	}
	pieces := make([]piece, 0, len(text.Rects))
	for _, r := range text.Rects {
		pieces = append(pieces, piece{
			left: r.PointPosition.Left, right: r.PointPosition.Right,
			top: r.PointPosition.Top, bottom: r.PointPosition.Bottom, text: r.Text,
		})
	}
	return pieces, nil
}
