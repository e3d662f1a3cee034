package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/hl7"
	"immtrail/registry"
	"immtrail/vault"
)

const opPrepare = "prepare delivery"

// prepare writes down what will be sent, and under which name.
func (a *Deliveries) prepare(ctx context.Context, in PrepareDeliveryInput) (PreparedDelivery, error) {
	file, err := a.DB.File(ctx, in.File.ID)
	if err != nil {
		return PreparedDelivery{}, err
	}
	if err := deliverable(file, in); err != nil {
		return PreparedDelivery{}, err
	}
	before, ok, err := a.DB.FindDelivery(ctx, file.ID, in.Attempt)
	if err != nil || ok {
		return prepared(before, false), err
	}
	practice, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return PreparedDelivery{}, err
	}
	if !in.Lane.OpenIn(practice.Phase) { // the database looks again when it is written
		return PreparedDelivery{}, registry.Errorf(registry.NotAllowed, opPrepare, "no %s file is sent while %s is in phase %q",
			in.Lane, practice.ID, practice.Phase.Words())
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return PreparedDelivery{}, err
	}
	date := in.date(a.Clock)
	if in.Lane == registry.LaneProduction {
		if err := a.behindFirst(ctx, in.Practice, file.ID, profile, date); err != nil {
			return PreparedDelivery{}, err
		}
	}
	left, where, err := a.leaveBehind(ctx, in, practice.History)
	if err != nil {
		return PreparedDelivery{}, err
	}
	if where != "" && left.Goes == 0 && file.Check.Held < file.Check.Messages {
		return PreparedDelivery{Already: true, RemoteName: where}, nil
	}
	out, err := a.pack(ctx, file, envelope(file, practice, profile, in.Attempt))
	if err != nil {
		return PreparedDelivery{}, err
	}
	d, already, err := a.DB.PrepareDelivery(ctx, db.NewDelivery{
		FileID: file.ID, Practice: file.Practice, Lane: file.Lane, Attempt: in.Attempt,
		Connection: practice.Connection, Folder: profile.Folders.For(file.Lane),
		ContentDigest: out.content, Digest: out.object.SHA256, VaultKey: out.object.Key, Size: out.object.Size,
		Messages: out.messages, Held: out.held, At: date, Seen: left.Seen,
		Name: func(seq int64) (string, error) {
			return remoteName(profile, practice, file.Lane, inZone(date, practice.Zone), seq)
		},
	})
	if err != nil {
		return PreparedDelivery{}, err
	}
	return prepared(d, already), nil
}

// leaveBehind decides which messages stay behind where the daily feed and the
// historical load meet, and says where they are then; empty where they cannot meet.
func (a *Deliveries) leaveBehind(ctx context.Context, in PrepareDeliveryInput, load registry.HistoryState) (left db.LeftBehind, where string, err error) {
	switch {
	case in.Lane == registry.LaneHistorical:
		left, err = a.DB.LeaveOutSince(ctx, in.Practice, in.File.ID)
		return left, "part of other files", err
	case in.Lane == registry.LaneProduction && loadBegun(load):
		left, err = a.DB.LeaveOutLoaded(ctx, in.Practice, in.File.ID)
		return left, "part of the historical load", err
	}
	return left, "", nil
}

// loadBegun reports whether parts of a historical load may have been sent, or may
// be by the time that a file is packed.
func loadBegun(state registry.HistoryState) bool {
	return state == registry.HistoryPlanned || state == registry.HistoryLoading || state == registry.HistorySent || state == registry.HistoryClosed
}

// remoteName makes the name of a file at the registry and has it judged (F-01),
// once and for all: the name is kept with the delivery. Kind NotAllowed where it
// may not be used, with the setting and the remedy.
func remoteName(profile *registry.Profile, practice *registry.Practice, lane registry.Lane, date time.Time, seq int64) (string, error) {
	name, err := registry.RemoteName(profile.File, practice, lane, date, seq)
	if err != nil {
		return "", registry.Errorf(registry.NotAllowed, opPrepare, "file.name_template: %w", err)
	}
	for _, f := range conformance.RemoteName(profile, practice, lane, name) {
		if f.Severity == registry.SeverityError {
			rule, _ := conformance.Lookup(f.Rule)
			return "", registry.Errorf(registry.NotAllowed, opPrepare, "%s: %s %s", f.Rule, rule.Says, rule.Remedy)
		}
	}
	return name, nil
}

func prepared(d db.Delivery, already bool) PreparedDelivery {
	return PreparedDelivery{
		DeliveryID: d.ID, RemoteName: d.RemoteName, Size: d.Size, Messages: d.Messages, Held: d.Held, Already: already,
	}
}

// deliverable refuses what must not travel, whatever a workflow asks for.
func deliverable(file db.File, in PrepareDeliveryInput) error {
	switch {
	case file.Practice != in.Practice || file.Lane != in.Lane || file.Digest != in.File.Digest || in.Attempt < 1:
		return registry.Errorf(registry.Invalid, opPrepare, "%s is another file than the one asked for", file.ID)
	case file.ReleasedAt != nil:
		return registry.Errorf(registry.Missing, opPrepare, "the bytes of %s were destroyed after their retention", file.ID)
	case file.Check == nil:
		return registry.Errorf(registry.NotAllowed, opPrepare, "%s was not checked", file.ID)
	case file.Check.HoldFile && file.Anyway == nil:
		return registry.Errorf(registry.NotAllowed, opPrepare, "our checker does not let %s go", file.ID)
	}
	return nil
}

// envelope is the same each time for an attempt, so that packing it again gives
// the same bytes and the same object in the file store.
func envelope(file db.File, p *registry.Practice, profile *registry.Profile, attempt int) hl7.Envelope {
	return hl7.Envelope{
		SendingApp: "IMMTRAIL", SendingFacility: p.OrgCode,
		ReceivingFacility: profile.Message.ReceivingFacility,
		Time:              inZone(file.StagedAt, p.Zone).Format("20060102150405-0700"),
		ControlID:         fmt.Sprintf("%s-%d", file.ID, attempt),
	}
}

// inZone is date in the practice's zone; zones are checked where practices are
// added, and UTC is near enough for one that was not.
func inZone(date time.Time, zone string) time.Time {
	if loc, err := time.LoadLocation(zone); err == nil {
		return date.In(loc)
	}
	return date.UTC()
}

// packed is a file as it will travel.
type packed struct {
	object         vault.Object
	content        string // hex SHA-256 over the messages alone
	messages, held int
}

// pack puts our envelope around the messages that may be sent, byte for byte,
// and the result into the file store, all of it as a stream.
func (a *Deliveries) pack(ctx context.Context, file db.File, env hl7.Envelope) (packed, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	src, err := a.Vault.Open(ctx, file.VaultKey)
	if err != nil {
		return packed{}, err
	}
	defer func() { _ = src.Close() }() // only read from
	r, w := io.Pipe()
	p := &packer{held: heldMessages{db: a.DB, file: file.ID}, content: sha256.New(), out: hl7.NewBatchWriter(w, env)}
	packing := make(chan error, 1)
	go func() {
		err := p.run(ctx, src)
		_ = w.CloseWithError(err) // documented to return nil
		packing <- err
	}()
	object, err := a.Vault.Put(ctx, r)
	_ = r.CloseWithError(err) // lets the packer go where the put gave up
	if perr := <-packing; perr != nil && (err == nil || registry.KindOf(err) == registry.Transient) {
		err = perr // the cause, where the put saw only its consequence
	}
	if err != nil {
		return packed{}, err
	}
	if p.sent == 0 {
		return packed{}, registry.Errorf(registry.NotAllowed, opPrepare, "every message of %s is held back; nothing is left to send", file.ID)
	}
	if p.sent+p.left != file.Check.Messages {
		return packed{}, registry.Errorf(registry.Invalid, opPrepare, "%s has %d messages and had %d when it was checked",
			file.ID, p.sent+p.left, file.Check.Messages)
	}
	return packed{object: object, content: hex.EncodeToString(p.content.Sum(nil)), messages: p.sent, held: p.left}, nil
}

type packer struct {
	held       heldMessages
	content    hash.Hash
	out        *hl7.BatchWriter
	sent, left int
}

func (p *packer) run(ctx context.Context, src io.Reader) error {
	reader := hl7.NewReader(src, hl7.Limits{})
	for {
		u, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return p.out.Close()
		}
		if err != nil {
			return registry.Errorf(readKind(err), opPrepare, "reading the file: %w", err)
		}
		if u.Kind != hl7.KindMessage {
			continue
		}
		held, err := p.held.has(ctx, u.Ordinal)
		if err != nil {
			return err
		}
		if held {
			p.left++
			continue
		}
		p.sent++
		p.digest(u.Raw())
		if err := p.out.WriteMessage(u.Raw()); err != nil {
			return err
		}
	}
}

// digest tells messages from one another whatever line end the last one has.
func (p *packer) digest(raw []byte) {
	p.content.Write(bytes.TrimRight(raw, "\r\n"))
	p.content.Write([]byte{0})
}

// readKind keeps the kind of the file store; a form that cannot be read was
// found by the check and cannot appear later.
func readKind(err error) registry.Kind {
	var ours *registry.Error
	if errors.As(err, &ours) {
		return ours.Kind
	}
	return registry.Invalid
}

// heldMessages walks through the ordinals of held messages page by page, beside
// the messages of the file.
type heldMessages struct {
	db   *db.Store
	file string
	page []int
	last int
	done bool
}

const heldPage = 1000

// has reports whether a message is held; ordinals must be asked for in order.
func (h *heldMessages) has(ctx context.Context, ordinal int) (bool, error) {
	for {
		for len(h.page) > 0 && h.page[0] < ordinal {
			h.page = h.page[1:]
		}
		if len(h.page) > 0 || h.done {
			return len(h.page) > 0 && h.page[0] == ordinal, nil
		}
		page, err := h.db.HeldAfter(ctx, h.file, h.last, heldPage)
		if err != nil {
			return false, err
		}
		h.page, h.done = page, len(page) < heldPage
		if len(page) > 0 {
			h.last = page[len(page)-1]
		}
	}
}
