package ftps

import (
	"context"
	"net"

	"immtrail/transfer"
)

// ParseListing reads MLSD as List does.
func ParseListing(raw []byte) transfer.Listing {
	var l transfer.Listing
	for _, f := range parseMLSD(raw) {
		add(&l, f.name, f.seen, "")
	}
	return l
}

// DialTCP connects as a session does, before TLS.
func DialTCP(ctx context.Context, c transfer.Connection, addr string) (net.Conn, error) {
	return dialTCP(ctx, c, addr)
}
