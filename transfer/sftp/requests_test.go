package sftp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/transfer/remotetest"
	"immtrail/transfer/sftp"
)

// packets keeps what each write brought.
type packets struct {
	all   bytes.Buffer
	sizes []int
	err   error
}

func (p *packets) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	p.sizes = append(p.sizes, len(b))
	return p.all.Write(b)
}

func (p *packets) Close() error { return nil }

// request is a head and its data, as the library writes them.
func request(data int) (head, payload []byte) {
	head = binary.BigEndian.AppendUint32(nil, uint32(25+data))
	return append(head, make([]byte, 25)...), remotetest.Noise(data)
}

func TestRequestsLeaveWhole(t *testing.T) {
	write := func(t *testing.T, p *packets, data ...int) {
		t.Helper()
		out, _ := sftp.Requests(p)
		var want []byte
		for _, n := range data {
			head, payload := request(n)
			want = append(append(want, head...), payload...)
			for _, part := range [][]byte{head, payload} {
				m, err := out.Write(part)
				require.NoError(t, err)
				require.Equal(t, len(part), m)
			}
		}
		require.True(t, bytes.Equal(want, p.all.Bytes()), "the same bytes in the same order")
	}
	t.Run("head and data of a small one in one packet", func(t *testing.T) {
		p := &packets{}
		write(t, p, 0, 5, 20_000, 32<<10-64)
		require.Equal(t, []int{29, 34, 20_029, 32<<10 - 35}, p.sizes)
	})
	t.Run("a large one fills its first packet, and the rest goes as it is", func(t *testing.T) {
		p := &packets{}
		write(t, p, 255<<10, 3)
		require.Equal(t, []int{32 << 10, 255<<10 + 29 - 32<<10, 32}, p.sizes)
	})
	t.Run("what is asked together leaves together, though one of them asks nothing", func(t *testing.T) {
		p := &packets{}
		out, together := sftp.Requests(p)
		ask := func() { head, _ := request(0); _, _ = out.Write(head) }
		together(ask, func() {}, ask, ask)
		require.Equal(t, []int{3 * 29}, p.sizes)
		ask()
		require.Equal(t, []int{3 * 29, 29}, p.sizes)
	})
	t.Run("a connection that is gone is told", func(t *testing.T) {
		p := &packets{err: errors.New("gone")}
		out, together := sftp.Requests(p)
		head, payload := request(40_000)
		together(func() {})
		_, err := out.Write(head)
		require.NoError(t, err, "its data is still to come")
		_, err = out.Write(payload)
		require.ErrorIs(t, err, p.err)
	})
}

func FuzzRequests(f *testing.F) {
	f.Add(uint32(0), uint32(100), uint32(40_000), 7)
	f.Add(uint32(32<<10-64), uint32(32<<10), uint32(255<<10), 30_000)
	f.Fuzz(func(t *testing.T, a, b, c uint32, piece int) {
		p := &packets{}
		out, _ := sftp.Requests(p)
		var want []byte
		for _, n := range []uint32{a, b, c} {
			head, payload := request(int(n % (300 << 10)))
			want = append(append(want, head...), payload...)
		}
		piece = max(piece&0xffff, 1)
		for rest := want; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			_, err := out.Write(rest[:min(piece, len(rest))])
			require.NoError(t, err)
		}
		require.True(t, bytes.Equal(want, p.all.Bytes()), "nothing stays behind")
	})
}
