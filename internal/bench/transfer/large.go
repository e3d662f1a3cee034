package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"filippo.io/age"

	"immtrail/transfer"
	"immtrail/transfer/ftps"
	"immtrail/transfer/sftp"
	"immtrail/vault"
)

// jobVariable hands an upload to a process of its own.
const jobVariable = "IMMTRAIL_BENCH_JOB"

// work is that process.
func work(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	if j.Folder == "" {
		return serveParallel(j)
	}
	ctx := context.Background()
	source, err := j.source(ctx)
	if err != nil {
		return err
	}
	c, err := j.connection()
	if err != nil {
		return err
	}
	r, err := transfer.ByProtocol{sftp.Protocol: sftp.Dialer{}, ftps.Protocol: ftps.Dialer{}}.Dial(ctx, c)
	if err != nil {
		return err
	}
	if j.Get {
		got, err := r.ReadBack(ctx, j.Folder, j.Name)
		if err == nil && got.SHA256 != j.SHA256 {
			err = errors.New("it came wrong")
		}
		return errors.Join(err, r.Close())
	}
	_, err = r.Upload(ctx, transfer.UploadRequest{Folder: j.Folder, Name: j.Name, Size: j.Size, SHA256: j.SHA256, Source: source})
	return errors.Join(err, r.Close())
}

// source opens the plain file, or the object in the file store.
func (j job) source(ctx context.Context) (func() (io.ReadCloser, error), error) {
	if j.Vault == "" {
		return func() (io.ReadCloser, error) { return os.Open(j.Source) }, nil
	}
	id, err := age.ParseX25519Identity(j.Identity)
	if err != nil {
		return nil, err
	}
	v, err := vault.Open(ctx, vault.Options{URL: "file://" + j.Vault, Recipients: []string{id.Recipient().String()}, Identities: []string{j.Identity}})
	if err != nil {
		return nil, err
	}
	return func() (io.ReadCloser, error) { return v.Open(ctx, j.Object) }, nil
}

// took is what a run cost.
type took struct {
	wall time.Duration
	// rss is the most memory that our process had resident, in bytes.
	rss int64
	// client and server are the CPU time of both ends. On a machine that does
	// other work beside they say more than the wall does.
	client, server time.Duration
}

// ours uploads in a process of its own.
func ours(j job) (took, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return took{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return took{}, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	began := time.Now()
	err = cmd.Run()
	t := took{wall: time.Since(began), client: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		t.rss = usage.Maxrss << 10
	}
	if err == nil && !j.Get {
		err = check(filepath.Join(cmp.Or(j.Disk, j.Folder), j.Name), j.SHA256)
	}
	return t, err
}

// theirs is OpenSSH's own client with the same cipher.
func (p *peer) theirs(port int, source, digest, flags string) (took, error) {
	target := filepath.Join(p.in, "theirs.hl7")
	t, err := p.batch(port, fmt.Sprintf("put %s %s %s\n", flags, source, target))
	if err != nil {
		return t, err
	}
	return t, check(target, digest)
}

// batch runs OpenSSH's sftp.
func (p *peer) batch(port int, words string) (took, error) {
	batch := filepath.Join(p.dir, "batch")
	if err := os.WriteFile(batch, []byte(words), 0o600); err != nil {
		return took{}, err
	}
	known := filepath.Join(p.dir, "known_hosts")
	if err := os.WriteFile(known, fmt.Appendf(nil, "[127.0.0.1]:%d %s\n", port, p.hostKey), 0o600); err != nil {
		return took{}, err
	}
	cmd := exec.Command("sftp", "-q", "-b", batch, "-P", strconv.Itoa(port), "-i", p.keyFile, "-F", "none", //nolint:gosec // our own arguments
		"-c", "aes128-gcm@openssh.com", "-o", "UserKnownHostsFile="+known, "-o", "StrictHostKeyChecking=yes",
		"-o", "IdentitiesOnly=yes", p.user+"@127.0.0.1")
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return took{}, fmt.Errorf("sftp: %w", err)
	}
	return took{wall: time.Since(began), client: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// run is one way to send the file.
type run struct {
	name   string
	target float64 // most times of what sftp takes; 0: shown beside it
	do     func() (took, error)
}

// large compares one large file on loopback.
func large(p *peer, o options) error {
	source := filepath.Join(p.dir, "source")
	size := int64(o.sizeMiB) << 20
	digest, err := noise(source, size)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(source) }()
	j := p.job(p.Port)
	j.Source, j.Size, j.SHA256 = source, size, digest
	marked, sealed, single := j, j, j
	single.OneByOne = true
	marked.Marked, sealed.Marked = true, true
	if err := sealed.store(filepath.Join(p.dir, "store")); err != nil {
		return err
	}
	fmt.Printf("\n%d MiB to OpenSSH sshd on loopback, aes128-gcm on both sides; ours with SHA-256 in the same pass and fsync@openssh.com; best of %d\n", o.sizeMiB, o.rounds)
	return p.compare(o.rounds, size, []run{
		{"sftp put (no digest, no fsync)", 1, func() (took, error) { return p.theirs(p.Port, source, digest, "") }},
		{"sftp put -f (fsync)", 0, func() (took, error) { return p.theirs(p.Port, source, digest, "-f") }},
		{"immtrail, default mode", 1.5, func() (took, error) { return ours(j) }},
		{"immtrail, one write at a time (unknown server)", 0, func() (took, error) { return ours(single) }},
		{"immtrail, marked host", 1.05, func() (took, error) { return ours(marked) }},
		{"immtrail, marked host, from the file store (age)", 1.8, func() (took, error) { return ours(sealed) }},
	})
}

// download compares one large file on its way back.
func download(p *peer, o options) error {
	source := filepath.Join(p.in, "report.csv")
	size := int64(o.sizeMiB) << 20
	digest, err := noise(source, size)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(source) }()
	j := p.job(p.Port)
	j.Name, j.Size, j.SHA256, j.Get = "report.csv", size, digest, true
	marked := j
	marked.Marked = true
	fmt.Printf("\n%d MiB from OpenSSH sshd on loopback, aes128-gcm on both sides; ours with SHA-256 and two looks at its size; best of %d\n", o.sizeMiB, o.rounds)
	return p.compare(o.rounds, size, []run{
		{"sftp get", 1, func() (took, error) { return p.fetch(source, digest) }},
		{"immtrail, one read at a time", 0, func() (took, error) { return ours(j) }},
		{"immtrail, marked host", 0, func() (took, error) { return ours(marked) }},
	})
}

// fetch is OpenSSH's own client, the other way.
func (p *peer) fetch(source, digest string) (took, error) {
	target := filepath.Join(p.dir, "fetched")
	t, err := p.batch(p.Port, fmt.Sprintf("get %s %s\n", source, target))
	if err != nil {
		return t, err
	}
	return t, check(target, digest)
}

// store puts the source into a file store of its own.
func (j *job) store(dir string) error {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	ctx := context.Background()
	v, err := vault.Open(ctx, vault.Options{URL: "file://" + dir, Recipients: []string{id.Recipient().String()}, Identities: []string{id.String()}})
	if err != nil {
		return err
	}
	defer func() { _ = v.Close() }()
	f, err := os.Open(j.Source)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	object, err := v.Put(ctx, f)
	j.Vault, j.Identity, j.Object = dir, id.String(), object.Key
	return err
}

// compare runs all ways in turn and prints the best of each beside the first.
func (p *peer) compare(rounds int, size int64, runs []run) error {
	best := make([]took, len(runs))
	for range rounds {
		for i, r := range runs {
			before := p.cpu()
			t, err := r.do()
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			t.server = p.cpuSince(before)
			best[i] = better(best[i], t)
		}
	}
	fmt.Printf("%-50s %9s %9s %8s %9s %9s %9s %8s  %s\n", "", "seconds", "MB/s", "times", "memory", "CPU here", "at server", "times", "target")
	for i, r := range runs {
		times := best[i].wall.Seconds() / best[0].wall.Seconds()
		memory := ""
		if best[i].rss > 0 {
			memory = fmt.Sprintf("%d MiB", best[i].rss>>20)
		}
		fmt.Printf("%-50s %9.2f %9.1f %7.2fx %9s %8.2fs %8.2fs %7.2fx  %s\n", r.name, best[i].wall.Seconds(), float64(size)/1e6/best[i].wall.Seconds(), times, memory,
			best[i].client.Seconds(), best[i].server.Seconds(), best[i].cpu()/best[0].cpu(), verdict(times, r.target))
	}
	return nil
}

// better is the less of each.
func better(a, b took) took {
	if a.wall == 0 {
		return b
	}
	return took{
		wall: min(a.wall, b.wall), rss: max(a.rss, b.rss),
		client: min(a.client, b.client), server: min(a.server, b.server),
	}
}

func (t took) cpu() float64 { return (t.client + t.server).Seconds() }

func verdict(times, target float64) string {
	switch {
	case target == 0 || target == 1:
		return ""
	case times <= target:
		return fmt.Sprintf("at most %.2fx: met", target)
	}
	return fmt.Sprintf("at most %.2fx: MISSED", target)
}
