package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"immtrail/config"
)

// greetTimeout bounds the wait for the mail server's first line.
const greetTimeout = 10 * time.Second

// greet looks whether a mail server answers where the settings say. Nothing is
// sent, and nobody logs in.
func greet(ctx context.Context, s config.SMTP) error {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	addr := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	dialer := net.Dialer{}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%s cannot be reached: %w", addr, err)
	}
	defer func() { _ = conn.Close() }() // nothing was said
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // a connection always takes one
	if s.TLS == "implicit" {
		secure := tls.Client(conn, &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("%s speaks no TLS that can be trusted: %w", addr, err)
		}
		conn = secure
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s does not greet: %w", addr, err)
	}
	if !strings.HasPrefix(line, "220") {
		return fmt.Errorf("%s does not speak as a mail server does", addr)
	}
	return nil
}
