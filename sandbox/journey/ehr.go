package journey

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// write makes the bytes of a drop. The same drop always gives the same bytes.
func (p *player) write(d drop) ([]byte, hl7gen.Facts, error) {
	opt := hl7gen.Options{
		OrgCode: p.practice.OrgCode, Now: d.Date, ProcessingID: "P", Series: d.Script.Again,
	}
	if d.Lane == registry.LaneTest {
		opt.ProcessingID = "T"
	}
	for _, s := range p.practice.Sites {
		if s.Facilities[0] != d.Script.Without {
			opt.Facilities = append(opt.Facilities, hl7gen.Facility{ID: s.Facilities[0]})
		}
		opt.Prescribers = append(opt.Prescribers, s.Prescribers...)
	}
	batch := hl7gen.BatchOptions{
		Messages: d.Script.Messages, Defects: d.Script.Defects, Historical: d.Script.Historical,
	}
	if d.Script.Historical {
		batch.From, batch.To = d.Date.AddDate(-8, 0, 0), d.Date.AddDate(-1, 0, 0)
	}
	var b bytes.Buffer
	facts, err := hl7gen.New(d.Seed, opt).Batch(&b, batch)
	return b.Bytes(), facts, err
}

// drop writes the next file of a lane into the practice's outbox: one of the
// user's own while there are any, else what the script says. The journal is
// written first, so that after a kill the same bytes are written again.
func (p *player) drop(lane registry.Lane, script fileScript, date time.Time) error {
	number := len(p.journal.of(lane)) + 1
	if number <= len(p.own[lane]) {
		own := p.own[lane][number-1]
		d := drop{Lane: lane, Number: number, Date: date, Name: filepath.Base(own), Own: own}
		return errors.Join(p.journal.add(d), p.put(d))
	}
	d := drop{
		Lane: lane, Number: number, Date: date, Script: script,
		Name: fmt.Sprintf("%s-%03d.hl7", lane, number),
		Seed: p.seed*1_000_000 + laneSeed(lane) + uint64(number),
	}
	if script.Again > 0 {
		// The corrected file carries the same people and doses, without what was
		// wrong, under new control IDs: the EHR sends its whole day again.
		before := p.journal.of(lane)[script.Again-1]
		d.Seed, d.Date = before.Seed, before.Date
		d.Script.Messages = before.Script.Messages
	}
	if err := p.journal.add(d); err != nil {
		return err
	}
	return p.put(d)
}

// put places the file where the product finds it: written beside, then renamed.
func (p *player) put(d drop) error {
	data, err := p.bytes(d)
	if err != nil {
		return err
	}
	folder := p.stage.Path("outbox", p.practice.ID, string(d.Lane))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	tmp := p.stage.Path("outbox", p.practice.ID, "."+d.Name)
	if err := os.WriteFile(tmp, data, 0o644); err != nil { //nolint:gosec // invented patients
		return err
	}
	return os.Rename(tmp, filepath.Join(folder, d.Name))
}

// bytes are those of a drop.
func (p *player) bytes(d drop) ([]byte, error) {
	if d.Own != "" {
		return os.ReadFile(d.Own)
	}
	data, _, err := p.write(d)
	return data, err
}

func laneSeed(l registry.Lane) uint64 {
	switch l {
	case registry.LaneTest:
		return 100_000
	case registry.LaneHistorical:
		return 200_000
	case registry.LaneProduction:
	}
	return 0
}

// patients are the people in every generated file that was dropped: what must
// be found nowhere but in the file store, in sealed columns and at the registry.
// Those of the user's own files may be called like anything else that is
// written down somewhere, so they are not looked for.
func (p *player) patients() ([]hl7gen.Patient, error) {
	var out []hl7gen.Patient
	for _, lane := range registry.Lanes() {
		for _, d := range p.journal.of(lane) {
			if d.Own != "" {
				continue
			}
			_, facts, err := p.write(d)
			if err != nil {
				return nil, err
			}
			out = append(out, facts.Patients...)
		}
	}
	return out, nil
}
