// Gen writes the checker's code tables from the files that CDC publishes.
//
//	go run ./conformance/codes/gen -out conformance/codes DIR
//
// DIR holds CDC's cvx.xml, mvx.xml, tradename.xml, vis.xml, cpt.xml,
// NDC_Unit_use.txt and NDC_Unit_sale.txt (www2a.cdc.gov/vaccines/iis/iisstandards/). Only facts
// are taken: codes, statuses, dates and which code goes with which. The tables
// are sorted, so that a new edition shows as a readable difference.
package main

import (
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "conformance/codes", "folder to write the tables to")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: gen [-out DIR] DIR-OF-CDC-FILES")
	}
	in := flag.Arg(0)
	for name, table := range map[string]func(dir string) ([]string, error){
		"cvx.txt": cvx, "mvx.txt": mvx, "product.txt": product, "vis.txt": vis, "ndc.txt": ndc, "cpt.txt": cpt,
	} {
		rows, err := table(in)
		if err == nil {
			slices.Sort(rows)
			rows = slices.Compact(rows)
			err = os.WriteFile(filepath.Join(*out, name), []byte(strings.Join(rows, "\n")+"\n"), 0o644)
		}
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
}

// cvx rows are code|status|flags: status a(ctive), i(nactive), n(ever active),
// f(oreign); flag u for an unspecified formulation.
func cvx(dir string) ([]string, error) {
	var doc struct {
		Rows []struct {
			Name   string `xml:"ShortDescription"`
			Code   string `xml:"CVXCode"`
			Status string `xml:"Status"`
		} `xml:"CVXInfo"`
	}
	if err := readXML(filepath.Join(dir, "cvx.xml"), &doc); err != nil {
		return nil, err
	}
	var rows []string
	for _, r := range doc.Rows {
		status := map[string]string{"Active": "a", "Inactive": "i", "Never Active": "n", "Non-US": "f"}[strings.TrimSpace(r.Status)]
		if status == "" {
			return nil, fmt.Errorf("unknown status of a row")
		}
		flags := ""
		if name := strings.ToLower(r.Name); strings.Contains(name, "unspecified") || strings.Contains(name, ", nos") {
			flags = "u"
		}
		rows = append(rows, strings.TrimSpace(r.Code)+"|"+status+"|"+flags)
	}
	return rows, nil
}

// mvx rows are code|status: a(ctive), i(nactive).
func mvx(dir string) ([]string, error) {
	return pairs(filepath.Join(dir, "mvx.xml"), func(f map[string]string) string {
		return f["MVX_CODE"] + "|" + status(f["Status"])
	})
}

// product rows are CVX|MVX|status of each product name.
func product(dir string) ([]string, error) {
	return pairs(filepath.Join(dir, "tradename.xml"), func(f map[string]string) string {
		return f["CVXCode"] + "|" + f["MVX Code"] + "|" + status(f["Product name Status"])
	})
}

func status(s string) string {
	if s == "Active" {
		return "a"
	}
	return "i"
}

// cpt rows are CPT|CVX; codes of no vaccine are left out.
func cpt(dir string) ([]string, error) {
	rows, err := pairs(filepath.Join(dir, "cpt.xml"), func(f map[string]string) string {
		return f["CPT Code"] + "|" + f["CVX Code"]
	})
	return slices.DeleteFunc(rows, func(row string) bool { return strings.HasSuffix(row, "|") }), err
}

// vis rows are barcode|edition date of the vaccine information statements.
func vis(dir string) ([]string, error) {
	var doc struct {
		Rows []struct {
			Code    string `xml:"VIS_encoded_string"`
			Edition string `xml:"Edition_Date"`
		} `xml:"VISInfo"`
	}
	if err := readXML(filepath.Join(dir, "vis.xml"), &doc); err != nil {
		return nil, err
	}
	var rows []string
	for _, r := range doc.Rows {
		day, err := time.Parse("1/2/2006", strings.TrimSpace(r.Edition))
		if err != nil {
			return nil, err
		}
		rows = append(rows, strings.TrimSpace(r.Code)+"|"+day.Format("20060102"))
	}
	return rows, nil
}

// ndc rows are NDC (5-4-2)|CVX of units of use and units of sale.
func ndc(dir string) ([]string, error) {
	seen := map[string]bool{}
	for _, f := range []struct {
		name     string
		cvx, ndc int
	}{{"NDC_Unit_use.txt", 11, 14}, {"NDC_Unit_sale.txt", 12, 14}} {
		text, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			cols := strings.Split(strings.TrimSpace(line), "|")
			if len(cols) <= f.ndc || strings.TrimSpace(cols[f.cvx]) == "" {
				continue
			}
			seen[strings.TrimSpace(cols[f.ndc])+"|"+strings.TrimSpace(cols[f.cvx])] = true
		}
	}
	return slices.Collect(maps.Keys(seen)), nil
}

// pairs reads CDC's files of Name/Value pairs; row makes a table row of each record.
func pairs(path string, row func(map[string]string) string) ([]string, error) {
	var doc struct {
		Rows []struct {
			Names  []string `xml:"Name"`
			Values []string `xml:"Value"`
		} `xml:",any"`
	}
	if err := readXML(path, &doc); err != nil {
		return nil, err
	}
	var rows []string
	for _, r := range doc.Rows {
		fields := map[string]string{}
		for i, name := range r.Names {
			if i < len(r.Values) {
				fields[strings.TrimSpace(name)] = strings.TrimSpace(r.Values[i])
			}
		}
		rows = append(rows, row(fields))
	}
	return rows, nil
}

func readXML(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	dec := xml.NewDecoder(f)
	// Codes and dates are ASCII; names are only searched for ASCII words.
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	dec.Strict = false
	return dec.Decode(into)
}
