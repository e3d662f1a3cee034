package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"io"
	"time"

	"immtrail/db"
	"immtrail/internal/cells"
	"immtrail/registry"
)

// A Practice is whose evidence it is, and what is known.
type Practice struct {
	registry.Practice
	// RegistryName is the registry as letters address it.
	RegistryName string
	// From and To bound the time; To is outside. From may be zero.
	From, To time.Time
	Known    db.Evidence
	// Open reads a document from the file store and tells how its name ends (".eml");
	// nil leaves the documents out, so that they are only named.
	Open func(key string) (data []byte, ending string, err error)
}

// A Pack is the evidence of one practice or several.
type Pack struct {
	// Made is when, and By who made it.
	Made      time.Time
	By        string
	Practices []Practice
}

// Write writes the ZIP. Each practice has a folder; SHA256SUMS names every other
// file, as sha256sum --check reads it.
func (p Pack) Write(to io.Writer) error {
	z := &archive{zip: zip.NewWriter(to), made: p.Made}
	for _, practice := range p.Practices {
		p.writePractice(z, practice)
	}
	sums := z.sums.Bytes()
	z.file("SHA256SUMS", func(w io.Writer) error {
		_, err := w.Write(sums)
		return err
	})
	if z.err != nil {
		return z.err
	}
	return z.zip.Close()
}

func (p Pack) writePractice(z *archive, of Practice) {
	in := of.ID + "/"
	zone := zoneOf(of.Practice)
	z.file(in+"README.md", func(w io.Writer) error { return p.summarise(w, of, zone) })
	z.table(in+"dates.csv", dates(of.Known.Moves, zone))
	z.table(in+"files.csv", files(of.Known.Files, zone))
	z.table(in+"verdicts.csv", verdicts(of.Known.Verdicts))
	z.table(in+"months.csv", months(of.Known.Files, zone).table())
	z.table(in+"reports.csv", reports(of.Known.Reports, zone))
	z.table(in+"errors.csv", recordErrors(of.Known.Errors, zone))
	z.table(in+"letters.csv", letters(of.Known.Notices, zone))
	names := z.documents(in, of)
	z.table(in+"documents.csv", documents(of.Known.Documents, names, zone))
	for i, n := range of.Known.Notices {
		z.file(in+letterName(i, n), func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Subject: %s\nMessage-ID: %s\nState: %s\nDate: %s\n\n%s",
				n.Subject, n.MessageID, n.State, stamp(sentOr(n), zone), n.Body)
			return err
		})
	}
}

// documents writes the documents as they came, where they are asked for, and
// returns their names.
func (z *archive) documents(in string, of Practice) []string {
	names := make([]string, len(of.Known.Documents))
	if of.Open == nil {
		return names
	}
	for i, d := range of.Known.Documents {
		if z.err != nil {
			return names
		}
		data, ending, err := of.Open(d.Key)
		if err != nil {
			z.err = err
			return names
		}
		names[i] = fmt.Sprintf("documents/%04d-%s%s", i+1, d.Kind, ending)
		z.file(in+names[i], func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
	return names
}

// zoneOf is where the practice's days begin; UTC where its zone is not known
// here, which the dates' offset tells.
func zoneOf(p registry.Practice) *time.Location {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// archive writes files one after another, and remembers the first that failed.
type archive struct {
	zip  *zip.Writer
	made time.Time
	sums bytes.Buffer
	err  error
}

func (z *archive) file(name string, write func(io.Writer) error) {
	if z.err != nil {
		return
	}
	w, err := z.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.made})
	if err != nil {
		z.err = err
		return
	}
	digest := sha256.New()
	if z.err = write(io.MultiWriter(w, digest)); z.err == nil {
		fmt.Fprintf(&z.sums, "%x  %s\n", digest.Sum(nil), name)
	}
}

// table writes rows as CSV; the first is the head.
func (z *archive) table(name string, rows [][]string) {
	z.file(name, func(w io.Writer) error {
		table := csv.NewWriter(w)
		for _, row := range rows {
			safe := make([]string, len(row))
			for i, cell := range row {
				safe[i] = cells.Plain(cell)
			}
			if err := table.Write(safe); err != nil {
				return err
			}
		}
		table.Flush()
		return table.Error()
	})
}
