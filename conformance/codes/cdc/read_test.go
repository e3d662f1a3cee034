package cdc_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"immtrail/conformance/codes"
	"immtrail/conformance/codes/cdc"
	"immtrail/hl7"
	"immtrail/registry"
)

const today = hl7.Date(20260304)

// Invented files in the forms of CDC's downloads.
const (
	cvxXML = `<?xml version="1.0" encoding="ISO-8859-1"?>
<CVXCodes>
  <CVXInfo>
    <ShortDescription>glimmer fever, live</ShortDescription>
    <FullVaccinename>glimmer fever vaccine, live</FullVaccinename>
    <CVXCode>471       </CVXCode>
    <Notes/>
    <Status>Active</Status>
    <LastUpdated>2/3/2026</LastUpdated>
  </CVXInfo>
  <CVXInfo>
    <ShortDescription>glimmer fever, unspecified</ShortDescription>
    <FullVaccinename>glimmer immune globulin</FullVaccinename>
    <CVXCode>07</CVXCode><Notes>one &amp; only</Notes><Status>Never Active</Status><LastUpdated>12/31/2025</LastUpdated>
  </CVXInfo>
</CVXCodes>`
	cvxText = "471       |glimmer fever, live|glimmer fever vaccine, live||Active|False|2026/02/03\r\n" +
		"07|glimmer fever, unspecified|glimmer immune globulin||Never Active|True|2025/12/31\r\n"
	mvxXML = `<MVXCodes><MVXInfo><Name>MVX_CODE</Name><Value>QZ </Value><Name>Manufacturer Name</Name><Value>Quiet Zebra | Co</Value>
<Name>Notes</Name><Value/><Name>Status</Name><Value>Inactive</Value><Name>Last Updated</Name><Value>11/16/2017</Value></MVXInfo></MVXCodes>`
	mvxText     = "QZ|Quiet Zebra Co||Inactive|2017/11/16\n"
	productText = "GLIMVAX|glimmer fever, live|471|Quiet Zebra Co|QZ|Inactive|Active|2026/02/03|\n"
	useText     = "11|12345|678|01|GLIMVAX|glimmer fever vaccine|Quiet Zebra Co|20260101||VIAL|00312345678013|471  |glimmer fever, live|False     |12345-0678-01|2026-02-04 00:00:00|00312345678013\r\n" +
		"12|12345|678|02|DILUENT|sterile water|Quiet Zebra Co|20260101|20260630|VIAL||||True|12345-0678-02|2026-02-04 00:00:00|\r\n"
	saleText   = "21|12345|678|09|GLIMVAX|glimmer fever vaccine|Quiet Zebra Co|20260101||BOX|INTRAMUSCULAR; SUBCUTANEOUS|2026-02-04 00:00:00|471  |glimmer fever, live|12345-0678-09|\r\n"
	linkerText = "807|4076|4156|NVX\r\n806|4072|4155|PFR\r\n"
	cptXML     = `<CPTCodes><CPTInfo><Name>CPT Code</Name><Value>91999     </Value><Name>CPT Desc</Name><Value>x</Value><Name>CVX Code</Name><Value>471 </Value>
<Name>LastUpdated</Name><Value>2/3/2026</Value></CPTInfo><CPTInfo><Name>CPT Code</Name><Value>0031A</Value><Name>CVX Code</Name><Value/><Name>LastUpdated</Name><Value/></CPTInfo></CPTCodes>`
	visXML = `<VISLookup><VISInfo><VIS_Document_Type_Description>Glimmer VIS</VIS_Document_Type_Description><Edition_Date>1/15/2026</Edition_Date>
<VIS_encoded_string>253088698300099911260115</VIS_encoded_string><VIS_GDTI_document_code>0886983000999</VIS_GDTI_document_code><status>Current</status><Lastupdated>1/20/2026</Lastupdated></VISInfo></VISLookup>`
	cvxvisXML = `<CVXVIS><CVXVISMapping><CVXCode>471</CVXCode><CVXVaccineDescription>g</CVXVaccineDescription><Fully-encodedString>253088698300099911260115</Fully-encodedString>
<VISDocumentName>Glimmer VIS</VISDocumentName><VISEditionDate>1/15/2026</VISEditionDate><Status>Current</Status></CVXVISMapping></CVXVIS>`
	visurlXML = `<VISURL xmlns:xlink="http://www.w3.org/1999/xlink"><VISURLInfo><VIS_Document_Type_Description_ConceptName>Glimmer VIS</VIS_Document_Type_Description_ConceptName>
<VIS_GDTI_document_Conceptcode>0886983000999</VIS_GDTI_document_Conceptcode><VIS_PDF_URL xlink:type="simple" xlink:href="https://example.org/g.pdf"/><VIS_HTML_URL xlink:href="https://example.org/g.html"/></VISURLInfo></VISURL>`
	groupText = "glimmer fever, live|471       |Active|GLIMMER|471\n"
)

func read(name, text string) (codes.Table, error) {
	return cdc.Read(name, strings.NewReader(text), today)
}

func TestEveryTableIsRecognisedByItsContents(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		kind    codes.Kind
		edition hl7.Date
		rows    []string
	}{
		"CVX as XML":                 {cvxXML, codes.CVX, 20260203, []string{"07|n|ux|20251231|glimmer fever, unspecified", "471|a||20260203|glimmer fever, live"}},
		"CVX as text":                {cvxText, codes.CVX, 20260203, []string{"07|n|ux|20251231|glimmer fever, unspecified", "471|a||20260203|glimmer fever, live"}},
		"MVX as XML":                 {mvxXML, codes.MVX, 20171116, []string{"QZ|i|20171116|Quiet Zebra Co"}},
		"MVX as text":                {mvxText, codes.MVX, 20171116, []string{"QZ|i|20171116|Quiet Zebra Co"}},
		"products as text":           {productText, codes.Product, 20260203, []string{"471|QZ|a|20260203|GLIMVAX"}},
		"NDC of use, diluent aside":  {useText, codes.NDCUse, 20260204, []string{"12345-0678-01|471|20260101|||GLIMVAX"}},
		"NDC of sale with routes":    {saleText, codes.NDCSale, 20260204, []string{"12345-0678-09|471|20260101||ms|GLIMVAX"}},
		"CPT, of no vaccine aside":   {cptXML, codes.CPT, 20260203, []string{"91999|471|20260203"}},
		"VIS":                        {visXML, codes.VIS, 20260120, []string{"253088698300099911260115|20260115|c|Glimmer VIS"}},
		"VIS of vaccines":            {cvxvisXML, codes.VISOfCVX, 20260115, []string{"471|253088698300099911260115"}},
		"addresses, of today":        {visurlXML, codes.VISURL, today, []string{"0886983000999|https://example.org/g.html"}},
		"groups, of today":           {groupText, codes.Group, today, []string{"471|GLIMMER|471"}},
		"text with a line of titles": {"CVX Code|Short Description|Full Name|Notes|Status|Nonvaccine|Updated\n" + cvxText, codes.CVX, 20260203, nil},
		"text with empty lines":      {"\n" + strings.ReplaceAll(cvxText, "\r\n", "\n\n"), codes.CVX, 20260203, nil},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := read("download", c.text)
			require.NoError(t, err)
			require.Equal(t, c.kind, table.Kind)
			require.Equal(t, c.edition, table.Edition)
			require.Equal(t, "download", table.Origin)
			require.NoError(t, table.Check())
			if c.rows != nil {
				require.Equal(t, c.rows, table.Rows)
			}
		})
	}
}

func TestXMLAndTextAreTheSameTable(t *testing.T) {
	a, err := read("a", cvxXML)
	require.NoError(t, err)
	b, err := read("b", cvxText)
	require.NoError(t, err)
	require.Equal(t, a.Rows, b.Rows)
}

func TestEncodingsOfCDCAreRead(t *testing.T) {
	utf16le := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	accent := strings.Replace(cvxText, "glimmer fever, live", "glimmer fièvre, live", 1)
	for name, text := range map[string]string{
		"UTF-8":              accent,
		"UTF-8 with BOM":     "\ufeff" + accent,
		"UTF-16":             utf16le(accent),
		"Windows-1252":       strings.ReplaceAll(accent, "è", "\xe8"),
		"XML as Latin-1":     strings.ReplaceAll(strings.Replace(cvxXML, "fever, live<", "fièvre, live<", 1), "è", "\xe8"),
		"XML that is UTF-16": utf16le(strings.Replace(strings.Replace(cvxXML, "ISO-8859-1", "UTF-16", 1), "fever, live<", "fièvre, live<", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			table, err := read("x", text)
			require.NoError(t, err)
			require.Contains(t, table.Rows, "471|a||20260203|glimmer fièvre, live")
		})
	}
}

func TestLinksOfUnitsAreNotNeeded(t *testing.T) {
	_, err := read("linker", linkerText)
	require.ErrorIs(t, err, cdc.ErrNotNeeded)
}

func TestWhatIsNoTableIsRefusedWithFileLineAndRemedy(t *testing.T) {
	long := strings.Repeat("x", 9<<10)
	for name, c := range map[string]struct{ text, says string }{
		"an empty file":              {"", "line 1: the file is empty"},
		"blanks":                     {"\r\n  \r\n", "the file is empty"},
		"a ZIP archive":              {"PK\x03\x04abc", "ZIP"},
		"gzip":                       {"\x1f\x8b\x08abc", "gzip"},
		"a PDF":                      {"%PDF-1.4", "PDF"},
		"a web page":                 {"  <!DOCTYPE HTML><html><body>Sorry", "a web page"},
		"binary":                     {"ELF\x00\x01\x02", "no text"},
		"NUL bytes further on":       {cvxText + strings.Repeat(cvxText, 20) + "12\x00|", "NUL"},
		"other XML":                  {"<feed><entry><title>x</title></entry></feed>", "line 1: this is none of CDC's tables"},
		"other lines":                {"a|b|c\n1|2|3\n", "line 1: this is none"},
		"HL7":                        {"MSH|^~\\&|A|B|C|D|20260101||VXU^V04^VXU_V04|1|P|2.5.1\r", "none of CDC's tables"},
		"XML cut short":              {cvxXML[:len(cvxXML)-40], "line 14: the XML ends in the middle"},
		"XML without a record":       {"<CVXCodes></CVXCodes>", "no record"},
		"XML that does not match":    {"<CVXCodes><CVXInfo></CVXCodes>", "the XML is broken"},
		"a text cut in a line":       {cvxText + "21|varicella|vari", "line 3: there are 3 values where the lines before have 7"},
		"a bomb of entities":         {`<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><CVXCodes><CVXInfo><CVXCode>&b;</CVXCode></CVXInfo></CVXCodes>`, "document type"},
		"a bomb without a type":      {`<CVXCodes><CVXInfo><CVXCode>&b;</CVXCode></CVXInfo></CVXCodes>`, "entity"},
		"an external entity":         {`<!DOCTYPE l SYSTEM "file:///etc/passwd"><CVXCodes/>`, "document type"},
		"elements without an end":    {strings.Repeat("<a>", 10_000), "deeper in each other"},
		"a huge value":               {strings.Replace(cvxXML, "glimmer fever, live", long, 1), "longer than 8 kB"},
		"a huge value in a line":     {"471|" + long + "|x||Active|False|2026/02/03\n", "longer than 8 kB"},
		"a huge line":                {strings.Repeat("x", 70<<10), "line 1: the line is longer than 64 kB"},
		"an unknown status":          {strings.Replace(cvxText, "Never Active", "Perhaps", 1), "line 2: the status"},
		"a code that is none":        {strings.Replace(cvxText, "07|", "7|", 1), "line 2: the CVX code"},
		"a day that is none":         {strings.Replace(cvxText, "2025/12/31", "2025/13/31", 1), "line 2: a day is none"},
		"an encoding nobody knows":   {strings.Replace(cvxXML, "ISO-8859-1", "klingon", 1), "encoding is not known"},
		"an address that is no page": {strings.Replace(visurlXML, "https://example.org/g.html", "javascript:alert(1)", 1), "https://"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read("cvx.xml", c.text)
			require.ErrorContains(t, err, "cvx.xml, line ")
			require.ErrorContains(t, err, c.says)
			require.Equal(t, registry.Corrupt, registry.KindOf(err))
			require.Regexp(t, `(ownload it again|cut short)`, err.Error())
			require.Less(t, len(err.Error()), 400)
		})
	}
}

// endless gives the same bytes for ever and counts how many were taken.
type endless struct {
	piece []byte
	taken int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, bytes.Repeat(e.piece, len(p)/len(e.piece)+1))
	e.taken += n
	return n, nil
}

func TestHugeFilesAreGivenUpSoon(t *testing.T) {
	for name, c := range map[string]struct {
		head  string
		piece string
		most  int
	}{
		"one line of 100 MB":      {"", "x", 1 << 20},
		"XML without an end":      {"<CVXCodes>", cvxXML[strings.Index(cvxXML, "<CVXInfo>"):strings.LastIndex(cvxXML, "</CVXCodes>")], 9 << 20},
		"one element of 100 MB":   {"<CVXCodes><CVXInfo><CVXCode>", "9", 9 << 20},
		"lines without an end":    {"", cvxText, 9 << 20},
		"one attribute of 100 MB": {`<CVXCodes a="`, "x", 9 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			tail := &endless{piece: []byte(c.piece)}
			_, err := cdc.Read("big", io.MultiReader(strings.NewReader(c.head), tail), today)
			require.ErrorContains(t, err, "big, line")
			require.LessOrEqual(t, tail.taken, c.most)
		})
	}
}

func TestAReaderThatFailsIsNotTheFilesFault(t *testing.T) {
	broken := errors.New("disk gone")
	_, err := cdc.Read("x", io.MultiReader(strings.NewReader(cvxText), failing{broken}), today)
	require.ErrorIs(t, err, broken)
	require.NotEqual(t, registry.Corrupt, registry.KindOf(err))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		cvxXML, cvxText, mvxXML, mvxText, productText, useText, saleText, linkerText, cptXML, visXML, cvxvisXML, visurlXML, groupText,
		"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "\xff\xfea\x00|\x00", "a|b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := cdc.Read("f", bytes.NewReader(data), today)
		if err != nil {
			if !errors.Is(err, cdc.ErrNotNeeded) && registry.KindOf(err) != registry.Corrupt {
				t.Fatalf("%v", err)
			}
			return
		}
		// What is taken can be written and read again as it is.
		var buf bytes.Buffer
		if _, err := table.WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		again, err := codes.ReadTable(&buf)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if again.Kind != table.Kind || strings.Join(again.Rows, "\n") != strings.Join(table.Rows, "\n") {
			t.Fatal("another table")
		}
	})
}
