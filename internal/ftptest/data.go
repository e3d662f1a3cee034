package ftptest

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"
)

// transfer runs f over a data connection and answers its end.
func (p *session) transfer(f func(c io.ReadWriter, raw net.Conn) (answer string)) error {
	if err := p.say("150 go"); err != nil {
		return err
	}
	c, raw, err := p.connection()
	if err != nil {
		return p.say("425 no data connection")
	}
	answer := "425 no TLS"
	if c.Handshake() == nil {
		answer = f(c, raw)
	}
	if !p.s.get().NoEndMark {
		_ = c.Close()
	}
	p.s.release(raw)
	faults := p.s.get()
	switch {
	case faults.LoseEndReply:
		p.s.struck()
		return errEnd
	case faults.StallEndReply:
		p.s.struck()
		p.s.silence(p.raw)
		return errEnd
	case answer == "" && faults.EndReply != "":
		p.s.struck()
		answer = faults.EndReply
	case answer == "":
		answer = "226 done"
	}
	return p.say("%s", answer)
}

func (p *session) store(arg string) error {
	p.s.mu.Lock()
	p.s.stores++
	p.s.mu.Unlock()
	if answer := p.s.get().StorReply; answer != "" {
		p.s.struck()
		return p.say("%s", answer)
	}
	file, err := p.s.root.Create(p.path(arg))
	if err != nil {
		return p.done(err, "")
	}
	defer func() { _ = file.Close() }()
	return p.transfer(func(c io.ReadWriter, raw net.Conn) string { return p.take(file, c, raw) })
}

func (p *session) take(file *os.File, c io.Reader, raw net.Conn) string {
	f := p.s.get()
	limit := max(f.CutUploadAt, f.StallUploadAt)
	if limit == 0 {
		if _, err := io.Copy(file, c); err != nil {
			return "426 cut"
		}
		return ""
	}
	if n, err := io.CopyN(file, c, limit-1); n < limit-1 || err != nil {
		return "" // the file was shorter than that
	}
	p.s.struck()
	if f.StallUploadAt > 0 {
		p.s.silence(p.raw) // nothing is read from the data connection
		return "426 late"
	}
	_ = raw.(*net.TCPConn).SetLinger(0)
	_ = raw.Close()
	if f.ClaimWhole {
		return "226 all is well"
	}
	return "426 cut"
}

func (p *session) retrieve(arg string) error {
	file, err := p.s.root.Open(p.path(arg))
	if err != nil {
		return p.done(err, "")
	}
	defer func() { _ = file.Close() }()
	return p.transfer(func(c io.ReadWriter, _ net.Conn) string {
		f := p.s.get()
		switch {
		case f.Trickle:
			return p.trickle(c, file)
		case f.CutDownloadAt > 0:
			p.s.struck()
			_, _ = io.CopyN(c, file, f.CutDownloadAt-1)
			return ""
		}
		if _, err := io.Copy(c, file); err != nil {
			return "426 cut"
		}
		return ""
	})
}

func (p *session) trickle(c io.Writer, file io.Reader) string {
	b := make([]byte, 1)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := file.Read(b); err != nil {
			return ""
		}
		if _, err := c.Write(b); err != nil {
			return "426 cut"
		}
		select {
		case <-tick.C:
		case <-p.s.done:
			return "426 end"
		}
	}
}

func (p *session) list(verb, arg string) error {
	if verb == "MLSD" && p.s.opts.NoMLSD {
		return p.say("502 not known")
	}
	entries, err := fs.ReadDir(p.s.root.FS(), p.path(arg))
	if err != nil {
		return p.done(err, "")
	}
	return p.transfer(func(c io.ReadWriter, _ net.Conn) string {
		f := p.s.get()
		if f.StallList {
			p.s.silence(p.raw)
			return "426 late"
		}
		for _, e := range entries {
			fi, err := e.Info()
			if err != nil {
				continue
			}
			_, _ = fmt.Fprintf(c, "%s\r\n", p.line(verb, fi))
		}
		out := bufio.NewWriter(c)
		for _, name := range f.StrangeNames {
			_, _ = fmt.Fprintf(out, "Type=file;Size=1;Modify=20260101000000; %s\r\n", name)
		}
		if out.Flush() != nil {
			return "426 cut"
		}
		for i := 0; f.EndlessList; i++ {
			if _, err := fmt.Fprintf(c, "Type=file;Size=1;Modify=20260101000000; endless%0100d\r\n", i); err != nil {
				return "426 cut"
			}
		}
		return ""
	})
}

func (p *session) line(verb string, fi fs.FileInfo) string {
	if verb == "MLSD" {
		return p.facts(fi, fi.Name())
	}
	name := fi.Name()
	if fi.Mode()&fs.ModeSymlink != 0 {
		name += " -> /elsewhere"
	}
	mode := fi.Mode().Perm().String()[1:]
	first := map[bool]string{true: "d", false: "-"}[fi.IsDir()]
	if fi.Mode()&fs.ModeSymlink != 0 {
		first = "l"
	}
	return fmt.Sprintf("%s%s   1 owner group %12d %s %s", first, mode, fi.Size()+p.s.get().LieAboutSize,
		fi.ModTime().UTC().Format("Jan _2 15:04"), name)
}
