package sftp

import (
	"cmp"
	"strings"

	"immtrail/transfer"
)

const (
	// smallPacket is the payload in bytes of one request that every server takes,
	// such that a write fills one packet of SSH.
	smallPacket = sshPacket - requestHead
	// largePacket is the most that OpenSSH takes (256 KiB a message with its
	// header). Some servers corrupt what is larger than smallPacket, so it is
	// for hosts that passed a probe with read-back.
	largePacket = 255 << 10
	// defaultAhead is what OpenSSH's own client has on its way at once.
	defaultAhead = 64
	// parallelAhead times largePacket is more than the 2 MiB that SSH lets be on
	// their way in one channel: with 8, just as much, a long round trip starved it
	// (1.3 times the time of sftp at 80 ms). With what the library and the body
	// hold beside it stays below 4 MiB, which is what a resumed upload sends again.
	parallelAhead = 12
)

// manner is how the bytes of a file travel.
//
//	server                     writes on their way    packet     resume                         reads
//	unknown                    1                      32 KiB     no                             1
//	writes in order            up to 64, in order     32 KiB     no                             1
//	marked after a probe       12                     255 KiB    from what was acknowledged     12
//	marked, direct uploads     1, or 64 in order      255 KiB    no                             12
//
// None of the first two can leave a hole before the end of what lies at the
// server, wherever it dies. The third can, on a server that writes in parallel,
// and only under a temporary name: what was resumed is read back before it is
// renamed.
type manner struct {
	ahead  int
	resume bool
	// reads is how many reads may be on their way.
	reads int
}

func packetFor(c *transfer.Connection) int {
	if c.Trusted() {
		return largePacket
	}
	return smallPacket
}

func (s *session) manner() manner {
	m := manner{ahead: 1, reads: 1}
	if s.c.Trusted() {
		m.reads = parallelAhead
	}
	switch {
	case s.c.Trusted() && !s.c.Direct(): // a hole would lie under the final name
		m.ahead, m.resume = parallelAhead, true
	case s.writesInOrder():
		m.ahead = cmp.Or(s.c.Settings.WriteAhead, defaultAhead)
	}
	return m
}

// writesInOrder recognises OpenSSH's own sftp-server, which is one process that
// takes one request after the other (the loop in sftp-server.c), so that
// requests that leave in order are written in order. Its banner alone is not
// enough, since sshd starts whatever server its configuration names: the
// extensions come from that server itself.
func (s *session) writesInOrder() bool {
	return strings.HasPrefix(string(s.ssh.ServerVersion()), "SSH-2.0-OpenSSH_") &&
		s.offers(fsync) && s.offers("fstatvfs@openssh.com") && s.offers("hardlink@openssh.com")
}
