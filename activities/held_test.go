package activities_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// A message that was left out, released by a person: from the EHR's file to the
// registry's folder.
func TestReleasedMessagesTravel(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := open(t, registry.PhaseProduction)
	lane := registry.LaneProduction
	content, _ := b.batch(t, 7, lane, 6, hl7gen.TestPatient, hl7gen.WrongProcessingID)
	f, summary := b.send(t, lane, "day.hl7", content)
	require.Equal(t, 2, summary.Held)
	require.NoError(t, b.db.SettleFile(ctx, "sunrise", f.ID, registry.FileDelivered, b.now))
	held, err := b.db.HeldMessages(ctx, db.HeldFilter{Practice: "sunrise", Rules: b.profile.Rules.Held})
	require.NoError(t, err)
	require.Len(t, held, 2)
	require.NotEmpty(t, held[0].Rules)
	ordinals := []int{held[0].Message, held[1].Message}
	practice, err := b.db.Practice(ctx, "sunrise")
	require.NoError(t, err)
	file, err := b.db.File(ctx, f.ID)
	require.NoError(t, err)

	object, err := activities.PackReleased(ctx, b.vault, file, practice, ordinals)
	require.NoError(t, err)
	again, err := activities.PackReleased(ctx, b.vault, file, practice, ordinals)
	require.NoError(t, err)
	require.Equal(t, object.SHA256, again.SHA256, "the same messages are the same bytes")
	_, err = activities.PackReleased(ctx, b.vault, file, practice, []int{99})
	require.Equal(t, registry.Invalid, registry.KindOf(err))

	ref, _, err := b.db.ReleaseHeld(ctx, f.ID, ordinals, db.NewFile{
		Digest: object.SHA256, Size: object.Size, VaultKey: object.Key, At: b.now,
	}, db.Act{Key: "release", By: maria, Reason: "they are real", At: b.now})
	require.NoError(t, err)

	t.Run("the check finds what held them, and holds them no more", func(t *testing.T) {
		got := b.check(t, ref, lane)
		require.Equal(t, 2, got.Messages)
		require.Zero(t, got.Held)
		require.False(t, got.HoldFile)
		require.Equal(t, 1, b.fired(t, ref)["F-11"])
		require.Equal(t, got, b.check(t, ref, lane), "judged again it is the same")
	})
	t.Run("they arrive byte for byte in a file of their own", func(t *testing.T) {
		before := b.arrived(t, b.profile.Folders.Production)
		p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: ref, Lane: lane, Attempt: 1})
		require.False(t, p.Already)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		require.Len(t, b.arrived(t, b.profile.Folders.Production), len(before)+1)
		arrived, err := os.ReadFile(filepath.Join(b.drop, b.profile.Folders.Production, p.RemoteName))
		require.NoError(t, err)
		for _, raw := range rawMessages(t, b, file, ordinals) {
			require.True(t, bytes.Contains(arrived, raw))
		}
	})
	t.Run("what a patient asked not to share is released by nobody", func(t *testing.T) {
		require.True(t, activities.Releasable([]string{"F-11", "M-08.sender"}))
		require.False(t, activities.Releasable([]string{"F-11", "D-02"}))
	})
	t.Run("bytes that were destroyed are not released", func(t *testing.T) {
		gone := file
		gone.ReleasedAt = &b.now
		_, err := activities.PackReleased(ctx, b.vault, gone, practice, ordinals)
		require.Equal(t, registry.Missing, registry.KindOf(err))
	})
}

// rawMessages cuts messages out of the file as it came.
func rawMessages(t *testing.T, b *bundle, file db.File, ordinals []int) [][]byte {
	t.Helper()
	src, err := b.vault.Open(t.Context(), file.VaultKey)
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	content, err := io.ReadAll(src)
	require.NoError(t, err)
	parts := bytes.Split(content, []byte("MSH|"))
	out := [][]byte{}
	for _, n := range ordinals {
		raw := parts[n]
		if i := bytes.Index(raw, []byte("BTS|")); i >= 0 {
			raw = raw[:i]
		}
		out = append(out, append([]byte("MSH|"), raw...))
	}
	return out
}
