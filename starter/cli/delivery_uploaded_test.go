package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestUploadByHand(t *testing.T) {
	b := newBench(t)
	folder := filepath.Join(t.TempDir(), "ana")
	b.run(t, "connection", "add", b.file(t, "bad.yaml", "name: web\nprotocol: byhand\nuser: u\n")).exits(1).complains("folder:", "logs in")
	b.run(t, "connection", "add", b.file(t, "web.yaml", "name: web\nprotocol: byhand\nhost: https://txhhs.example\nfolder: "+folder+"\n")).exits(0)
	b.run(t, "connection", "test", "web").exits(0).fits().shows("can be laid out")
	b.run(t, "connection", "list").exits(0).fits().line("web", "byhand", "https://txhhs.example")
	b.run(t, "connection", "show", "web").exits(0).fits().shows("a person uploads by hand at https://txhhs.example")
	b.run(t, "doctor").line("ok", "connection", "web: files can be laid out")
	b.practice(t, registry.PhaseTesting)
	store := b.open(t)
	staged, err := store.StageFile(t.Context(), db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: strings.Repeat("a", 64), Size: 10, VaultKey: "k", At: b.at(),
	})
	require.NoError(t, err)
	d, _, err := store.PrepareDelivery(t.Context(), db.NewDelivery{
		FileID: staged.File.ID, Practice: "sunrise-plano", Lane: registry.LaneTest, Attempt: 1, Connection: "web", Folder: "in",
		ContentDigest: strings.Repeat("b", 64), Digest: strings.Repeat("b", 64), VaultKey: "k", Size: 10, Messages: 1, At: b.at(),
		Name: func(seq int64) (string, error) { return fmt.Sprintf("X_%d.HL7", seq), nil },
	})
	require.NoError(t, err)

	b.run(t, "delivery", "uploaded", d.ID, "--by", "Ana Example").exits(1).complains("not laid out")
	_, err = store.BeginUpload(t.Context(), "sunrise-plano", d.ID)
	require.NoError(t, err)
	b.run(t, "delivery", "uploaded", d.ID, "--by", "Ana Example", "--at", "2027-01-01T10:00").exits(1).complains("lies ahead")
	b.run(t, "delivery", "uploaded", d.ID, "--by", "Ana Example", "--at", "yesterday").exits(1).complains("no time")
	b.run(t, "delivery", "uploaded", "d-99", "--by", "Ana Example").exits(1).complains("d-99")
	b.run(t, "delivery", "uploaded", d.ID, "--by", "Ana Example", "--at", "2026-03-30T10:00:00Z").exits(0).fits().
		shows("Ana Example uploaded X_1.HL7", "starter report import")
	require.Equal(t, []string{"file/" + staged.File.ID + " file-uploaded-by-hand"}, b.eng.signals)

	require.NoError(t, store.UploadedByHand(t.Context(), "sunrise-plano", d.ID, "Ana Example", mary, b.at()))
	b.run(t, "delivery", "uploaded", d.ID, "--by", "Ana Example").exits(1).complains("uploaded before")
}
