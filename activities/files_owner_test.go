package activities_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

func TestFilesInTheWrongOutbox(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := open(t, registry.PhaseProduction)
	lane := registry.LaneProduction
	other, err := b.db.Practice(ctx, "sunrise")
	require.NoError(t, err)
	other.ID, other.OrgCode, other.IISID = "lakeside", "LAKE0001", "0002223334"
	other.Sites = []registry.Site{{ID: "main", Name: "Main", Facilities: []string{"LAKE0001"}, Prescribers: []string{"1234567893"}}}
	require.NoError(t, b.db.SavePractice(ctx, other, b.act("practice-added/lakeside")))
	content, _ := b.batch(t, 3, lane, 4)
	theirs := bytes.ReplaceAll(content, []byte("TEST0001"), []byte("LAKE0001"))
	check := func(t *testing.T, content []byte) (activities.CheckFileResult, registry.FileRef, error) {
		t.Helper()
		f := b.stage(t, lane, "day.hl7", content)
		got, err := run(t, b.files.CheckFile, activities.CheckFileInput{Scope: scope(), File: f, Lane: lane})
		return got, f, err
	}

	t.Run("a file of another practice is a question, names it, and is not sent", func(t *testing.T) {
		_, f, err := check(t, theirs)
		requireKind(t, registry.NotAllowed, err)
		require.ErrorContains(t, err, "lakeside")
		require.NotContains(t, err.Error(), "LAKE0001", "no value of the file")
		_, err = run(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: lane, Attempt: 1})
		requireKind(t, registry.NotAllowed, err)
	})
	t.Run("once the facility is known to be its own too, trying again takes it", func(t *testing.T) {
		_, f, err := check(t, theirs)
		requireKind(t, registry.NotAllowed, err)
		own, err := b.db.Practice(ctx, "sunrise")
		require.NoError(t, err)
		own.Sites[0].Facilities = append(own.Sites[0].Facilities, "LAKE0001")
		require.NoError(t, b.db.SavePractice(ctx, own, b.act("practice/sunrise")))
		got := must(t, b.files.CheckFile, activities.CheckFileInput{Scope: scope(), File: f, Lane: lane})
		require.Zero(t, got.Summary.Held)
		own.Sites[0].Facilities = own.Sites[0].Facilities[:1]
		require.NoError(t, b.db.SavePractice(ctx, own, b.act("practice/sunrise/2")))
	})
	t.Run("one message of another practice is left out and does not stop the others", func(t *testing.T) {
		mixed := bytes.Split(content, []byte("MSH|"))
		mixed[1] = bytes.ReplaceAll(mixed[1], []byte("TEST0001"), []byte("LAKE0001"))
		got, _, err := check(t, bytes.Join(mixed, []byte("MSH|")))
		require.NoError(t, err)
		require.Equal(t, 1, got.Summary.Held)
		require.Equal(t, 4, got.Summary.Messages)
	})
	t.Run("what names nobody at all is left out message by message", func(t *testing.T) {
		unknown, _ := b.batch(t, 4, lane, 3, hl7gen.UnknownFacility)
		got, _, err := check(t, unknown)
		require.NoError(t, err)
		require.Equal(t, 1, got.Summary.Held)
	})
}
