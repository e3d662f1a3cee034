package reportgen

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// A Line is one line of a made report: an answer to a message, or garbage.
type Line struct {
	// ControlID is whom an answer answers; empty: the line is garbage.
	ControlID string
	// Code and Text are what is said; an acceptance has none.
	Code, Place, Text string
	// Mark is a word that stands in this line and in no other.
	Mark string
	// Cells are garbage as a row.
	Cells []string
}

// sayings are what answers say, by their codes.
var sayings = []Line{
	{},
	{Code: "CLR-100", Place: "PID-22", Text: "Client Rejected. No consent on file"},
	{Code: "IMR-111", Place: "RXA-17", Text: "Immunization rejected. Maker; \"none\" of ours"},
	{Code: "IEE-519", Place: "NK1", Text: "Warning. Responsible person, missing"},
	{Code: "IMR-109", Place: "RXA-3", Text: "Immunization rejected. Duplicate"},
}

// odd are letters that encodings, quotes and formulas stumble over. Each is in
// Windows-1252 too.
var odd = []string{"Müller", "naïve", "“so”", "O’Hara", `say "x`, `"`, "'", "=1+1", "+2", "@x", "-", "…", "€", "ß"}

// Lines makes an answer for each control ID, in any order, with garbage between
// them: words, quotes that are never closed, rows that lost their shape. The same
// seed makes the same lines.
func Lines(seed uint64, ids []string) []Line {
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
	var out []Line
	mark := func() string { return fmt.Sprintf("zq%dxk%d", seed, len(out)) }
	garbage := func() {
		for range rnd.IntN(3) {
			l := Line{Mark: mark()}
			words := func() string { return odd[rnd.IntN(len(odd))] + " stray " + l.Mark + " " + odd[rnd.IntN(len(odd))] }
			switch rnd.IntN(4) {
			case 0:
				l.Cells = []string{words()}
			case 1:
				l.Cells = []string{"", words()}
			case 2:
				l.Cells = []string{"", "", "", "", "", "", words()}
			default:
				l.Cells = []string{strings.Repeat("long ", 40) + words()}
			}
			out = append(out, l)
		}
	}
	for _, i := range rnd.Perm(len(ids)) {
		garbage()
		l := sayings[rnd.IntN(len(sayings))]
		l.ControlID, l.Mark = ids[i], mark()
		if l.Code != "" {
			l.Text += " " + l.Mark
		}
		out = append(out, l)
	}
	garbage()
	return out
}

// Table is lines as rows below a header that every built-in layout knows.
func Table(lines []Line) Section {
	rows := [][]string{{"Message Control ID", "Location", "Error Message", "Status"}}
	for _, l := range lines {
		row := l.Cells
		if l.ControlID != "" {
			row = []string{l.ControlID, l.Place, "", "Accepted"}
			if l.Code != "" {
				row[2], row[3] = l.Code+"::"+l.Text, ""
			}
		}
		rows = append(rows, row)
	}
	return Section{Rows: rows}
}

// Encodings are what Delimited and Acknowledgements can be told to write.
var Encodings = []string{"utf-8", "utf-8 with a mark", "windows-1252", "utf-16 with a mark", "utf-16 without one", "utf-16, high byte first"}

// Delimited writes lines as text with the separator, ending its lines with end.
func Delimited(lines []Line, sep, end, encoding string, quote bool) []byte {
	var b strings.Builder
	for _, row := range Table(lines).Rows {
		for i, c := range row {
			if i > 0 {
				b.WriteString(sep)
			}
			answer := len(row) == 4
			if answer && (quote || strings.ContainsAny(c, sep+`"`)) {
				c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
			b.WriteString(c)
		}
		b.WriteString(end)
	}
	return encoded(b.String(), encoding)
}

// Acknowledgements writes lines as a batch of acknowledgements in ImmTrac2's
// form, with garbage as lines of its own between the messages.
func Acknowledgements(lines []Line, end, encoding string) []byte {
	var b strings.Builder
	b.WriteString("FHS|^~\\&" + end + "BHS|^~\\&" + end)
	n := 0
	for _, l := range lines {
		if l.ControlID == "" {
			b.WriteString(strings.Join(l.Cells, " ") + end)
			continue
		}
		n++
		fmt.Fprintf(&b, "MSH|^~\\&|ImmTrac24.16|TEXIIS|||20260303044526-0500||ACK^V04^ACK|R%d|P|2.5.1%s", n, end)
		if l.Code == "" {
			fmt.Fprintf(&b, "MSA|AA|%s%s", l.ControlID, end)
			continue
		}
		severity := "E"
		if strings.HasPrefix(l.Code, "IEE") {
			severity = "W"
		}
		fmt.Fprintf(&b, "MSA|AE|%s%sERR||%s|101^x^HL70357|%s||||%s::%s%s", l.ControlID, end, l.Place, severity, l.Code, l.Text, end)
	}
	fmt.Fprintf(&b, "BTS|%d%sFTS|1%s", n, end, end)
	return encoded(b.String(), encoding)
}

// encoded is UTF-8 text in another encoding; what it does not have stays away.
func encoded(text, name string) []byte {
	var (
		out string
		err error
	)
	switch name {
	case "utf-8 with a mark":
		out = "\ufeff" + text
	case "windows-1252":
		out, err = charmap.Windows1252.NewEncoder().String(text)
	case "utf-16 with a mark":
		out, err = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	case "utf-16 without one":
		out, err = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(text)
	case "utf-16, high byte first":
		out, err = unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(text)
	default:
		out = text
	}
	if err != nil {
		panic("reportgen: " + err.Error()) // a letter was added that the encoding does not have
	}
	return []byte(out)
}
