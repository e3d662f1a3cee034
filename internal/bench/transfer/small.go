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
	fmt.Printf("\n%d files of %d bytes over pooled sessions; ours with fsync, size compared, a look at the final name, and confirmed on another session; best of %d\n", o.files, smallSize, o.rounds)
	fmt.Printf("%-52s %9s %18s %18s\n", "", "files/s", "of write+rename", "of +fsync+stat")
	for _, workers := range []int{1, 4} {
		clients := []struct {
			name string
			do   func() (float64, error)
		}{
			{"bare pkg/sftp: write, rename", func() (float64, error) { return p.bare(o.files, workers, data, false) }},
			{"bare pkg/sftp: write, fsync, stat, rename", func() (float64, error) { return p.bare(o.files, workers, data, true) }},
			{"immtrail, each confirmed before the next", func() (float64, error) { return p.proven(o.files, workers, data, false) }},
			{"immtrail, confirmed beside the next", func() (float64, error) { return p.proven(o.files, workers, data, true) }},
		}
		best := make([]float64, len(clients))
		for range o.rounds {
			for i, c := range clients {
				rate, err := c.do()
				if err != nil {
					return err
				}
				best[i] = max(best[i], rate)
			}
		}
		for i, c := range clients {
			word := ""
			if i > 1 {
				word = "at least 0.60x: met"
				if best[i] < 0.6*best[0] {
					word = "at least 0.60x: MISSED"
				}
			}
			fmt.Printf("%-52s %9.0f %17.2fx %17.2fx  %s\n", fmt.Sprintf("%d at once, %s", workers, c.name), best[i], best[i]/best[0], best[i]/best[1], word)
		}
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

func (p *peer) proven(n, workers int, data []byte, beside bool) (float64, error) {
	c, err := p.job(p.Port).connection()
	if err != nil {
		return 0, err
	}
	look := c
	look.Purpose = transfer.ToLook
	pool := transfer.NewPool(sftp.Dialer{})
	ctx := context.Background()
	// beside lets a file be confirmed while the next one is sent.
	var waiting sync.WaitGroup
	var failed atomic.Pointer[error]
	confirm := func(name string, up transfer.Uploaded) error {
		r, err := pool.Dial(ctx, look)
		if err != nil {
			return err
		}
		how, err := transfer.Confirm(ctx, r, transfer.Expected{Folder: p.in, Name: name, Size: up.Bytes, SHA256: up.SHA256, Acknowledged: true})
		if err == nil && how != registry.ConfirmedByStat {
			err = fmt.Errorf("confirmed by %s", how)
		}
		return errors.Join(err, r.Close())
	}
	places := make(chan struct{}, workers)
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
		if !beside {
			return confirm(name, up)
		}
		places <- struct{}{}
		waiting.Go(func() {
			if err := confirm(name, up); err != nil {
				failed.Store(&err)
			}
			<-places
		})
		return nil
	}
	// Sessions are at hand in both clients before the clock starts.
	if _, err := spread(workers*2, workers, func(w, i int) error { return one(w, n+i) }); err != nil {
		return 0, err
	}
	waiting.Wait()
	began := time.Now()
	_, err = spread(n, workers, one)
	waiting.Wait()
	rate := float64(n) / time.Since(began).Seconds()
	if e := failed.Load(); e != nil {
		err = errors.Join(err, *e)
	}
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
