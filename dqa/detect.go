package dqa

import (
	"bytes"
	"unicode/utf8"
)

// Format is the outer form of a report.
type Format string

// The formats. Old Office documents, archives and binary data are not read.
const (
	FormatACK         Format = "HL7 acknowledgements"
	FormatText        Format = "delimited text"
	FormatEmpty       Format = "empty"
	FormatPDF         Format = "a PDF document"
	FormatSpreadsheet Format = "a spreadsheet (XLSX)"
	FormatOffice      Format = "an old Office document"
	FormatHTML        Format = "HTML"
	FormatArchive     Format = "a compressed archive"
	FormatBinary      Format = "binary data"
)

var magic = []struct {
	prefix string
	format Format
}{
	{"%PDF", FormatPDF},
	{"PK\x03\x04", FormatSpreadsheet},
	{"PK\x05\x06", FormatSpreadsheet},
	{"\xd0\xcf\x11\xe0", FormatOffice},
	{"\x1f\x8b", FormatArchive},
	{"BZh", FormatArchive},
	{"7z\xbc\xaf", FormatArchive},
	{"Rar!", FormatArchive},
}

var (
	bomUTF8 = []byte("\xef\xbb\xbf")
	bomLE   = []byte("\xff\xfe")
	bomBE   = []byte("\xfe\xff")
)

// DetectFormat tells the form of a report by its first bytes, never by its
// name.
func DetectFormat(head []byte) Format {
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return m.format
		}
	}
	if _, is := wide(head); is {
		return FormatText // of what form it is shows once it is decoded
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, bomUTF8), " \t\r\n\v\x1c")
	switch {
	case len(text) == 0:
		return FormatEmpty
	case bytes.IndexByte(text, 0) >= 0:
		return FormatBinary
	case text[0] == '<':
		return FormatHTML
	case hl7Head(text):
		return FormatACK
	}
	return FormatText
}

// hl7Head reports whether text begins with a header segment. A header is
// followed by its separator, which is no letter or digit.
func hl7Head(text []byte) bool {
	if len(text) < 4 {
		return false
	}
	switch string(text[:3]) {
	case "MSH", "FHS", "BHS":
	default:
		return false
	}
	sep := text[3]
	return sep > ' ' && sep < utf8.RuneSelf && !isAlnum(sep) && sep != '-' && sep != '"' && sep != ','
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
