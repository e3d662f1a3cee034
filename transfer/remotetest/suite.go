package remotetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

// Fixture is a server to be tried, with one empty folder.
type Fixture struct {
	Dialer     transfer.Dialer
	Connection transfer.Connection
	// Folder is the folder as the driver names it; Disk is the same folder on
	// this machine's disk.
	Folder, Disk string
	// WrongLogin is a connection that differs in its password or key only.
	WrongLogin transfer.Connection
	// OtherKey is a host key line that is not the server's.
	OtherKey string
	// LinksShowAsFiles says that the server shows a link that is asked for by
	// name as a file (ProFTPD does, by MLST and by SFTP).
	LinksShowAsFiles bool
	// LastStep, where a server does so on demand, has it do something to a file
	// right after its rename, and lose the answer or not.
	LastStep func(LastStep)
}

// LastStep is what a server does to a file right after its rename.
type LastStep struct {
	// LoseAnswer ends the session instead of answering.
	LoseAnswer bool
	// Sweep takes the file away; RenamedTo gives it another name ("%s.done").
	Sweep     bool
	RenamedTo string
}

// Run runs the suite. setup makes a fresh fixture for each test.
func Run(t *testing.T, setup func(t *testing.T) Fixture) {
	t.Helper()
	for _, mode := range []string{transfer.UploadRename, transfer.UploadDirect} {
		with := func(t *testing.T) *trial {
			t.Helper()
			f := setup(t)
			f.Connection.Settings.Upload = mode
			return &trial{Fixture: f}
		}
		t.Run("upload "+mode, func(t *testing.T) {
			uploads(t, with)
			uploadsStop(t, with)
			uploadsGuard(t, with)
		})
	}
	plain := func(t *testing.T) *trial { t.Helper(); return &trial{Fixture: setup(t)} }
	t.Run("upload by rename", func(t *testing.T) { byRename(t, plain) })
	t.Run("last step", func(t *testing.T) {
		lastSteps(t, plain)
		proofs(t, plain)
		proofsOfRenamed(t, plain)
	})
	t.Run("look", func(t *testing.T) {
		looks(t, plain)
		downloads(t, plain)
		removes(t, plain)
	})
	t.Run("dial", func(t *testing.T) { dials(t, plain) })
}

// trial is a fixture with what tests ask of it.
type trial struct{ Fixture }

func (f *trial) dial(t *testing.T) transfer.Remote {
	t.Helper()
	r, err := f.Dialer.Dial(t.Context(), f.Connection)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func (f *trial) path(name string) string { return filepath.Join(f.Disk, name) }

func (f *trial) write(t *testing.T, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(f.path(name), data, 0o600))
}

// names are those on the server's disk.
func (f *trial) names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(f.Disk)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// holds asserts what the server's disk holds under our name, and nothing else.
func (f *trial) holds(t *testing.T, data []byte) {
	t.Helper()
	require.Equal(t, []string{name}, f.names(t))
	got, err := os.ReadFile(f.path(name))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "the server holds other bytes")
}

// Noise is n bytes that are the same in every run.
func Noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data) // never fails
	return data
}

// Digest is the hex SHA-256 of data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Request asks for data to be put under folder/name.
func Request(folder, name string, data []byte) transfer.UploadRequest {
	return transfer.UploadRequest{
		Folder: folder, Name: name, Size: int64(len(data)), SHA256: Digest(data),
		Source: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// Kind is the kind of err, which must be one of ours.
func Kind(t *testing.T, err error) registry.Kind {
	t.Helper()
	var e *registry.Error
	require.ErrorAs(t, err, &e)
	return e.Kind
}
