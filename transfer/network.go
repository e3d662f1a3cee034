package transfer

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"immtrail/registry"
)

// Purpose is what a session is for. A pool never mixes them, so that what was
// sent is never confirmed over the session that sent it.
type Purpose string

// The purposes.
const (
	ToSend Purpose = "" // files go out, reports come in
	ToLook Purpose = "look"
)

// Addr is "host:port"; standard is the protocol's port, for a connection that
// names none.
func (c *Connection) Addr(standard int) string {
	port := c.Port
	if port == 0 {
		port = standard
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(port))
}

// Trusted reports whether the host passed a probe with read-back and was marked
// for it, so that writes may go in parallel and an upload may be resumed.
func (c *Connection) Trusted() bool {
	return slices.Contains(c.Settings.TrustedParallel, c.Host) ||
		slices.Contains(c.Settings.TrustedParallel, net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
}

// IdleLife is how long a session that nobody uses is kept; 0 is not at all.
func (c *Connection) IdleLife() time.Duration {
	if c.Protocol == "ftps" {
		return c.Settings.FTPSIdleLife
	}
	return c.Settings.SFTPIdleLife
}

// errNotAllowed ends a dial to an address that is not on the list.
func errNotAllowed(c *Connection, address string) error {
	return registry.Errorf(registry.Refused, "dial",
		"connection %s: %s is not one of the allowed addresses (transfer.allowed_addresses); nothing was sent", c.Name, address)
}

// DialTCP opens a TCP connection for c to addr, which must be of the
// connection's own host: a server cannot send us elsewhere. Where the settings
// list allowed addresses, the address that is really dialled is held against
// them, after the name was resolved, so that it does not matter what a name
// server says at another time.
//
// Kinds: Refused for another host or address, else as the network says it
// (no kind: weather).
func (c *Connection) DialTCP(ctx context.Context, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !strings.EqualFold(host, c.Host) {
		return nil, registry.Errorf(registry.Refused, "dial", "connection %s does not lead to another host than its own; nothing was sent", c.Name)
	}
	var allowed []netip.Prefix
	for _, text := range c.Settings.AllowedAddresses {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "dial", "connection %s: an allowed address is no network such as 192.0.2.0/24", c.Name)
		}
		allowed = append(allowed, network)
	}
	d := net.Dialer{}
	if len(allowed) > 0 {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			in := func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap()) }
			if err != nil || !slices.ContainsFunc(allowed, in) {
				return errNotAllowed(c, address)
			}
			return nil
		}
	}
	return d.DialContext(ctx, "tcp", addr)
}
