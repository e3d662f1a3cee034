package sftp_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/transfer/sftp"
)

// packet is a message of the protocol: length, type, content.
func packet(kind byte, content ...[]byte) []byte {
	var body []byte
	for _, c := range content {
		body = append(body, c...)
	}
	return append(append(number(uint32(len(body)+1)), kind), body...)
}

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func text(s string) []byte { return append(number(uint32(len(s))), s...) }

func status(id, code uint32) []byte {
	return packet(101, number(id), number(code), text("words"), text("en"))
}

func named(names ...string) []byte {
	content := [][]byte{number(1), number(uint32(len(names)))}
	for i, n := range names {
		content = append(content, text(n), text("-rw-r--r-- "+n))
		if i%2 == 0 {
			content = append(content, number(0))
			continue
		}
		// size, owners, mode, times, and one extended pair
		content = append(content, number(0x8000000f), make([]byte, 8+8+4+8), number(1), text("k"), text("v"))
	}
	return packet(104, content...)
}

func stream(packets ...[]byte) []byte {
	var all []byte
	for _, p := range packets {
		all = append(all, p...)
	}
	return all
}

func TestReplies(t *testing.T) {
	for _, piece := range []int{1, 3, 7, 1 << 20} {
		writes, _, _ := sftp.Replies(stream(status(1, 0), status(2, 0), status(4, 0)), piece)
		require.EqualValues(t, 2, writes, "the third is missing")
		writes, _, _ = sftp.Replies(stream(status(2, 0), packet(103, number(9), text("data")), status(1, 0), status(3, 0)), piece)
		require.EqualValues(t, 3, writes, "a server may answer in another order")
		writes, _, _ = sftp.Replies(stream(status(1, 0), status(2, 4), status(3, 0)), piece)
		require.EqualValues(t, 1, writes, "a refused write ends what is certain")
		_, names, climbing := sftp.Replies(stream(named(".", "a", "..", "../b"), named("/c", "d/e", "f")), piece)
		require.Equal(t, 5, names)
		require.Equal(t, 3, climbing)
	}
}

func FuzzReplies(f *testing.F) {
	f.Add(stream(status(1, 0), status(2, 0)), 3)
	f.Add(named("a", "../b", "."), 5)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 101}, 1)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 104, 1}, 2)
	f.Add(packet(104, number(1), number(0xffffffff), text("a")), 4)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		writes, names, climbing := sftp.Replies(data, piece)
		again, namesAgain, climbingAgain := sftp.Replies(data, len(data))
		require.Equal(t, []any{writes, names, climbing}, []any{again, namesAgain, climbingAgain}, "how it was cut makes no difference")
		require.LessOrEqual(t, climbing, names)
	})
}
