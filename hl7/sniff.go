package hl7

import "bytes"

// sniffLen is how much of a stream is looked at before it is taken for HL7.
const sniffLen = 1024

var utf8BOM = []byte("\xef\xbb\xbf")

// magic are the beginnings of what people send by mistake.
var magic = []struct{ prefix, found string }{
	{"%PDF", "a PDF document"},
	{"PK\x03\x04", "a zip archive or an Office document"},
	{"PK\x05\x06", "an empty zip archive"},
	{"\x1f\x8b", "a gzip archive"},
	{"BZh", "a bzip2 archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{"Rar!", "a RAR archive"},
	{"\x89PNG", "a picture"},
	{"\xff\xd8\xff", "a picture"},
	{"GIF8", "a picture"},
	{"\xd0\xcf\x11\xe0", "an old Office document"},
	{"\xff\xfe", "text in UTF-16"},
	{"\xfe\xff", "text in UTF-16"},
	{"-----BEGIN", "an encrypted or signed file"},
	{"age-encryption.org", "an encrypted file"},
	{"{", "JSON"},
	{"[", "JSON"},
	{"<", "XML or HTML"},
}

// sniff judges the first bytes of a stream. whole says that there are no more.
func sniff(head []byte, whole bool) error {
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return &FormatError{Found: m.found}
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return &FormatError{Found: "binary data"}
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, utf8BOM), " \t\r\n\v\x1c")
	if len(text) == 0 {
		if whole {
			return ErrEmpty
		}
		return &FormatError{Found: "blank at its beginning"}
	}
	for _, m := range magic {
		if bytes.HasPrefix(text, []byte(m.prefix)) {
			return &FormatError{Found: m.found}
		}
	}
	for len(text) > 0 {
		if kindOf(text) != 0 {
			return nil
		}
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 {
			break
		}
		text = bytes.TrimLeft(text[i:], "\r\n\v\x1c")
	}
	return &FormatError{Found: "text without a segment MSH, BHS or FHS at its beginning"}
}

// kindOf is the kind of unit that a line begins, or 0 for a line that belongs
// to the message before it.
func kindOf(line []byte) Kind {
	if len(line) < 3 {
		return 0
	}
	switch string(line[:3]) {
	case "MSH":
		return KindMessage
	case "FHS":
		return KindFileHeader
	case "BHS":
		return KindBatchHeader
	case "BTS":
		return KindBatchTrailer
	case "FTS":
		return KindFileTrailer
	}
	return 0
}
