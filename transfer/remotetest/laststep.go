package remotetest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

// renamedAs is a name that servers make of ours.
const renamedAs = name + ".done"

// lastSteps shows what an upload makes of a last step whose answer is lost, and
// that a repeat and a confirmation on another session agree with it.
func lastSteps(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
	for _, tc := range []struct {
		outcome transfer.Outcome
		server  LastStep
		// kind of the upload's error; empty is delivered.
		kind registry.Kind
		// how a confirmation sees it afterwards; empty is DeliveryUnknown.
		how registry.Confirmation
	}{
		{transfer.OutcomeDelivered, LastStep{LoseAnswer: true}, "", registry.ConfirmedByStat},
		{transfer.OutcomeRenamed, LastStep{LoseAnswer: true, RenamedTo: "%s.done"}, "", registry.ConfirmedRenamed},
		{transfer.OutcomeRenamed, LastStep{RenamedTo: "%s.done"}, "", registry.ConfirmedRenamed},
		{transfer.OutcomeSwept, LastStep{Sweep: true}, "", registry.ConfirmedSwept},
		{transfer.OutcomeUnknown, LastStep{LoseAnswer: true, Sweep: true}, registry.DeliveryUnknown, ""},
	} {
		words := string(tc.outcome) + ", acknowledged"
		if tc.server.LoseAnswer {
			words = string(tc.outcome) + ", and its answer lost"
		}
		t.Run(words, func(t *testing.T) {
			f := with(t)
			if f.LastStep == nil {
				t.Skip("the server does not do so on demand")
			}
			f.LastStep(tc.server)
			data := Noise(50_000)
			up, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, data))
			f.LastStep(LastStep{})
			if tc.kind != "" {
				require.Equal(t, tc.kind, Kind(t, err))
				require.Zero(t, up)
			} else {
				require.NoError(t, err)
				require.True(t, up.Renamed)
			}
			again := Request(f.Folder, name, data)
			again.MayBeThere = true
			there := f.names(t)
			if len(there) > 0 {
				up, err = f.dial(t).Upload(t.Context(), again)
				require.NoError(t, err)
				require.True(t, up.AlreadyThere)
			} else {
				_, err = f.dial(t).Upload(t.Context(), again)
				require.Equal(t, registry.DeliveryUnknown, Kind(t, err), "it is never sent again blindly")
			}
			require.Equal(t, there, f.names(t), "nothing was sent twice")
			want := f.expected(data)
			want.Acknowledged = tc.kind == ""
			e, err := transfer.Prove(t.Context(), f.dial(t), want)
			if tc.how == "" {
				require.Equal(t, registry.DeliveryUnknown, Kind(t, err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.how, e.How)
		})
	}
}

func (f *trial) expected(data []byte) transfer.Expected {
	return transfer.Expected{Folder: f.Folder, Name: name, Size: int64(len(data)), SHA256: Digest(data), Acknowledged: true}
}

// proofs confirms what lies on the server's disk.
func proofs(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
	data := Noise(50_000)
	other := append([]byte{data[0] ^ 1}, data[1:]...)
	for _, tc := range []struct {
		outcome  string
		there    []byte
		acked    bool
		readBack bool
		how      registry.Confirmation
		kind     registry.Kind
	}{
		{"our name and size, acknowledged: seen by its size", data, true, false, registry.ConfirmedByStat, ""},
		{"our name and size, with the digest asked for: read back", data, true, true, registry.ConfirmedByReadBack, ""},
		{"our name and bytes, never acknowledged: read back", data, false, false, registry.ConfirmedByReadBack, ""},
		{"another size is a conflict", data[1:], true, false, "", registry.Conflict},
		{"another digest is a conflict", other, true, true, "", registry.Conflict},
		{"another digest, never acknowledged, is a conflict", other, false, false, "", registry.Conflict},
		{"nothing, acknowledged: picked up", nil, true, false, registry.ConfirmedSwept, ""},
		{"nothing, never acknowledged: nobody can tell", nil, false, false, "", registry.DeliveryUnknown},
	} {
		t.Run(tc.outcome, func(t *testing.T) {
			f := with(t)
			if tc.there != nil {
				f.write(t, name, tc.there)
			}
			want := f.expected(data)
			want.Acknowledged, want.ReadBack = tc.acked, tc.readBack
			for range 2 { // it changes nothing
				e, err := transfer.Prove(t.Context(), f.dial(t), want)
				if tc.kind != "" {
					require.Equal(t, tc.kind, Kind(t, err))
					require.Zero(t, e)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, tc.how, e.How)
				require.Equal(t, tc.how == registry.ConfirmedByReadBack, e.SHA256 != "")
				require.NotEmpty(t, e.Server)
				require.NotEmpty(t, e.HostKey)
			}
		})
	}
}

// proofsOfRenamed confirms a file that the server keeps under another name.
func proofsOfRenamed(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
	data := Noise(50_000)
	t.Run("renamed by the server is recognised by its digest, with or without a record", func(t *testing.T) {
		f := with(t)
		_, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, data))
		require.NoError(t, err)
		require.NoError(t, os.Rename(f.path(name), f.path(renamedAs)))
		want := f.expected(data)
		for _, want.Acknowledged = range []bool{true, false} {
			e, err := transfer.Prove(t.Context(), f.dial(t), want)
			require.NoError(t, err)
			require.Equal(t, registry.ConfirmedRenamed, e.How)
			require.Equal(t, renamedAs, e.RenamedTo)
			require.Equal(t, want.SHA256, e.SHA256)
			require.EqualValues(t, len(data), e.Size)
		}
		again := Request(f.Folder, name, data)
		again.MayBeThere = true
		up, err := f.dial(t).Upload(t.Context(), again)
		require.NoError(t, err)
		require.True(t, up.AlreadyThere, "a repeat finds it there and does not send it")
		require.Equal(t, []string{renamedAs}, f.names(t))
	})
	t.Run("a file that only looks like ours is not taken for it", func(t *testing.T) {
		f := with(t)
		f.write(t, renamedAs, append([]byte{data[0] ^ 1}, data[1:]...))
		want := f.expected(data)
		e, err := transfer.Prove(t.Context(), f.dial(t), want)
		require.NoError(t, err)
		require.Equal(t, registry.ConfirmedSwept, e.How)
		require.Empty(t, e.RenamedTo)
		want.Acknowledged = false
		_, err = transfer.Prove(t.Context(), f.dial(t), want)
		require.Equal(t, registry.DeliveryUnknown, Kind(t, err))
	})
	t.Run("our own rest is no delivery", func(t *testing.T) {
		f := with(t)
		f.write(t, name+transfer.PartSuffix, data)
		want := f.expected(data)
		want.Acknowledged = false
		_, err := transfer.Prove(t.Context(), f.dial(t), want)
		require.Equal(t, registry.DeliveryUnknown, Kind(t, err))
	})
	t.Run("weather is not taken for picked up", func(t *testing.T) {
		f := with(t)
		r := f.dial(t)
		require.NoError(t, r.Close())
		_, err := transfer.Prove(t.Context(), r, f.expected(data))
		require.Equal(t, registry.Transient, Kind(t, err))
	})
}
