package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/sftp"
)

type probeOptions struct {
	transferOptions
	write, parallel bool
}

func (a *app) transferProbe() *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use: "probe", Short: "Say in words what works at a registry's server, and what does not", Args: cobra.NoArgs,
		Long: `Connects, logs in once, tells what the server offers and looks into the profile's
folders (or the one of --folder). Nothing is written.

With --write a file of 64 KiB is put into the folder, seen on a second session,
read back and removed. Ask the registry first: a drop folder may be watched, and
the file may be picked up. Its name ends in .tmp and it holds no patient.

With --write --parallel (sftp) a file of 8 MiB is written in parallel, in large
requests, and read back. When that is in order the host may be listed in
transfer.trusted_parallel, which makes long files faster over long distances.`,
		Example: `  starter transfer probe --connection dshs.yaml
  starter transfer probe --connection dshs.yaml --folder inbound/test --write`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.probe(cmd.Context(), o) },
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.folder, "folder", "", "look, and with --write write, into this folder only")
	cmd.Flags().BoolVar(&o.write, "write", false, "write, read back and remove a file")
	cmd.Flags().BoolVar(&o.parallel, "parallel", false, "with --write: try writes in parallel")
	return cmd
}

// finding is one thing that was tried.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Says   string `json:"says"`
	Remedy string `json:"remedy,omitempty"`
}

// shownProbe is what a probe came to.
type shownProbe struct {
	OK       bool         `json:"ok"`
	Server   *shownServer `json:"server,omitempty"`
	Findings []finding    `json:"findings"`
}

func (p *shownProbe) found(what, says string) {
	p.Findings = append(p.Findings, finding{What: what, OK: true, Says: says})
}

func (p *shownProbe) failed(what string, err error, remedy string) {
	p.OK = false
	p.Findings = append(p.Findings, finding{What: what, Says: err.Error(), Remedy: remedy})
}

func (a *app) probe(ctx context.Context, o probeOptions) error {
	if o.parallel && !o.write {
		return misused("--parallel goes with --write")
	}
	l, err := a.open(ctx, o.transferOptions, "starter transfer probe")
	if err != nil {
		return err
	}
	if o.parallel && l.c.Protocol != sftp.Protocol {
		return misused("--parallel is for sftp")
	}
	out := &shownProbe{OK: true, Findings: []finding{}}
	a.probeAll(ctx, l, o, out)
	if err := a.show(out, func(s *screen) { s.probe(out) }); err != nil {
		return err
	}
	if !out.OK {
		return errFound
	}
	return nil
}

func (a *app) probeAll(ctx context.Context, l *line, o probeOptions, out *shownProbe) {
	folders := []string{o.folder}
	if o.folder == "" {
		f := l.profile.Folders
		folders = []string{f.Test, f.Production, f.Historical, f.Reports}
	}
	probed, err := transfer.Probe(ctx, l.dialer, l.c, folders...)
	if err != nil {
		out.failed("session", l.told(err), dialRemedy(l, registry.KindOf(err)))
		return
	}
	server := l.shown(probed.Capabilities)
	out.Server = &server
	out.found("session", "connected, the server is the accepted one, logged in")
	for _, e := range extensions(probed.Capabilities) {
		says := e.without
		if e.has {
			says = e.with
		}
		out.found(e.name, says)
	}
	for _, f := range probed.Folders {
		what := "folder " + strings.TrimSpace(f.Folder)
		if f.Err != nil {
			out.failed(what, f.Err, folderRemedy(f.Err))
			continue
		}
		says := plural(f.Files, "file", "files")
		if f.Refused > 0 {
			says += ", " + plural(f.Refused, "name that is no plain file name", "names that are no plain file names") +
				": " + strings.Join(f.Refusals, ", ")
		}
		out.found(what, says)
	}
	if o.write {
		a.probeWrite(ctx, l, o, out)
	}
}

// folderRemedy is what to do about a folder that cannot be listed.
func folderRemedy(err error) string {
	switch kind := registry.KindOf(err); {
	case strings.Contains(err.Error(), "ftps_data_ports"):
		return "ask the registry which data ports are open; to try others, a file with transfer: {ftps_data_ports: 50000-50100} as --profile"
	case kind == registry.Transient:
		return "the login worked and the listing did not: does a firewall between here and there let the data connection through?"
	case kind == registry.Busy:
		return "the server is busy or full; try again in some minutes"
	}
	return "ask which folders the login has, and set folders in the profile (starter transfer list shows the login's own)"
}

// dialRemedy is what to do about a session that did not come about.
func dialRemedy(l *line, kind registry.Kind) string {
	switch kind {
	case registry.Unauthorised:
		return "user or secret is wrong, or the account is locked. Do not try more than twice: accounts get locked. Ask " + l.profile.DataExchangePhone
	case registry.HostKeyChanged:
		return "do not go on before the registry has explained it; an accepted key goes into host_keys"
	case registry.Busy:
		return "the server takes no more sessions now; try again in some minutes"
	case registry.Refused:
		return "compare protocol and port with what the registry wrote: ftps is implicit TLS on 990, sftp is SSH on 22"
	case registry.Transient:
		return "is host and port right, does a firewall here let us out, and does the registry let our address in?"
	default:
		return ""
	}
}

const (
	probeSize    = 64 << 10
	parallelSize = 8 << 20
)

// probeWrite puts a file, looks for it on a second session, reads it back and
// takes it away.
func (a *app) probeWrite(ctx context.Context, l *line, o probeOptions, out *shownProbe) {
	size := probeSize
	if o.parallel {
		size = parallelSize
		l.c.Settings.TrustedParallel = []string{l.c.Host}
	}
	data := make([]byte, size)
	_, _ = rand.Read(data) // never fails
	sum := sha256.Sum256(data)
	req := transfer.UploadRequest{
		Folder: o.folder, Name: "immtrail_probe_" + rand.Text()[:8] + ".tmp", Size: int64(size), SHA256: hex.EncodeToString(sum[:]),
		Source: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
	if o.folder == "" {
		req.Folder = l.profile.Folders.Test
	}
	where := req.Folder + "/" + req.Name
	first, err := l.dial(ctx)
	if err != nil {
		out.failed("write", err, dialRemedy(l, registry.KindOf(err)))
		return
	}
	defer func() { _ = first.Close() }() // what it did was told
	if _, err := first.Upload(ctx, req); err != nil {
		remedy := "may the login write into this folder? transfer.upload: direct is for servers that forbid renaming"
		out.failed("write", err, remedy)
		_ = first.Remove(ctx, req.Folder, req.Name)
		return
	}
	out.found("write", bytesWords(req.Size)+" under a temporary name, size compared, renamed to "+where)
	a.probeSeen(ctx, l, req, o, out)
	if err := first.Remove(ctx, req.Folder, req.Name); err != nil {
		out.failed("remove", err, "ask the registry to remove "+where+"; immtrail itself needs no right to remove")
		return
	}
	out.found("remove", where+" is gone again")
}

func (a *app) probeSeen(ctx context.Context, l *line, req transfer.UploadRequest, o probeOptions, out *shownProbe) {
	l.c.Purpose = transfer.ToLook
	second, err := l.dial(ctx)
	if err != nil {
		out.failed("second session", err, "deliveries are confirmed on a session of their own: ask for at least two")
		return
	}
	defer func() { _ = second.Close() }() // only looked with it
	seen, err := transfer.Prove(ctx, second, transfer.Expected{
		Folder: req.Folder, Name: req.Name, Size: req.Size, SHA256: req.SHA256, Acknowledged: true, ReadBack: true,
	})
	how := seen.How
	switch {
	case err != nil:
		out.failed("confirm", err, "what was written is not what is seen; show this to the registry's support")
		return
	case how == registry.ConfirmedSwept:
		out.found("confirm", "the file was gone at once: the folder is watched; tell the registry that it was a probe")
	default:
		out.found("confirm", "on a second session: "+how.Words())
	}
	if !o.parallel {
		return
	}
	if how != registry.ConfirmedByReadBack {
		out.found("parallel", "not proven, since the file could not be read back: leave the host out of transfer.trusted_parallel")
		return
	}
	out.found("parallel", "written in parallel and read back the same: "+l.c.Host+" may be listed in transfer.trusted_parallel")
}

func (s *screen) probe(p *shownProbe) {
	if p.Server != nil {
		s.server(*p.Server)
		s.line("")
	}
	rows := make([][]string, len(p.Findings))
	for i, f := range p.Findings {
		state := s.paint(goodStyle, "ok")
		if !f.OK {
			state = s.paint(badStyle, "wrong")
		}
		rows[i] = []string{state, f.What, f.Says}
		if f.Remedy != "" {
			rows[i][2] += "\n" + strings.ToUpper(f.Remedy[:1]) + f.Remedy[1:] + "."
		}
	}
	s.table([]string{"", "WHAT", "FOUND"}, rows)
}
