package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"immtrail/registry"
	"immtrail/transfer"
)

type putOptions struct {
	transferOptions
	name     string
	readBack bool
}

func (a *app) transferPut() *cobra.Command {
	var o putOptions
	cmd := &cobra.Command{
		Use: "put FILE", Short: "Upload a file and confirm it on a second session", Args: cobra.ExactArgs(1),
		Long: `Uploads a file as deliveries are: to a temporary name, its size compared, then
renamed; and looks for it on a second session of its own. A file that is there
already is never overwritten: the very same one counts as delivered, another one
ends with exit code 1. Run it again after any failure.

The file is not checked (starter check FILE) and no practice knows of it.`,
		Example: `  starter transfer put batch.hl7 --connection dshs.yaml --folder inbound/test
  starter transfer put batch.hl7 --connection dshs.yaml --folder inbound/test --read-back -o json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.put(cmd.Context(), args[0], o) },
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.folder, "folder", "", "the folder at the registry; empty is the login's own")
	cmd.Flags().StringVar(&o.name, "name", "", "the name at the registry; empty is the file's own")
	cmd.Flags().BoolVar(&o.readBack, "read-back", false, "confirm by reading the file back and comparing digests")
	return cmd
}

// shownPut is the evidence of an upload.
type shownPut struct {
	File   string `json:"file"`
	Folder string `json:"folder"`
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// AlreadyThere: an earlier run had delivered it.
	AlreadyThere bool `json:"already_there"`
	// Renamed: it came to its name by a rename.
	Renamed bool    `json:"renamed"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"mib_per_second"`
	// Session is the one on which it was seen, Evidence what was seen there.
	Session  string            `json:"confirmed_on"`
	Evidence transfer.Evidence `json:"evidence"`
	Server   shownServer       `json:"server"`
}

func (a *app) put(ctx context.Context, path string, o putOptions) error {
	size, digest, err := a.digestOf(path)
	if err != nil {
		return err
	}
	if o.name == "" {
		o.name = filepath.Base(path)
	}
	if _, err := transfer.Join(o.folder, o.name); err != nil {
		return misused("%w; --name gives it another name at the registry", err)
	}
	l, err := a.open(ctx, o.transferOptions, "starter transfer put "+path)
	if err != nil {
		return err
	}
	out := shownPut{File: path, Folder: o.folder, Name: o.name, Bytes: size, SHA256: digest, Session: "a second session"}
	if err := a.send(ctx, l, &out); err != nil {
		return l.told(err)
	}
	l.c.Purpose = transfer.ToLook
	second, err := l.dial(ctx)
	if err != nil {
		return couldNot("uploaded, and not confirmed: %w", l.told(err))
	}
	defer func() { _ = second.Close() }() // only looked with it
	out.Evidence, err = transfer.Prove(ctx, second, transfer.Expected{
		Folder: o.folder, Name: o.name, Size: size, SHA256: digest, Acknowledged: true, ReadBack: o.readBack,
	})
	if err != nil {
		return couldNot("uploaded, and not confirmed: %w", l.told(err))
	}
	return a.show(out, func(s *screen) { s.put(out) })
}

func (s *screen) put(v shownPut) {
	how := "uploaded under its final name"
	switch {
	case v.AlreadyThere:
		how = "it was there already, byte for byte; nothing was sent"
	case v.Renamed:
		how = "uploaded to a temporary name, size compared, renamed"
	}
	rate := ""
	if !v.AlreadyThere {
		rate = strconv.FormatFloat(v.Seconds, 'f', 1, 64) + " s, " + strconv.FormatFloat(v.Rate, 'f', 1, 64) + " MiB/s"
	}
	s.line("%s: %s", s.paint(goodStyle, filepath.ToSlash(filepath.Join(v.Folder, v.Name))), v.Evidence.How.Words())
	s.pairs(
		[2]string{"Size", bytesWords(v.Bytes)}, [2]string{"SHA-256", v.SHA256}, [2]string{"Sent", how},
		[2]string{"Took", rate}, [2]string{"Confirmed", string(v.Evidence.How) + ", on " + v.Session},
		[2]string{"Now named", v.Evidence.RenamedTo}, [2]string{"Changed", serverTime(v.Evidence.ModTime)},
	)
	s.server(v.Server)
}

// serverTime is a time as the server told it.
func serverTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(stampForm) + ", by the server's clock"
}

// send uploads on a session of its own.
func (a *app) send(ctx context.Context, l *line, out *shownPut) error {
	remote, err := l.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = remote.Close() }() // the upload has told how it went
	out.Server = l.shown(remote.Capabilities())
	tell, done := a.transferBar(out.Bytes, out.Name)
	defer done()
	begin := time.Now()
	up, err := remote.Upload(ctx, transfer.UploadRequest{
		Folder: out.Folder, Name: out.Name, Size: out.Bytes, SHA256: out.SHA256, Progress: tell,
		Source: func() (io.ReadCloser, error) { return os.Open(out.File) },
	})
	if err != nil {
		return err
	}
	out.Seconds = time.Since(begin).Seconds()
	out.Rate = float64(out.Bytes) / (1 << 20) / max(out.Seconds, 1e-9)
	out.AlreadyThere, out.Renamed = up.AlreadyThere, up.Renamed
	return nil
}

// digestOf reads the file once, so that what is sent is what was meant.
func (a *app) digestOf(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", couldNot("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	fi, err := f.Stat()
	if err != nil {
		return 0, "", couldNot("%w", err)
	}
	if !fi.Mode().IsRegular() {
		return 0, "", refused("%s is not a file", path)
	}
	src, done := a.progress(f, fi.Size(), "reading")
	defer done()
	digest := sha256.New()
	size, err := io.Copy(digest, src)
	if err != nil {
		return 0, "", couldNot("%w", err)
	}
	return size, hex.EncodeToString(digest.Sum(nil)), nil
}

// transferBar shows rate and time left on terminals.
func (a *app) transferBar(size int64, what string) (tell func(int64), done func()) {
	if !a.env.IsTerminal || a.output != outputText || size == 0 {
		return nil, func() {}
	}
	p := mpb.New(mpb.WithOutput(a.env.Stderr), mpb.WithWidth(30))
	bar := p.AddBar(size, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(short(what, 24)+" "), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f"), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)))
	return bar.SetCurrent, func() {
		bar.Abort(true)
		p.Wait()
	}
}

type getOptions struct {
	transferOptions
	to    string
	force bool
}

func (a *app) transferGet() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use: "get NAME", Short: "Download a file, whole or not at all", Args: cobra.ExactArgs(1),
		Long: `Downloads a file to FILE.part and renames it when it is whole: the size agrees with
what the server said before and after. A file that is here already stays, unless
--force is given. Nothing is removed at the registry.`,
		Example: `  starter transfer get DQA_20260331.csv --connection dshs.yaml --folder reports
  starter transfer get DQA_20260331.csv --connection dshs.yaml --folder reports --force`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.get(cmd.Context(), args[0], o) },
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.folder, "folder", "", "the folder at the registry; empty is the login's own")
	cmd.Flags().StringVar(&o.to, "to", "", "where to write it; empty is its own name, here")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace a file that is here already")
	return cmd
}

// shownGet is the evidence of a download.
type shownGet struct {
	Folder string      `json:"folder"`
	Name   string      `json:"name"`
	File   string      `json:"file"`
	Bytes  int64       `json:"bytes"`
	SHA256 string      `json:"sha256"`
	Server shownServer `json:"server"`
}

func (a *app) get(ctx context.Context, name string, o getOptions) error {
	any := transfer.Connection{Settings: registry.TransferSettings{NameCharacters: registry.NameCharacters}}
	if _, err := any.Listed(o.folder, name); err != nil {
		return misused("%w", err)
	}
	if o.to == "" {
		o.to = name
	}
	if exists(o.to) && !o.force {
		return refused("%s is here already; --force replaces it", o.to)
	}
	l, err := a.open(ctx, o.transferOptions, "starter transfer get "+name)
	if err != nil {
		return err
	}
	if _, err := l.c.Listed(o.folder, name); err != nil {
		return misused("%w; the profile allows more with transfer.name_characters", err)
	}
	remote, err := l.dial(ctx)
	if err != nil {
		return l.told(err)
	}
	defer func() { _ = remote.Close() }() // nothing was written there
	got, err := a.fetch(ctx, remote, o, name)
	if err != nil {
		return l.told(err)
	}
	out := shownGet{
		Folder: o.folder, Name: name, File: o.to, Bytes: got.Size, SHA256: got.SHA256, Server: l.shown(remote.Capabilities()),
	}
	return a.show(out, func(s *screen) {
		s.line("%s: whole", s.paint(goodStyle, out.File))
		s.pairs([2]string{"Size", bytesWords(out.Bytes)}, [2]string{"SHA-256", out.SHA256})
		s.server(out.Server)
	})
}

// fetch downloads beside the file and gives it its name when it is whole.
func (a *app) fetch(ctx context.Context, remote transfer.Remote, o getOptions, name string) (transfer.Downloaded, error) {
	part := o.to + transfer.PartSuffix
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // reports hold patients
	if err != nil {
		return transfer.Downloaded{}, couldNot("%w", err)
	}
	var size int64
	if seen, err := remote.Stat(ctx, o.folder, name); err == nil {
		size = seen.Size
	}
	tell, done := a.transferBar(size, name)
	got, err := remote.Download(ctx, o.folder, name, &told{w: f, tell: tell})
	done()
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = publish(part, o.to, o.force)
	}
	if err != nil {
		_ = os.Remove(part) // a part is of no use
	}
	return got, err
}

// publish gives a whole file its name. Without force a file that has appeared
// there meanwhile stays: a link is refused where a rename would replace.
func publish(part, to string, force bool) error {
	if !force {
		err := os.Link(part, to)
		if err == nil {
			return os.Remove(part)
		}
		if errors.Is(err, fs.ErrExist) {
			return refused("%s has appeared here meanwhile; --force replaces it", to)
		} // else a file system without links
	}
	return os.Rename(part, to)
}

// told counts what passes.
type told struct {
	w    io.Writer
	n    int64
	tell func(int64)
}

func (t *told) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.n += int64(n)
	if t.tell != nil {
		t.tell(t.n)
	}
	return n, err
}

func (a *app) transferList() *cobra.Command {
	var o transferOptions
	cmd := &cobra.Command{
		Use: "list [FOLDER]", Short: "List a folder at the registry", Args: cobra.MaximumNArgs(1),
		Long: `Lists a folder; the login's own without one. Folders, links and names that are no
plain file names are counted and not shown.`,
		Example: "  starter transfer list --connection dshs.yaml\n  starter transfer list reports --connection dshs.yaml -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && o.folder != "" && o.folder != args[0] {
				return misused("one folder at a time: %s, or --folder %s", args[0], o.folder)
			}
			if len(args) > 0 {
				o.folder = args[0]
			}
			return a.listFolder(cmd.Context(), o)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.folder, "folder", "", "the folder, as with put and get")
	return cmd
}

// shownList is a folder's content.
type shownList struct {
	Folder string       `json:"folder"`
	Files  []listedFile `json:"files"`
	// Skipped counts folders and links, Refused hostile names.
	Skipped int `json:"skipped"`
	Refused int `json:"refused"`
}

type listedFile struct {
	Name    string    `json:"name"`
	Bytes   int64     `json:"bytes"`
	Changed time.Time `json:"changed"`
}

func (a *app) listFolder(ctx context.Context, o transferOptions) error {
	l, err := a.open(ctx, o, "starter transfer list "+o.folder)
	if err != nil {
		return err
	}
	remote, err := l.dial(ctx)
	if err != nil {
		return l.told(err)
	}
	defer func() { _ = remote.Close() }() // only looked with it
	found, err := remote.List(ctx, o.folder)
	if err != nil {
		return l.told(err)
	}
	out := shownList{Folder: o.folder, Files: []listedFile{}, Skipped: found.Skipped, Refused: found.Refused}
	for _, e := range found.Entries {
		out.Files = append(out.Files, listedFile{Name: e.Name, Bytes: e.Size, Changed: e.ModTime})
	}
	return a.show(out, func(s *screen) {
		rows := make([][]string, len(out.Files))
		for i, f := range out.Files {
			rows[i] = []string{f.Name, strconv.FormatInt(f.Bytes, 10), f.Changed.UTC().Format("2006-01-02 15:04:05Z")}
		}
		if len(rows) > 0 {
			s.table([]string{"FILE", "BYTES", "CHANGED"}, rows)
		}
		s.line("%s; %s left out, %s refused.", plural(len(rows), "file", "files"),
			plural(out.Skipped, "folder or link", "folders and links"), plural(out.Refused, "name", "names"))
	})
}
