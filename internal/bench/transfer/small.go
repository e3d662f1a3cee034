package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	raw "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/sftp"
)

const smallSize = 20_000

// small compares many small files over pooled sessions: ours looks before it
// writes, has the bytes flushed, looks again, renames, and confirms each file
// over another session; the bare client writes and renames.
func small(p *peer, o options) error {
	data := make([]byte, smallSize)
	_, _ = rand.Read(data) // never fails
	fmt.Printf("\n%d files of %d bytes over pooled sessions; best of %d\n", o.files, smallSize, o.rounds)
	fmt.Printf("%-52s %9s %18s %18s\n", "", "files/s", "of write+rename", "of +fsync+stat")
	for _, workers := range []int{1, 4} {
		var bare, flushed, proven float64
		for range o.rounds {
			b, err := p.bare(o.files, workers, data, false)
			if err != nil {
				return err
			}
			f, err := p.bare(o.files, workers, data, true)
			if err != nil {
				return err
			}
			m, err := p.proven(o.files, workers, data)
			if err != nil {
				return err
			}
			bare, flushed, proven = max(bare, b), max(flushed, f), max(proven, m)
		}
		word := "met"
		if proven < 0.6*bare {
			word = "MISSED"
		}
		fmt.Printf("%-52s %9.0f\n", fmt.Sprintf("bare pkg/sftp, %d at once: write, rename", workers), bare)
		fmt.Printf("%-52s %9.0f\n", fmt.Sprintf("bare pkg/sftp, %d at once: write, fsync, stat, rename", workers), flushed)
		fmt.Printf("%-52s %9.0f %17.2fx %17.2fx  at least 0.60x: %s\n", fmt.Sprintf("immtrail, %d at once, confirmed on another session", workers),
			proven, proven/bare, proven/flushed, word)
	}
	return nil
}

// spread does work n times on several workers and tells how many a second.
func spread(n, workers int, do func(worker, i int) error) (float64, error) {
	var next atomic.Int64
	errs := make([]error, workers)
	var wg sync.WaitGroup
	began := time.Now()
	for w := range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = do(w, i)
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds(), errors.Join(errs...)
}

func (p *peer) proven(n, workers int, data []byte) (float64, error) {
	c, err := p.job(p.Port).connection()
	if err != nil {
		return 0, err
	}
	look := c
	look.Purpose = transfer.ToLook
	pool := transfer.NewPool(sftp.Dialer{})
	ctx := context.Background()
	one := func(_, i int) error {
		name := fmt.Sprintf("small_%06d.hl7", i)
		r, err := pool.Dial(ctx, c)
		if err != nil {
			return err
		}
		up, err := r.Upload(ctx, transfer.UploadRequest{
			Folder: p.in, Name: name, Size: int64(len(data)),
			Source: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		})
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		if r, err = pool.Dial(ctx, look); err != nil {
			return err
		}
		how, err := transfer.Confirm(ctx, r, transfer.Expected{Folder: p.in, Name: name, Size: up.Bytes, SHA256: up.SHA256, Acknowledged: true})
		if err == nil && how != registry.ConfirmedByStat {
			err = fmt.Errorf("confirmed by %s", how)
		}
		return errors.Join(err, r.Close())
	}
	// Sessions are at hand in both clients before the clock starts.
	if _, err := spread(workers*2, workers, func(w, i int) error { return one(w, n+i) }); err != nil {
		return 0, err
	}
	rate, err := spread(n, workers, one)
	return rate, errors.Join(err, pool.Close(), p.empty())
}

func (p *peer) bare(n, workers int, data []byte, careful bool) (float64, error) {
	var clients []*raw.Client
	for range workers {
		conn, c, err := p.client()
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		clients = append(clients, c)
	}
	rate, err := spread(n, workers, func(w, i int) error {
		final := path.Join(p.in, fmt.Sprintf("small_%06d.hl7", i))
		f, err := clients[w].Create(final + ".part")
		if err != nil {
			return err
		}
		if _, err = f.Write(data); err == nil && careful {
			err = f.Sync()
		}
		if careful && err == nil {
			_, err = clients[w].Stat(final + ".part")
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		return clients[w].PosixRename(final+".part", final)
	})
	return rate, errors.Join(err, p.empty())
}

func (p *peer) client() (*ssh.Client, *raw.Client, error) {
	key, err := os.ReadFile(p.keyFile)
	if err != nil {
		return nil, nil, err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(p.hostKey))
	if err != nil {
		return nil, nil, err
	}
	conn, err := ssh.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)), &ssh.ClientConfig{
		User: p.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(host),
		Config: ssh.Config{Ciphers: []string{ssh.CipherAES128GCM}},
	})
	if err != nil {
		return nil, nil, err
	}
	c, err := raw.NewClient(conn)
	return conn, c, err
}

// empty removes what arrived.
func (p *peer) empty() error {
	return errors.Join(os.RemoveAll(p.in), os.Mkdir(p.in, 0o700))
}
