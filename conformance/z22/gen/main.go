// Gen writes the table of profile Z22 from the files that NIST publishes with
// its immunization test suite.
//
//	go run ./conformance/z22/gen -nist DIR -out conformance/z22/z22.txt
//
// DIR holds VXU-Z22_Profile.xml, VXU-Z22_Constraints.xml and
// VXU-Z22_ValueSetLibrary.xml (hit-iz-tool, a work of the US government). Only
// facts are taken: usages, cardinalities, lengths, data types, tables,
// predicates and the names that HL7 gives to fields. Code tables that CDC
// renews (CVX, MVX, NDC, statements) are not taken: NIST's are of 2016.
package main

import (
	"bufio"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("nist", "", "folder with NIST's three files")
	out := flag.String("out", "conformance/z22/z22.txt", "table to write")
	flag.Parse()
	if *dir == "" || flag.NArg() != 0 {
		log.Fatal("usage: gen -nist DIR [-out FILE]")
	}
	if err := run(*dir, *out); err != nil {
		log.Fatal(err)
	}
}

func run(dir, out string) error {
	var p profile
	var c constraints
	var v library
	for name, into := range map[string]any{
		"VXU-Z22_Profile.xml": &p, "VXU-Z22_Constraints.xml": &c, "VXU-Z22_ValueSetLibrary.xml": &v,
	} {
		if err := readXML(filepath.Join(dir, name), into); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "# Profile Z22 of the CDC guide r1.5, by conformance/z22/gen from NIST's files. See doc.go.")
	preds, err := predicates(&c)
	if err == nil {
		err = writeProfile(w, &p, preds)
	}
	if err == nil {
		writeConstraints(w, &c)
		writeSets(w, &v)
		err = w.Flush()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

type element struct {
	Name      string `xml:"Name,attr"`
	Usage     string `xml:"Usage,attr"`
	Max       string `xml:"Max,attr"`
	Type      string `xml:"Datatype,attr"`
	MinLength string `xml:"MinLength,attr"`
	MaxLength string `xml:"MaxLength,attr"`
	Binding   string `xml:"Binding,attr"`
}

type profile struct {
	Message group     `xml:"Messages>Message"`
	Segs    []segment `xml:"Segments>Segment"`
	Types   []struct {
		ID    string    `xml:"ID,attr"`
		Parts []element `xml:"Component"`
	} `xml:"Datatypes>Datatype"`
}

type segment struct {
	ID      string    `xml:"ID,attr"`
	Name    string    `xml:"Name,attr"`
	Fields  []element `xml:"Field"`
	Dynamic []struct {
		Value string `xml:"Value,attr"`
		Type  string `xml:"Datatype,attr"`
	} `xml:"DynamicMapping>Mapping>Case"`
}

// group is a message or a group in it; both hold segments and groups.
type group struct {
	Name  string   `xml:"Name,attr"`
	Usage string   `xml:"Usage,attr"`
	Segs  []segRef `xml:"Segment"`
	Sub   []group  `xml:"Group"`
}

type segRef struct {
	Ref   string `xml:"Ref,attr"`
	Usage string `xml:"Usage,attr"`
	Max   string `xml:"Max,attr"`
}

func writeProfile(w io.Writer, p *profile, preds map[string]predicate) error {
	usage := map[string]segRef{}
	var walk func(g group)
	walk = func(g group) {
		for _, s := range g.Segs {
			usage[s.Ref] = s
		}
		for _, sub := range g.Sub {
			walk(sub)
		}
	}
	walk(p.Message)
	used := 0
	types := map[string]bool{}
	for _, t := range p.Types {
		if len(t.Parts) > 0 {
			types[t.ID] = true
		}
	}
	for _, t := range p.Types {
		if len(t.Parts) == 0 {
			continue
		}
		fmt.Fprintf(w, "\ntype %s\n", t.ID)
		for i, e := range t.Parts {
			used += writeElement(w, t.ID, i+1, e, preds)
		}
	}
	for _, s := range p.Segs {
		ref := usage[s.ID]
		fmt.Fprintf(w, "\nsegment %s %s %s\n", s.Name, ref.Usage, ref.Max)
		for i, e := range s.Fields {
			used += writeElement(w, s.ID, i+1, e, preds)
		}
		done := map[string]bool{}
		for _, d := range s.Dynamic {
			if !done[d.Value] {
				fmt.Fprintf(w, "case 5 %s %s\n", d.Value, d.Type)
			}
			done[d.Value] = true
		}
	}
	if used != len(preds) {
		return fmt.Errorf("%d of %d predicates found their element", used, len(preds))
	}
	return nil
}

// writeElement writes "n usage max length type table condition name"; "-"
// stands for nothing. It returns how many predicates it used.
func writeElement(w io.Writer, owner string, n int, e element, preds map[string]predicate) int {
	used := 0
	usage, condition := e.Usage, "-"
	if p, ok := preds[fmt.Sprintf("%s %d", owner, n)]; ok {
		usage, condition = p.usage, p.condition
		used = 1
	}
	length := e.MaxLength
	if e.MinLength != "" && e.MinLength != "1" && e.MinLength != "0" {
		length = e.MinLength + ".." + length
	}
	fmt.Fprintf(w, "%d %s %s %s %s %s %s %s\n", n, usage, dash(e.Max), dash(length), e.Type,
		dash(strings.ReplaceAll(e.Binding, ":", "+")), condition, strings.ToLower(strings.TrimSpace(e.Name)))
	return used
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type library struct {
	None []string `xml:"NoValidation>BindingIdentifier"`
	Sets []struct {
		ID    string `xml:"BindingIdentifier,attr"`
		Open  string `xml:"Extensibility,attr"`
		Codes []struct {
			Value  string `xml:"Value,attr"`
			System string `xml:"CodeSystem,attr"`
		} `xml:"ValueElement"`
	} `xml:"ValueSetDefinition"`
	Groups []struct {
		Sets []struct {
			ID    string `xml:"BindingIdentifier,attr"`
			Open  string `xml:"Extensibility,attr"`
			Codes []struct {
				Value  string `xml:"Value,attr"`
				System string `xml:"CodeSystem,attr"`
			} `xml:"ValueElement"`
		} `xml:"ValueSetDefinition"`
	} `xml:"ValueSetDefinitions"`
}

// elsewhere are tables that CDC renews and other packages carry.
var elsewhere = []string{"CVX", "MVX", "NDC_Sale", "NDC_Use", "PHVS_VISBarcodes_IIS"}

func writeSets(w io.Writer, v *library) {
	sets := v.Sets
	for _, g := range v.Groups {
		sets = append(sets, g.Sets...)
	}
	for _, s := range sets {
		if len(s.Codes) == 0 || slices.Contains(v.None, s.ID) || slices.Contains(elsewhere, s.ID) {
			continue
		}
		var codes, systems []string
		for _, c := range s.Codes {
			if strings.Contains(c.Value, "...") || strings.ContainsAny(c.Value, " <>") || c.Value == "99zzz" {
				continue // "and so on", or a pattern instead of a code
			}
			codes = append(codes, c.Value)
			if !slices.Contains(systems, c.System) {
				systems = append(systems, c.System)
			}
		}
		if len(codes) > 0 {
			fmt.Fprintf(w, "set %s %s %s %s\n", s.ID, dash(strings.ToLower(s.Open)), strings.Join(systems, "+"), strings.Join(codes, " "))
		}
	}
}

func readXML(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return xml.Unmarshal(text, into)
}
