package cli

import (
	"context"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/byhand"
)

func (a *app) connectionCommand() *cobra.Command {
	return folder("connection", "Add, list and test the ways to the registry's server",
		"  starter connection add dshs.yaml\n  starter connection test dshs", a.connectionAdd(), a.connectionList(), a.connectionShow(),
		a.connectionTest(), a.connectionRotate(), a.connectionHostKey(), a.connectionExpires())
}

func (a *app) connectionAdd() *cobra.Command {
	var accept string
	cmd := &cobra.Command{
		Use: "add FILE.yaml", Short: "Add a connection, after you compared the server's key", Args: cobra.ExactArgs(1),
		Long: `Adds a connection from a file such as

  name: dshs
  protocol: sftp
  host: sftp.example.org
  port: 22
  user: BURL6343
  secret: file:/etc/immtrail/dshs.key   # or env:NAME
  auth: key                             # key or password

DSHS also takes FTPS (implicit TLS, port 990): protocol: ftps, a password, and
where the certificate's authority is not known to this machine ca: FILE.pem.

The first time it asks the server for its key, or certificate, and shows the
fingerprint. Compare it with what the registry says on the telephone, then run
the command again with --accept-host-key. Nothing is ever sent to a server whose
key was not accepted by a person, or whose certificate nobody vouches for.`,
		Example: "  starter connection add dshs.yaml\n  starter connection add dshs.yaml --accept-host-key SHA256:u0fk...",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.addConnection(cmd.Context(), args[0], accept)
		},
	}
	cmd.Flags().StringVar(&accept, "accept-host-key", "", "the fingerprint that you compared")
	return cmd
}

func (a *app) addConnection(ctx context.Context, path, accept string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	f, err := readConnection(path)
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if len(f.HostKeys) == 0 && f.Protocol != byhand.Protocol {
		if f.HostKeys, err = a.hostKeys(ctx, store, f, path, accept); err != nil {
			return err
		}
	}
	c := db.Connection{
		Name: f.Name, Protocol: f.Protocol, Host: f.Host, Port: f.Port, Username: f.User,
		SecretRef: f.Secret, HostKeys: f.HostKeys,
		Settings: db.ConnectionSettings{Auth: f.Auth, PassphraseRef: f.Passphrase, CA: string(f.authority), Folder: f.Folder},
	}
	if err := store.SaveConnection(ctx, c, a.act(by, "connection/"+f.Name, accept)); err != nil {
		return err
	}
	return a.show(showConnection(c), func(s *screen) {
		s.line("The connection %s is known. Next: starter connection test %s", f.Name, f.Name)
	})
}

// hostKeys returns the keys to pin: those that were accepted before for the
// same server, or the one that a person accepts now.
func (a *app) hostKeys(ctx context.Context, store *db.Store, f connectionFile, path, accept string) ([]string, error) {
	known, err := store.Connection(ctx, f.Name)
	same := err == nil && known.Protocol == f.Protocol && known.Host == f.Host && known.Port == f.Port
	if same && accept == "" && len(known.HostKeys) > 0 {
		return known.HostKeys, nil
	}
	loaded, err := a.loadProfile("")
	if err != nil {
		return nil, err
	}
	return acceptedKeys(ctx, f, &loaded.Profile, accept, "starter connection add "+path)
}

// shownConnection is a connection without secrets.
type shownConnection struct {
	Name     string   `json:"name"`
	Protocol string   `json:"protocol"`
	Host     string   `json:"host"`
	Port     int      `json:"port"`
	User     string   `json:"user"`
	Secret   string   `json:"secret"`
	HostKeys []string `json:"host_keys"`
	// Hold is what waits for a person, if something does.
	Hold string `json:"hold,omitempty"`
}

func showConnection(c db.Connection) shownConnection {
	return shownConnection{
		Name: c.Name, Protocol: c.Protocol, Host: c.Host, Port: c.Port, User: c.Username,
		Secret: c.SecretRef, HostKeys: append([]string{}, c.HostKeys...),
	}
}

// server is where the connection leads.
func (c shownConnection) server() string {
	if c.Protocol == byhand.Protocol {
		return orWord(c.Host, "the registry's web client")
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}

func (a *app) connectionList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the connections, without secrets", Args: cobra.NoArgs,
		Example: "  starter connection list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			found, err := store.Connections(cmd.Context())
			if err != nil {
				return err
			}
			holds, err := store.Holds(cmd.Context(), "", true)
			if err != nil {
				return err
			}
			shown := []shownConnection{}
			for _, c := range found {
				one := showConnection(c)
				if h := heldBy(holds, c); h != nil {
					one.Hold = h.ID
				}
				shown = append(shown, one)
			}
			return a.show(shown, func(s *screen) {
				if len(shown) == 0 {
					s.line("There is none. Add one: starter connection add FILE.yaml")
					return
				}
				rows := make([][]string, len(shown))
				for i, c := range shown {
					rows[i] = []string{c.Name, c.Protocol, c.server(), c.User, c.Secret, plural(len(c.HostKeys), "key", "keys")}
					if c.Hold != "" {
						rows[i] = append(rows[i], "waits for you")
					}
				}
				s.table([]string{"CONNECTION", "BY", "SERVER", "LOGIN", "SECRET", "ACCEPTED", ""}, rows)
			})
		},
	}
}

// heldBy is the hold that keeps a connection from being used, its own or its
// server's; nil where there is none.
func heldBy(holds []db.Hold, c db.Connection) *db.Hold {
	i := slices.IndexFunc(holds, func(h db.Hold) bool {
		return h.Connection == c.Name || h.Server != "" && h.Server == c.Server()
	})
	if i < 0 {
		return nil
	}
	return &holds[i]
}

// testedConnection is what a test of a connection came to.
type testedConnection struct {
	Name    string         `json:"name"`
	OK      bool           `json:"ok"`
	Server  string         `json:"server,omitempty"`
	HostKey string         `json:"host_key,omitempty"`
	TLS     string         `json:"tls,omitempty"`
	Expires time.Time      `json:"certificate_expires,omitzero"`
	Fault   string         `json:"fault,omitempty"`
	Folders []testedFolder `json:"folders"`
}

type testedFolder struct {
	Folder string `json:"folder"`
	Files  int    `json:"files"`
	Fault  string `json:"fault,omitempty"`
	// Written says that a small file was written and removed again.
	Written bool `json:"written,omitempty"`
}

func (a *app) connectionTest() *cobra.Command {
	return &cobra.Command{
		Use: "test NAME", Short: "Log in and look into the folders; no file of a practice is sent", Args: cobra.ExactArgs(1),
		Long: `Logs in and lists the folders. Where the profile allows it (transfer.probe_write)
it also writes a file of a few bytes into the test folder and removes it again.`,
		Example: "  starter connection test dshs",
		RunE: func(cmd *cobra.Command, args []string) error {
			tested, err := a.testConnection(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := a.show(tested, func(s *screen) { s.tested(tested) }); err != nil {
				return err
			}
			if !tested.OK {
				return errFound
			}
			return nil
		},
	}
}

func (a *app) testConnection(ctx context.Context, name string) (testedConnection, error) {
	out := testedConnection{Name: name, Folders: []testedFolder{}}
	store, err := a.store(ctx)
	if err != nil {
		return out, err
	}
	stored, err := store.Connection(ctx, name)
	if err != nil {
		return out, err
	}
	if out, err = a.tryConnection(ctx, stored); err == nil && out.OK {
		a.rememberTested(ctx, store, stored)
	}
	return out, err
}

// rememberTested records that a test passed, which settles an item of the
// checklist of every practice on the connection. Who may change nothing tests
// without that.
func (a *app) rememberTested(ctx context.Context, store *db.Store, c db.Connection) {
	by, err := a.actor()
	if err != nil {
		return
	}
	waiting, err := store.ConnectionTested(ctx, c, a.act(by, "connection-tested/"+c.Name, ""))
	if err != nil {
		a.note("That the test passed could not be recorded: %v", err)
		return
	}
	for _, practice := range waiting {
		a.nudge(ctx, &registry.Practice{ID: practice, Phase: registry.PhaseRegistered})
	}
}

// tryConnection logs in once, with what is given rather than what is stored.
func (a *app) tryConnection(ctx context.Context, stored db.Connection) (testedConnection, error) {
	out := testedConnection{Name: stored.Name, Folders: []testedFolder{}}
	w, err := a.wire()
	if err != nil {
		return out, err
	}
	loaded, err := a.loadProfile("")
	if err != nil {
		return out, err
	}
	if stored.Protocol == byhand.Protocol {
		out.OK = true
		if err := byhand.Ready(stored.Settings.Folder); err != nil {
			out.OK, out.Fault = false, err.Error()
		}
		return out, nil
	}
	conn, err := activities.Connections{Secret: w.Secret, Now: a.now}.Resolve(stored, loaded.Profile.Transfer)
	if err != nil {
		out.Fault = err.Error()
		return out, nil //nolint:nilerr // that the secret cannot be read is what the test found
	}
	f := loaded.Profile.Folders
	probe := transfer.Probe
	if loaded.Profile.Transfer.ProbeWrite {
		probe = transfer.ProbeWriting // the first folder only
	}
	probed, err := probe(ctx, w.Dialer(), conn, f.Test, f.Production, f.Historical, f.Reports)
	if err != nil {
		out.Fault = err.Error()
		return out, nil //nolint:nilerr // that nobody can log in is what the test found
	}
	out.OK, out.Server, out.HostKey = probed.OK(), probed.Capabilities.Server, probed.Capabilities.HostKey
	out.TLS, out.Expires = probed.Capabilities.TLS, probed.Capabilities.Expires
	if err := a.seeExpiry(ctx, out); err != nil {
		return out, err
	}
	for _, p := range probed.Folders {
		t := testedFolder{Folder: p.Folder, Files: p.Files, Written: p.Written}
		if p.Err != nil {
			t.Fault = p.Err.Error()
		}
		out.Folders = append(out.Folders, t)
	}
	return out, nil
}

// seeExpiry notes when the server's certificate ends, so that you are warned.
func (a *app) seeExpiry(ctx context.Context, c testedConnection) error {
	if c.Expires.IsZero() {
		return nil
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	return store.SeeExpiry(ctx, db.SeenExpiry(c.Name, db.CredentialCertificate, c.Expires), a.now())
}

func (s *screen) tested(c testedConnection) {
	if c.OK && c.Server == "" && len(c.Folders) == 0 {
		s.line("%s: files can be laid out for whoever uploads them. Nobody here can look at the registry.", c.Name)
		return
	}
	if c.Fault != "" {
		s.line("%s: %s", s.paint(badStyle, c.Name), c.Fault)
		return
	}
	if c.TLS == "" {
		s.line("%s: logged in. The server calls itself %s; its key is the accepted one (%s).", c.Name, c.Server, c.HostKey)
	} else {
		s.line("%s: logged in over %s. The server greets with %s; its certificate is known (%s) and holds until %s.",
			c.Name, c.TLS, c.Server, c.HostKey, day(c.Expires))
	}
	for _, f := range c.Folders {
		if f.Fault != "" {
			s.line("  %s: %s", s.paint(badStyle, f.Folder), f.Fault)
			continue
		}
		written := ""
		if f.Written {
			written = "; a small file could be written and removed"
		}
		s.line("  %s: %s%s", f.Folder, plural(f.Files, "file", "files"), written)
	}
}
