package sftptest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// NewHostKey makes an Ed25519 host key that lives as long as the process.
func NewHostKey() (ssh.Signer, error) {
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	return ssh.NewSignerFromKey(secret)
}

// NewClientKey makes an Ed25519 key pair: the private key as OpenSSH PEM, and
// the public key for [User].
func NewClientKey() (pemKey []byte, pub ssh.PublicKey, err error) {
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("client key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(secret, "")
	if err != nil {
		return nil, nil, fmt.Errorf("client key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(secret)
	if err != nil {
		return nil, nil, fmt.Errorf("client key: %w", err)
	}
	return pem.EncodeToMemory(block), signer.PublicKey(), nil
}

// LoadOrCreateHostKey reads the host key in the file path, and creates it with
// mode 0600 when there is none, so that a server keeps its identity over
// restarts. Folders above path must exist.
func LoadOrCreateHostKey(path string) (ssh.Signer, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		signer, err := ssh.ParsePrivateKey(data)
		if err != nil {
			return nil, fmt.Errorf("host key file %s: %w", path, err)
		}
		return signer, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("host key: %w", err)
	}
	pemKey, _, err := NewClientKey()
	if err != nil {
		return nil, err
	}
	if err := writeWhole(path, pemKey); err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	return ssh.ParsePrivateKey(pemKey)
}

// writeWhole puts data under path at once or not at all: half a key after a
// kill would stop every later start.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".hostkey-*") // 0600 by its nature
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when the rename went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
