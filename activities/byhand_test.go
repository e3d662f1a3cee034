package activities_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

func TestHands(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	folder := filepath.Join(t.TempDir(), "maria")
	require.NoError(t, b.db.SaveConnection(t.Context(), db.Connection{
		Name: "texas-sftp", Protocol: "byhand", Host: "https://web.example", Settings: db.ConnectionSettings{Folder: folder},
	}, b.act("hand")))
	d := b.prepare(t, 1, registry.LaneTest, 2)
	hands := &activities.Hands{DB: b.db, Vault: b.vault, Profiles: b, Clock: func() time.Time { return b.now }}
	in := activities.LayOutFileInput{Scope: scope(), DeliveryID: d.DeliveryID}
	end := activities.EndHandUploadInput{Scope: scope(), DeliveryID: d.DeliveryID, Uploaded: true, Who: "Ana Example", By: maria, At: b.now}
	path := filepath.Join(folder, d.RemoteName)

	for range 2 {
		laid := must(t, hands.LayOutFile, in)
		require.Equal(t, activities.LayOutFileResult{Path: path, Site: "https://web.example"}, laid)
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, content, int(d.Size), "whole, as it was prepared")

	for range 2 {
		must(t, hands.EndHandUpload, end)
		require.NoFileExists(t, path, "the copy goes once it is uploaded")
		require.Equal(t, db.DeliveryRenamed, b.state(t, d.DeliveryID))
	}
	require.True(t, must(t, hands.LayOutFile, in).Done, "nothing is laid out again")
	require.NoFileExists(t, path)
	events, err := b.db.Events(t.Context(), db.EventQuery{Kind: "uploaded-by-hand"})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, "uploaded by Ana Example", events[0].Reason)

	for range 2 {
		got := must(t, hands.ConfirmByReport, activities.ConfirmByReportInput{Scope: scope(), DeliveryID: d.DeliveryID})
		require.Equal(t, registry.ConfirmedByReport, got.How)
	}
	require.Equal(t, db.DeliveryConfirmed, b.state(t, d.DeliveryID))

	given := b.prepare(t, 2, registry.LaneTest, 2)
	must(t, hands.LayOutFile, activities.LayOutFileInput{Scope: scope(), DeliveryID: given.DeliveryID})
	must(t, hands.EndHandUpload, activities.EndHandUploadInput{Scope: scope(), DeliveryID: given.DeliveryID})
	require.NoFileExists(t, filepath.Join(folder, given.RemoteName))
	require.Equal(t, db.DeliveryUploading, b.state(t, given.DeliveryID), "given up is not sent")
}
