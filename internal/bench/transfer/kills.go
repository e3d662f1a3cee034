package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/sftp"
)

const (
	killSize  = 64 << 20
	mostAgain = 4 << 20
)

// serveParallel is the other process: a server that writes in parallel, as the
// ones built on pkg/sftp do, until it is killed.
func serveParallel(j job) error {
	host, err := sftptest.LoadOrCreateHostKey(j.KeyFile)
	if err != nil {
		return err
	}
	s, err := sftptest.Start(sftptest.Options{HostKey: host, Users: map[string]sftptest.User{j.User: {Password: "rehearsal", Root: j.Source}}})
	if err != nil {
		return err
	}
	s.SetFaults(sftptest.Faults{ScatterWrites: 4 * time.Millisecond})
	fmt.Println(s.Port())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
	return s.Close()
}

// victim is a server to be killed.
type victim struct {
	cmd   *exec.Cmd
	stdin io.Closer
	port  int
}

func startVictim(j job) (*victim, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	v := &victim{cmd: exec.Command(self)}
	v.cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	v.cmd.Stderr = os.Stderr
	if v.stdin, err = v.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	v.port, err = strconv.Atoi(strings.TrimSpace(said))
	return v, err
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait() // killed
	_ = v.stdin.Close()
}

// counted tells how much of a source was taken.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) Close() error { return nil }

// tally is what the kills came to.
type tally struct {
	killed, holes, resumed, begunAgain, wrong int
	worstAgain                                int64
}

// kills has uploads resumed to a server that dies in the middle of them.
func kills(p *peer, o options) error {
	source := filepath.Join(p.dir, "source")
	digest, err := noise(source, killSize)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	root := filepath.Join(p.dir, "victim")
	server := job{User: "sunrise", KeyFile: p.hostFile, Source: root}
	c := transfer.Connection{
		Name: "victim", Protocol: sftp.Protocol, Host: "127.0.0.1", User: server.User, Password: []byte("rehearsal"), HostKeys: []string{p.hostKey},
		Settings: registry.TransferSettings{TrustedParallel: []string{"127.0.0.1"}},
	}
	var t tally
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same kills in every run
	for range o.trials {
		if err := os.MkdirAll(filepath.Join(root, "in"), 0o700); err != nil {
			return err
		}
		if err := t.trial(c, server, data, digest, time.Duration(20+dice.IntN(400))*time.Millisecond); err != nil {
			return err
		}
		if err := os.RemoveAll(root); err != nil {
			return err
		}
	}
	fmt.Printf("\n%d uploads of %d MiB to a server that writes in parallel, marked; SIGKILL at a random moment\n", o.trials, killSize>>20)
	fmt.Printf("killed in the middle: %d, of them with a hole before the end of what lay there: %d\n", t.killed, t.holes)
	fmt.Printf("resumed: %d, begun again from byte 0: %d, corrupt under the final name: %d\n", t.resumed, t.begunAgain, t.wrong)
	fmt.Printf("sent again by a resume: at most %.2f MiB (target: 4)\n", float64(t.worstAgain)/(1<<20))
	if t.wrong > 0 || t.worstAgain > mostAgain {
		return errors.New("missed")
	}
	return nil
}

func (t *tally) trial(c transfer.Connection, server job, data []byte, digest string, after time.Duration) error {
	v, err := startVictim(server)
	if err != nil {
		return err
	}
	defer func() { v.kill() }()
	c.Port = v.port
	var acked int64
	first := &counted{Reader: bytes.NewReader(data)}
	timer := time.AfterFunc(after, func() { _ = v.cmd.Process.Kill() })
	err = send(c, first, digest, int64(len(data)), 0, &acked)
	timer.Stop()
	final := filepath.Join(server.Source, "in", "ours.hl7")
	if err == nil {
		return t.final(final, digest)
	}
	t.killed++
	if hole(final+transfer.PartSuffix, data) {
		t.holes++
	}
	if _, err := os.Stat(final); err == nil {
		t.wrong++ // nothing may be there before it is whole
	}
	v.kill()
	if v, err = startVictim(server); err != nil {
		return err
	}
	c.Port = v.port
	again := int64(0)
	if acked > 0 {
		t.resumed++
		again = first.n - acked
	} else {
		t.begunAgain++
	}
	t.worstAgain = max(t.worstAgain, again)
	if err := send(c, &counted{Reader: bytes.NewReader(data)}, digest, int64(len(data)), acked, &acked); err != nil {
		return err
	}
	return t.final(final, digest)
}

func (t *tally) final(path, digest string) error {
	if err := check(path, digest); err != nil {
		t.wrong++
	}
	return nil
}

// hole reports whether what lies there differs from the beginning of data.
func hole(path string, data []byte) bool {
	got, err := os.ReadFile(path)
	return err == nil && !bytes.HasPrefix(data, got)
}

func send(c transfer.Connection, src *counted, digest string, size, from int64, acked *int64) error {
	ctx := context.Background()
	r, err := sftp.Dialer{}.Dial(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = r.Upload(ctx, transfer.UploadRequest{
		Folder: "in", Name: "ours.hl7", Size: size, SHA256: digest, Acknowledged: from,
		Source:   func() (io.ReadCloser, error) { return src, nil },
		Progress: func(n int64) { *acked = n },
	})
	return err
}
