package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"immtrail/db"
	"immtrail/hl7"
	"immtrail/registry"
	"immtrail/vault"
)

// keptBack are rules whose messages no person releases: only a correction by the
// practice ends them. D-02: the patient asked not to be shared (PD1-12).
var keptBack = []string{"D-02"}

// Releasable reports whether messages that one of rules holds back may be
// released by a person.
func Releasable(rules []string) bool {
	return !slices.ContainsFunc(rules, func(rule string) bool { return slices.Contains(keptBack, rule) })
}

// forReleased is the profile by which released messages are judged: what held
// them back is still found and told, but holds them no more.
func forReleased(profile *registry.Profile) *registry.Profile {
	out := *profile
	out.Rules.Held = slices.DeleteFunc(slices.Clone(profile.Rules.Held), func(rule string) bool {
		return !slices.Contains(keptBack, rule)
	})
	return &out
}

// PackReleased puts the given messages of a file, byte for byte and in their
// order, into a file of their own in the file store. The same messages again are
// the same object. Kind Missing where the file's bytes were destroyed.
func PackReleased(ctx context.Context, v *vault.Vault, file db.File, practice *registry.Practice, messages []int) (vault.Object, error) {
	const op = "release held messages"
	if file.ReleasedAt != nil {
		return vault.Object{}, registry.Errorf(registry.Missing, op, "the bytes of %s were destroyed after their retention", file.ID)
	}
	if len(messages) == 0 {
		return vault.Object{}, registry.Errorf(registry.Invalid, op, "which messages?")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	src, err := v.Open(ctx, file.VaultKey)
	if err != nil {
		return vault.Object{}, err
	}
	defer func() { _ = src.Close() }() // only read from
	r, w := io.Pipe()
	out := hl7.NewBatchWriter(w, hl7.Envelope{
		SendingApp: "IMMTRAIL", SendingFacility: practice.OrgCode,
		Time:      inZone(file.StagedAt, practice.Zone).Format("20060102150405-0700"),
		ControlID: fmt.Sprintf("%s-held-%d", file.ID, messages[0]),
	})
	packing := make(chan error, 1)
	go func() {
		err := copyMessages(src, out, messages)
		_ = w.CloseWithError(err) // documented to return nil
		packing <- err
	}()
	object, err := v.Put(ctx, r)
	_ = r.CloseWithError(err) // lets the packer go where the put gave up
	if perr := <-packing; perr != nil && (err == nil || registry.KindOf(err) == registry.Transient) {
		err = perr // the cause, where the put saw only its consequence
	}
	return object, err
}

// copyMessages copies the messages of sorted ordinals. Every one must be there.
func copyMessages(src io.Reader, out *hl7.BatchWriter, ordinals []int) error {
	const op = "release held messages"
	reader := hl7.NewReader(src, hl7.Limits{})
	for len(ordinals) > 0 {
		u, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return registry.Errorf(registry.Invalid, op, "the file has no message %d", ordinals[0])
		}
		if err != nil {
			return registry.Errorf(readKind(err), op, "reading the file: %w", err)
		}
		if u.Kind != hl7.KindMessage || u.Ordinal != ordinals[0] {
			continue
		}
		ordinals = ordinals[1:]
		if err := out.WriteMessage(u.Raw()); err != nil {
			return err
		}
	}
	return out.Close()
}
