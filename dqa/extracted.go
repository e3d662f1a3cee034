package dqa

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"immtrail/dqa/extract"
)

// cellBreak stands between the cells of a row that had no separator.
const cellBreak = " | "

// readExtracted reads a spreadsheet or a document by the rows that are taken
// out of it.
func (s *sink) readExtracted(src io.Reader, kind extract.Kind) error {
	t := s.newTable()
	sheet := 1
	err := extract.Rows(s.ctx, kind, src, func(r extract.Row) error {
		if r.Sheet != sheet {
			sheet = r.Sheet
			if err := t.fresh(); err != nil {
				return err
			}
		}
		return t.row(rowLine(r.Cells), r.Cells)
	})
	if err != nil {
		return sourceError(err)
	}
	return s.end()
}

// rowLine is a row as one line, as it is kept where nobody understands it.
func rowLine(cells []string) string {
	filled := make([]string, 0, len(cells))
	for _, c := range cells {
		if c != "" {
			filled = append(filled, c)
		}
	}
	return strings.Join(filled, cellBreak)
}

// readHTML reads a web page's tables, such as reporting tools save under the
// name .xls, and the lines between them. XML of old spreadsheets has rows and
// cells too and is read likewise.
func (s *sink) readHTML(src *bufio.Reader) error {
	head, _ := src.Peek(1024) // as much as there is
	enc, _, _ := charset.DetermineEncoding(head, "text/html")
	p := &page{table: s.newTable()}
	z := html.NewTokenizer(enc.NewDecoder().Reader(src))
	z.SetMaxBuf(lineMax)
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		if err := p.token(z, kind); err != nil {
			return err
		}
	}
	switch err := z.Err(); {
	case errors.Is(err, html.ErrBufferExceeded):
		return sourceError(bufio.ErrTooLong)
	case !errors.Is(err, io.EOF):
		return sourceError(err)
	}
	if err := p.closeRow(); err != nil {
		return err
	}
	return s.end()
}

// page is a web page while it is read.
type page struct {
	*table
	rowOpen bool
	row     []string
	text    strings.Builder // of the open cell or line
	skip    string          // the element whose text is no text: script, style
	wide    int             // columns that the open cell spans
}

// spanWidth bounds colspan: a cell of a million columns is a cell of 50.
const spanWidth = 50

func (p *page) token(z *html.Tokenizer, kind html.TokenType) error {
	switch kind {
	case html.TextToken:
		if p.skip == "" && p.text.Len() < lineMax {
			p.text.Write(z.Text())
		}
		return nil
	case html.StartTagToken, html.SelfClosingTagToken:
		name, attrs := z.TagName()
		return p.open(z, tagOf(name), attrs)
	case html.EndTagToken:
		name, _ := z.TagName()
		return p.shut(tagOf(name))
	case html.ErrorToken, html.CommentToken, html.DoctypeToken:
	}
	return nil
}

// tagOf is an element's name without a namespace, in HTML's words.
func tagOf(name []byte) string {
	tag := string(name)
	if i := strings.IndexByte(tag, ':'); i >= 0 {
		tag = tag[i+1:]
	}
	switch tag {
	case "row":
		return "tr"
	case "cell", "th":
		return "td"
	case "worksheet":
		return "table"
	}
	return tag
}

func (p *page) open(z *html.Tokenizer, tag string, attrs bool) error {
	switch tag {
	case "script", "style", "title", "head":
		p.skip = tag
	case "tr":
		if err := p.closeRow(); err != nil {
			return err
		}
		p.rowOpen = true
	case "td":
		p.closeCell()
		p.wide = 1
		for attrs {
			var key, value []byte
			key, value, attrs = z.TagAttr()
			if string(key) == "colspan" {
				p.wide = min(max(number(value), 1), spanWidth)
			}
		}
	case "table":
		p.skip = "" // a head that was never closed
		if err := p.closeRow(); err != nil {
			return err
		}
		p.mapping, p.columns, p.width = nil, nil, 0
	case "br", "p", "div", "li", "h1", "h2", "h3", "h4", "body":
		if p.rowOpen {
			p.text.WriteByte(' ')
			return nil
		}
		return p.closeRow()
	}
	return nil
}

func (p *page) shut(tag string) error {
	switch tag {
	case p.skip:
		p.skip = ""
	case "td":
		p.closeCell()
	case "tr", "table", "p", "div", "li", "h1", "h2", "h3", "h4", "body":
		if p.rowOpen && tag != "tr" && tag != "table" {
			return nil
		}
		return p.closeRow()
	}
	return nil
}

// closeCell ends the open cell of the open row.
func (p *page) closeCell() {
	if !p.rowOpen || p.wide == 0 {
		return
	}
	cell := strings.Join(strings.Fields(p.text.String()), " ")
	p.text.Reset()
	for ; p.wide > 0; p.wide-- {
		p.row = append(p.row, cell)
		cell = ""
	}
}

// closeRow hands on the open row, or the line of text outside any.
func (p *page) closeRow() error {
	p.closeCell()
	if !p.rowOpen {
		line := strings.Join(strings.Fields(p.text.String()), " ")
		p.text.Reset()
		if line == "" {
			return nil
		}
		return p.table.row(line, []string{line})
	}
	row := p.row
	p.row, p.rowOpen = p.row[:0], false
	p.text.Reset()
	return p.table.row(rowLine(row), row)
}

// number reads a small whole number; 0 where it is none.
func number(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' || n > 1000 {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}
