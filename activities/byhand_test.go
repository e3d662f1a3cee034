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

func TestUploadLetter(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	folder := filepath.Join(t.TempDir(), "maria")
	hand := func(host string) {
		require.NoError(t, b.db.SaveConnection(t.Context(), db.Connection{
			Name: "texas-sftp", Protocol: "byhand", Host: host, Settings: db.ConnectionSettings{Folder: folder},
		}, b.act("hand/"+host)))
	}
	hand("")
	d := b.prepare(t, 1, registry.LaneTest, 2)
	sent, err := b.db.Delivery(t.Context(), "sunrise", d.DeliveryID)
	require.NoError(t, err)
	must(t, b.practices.OpenHold, activities.OpenHoldInput{
		Scope: scope(), ID: "h-1", WorkflowID: "file/" + sent.FileID, Reason: registry.HoldByHand, What: "upload by hand",
		Actions: registry.HoldByHand.Actions(),
	})
	n, man := b.notices(t)
	write := func(event string) string {
		must(t, n.SendNotice, activities.SendNoticeInput{Scope: scope(), Kind: activities.NoticeByHand, HoldID: "h-1", Event: event})
		require.Equal(t, "maria@sunrise.example", man.to(t))
		return man.last().Subject + "\n" + man.last().Body
	}

	letter := write("hold/h-1/0")
	for what, words := range map[string]string{
		"which file, and where it lies":   filepath.Join(folder, d.RemoteName),
		"that it is the very file":        sent.Digest,
		"under which name":                "exactly this name:\n\n     " + d.RemoteName,
		"where, by the profile":           "https://immtrac-ftps1.dshs.texas.gov/ThinClient/Login.aspx",
		"how to confirm, as a command":    "starter delivery uploaded " + d.DeliveryID + ` --by "YOUR NAME"`,
		"how to confirm, in the Web UI":   "workflow file/" + sent.FileID + ", Send a Signal",
		"the signal":                      `{"delivery_id": "` + d.DeliveryID + `", "by": "YOUR NAME"}`,
		"by when: two working days later": "By when: 2026-03-04",
		"what happens next":               "starter report import FILE",
		"how to give it up":               "starter hold resolve h-1 --action drop",
	} {
		require.Contains(t, letter, words, what)
	}
	require.NotContains(t, letter, "has waited")

	b.now = b.now.AddDate(0, 0, 3)
	hand("https://elsewhere.example/upload")
	again := write("hold/h-1/1")
	require.Contains(t, again, "It has waited for 3 days.")
	require.Contains(t, again, "https://elsewhere.example/upload", "the connection knows better")
	require.Contains(t, again, "By when: 2026-03-04", "the day does not move")

	_, err = run(t, n.SendNotice, activities.SendNoticeInput{Scope: scope(), Kind: activities.NoticeByHand, HoldID: "h-9", Event: "none"})
	requireKind(t, registry.Missing, err)
}
