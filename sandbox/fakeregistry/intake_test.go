package fakeregistry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

func TestPickUp(t *testing.T) {
	t.Run("a file lies for a while, then leaves the account's sight", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{Linger: 3})
		d.drop("inbound/test", "A.HL7", batch(good(1)))
		for range 3 {
			d.step()
			require.Equal(t, []string{"A.HL7"}, d.names("inbound", "test"))
		}
		d.step()
		require.Empty(t, d.names("inbound", "test"))
		require.Len(t, d.ledger(), 1)
	})
	t.Run("a file that still grows is left alone", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{})
		text := batch(good(1))
		d.drop("inbound/test", "A.HL7", text[:100])
		d.step()
		d.drop("inbound/test", "A.HL7", text)
		d.step()
		require.Empty(t, d.ledger())
		d.step()
		require.True(t, d.ledger()[0].ErrorFree())
	})
	t.Run("temporary names and folders are no files", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{SweepAtOnce: true})
		for _, name := range []string{"A.HL7.part", ".A.HL7", "A.tmp", "A.FILEPART"} {
			d.drop("inbound/test", name, batch(good(1)))
			require.NoError(t, d.reg.Renamed("sunrise", "inbound/test/"+name, now))
		}
		require.NoError(t, os.Mkdir(d.home("inbound", "test", "folder"), 0o700))
		d.step()
		d.step()
		d.step()
		require.Empty(t, d.ledger())
		require.Len(t, d.names("inbound", "test"), 5)
	})
	t.Run("swept at once means gone with the rename", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{SweepAtOnce: true})
		d.drop("inbound/production", "A.HL7", batch(good(1)))
		require.NoError(t, d.reg.Renamed("sunrise", "inbound/production/A.HL7", now))
		require.Empty(t, d.names("inbound", "production"))
		d.step()
		require.Equal(t, registry.LaneProduction, d.ledger()[0].Lane)
	})
}

func TestLedger(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{})
	text := batch(good(1), with(2, func(v *vxu) { v.facility = "SUNR0002" }))
	for lane, folder := range lanes {
		rec, _ := d.judge(folder, text)
		require.Equal(t, lane, rec.Lane)
		require.Equal(t, folder, rec.Folder)
	}
	rec := d.ledger()[0]
	t.Run("says who sent what, when", func(t *testing.T) {
		require.Equal(t, "sunrise", rec.Account)
		require.Equal(t, "SUNR0001", rec.OrgCode)
		require.Equal(t, now.Add(2*time.Hour), rec.Time)
		require.Equal(t, []string{"C0001", "C0002"}, rec.ControlIDs())
		require.Equal(t, map[string]int{"T": 2}, rec.ProcessingIDs)
		require.Equal(t, "SUNR0002", rec.Messages[1].Facility)
	})
	t.Run("knows the file and its messages by their digests", func(t *testing.T) {
		whole := sha256.Sum256([]byte(text))
		require.Equal(t, hex.EncodeToString(whole[:]), rec.SHA256)
		content := sha256.Sum256([]byte(text[strings.Index(text, "MSH|"):strings.Index(text, "BTS|")]))
		require.Equal(t, hex.EncodeToString(content[:]), rec.ContentSHA256)
	})
	t.Run("names no patient", func(t *testing.T) {
		data, err := os.ReadFile(filepath.Join(d.dir, "ledger.jsonl"))
		require.NoError(t, err)
		for _, secret := range []string{"Okonkwo", "Adaeze", "M0001OK", "Pecan", "5550142", "20190704"} {
			require.NotContains(t, string(data), secret)
		}
	})
	t.Run("keeps the files", func(t *testing.T) {
		kept, err := filepath.Glob(filepath.Join(d.dir, "archive", "sunrise", "*", "*"))
		require.NoError(t, err)
		require.Len(t, kept, 3)
	})
}

// A kill leaves the folder in one of these states.
func TestKilled(t *testing.T) {
	text := batch(with(1, func(v *vxu) { v.processing = "P" }))
	setup := func(t *testing.T) *desk {
		t.Helper()
		d := openDesk(t, fakeregistry.Behaviour{SweepAtOnce: true, After: 1})
		d.drop("inbound/production", "A.HL7", text)
		require.NoError(t, d.reg.Renamed("sunrise", "inbound/production/A.HL7", d.at))
		return d
	}
	back := func(d *desk) { // from the archive into the spool
		files, err := filepath.Glob(filepath.Join(d.dir, "archive", "sunrise", "production", "*"))
		require.NoError(d.t, err)
		require.Len(d.t, files, 1)
		require.NoError(d.t, os.Rename(files[0], filepath.Join(d.dir, "spool", "sunrise", "production", filepath.Base(files[0]))))
	}
	states := map[string]func(*desk){
		"after the file was taken": func(*desk) {},
		"between answer and ledger": func(d *desk) {
			d.step()
			back(d)
			require.NoError(d.t, os.Remove(filepath.Join(d.dir, "ledger.jsonl")))
		},
		"in the middle of the ledger's line": func(d *desk) { d.step(); back(d); halve(d.t, filepath.Join(d.dir, "ledger.jsonl")) },
		"between ledger and archive":         func(d *desk) { d.step(); back(d) },
		"after everything":                   func(d *desk) { d.step() },
	}
	for name, leave := range states {
		t.Run(name+" the file is judged once and answered once", func(t *testing.T) {
			d := setup(t)
			leave(d)
			d.open(fakeregistry.Behaviour{SweepAtOnce: true, After: 1})
			d.step()
			d.step()
			require.Len(t, d.ledger(), 1)
			require.Empty(t, d.ledger()[0].Codes, "its own doses are no duplicates")
			require.Equal(t, now, d.ledger()[0].Time)
			d.at = d.at.Add(24 * time.Hour)
			d.step()
			require.Equal(t, []string{d.ledger()[0].Answer}, d.names("reports"))
			again, _ := filepath.Glob(filepath.Join(d.dir, "spool", "sunrise", "*", "*"))
			require.Empty(t, again)
			rec, _ := d.judgeNow("inbound/production", text)
			require.Equal(t, map[string]int{"IMR-109": 1}, rec.Codes, "its doses are on file")
		})
	}
}

func (d *desk) judgeNow(folder, text string) (fakeregistry.Received, string) {
	d.t.Helper()
	d.drop(folder, "B.HL7", text)
	d.step()
	d.step()
	all := d.ledger()
	return all[len(all)-1], ""
}

func halve(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()/2))
}

func TestReadLedgerWhileWritten(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{})
	d.judge("inbound/test", batch(good(1)))
	f, err := os.OpenFile(filepath.Join(d.dir, "ledger.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"id":"sunr`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Len(t, d.ledger(), 1)

	empty, err := fakeregistry.ReadLedger(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, empty)
}
