// Gen writes the checker's code tables from the files that CDC publishes.
//
//	go run ./conformance/codes/gen [-out conformance/codes/data] DIR
//
// DIR holds CDC's downloads (www2a.cdc.gov/vaccines/iis/iisstandards), under any
// name, as XML or text. Only facts are taken: codes, statuses, days and which
// code goes with which; names and texts stay behind. The tables are sorted, so
// that a new edition shows as a readable difference. The project's own tables
// (use, labeler, lot) are kept by hand and only checked.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"immtrail/conformance/codes"
	"immtrail/conformance/codes/cdc"
	"immtrail/hl7"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "conformance/codes/data", "folder to write the tables to")
	day := flag.String("day", "", "edition of tables that tell of none, YYYYMMDD")
	flag.Parse()
	edition, ok := hl7.ParseDate([]byte(*day))
	if flag.NArg() != 1 || !ok {
		log.Fatal("usage: gen -day YYYYMMDD [-out DIR] DIR-OF-CDC-FILES")
	}
	if err := generate(flag.Arg(0), *out, edition); err != nil {
		log.Fatal(err)
	}
}

func generate(in, out string, edition hl7.Date) error {
	files, err := os.ReadDir(in)
	if err != nil {
		return err
	}
	done := map[codes.Kind]string{}
	for _, f := range files {
		ext := strings.ToLower(filepath.Ext(f.Name()))
		if ext != ".xml" && ext != ".txt" {
			continue
		}
		table, err := read(filepath.Join(in, f.Name()), edition)
		if errors.Is(err, cdc.ErrNotNeeded) {
			log.Printf("left out: %v", err)
			continue
		}
		if err != nil {
			return err
		}
		if first, twice := done[table.Kind]; twice {
			return fmt.Errorf("%s and %s are both the table of %s", first, f.Name(), table.Kind.Title())
		}
		done[table.Kind] = f.Name()
		if err := write(filepath.Join(out, string(table.Kind)+".txt"), table); err != nil {
			return err
		}
		log.Printf("%-9s %s: %d rows of %s", table.Kind, codes.Day(table.Edition), len(table.Rows), f.Name())
	}
	for _, k := range codes.Published() {
		if done[k] == "" {
			return fmt.Errorf("no file has the table of %s", k.Title())
		}
	}
	return nil
}

func read(path string, edition hl7.Date) (codes.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return codes.Table{}, err
	}
	defer func() { _ = f.Close() }() // only read
	table, err := cdc.Read(filepath.Base(path), f, edition)
	table.StripNames()
	return table, err
}

func write(path string, table codes.Table) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := table.WriteTo(f); err != nil {
		_ = f.Close() // the first error is the one to tell
		return err
	}
	return f.Close()
}
