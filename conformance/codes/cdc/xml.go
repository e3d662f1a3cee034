package cdc

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// readXML reads records: the children of the root, each with values as elements
// of their own or as pairs of Name and Value.
func (in *intake) readXML(src io.Reader) error {
	dec := xml.NewDecoder(src)
	dec.CharsetReader = charset
	for depth := 0; ; {
		tok, err := dec.Token()
		line, _ := dec.InputPos()
		switch {
		case errors.Is(err, io.EOF) && depth == 0:
			return nil
		case err != nil:
			return in.badXML(line, err)
		}
		switch tok.(type) {
		case xml.Directive:
			return refuse(in.name, line, "a document type has no place in it", download)
		case xml.StartElement:
			if depth++; depth < 2 {
				continue
			}
			if err := in.xmlRecord(dec, line); err != nil {
				return err
			}
			depth--
		case xml.EndElement:
			depth--
		}
	}
}

func (in *intake) badXML(line int, err error) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF"), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(in.name, line, "the XML ends in the middle", cut)
	case errors.As(err, &syntax):
		// The decoder's words quote the file: only what is surely harmless.
		if strings.Contains(syntax.Msg, "entity") {
			return refuse(in.name, line, "it uses an entity that XML does not know", download)
		}
		return refuse(in.name, line, "the XML is broken here", download)
	}
	return refuse(in.name, line, "the XML cannot be read: "+err.Error(), download)
}

// xmlRecord reads one record up to its end.
func (in *intake) xmlRecord(dec *xml.Decoder, line int) error {
	rec := record{line: line, fields: map[string]string{}}
	name := ""
	for {
		tok, err := dec.Token()
		at, _ := dec.InputPos()
		if err != nil {
			return in.badXML(at, err)
		}
		switch t := tok.(type) {
		case xml.Directive:
			return refuse(in.name, at, "a document type has no place in it", download)
		case xml.StartElement:
			value, err := xmlValue(dec, t)
			if err != nil {
				var broken *valueError
				if errors.As(err, &broken) {
					return refuse(in.name, at, broken.why, download)
				}
				return in.badXML(at, err)
			}
			switch key := fieldName(t.Name.Local); key {
			case "name":
				name = fieldName(value)
			case "value":
				rec.fields[name] = value
			default:
				rec.fields[key] = value
			}
			if len(rec.fields) > 64 {
				return refuse(in.name, at, "a record has more than 64 values", download)
			}
		case xml.EndElement:
			return in.record(rec)
		}
	}
}

// valueError says what is wrong with a value.
type valueError struct{ why string }

func (e *valueError) Error() string { return e.why }

// xmlValue is the text of an element without children, or the address that it
// links to.
func xmlValue(dec *xml.Decoder, start xml.StartElement) (string, error) {
	var text strings.Builder
	for _, a := range start.Attr {
		if a.Name.Local == "href" {
			text.WriteString(a.Value)
		}
	}
	for {
		tok, err := dec.Token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.CharData:
			text.Write(t)
			if text.Len() > maxValue {
				return "", &valueError{"a value is longer than 8 kB"}
			}
		case xml.StartElement:
			return "", &valueError{"elements lie deeper in each other than in CDC's tables"}
		case xml.Directive:
			return "", &valueError{"a document type has no place in it"}
		case xml.EndElement:
			return strings.TrimSpace(text.String()), nil
		}
	}
}

// charset decodes what CDC's files say to be in. Byte order marks were heeded
// before, so that UTF-16 is UTF-8 by now.
func charset(label string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf-16", "us-ascii", "ascii":
		return r, nil
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil, errors.New("its encoding is not known here")
	}
	return enc.NewDecoder().Reader(r), nil
}

// record recognises the table by its first record.
func (in *intake) record(rec record) error {
	if in.shape == nil {
		if in.shape = recognise(rec); in.shape == nil {
			return refuse(in.name, rec.line, "this is none of CDC's tables of codes", download)
		}
	}
	return in.take(rec)
}
