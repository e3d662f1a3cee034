package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"immtrail/internal/proftpd"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
)

// overFTPS compares one large file with curl, to a real ProFTPD.
func overFTPS(p *peer, o options) error {
	own, home := filepath.Join(p.dir, "proftpd"), filepath.Join(p.dir, "home")
	for _, dir := range []string{own, filepath.Join(home, "in")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	srv, err := proftpd.Run(context.Background(), own, home, proftpd.Options{})
	if err != nil {
		return err
	}
	defer srv.Stop()
	ca := filepath.Join(own, "ca.pem")
	if err := os.WriteFile(ca, srv.CA, 0o600); err != nil {
		return err
	}
	source := filepath.Join(p.dir, "source")
	size := int64(o.sizeMiB) << 20
	digest, err := noise(source, size)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(source) }()
	j := job{
		Port: srv.FTPSPort, User: proftpd.User, Password: proftpd.Password, HostKey: srv.KeyPin,
		Source: source, Size: size, SHA256: digest, Folder: "in", Disk: filepath.Join(home, "in"), Name: "ours.hl7",
	}
	fmt.Printf("\n%d MiB to ProFTPD (mod_tls, implicit TLS 1.3) on loopback, AES-256-GCM, digest in the same pass; best of %d\n", o.sizeMiB, o.rounds)
	return p.compare(o.rounds, size, []run{
		{"curl -T", 1, func() (took, error) { return curl(srv, ca, source, filepath.Join(home, "in"), digest) }},
		{"immtrail", 0, func() (took, error) { return ours(j) }},
	})
}

// curl uploads under the final name. The server chooses the cipher of both.
func curl(srv *proftpd.Server, ca, source, disk, digest string) (took, error) {
	cmd := exec.Command("curl", "-sS", "--cacert", ca, //nolint:gosec // our own arguments
		"--user", proftpd.User+":"+proftpd.Password, "-T", source, fmt.Sprintf("ftps://127.0.0.1:%d/in/theirs.hl7", srv.FTPSPort))
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return took{}, fmt.Errorf("curl: %w", err)
	}
	return took{wall: time.Since(began)}, check(filepath.Join(disk, "theirs.hl7"), digest)
}

func (j job) overFTPS() transfer.Connection {
	return transfer.Connection{
		Name: "bench", Protocol: ftps.Protocol, Host: "127.0.0.1", Port: j.Port, User: j.User,
		Password: transfer.Secret(j.Password), HostKeys: []string{j.HostKey}, Settings: registry.TransferSettings{},
	}
}
