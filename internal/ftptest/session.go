package ftptest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/textproto"
	"path"
	"strings"
	"time"
)

// session is one control connection.
type session struct {
	s         *Server
	raw       net.Conn
	conn      *textproto.Conn
	user      string
	in        bool
	cwd, from string
	passive   net.Listener
}

func (s *Server) serve(raw net.Conn) {
	f := s.get()
	if f.MuteHandshake {
		s.silence(raw)
		return
	}
	if f.Plain {
		_, _ = fmt.Fprint(raw, "220 plain\r\n")
		s.silence(raw)
		return
	}
	c := tls.Server(raw, s.tls())
	p := &session{s: s, raw: raw, conn: textproto.NewConn(c), cwd: "/"}
	defer func() {
		_ = p.conn.Close()
		p.closePassive()
	}()
	if p.say("220 ftptest") != nil {
		return
	}
	for {
		line, err := p.conn.ReadLine()
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(line, " ")
		if err := p.command(strings.ToUpper(verb), arg); err != nil {
			return
		}
	}
}

func (p *session) say(format string, args ...any) error { return p.conn.PrintfLine(format, args...) }

var errEnd = errors.New("the session ends")

func (p *session) command(verb, arg string) error {
	switch verb {
	case "USER":
		p.user = arg
		return p.say("331 password")
	case "PASS":
		return p.login(arg)
	case "QUIT":
		_ = p.say("221 bye")
		return errEnd
	case "FEAT":
		return p.feat()
	}
	if !p.in {
		return p.say("530 log in first")
	}
	switch verb {
	case "TYPE":
		if arg != "I" {
			return p.say("504 binary only")
		}
		return p.say("200 ok")
	case "OPTS", "PBSZ", "PROT", "NOOP":
		return p.say("200 ok")
	case "PWD":
		return p.say("257 %q", p.cwd)
	case "CWD":
		return p.change(arg)
	case "EPSV", "PASV":
		return p.listen(verb)
	case "STOR":
		return p.store(arg)
	case "RETR":
		return p.retrieve(arg)
	case "MLSD", "LIST":
		return p.list(verb, arg)
	case "MLST", "SIZE", "MDTM":
		return p.look(verb, arg)
	case "DELE":
		if fi, err := p.s.root.Stat(p.path(arg)); err != nil || fi.IsDir() {
			return p.say("550 %s: No such file or directory", arg)
		}
		return p.done(p.s.root.Remove(p.path(arg)), "250 gone")
	case "RNFR":
		p.from = p.path(arg)
		return p.say("350 to what?")
	case "RNTO":
		return p.rename(arg)
	}
	return p.say("502 %s is not known", verb)
}

func (p *session) login(password string) error {
	s := p.s
	s.mu.Lock()
	s.logins++
	refuse, answer := s.faults.RefuseLogins > 0, s.faults.LoginReply
	if refuse {
		s.faults.RefuseLogins--
	}
	s.mu.Unlock()
	if refuse {
		if answer == "" {
			answer = "530 Login incorrect."
		}
		_ = p.say("%s", answer)
		if strings.HasPrefix(answer, "421") {
			return errEnd
		}
		return nil
	}
	if p.user != s.opts.User || password != s.opts.Password {
		return p.say("530 Login incorrect.")
	}
	p.in = true
	return p.say("230 welcome")
}

func (p *session) feat() error {
	if p.s.get().EndlessReply {
		for p.say("211-again and again and again") == nil {
		}
		return errEnd
	}
	features := " SIZE\r\n MDTM\r\n EPSV\r\n"
	if !p.s.opts.NoMLSD {
		features += " MLST type*;size*;modify*;\r\n"
	}
	return p.say("211-Features\r\n%s211 End", features)
}

// path is where a name lies below the root.
func (p *session) path(arg string) string {
	if !path.IsAbs(arg) {
		arg = path.Join(p.cwd, arg)
	}
	if clean := strings.TrimPrefix(path.Clean(arg), "/"); clean != "" {
		return clean
	}
	return "."
}

func (p *session) change(arg string) error {
	fi, err := p.s.root.Stat(p.path(arg))
	if err != nil || !fi.IsDir() {
		return p.say("550 %s: No such folder", arg)
	}
	p.cwd = path.Join("/", p.path(arg))
	return p.say("250 ok")
}

func (p *session) done(err error, answer string) error {
	switch {
	case err == nil:
		return p.say("%s", answer)
	case errors.Is(err, fs.ErrNotExist):
		return p.say("550 No such file or directory")
	}
	return p.say("550 Permission denied")
}

// facts is a line of RFC 3659.
func (p *session) facts(fi fs.FileInfo, name string) string {
	kind := "file"
	switch {
	case fi.IsDir():
		kind = "dir"
	case !fi.Mode().IsRegular():
		kind = "OS.unix=slink:/elsewhere"
	}
	return fmt.Sprintf("Type=%s;Size=%d;Modify=%s; %s", kind, fi.Size()+p.s.get().LieAboutSize,
		fi.ModTime().Add(p.s.get().ClockOff).UTC().Format("20060102150405"), name)
}

func (p *session) look(verb, arg string) error {
	fi, err := p.s.root.Lstat(p.path(arg))
	if err != nil {
		return p.done(err, "")
	}
	switch {
	case verb == "MLST" && !p.s.opts.NoMLSD:
		return p.say("250-Listing\r\n %s\r\n250 End", p.facts(fi, arg))
	case verb == "SIZE" && fi.Mode().IsRegular():
		return p.say("213 %d", fi.Size()+p.s.get().LieAboutSize)
	case verb == "MDTM" && fi.Mode().IsRegular():
		return p.say("213 %s", fi.ModTime().Add(p.s.get().ClockOff).UTC().Format("20060102150405"))
	case verb == "MLST":
		return p.say("502 not known")
	}
	return p.say("550 not a plain file")
}

func (p *session) rename(arg string) error {
	f := p.s.get()
	from, to := p.from, p.path(arg)
	switch {
	case f.RenameReply != "":
		p.s.struck()
		return p.say("%s", f.RenameReply)
	case f.CutBeforeRename:
		p.s.struck()
		return errEnd
	case f.StallBeforeRename:
		p.s.struck()
		p.s.silence(p.raw)
		return errEnd
	}
	// Replaces silently, as many servers do.
	if err := p.s.root.Rename(from, to); err != nil {
		return p.done(err, "")
	}
	if f.SweepAfterRename {
		p.s.struck()
		_ = p.s.root.Remove(to)
	}
	if f.RenamedTo != "" {
		p.s.struck()
		_ = p.s.root.Rename(to, path.Join(path.Dir(to), fmt.Sprintf(f.RenamedTo, path.Base(to))))
	}
	if f.LoseRenameReply {
		p.s.struck()
		return errEnd
	}
	if f.StallRenameReply {
		p.s.struck()
		p.s.silence(p.raw)
		return errEnd
	}
	return p.say("250 renamed")
}

func (p *session) closePassive() {
	if p.passive != nil {
		_ = p.passive.Close()
	}
}

func (p *session) listen(verb string) error {
	f := p.s.get()
	if verb == "EPSV" && f.NoEPSV {
		return p.say("502 not known")
	}
	p.closePassive()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return p.say("425 no port")
	}
	p.passive = l
	port, host := l.Addr().(*net.TCPAddr).Port, "127.0.0.1"
	if f.PassivePort != 0 {
		port = f.PassivePort
	}
	if f.PassiveHost != "" {
		host = f.PassiveHost
	}
	if verb == "EPSV" {
		return p.say("229 Entering Extended Passive Mode (|||%d|)", port)
	}
	return p.say("227 Entering Passive Mode (%s,%d,%d)", strings.ReplaceAll(host, ".", ","), port>>8, port&0xff)
}

// connection takes the client's data connection.
func (p *session) connection() (*tls.Conn, net.Conn, error) {
	if p.passive == nil {
		return nil, nil, errEnd
	}
	_ = p.passive.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	raw, err := p.passive.Accept()
	p.closePassive()
	if err != nil {
		return nil, nil, err
	}
	p.s.hold(raw)
	return tls.Server(raw, p.s.tls()), raw, nil
}
