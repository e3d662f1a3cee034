package hl7gen

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"immtrail/hl7"
)

// Options say who sends. Empty values get usable defaults.
type Options struct {
	// OrgCode is the practice's code at the registry (MSH-22); TEST0001 by default.
	OrgCode string
	// Facilities are the sites' identifiers (MSH-4, RXA-11.4) with their share
	// of the messages; the org code alone by default.
	Facilities []Facility
	// Prescribers are NPIs or licence numbers for ORC-12; one by default.
	Prescribers []string
	// Now is when the messages are made (MSH-7). Needed.
	Now time.Time
	// ProcessingID is MSH-11; T by default.
	ProcessingID string
	// ReceivingFacility is MSH-6; TEXIIS by default.
	ReceivingFacility string
	// Series tells apart files about the same people: equal seeds with another
	// series give the same patients and doses under other control IDs, as an EHR
	// does that sends corrected records.
	Series int
}

// A Facility is a site's identifier and its weight among the others; a weight
// of 0 counts as 1.
type Facility struct {
	ID     string
	Weight int
}

// Gen generates batches. Control IDs and chart numbers do not repeat within a
// generator. It is not safe for concurrent use.
type Gen struct {
	opt    Options
	rnd    *rand.Rand
	seed   uint64
	serial int
	total  int // of the facilities' weights
}

// New returns a generator; equal seeds and options give equal bytes.
func New(seed uint64, opt Options) *Gen {
	if opt.OrgCode == "" {
		opt.OrgCode = "TEST0001"
	}
	if len(opt.Facilities) == 0 {
		opt.Facilities = []Facility{{ID: opt.OrgCode}}
	}
	if len(opt.Prescribers) == 0 {
		opt.Prescribers = []string{"1234567893"}
	}
	if opt.ProcessingID == "" {
		opt.ProcessingID = "T"
	}
	if opt.ReceivingFacility == "" {
		opt.ReceivingFacility = "TEXIIS"
	}
	opt.Facilities = slices.Clone(opt.Facilities)
	g := &Gen{opt: opt, rnd: rand.New(rand.NewPCG(seed, 0x1337)), seed: seed}
	for i := range opt.Facilities {
		opt.Facilities[i].Weight = max(1, opt.Facilities[i].Weight)
		g.total += opt.Facilities[i].Weight
	}
	return g
}

// BatchOptions describe one file.
type BatchOptions struct {
	// Messages is how many; at least one more than there are defects.
	Messages int
	// From and To bound the dates of doses, both included; the last seven days
	// before Now by default. Doses never lie after Now.
	From, To time.Time
	// Historical batches report mostly doses from records (RXA-9 01 to 08).
	Historical bool
	// Defects are planted in messages of their own, in this order.
	Defects []Defect
}

// Facts are what a batch holds.
type Facts struct {
	Messages, Doses int
	ControlIDs      []string
	Patients        []Patient
	// Facilities counts messages per facility.
	Facilities map[string]int
	// Planted are the defects and the messages that bear them.
	Planted []Planted
}

// Planted is where a defect went. BrokenEnvelope has no message: Ordinal 0.
type Planted struct {
	Defect    Defect
	Ordinal   int
	ControlID string
}

// Batch writes one batch file to w.
func (g *Gen) Batch(w io.Writer, opt BatchOptions) (Facts, error) {
	facts := Facts{Facilities: map[string]int{}}
	if g.opt.Now.IsZero() {
		return facts, errors.New("hl7gen: Options.Now is needed")
	}
	plan := slices.DeleteFunc(slices.Clone(opt.Defects), func(d Defect) bool { return d == BrokenEnvelope })
	broken := len(plan) != len(opt.Defects)
	if len(plan) > 0 && opt.Messages <= len(plan) {
		return facts, fmt.Errorf("hl7gen: %d defects need at least %d messages", len(plan), len(plan)+1)
	}
	local := g.local()
	if opt.To.IsZero() {
		opt.To = local
	}
	if opt.From.IsZero() {
		opt.From = opt.To.AddDate(0, 0, -6)
	}
	bw := hl7.NewBatchWriter(w, hl7.Envelope{
		SendingApp: sendingApp, SendingFacility: g.opt.OrgCode,
		ReceivingApp: receivingApp, ReceivingFacility: g.opt.ReceivingFacility,
		Time: stamp(local), ControlID: g.nextID(),
	})
	m := &writer{gen: g, opt: opt, facts: &facts, local: local}
	for i := range opt.Messages {
		m.defect = ""
		// The first message is always sound, so that a duplicate has an original.
		if i > 0 && i <= len(plan) {
			m.defect = plan[i-1]
		}
		if err := bw.WriteMessage(m.message(i + 1)); err != nil {
			return facts, err
		}
	}
	facts.Messages = opt.Messages
	if broken {
		facts.Planted = append(facts.Planted, Planted{Defect: BrokenEnvelope})
		return facts, bw.Flush()
	}
	return facts, bw.Close()
}

const (
	sendingApp   = "SAMPLEEHR"
	receivingApp = "IMMTRAC2"
)

// local is Now at a fixed offset of six hours behind UTC: no time zone data is
// needed to get the same bytes everywhere.
func (g *Gen) local() time.Time { return g.opt.Now.In(time.FixedZone("", -6*60*60)) }

func stamp(t time.Time) string { return t.Format("20060102150405-0700") }

func (g *Gen) nextID() string {
	g.serial++
	if g.opt.Series > 0 {
		return fmt.Sprintf("G%x.%d-%07d", g.seed, g.opt.Series, g.serial)
	}
	return fmt.Sprintf("G%x-%07d", g.seed, g.serial)
}

// nextOrder is an order number: with the sender's code it fits the 22
// characters of ORC-2 and ORC-3.
func (g *Gen) nextOrder() string {
	g.serial++
	batch := uint32(g.seed^g.seed>>32) + uint32(g.opt.Series)*2654435761
	return strconv.FormatUint(uint64(batch), 36) + "-" + strconv.FormatInt(int64(g.serial), 36)
}

func (g *Gen) facility() string {
	n := g.rnd.IntN(g.total)
	for _, f := range g.opt.Facilities {
		if n -= f.Weight; n < 0 {
			return f.ID
		}
	}
	return g.opt.OrgCode
}
