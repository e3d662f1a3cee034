package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/sftp"
)

// peer is the sshd of a run, with a login.
type peer struct {
	*sftptest.OpenSSH
	// dir holds everything of the run; in is where uploads go.
	dir, in  string
	user     string
	keyFile  string
	hostKey  string
	hostFile string
}

func newPeer(dir string) (*peer, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	p := &peer{dir: dir, in: filepath.Join(dir, "in"), user: me.Username, keyFile: filepath.Join(dir, "key"), hostFile: filepath.Join(dir, "hostkey")}
	if err := os.Mkdir(p.in, 0o700); err != nil {
		return nil, err
	}
	key, pub, err := sftptest.NewClientKey()
	if err != nil {
		return nil, err
	}
	host, err := sftptest.LoadOrCreateHostKey(p.hostFile)
	if err != nil {
		return nil, err
	}
	p.hostKey = line(host.PublicKey())
	if err := os.WriteFile(p.keyFile, key, 0o600); err != nil {
		return nil, err
	}
	p.OpenSSH, err = sftptest.StartOpenSSH(dir, line(pub), p.hostFile)
	return p, err
}

func line(key ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) }

func (p *peer) close() { p.Stop() }

// job is an upload for a process of its own, and how to reach the server.
type job struct {
	Port                   int
	User, KeyFile, HostKey string
	Marked, OneByOne       bool
	// Get downloads Folder/Name to nowhere, digested.
	Get bool
	// Source is a file; or Object in the file store at Vault.
	Source, Vault, Identity, Object string
	Size                            int64
	SHA256, Folder, Name            string
	// Password makes it FTPS; HostKey is a pin of the certificate then, and Disk
	// is Folder as this machine names it.
	Password, Disk string
}

func (p *peer) job(port int) job {
	return job{Port: port, User: p.user, KeyFile: p.keyFile, HostKey: p.hostKey, Folder: p.in, Name: "ours.hl7"}
}

func (j job) connection() (transfer.Connection, error) {
	if j.Password != "" {
		return j.overFTPS(), nil
	}
	key, err := os.ReadFile(j.KeyFile)
	c := transfer.Connection{
		Name: "bench", Protocol: sftp.Protocol, Host: "127.0.0.1", Port: j.Port, User: j.User, Key: key,
		HostKeys: []string{j.HostKey}, Settings: registry.TransferSettings{SFTPIdleLife: time.Minute},
	}
	if j.Marked {
		c.Settings.TrustedParallel = []string{c.Host}
	}
	if j.OneByOne {
		c.Settings.WriteAhead = 1
	}
	return c, err
}

// noise writes a file of n bytes that cannot be compressed and tells its digest.
func noise(path string, n int64) (digest string, err error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, h), rand.Reader, n); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), f.Close()
}

// check reads what arrived and removes it.
func check(path, digest string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != digest {
		return fmt.Errorf("%s arrived wrong", filepath.Base(path))
	}
	return os.Remove(path)
}
