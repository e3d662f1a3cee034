package dqa

import (
	"bufio"
	"bytes"
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
	return t.finish()
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
	p := &page{table: s.newTable()}
	z := html.NewTokenizer(pageText(src))
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
		return tooLong("the text after row", p.rows-1)
	case !errors.Is(err, io.EOF):
		return sourceError(err)
	}
	if err := p.closeRow(); err != nil {
		return err
	}
	if p.tables > 0 || p.skip != "" || p.hidden {
		s.fault("the page breaks off: the end of a table, a comment or a script is missing")
	}
	return p.finish()
}

// pageText is the page as UTF-8. A page that calls itself UTF-8 or Windows-1252,
// or says nothing, may be either.
func pageText(src *bufio.Reader) io.Reader {
	head, _ := src.Peek(1024) // as much as there is
	enc, name, _ := charset.DetermineEncoding(head, "text/html")
	if name == "utf-8" || name == "windows-1252" {
		return plainBytes(src)
	}
	return enc.NewDecoder().Reader(src)
}

// page is a web page while it is read.
type page struct {
	*table
	rowOpen bool
	row     []string
	text    strings.Builder // of the open cell or line
	skip    string          // the element whose text is no text: script, style
	wide    int             // columns that the open cell spans; 0: none is open
	held    int             // bytes of the open row so far
	loose   []string        // texts of the open row that stand in no cell
	rows    int             // rows and lines so far
	tables  int             // tables that are open
	hidden  bool            // a comment goes on to the end of the page
}

// spanWidth bounds colspan: a cell of a million columns is a cell of 50.
const spanWidth = 50

func (p *page) token(z *html.Tokenizer, kind html.TokenType) error {
	switch kind {
	case html.TextToken:
		if p.skip != "" {
			return nil
		}
		p.text.Write(z.Text())
		if p.held+p.text.Len() > lineMax {
			return tooLong("row", p.rows)
		}
		return nil
	case html.StartTagToken, html.SelfClosingTagToken:
		name, attrs := z.TagName()
		return p.open(z, tagOf(name), attrs)
	case html.EndTagToken:
		name, _ := z.TagName()
		return p.shut(tagOf(name))
	case html.CommentToken:
		p.hidden = p.hidden || !bytes.HasSuffix(z.Raw(), []byte(">"))
	case html.ErrorToken, html.DoctypeToken:
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
		if p.closeCell(); p.held > lineMax {
			return tooLong("row", p.rows)
		}
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
		p.tables++
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
		if p.closeCell(); p.held > lineMax {
			return tooLong("row", p.rows)
		}
	case "tr", "table", "p", "div", "li", "h1", "h2", "h3", "h4", "body":
		if p.rowOpen && tag != "tr" && tag != "table" {
			return nil
		}
		if tag == "table" {
			p.tables = max(p.tables-1, 0)
		}
		return p.closeRow()
	}
	return nil
}

// closeCell ends the open cell of the open row. What stands in the row and in no
// cell is a line of its own.
func (p *page) closeCell() {
	if !p.rowOpen {
		return
	}
	cell := strings.Join(strings.Fields(p.text.String()), " ")
	p.text.Reset()
	if p.wide == 0 && cell != "" {
		p.loose = append(p.loose, cell)
	}
	p.held += len(cell) + p.wide
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
		p.rows++
		return p.table.row(line, []string{line})
	}
	row, loose := p.row, p.loose
	p.row, p.loose, p.held, p.rowOpen = p.row[:0], p.loose[:0], 0, false
	p.rows++
	if err := p.table.row(rowLine(row), row); err != nil {
		return err
	}
	for _, line := range loose {
		if err := p.table.row(line, []string{line}); err != nil {
			return err
		}
	}
	return nil
}

// number reads a small whole number, at most 1,000; 0 where it is none.
func number(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		n = min(10*n+int(c-'0'), 1000)
	}
	return n
}
