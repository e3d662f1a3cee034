// Package wire turns settings into open rooms, the same way for worker and
// starter: database, file store, mail, Temporal, profiles, secrets.
//
// It must not decide anything: what is set is opened, and what cannot be
// opened is an error that names the setting.
package wire

import (
	"context"
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"

	"immtrail/activities"
	"immtrail/config"
	"immtrail/conformance/codes"
	"immtrail/db"
	"immtrail/internal/profiles"
	"immtrail/internal/temporalconn"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
	"immtrail/transfer/sftp"
	"immtrail/vault"
)

// Wire opens rooms from settings.
type Wire struct {
	Config *config.Config
	// Getenv is where references such as env:NAME look.
	Getenv func(string) string
}

// Sealer makes the keys of the database. Without sealing keys it fails with
// kind Invalid and the remedy.
func (w Wire) Sealer() (*db.Sealer, error) {
	s := w.Config.Sealing
	if len(s.Keys) == 0 || !s.DigestKey.Set() {
		return nil, registry.Errorf(registry.Invalid, "sealing keys",
			"sealing.keys and sealing.digest_key are not set; make them with `starter keys new --kind sealing` and `--kind digest`")
	}
	digest, err := s.DigestBytes(w.Getenv)
	if err != nil {
		return nil, setting("sealing.digest_key", err)
	}
	var keys []db.SealKey
	for _, k := range s.Keys {
		raw, err := k.KeyBytes(w.Getenv)
		if err != nil {
			return nil, setting("sealing.keys "+k.ID, err)
		}
		keys = append(keys, db.SealKey{ID: k.ID, Key: raw})
	}
	return db.NewSealer(digest, keys...)
}

// DatabaseURL is the address with its password; never print it.
func (w Wire) DatabaseURL() (string, error) {
	url, err := w.Config.Database.Connect(w.Getenv)
	if err != nil {
		return "", &registry.Error{Kind: registry.Invalid, Op: "settings", Err: err}
	}
	return url, nil
}

// Store opens the database. It does not look at the schema.
func (w Wire) Store(ctx context.Context) (*db.Store, error) {
	url, err := w.DatabaseURL()
	if err != nil {
		return nil, err
	}
	sealer, err := w.Sealer()
	if err != nil {
		return nil, err
	}
	return db.Open(ctx, db.Options{URL: url, Sealer: sealer, MaxConns: int32(w.Config.Worker.DBConnections)})
}

// FileStore opens the file store.
func (w Wire) FileStore(ctx context.Context) (*vault.Vault, error) {
	v := w.Config.Vault
	if v.URL == "" {
		return nil, registry.Errorf(registry.Invalid, "file store", "vault.url is not set")
	}
	o := vault.Options{URL: v.URL, Recipients: v.Recipients}
	for _, ref := range v.Identities {
		identity, err := ref.Read(w.Getenv)
		if err != nil {
			return nil, setting("vault.identities", err)
		}
		o.Identities = append(o.Identities, identity)
	}
	return vault.Open(ctx, o)
}

// Temporal gives what temporalconn.Dial needs. identity is how this process
// appears in histories.
func (w Wire) Temporal(identity string) (temporalconn.Settings, []temporalconn.Option, error) {
	t := w.Config.Temporal
	s := temporalconn.Settings{
		HostPort: t.Address, Namespace: t.Namespace, Identity: identity, CodecOn: w.Config.Codec.Enabled,
		TLS: temporalconn.TLS{
			On: t.TLS.Enabled, CAFile: t.TLS.CA, CertFile: t.TLS.Cert,
			KeyFile: t.TLS.Key.File(), ServerName: t.TLS.ServerName,
		},
	}
	for _, k := range w.Config.Codec.Keys {
		raw, err := k.KeyBytes(w.Getenv)
		if err != nil {
			if !w.Config.Codec.Enabled {
				continue // off, and the key may be gone
			}
			return s, nil, setting("codec.keys "+k.ID, err)
		}
		s.CodecKeys = append(s.CodecKeys, temporalconn.Key{ID: k.ID, Secret: raw})
	}
	if !t.APIKey.Set() {
		return s, nil, nil
	}
	key, err := t.APIKey.Read(w.Getenv)
	if err != nil {
		return s, nil, setting("temporal.api_key", err)
	}
	return s, []temporalconn.Option{func(o *client.Options) {
		o.Credentials = client.NewAPIKeyStaticCredentials(key)
	}}, nil
}

// Profiles is where profiles come from.
func (w Wire) Profiles() profiles.Dir { return profiles.Dir(w.Config.Profile.Dir) }

// Codes are the code tables that files are judged by.
func (w Wire) Codes() (*codes.Tables, error) {
	return codes.Folder{Dir: w.Config.Codes.Dir}.Tables()
}

// Secret reads what a reference such as env:NAME or file:/path points at.
func (w Wire) Secret(ref string) ([]byte, error) {
	value, err := config.Secret(ref).Read(w.Getenv)
	return []byte(value), err
}

// Dialer reaches registries by every protocol that there is a driver for.
func (w Wire) Dialer() transfer.Dialer {
	return transfer.ByProtocol{sftp.Protocol: sftp.Dialer{}, ftps.Protocol: ftps.Dialer{}}
}

// Mail is how letters leave: not at all, or by SMTP.
func (w Wire) Mail() (notify.Sender, error) {
	if w.Config.Notify.Deliver != "send" {
		return notify.Off{}, nil
	}
	return w.SMTP()
}

// SMTP is the mail server, whether letters are delivered or not.
func (w Wire) SMTP() (notify.SMTP, error) {
	n := w.Config.Notify
	s := notify.SMTP{
		Host: n.SMTP.Host, Port: n.SMTP.Port, TLS: notify.TLSMode(n.SMTP.TLS),
		Auth: notify.AuthMode(n.SMTP.Auth), User: n.SMTP.User,
		From: w.Sender(), ReplyTo: contact(n.ReplyTo),
	}
	if n.SMTP.Password.Set() {
		secret, err := n.SMTP.Password.Read(w.Getenv)
		if err != nil {
			return s, setting("notify.smtp.password", err)
		}
		if s.Auth == notify.AuthXOAUTH2 {
			s.Token = func() (string, error) { return n.SMTP.Password.Read(w.Getenv) }
		} else {
			s.Password = secret
		}
	}
	if faults := s.Check(); len(faults) > 0 {
		return s, registry.Errorf(registry.Invalid, "mail", "notify: %s", strings.Join(faults, "; "))
	}
	return s, nil
}

// Chat is where alerts are said beside the mail: nowhere where no room is set,
// and while letters are off.
func (w Wire) Chat() (*notify.Chat, error) {
	n := w.Config.Notify
	if n.Deliver != "send" {
		return notify.OpenChat(nil)
	}
	urls := make([]string, len(n.Chat))
	for i, ref := range n.Chat {
		var err error
		if urls[i], err = ref.Read(w.Getenv); err != nil {
			return nil, setting(fmt.Sprintf("notify.chat[%d]", i), err)
		}
	}
	return notify.OpenChat(urls)
}

// Bounces is where letters come back; nil where no folder is read.
func (w Wire) Bounces() activities.Bounces {
	if w.Config.Notify.Bounces == "" {
		return nil
	}
	return notify.MailFolder{Dir: w.Config.Notify.Bounces}
}

// Sender is the coordinator in whose name letters go.
func (w Wire) Sender() registry.Contact {
	c := contact(w.Config.Notify.From)
	c.Role = registry.ContactCoordinator
	return c
}

// MessageIDDomain is the domain of Message-IDs.
func (w Wire) MessageIDDomain() string {
	if d := w.Config.Notify.MessageIDDomain; d != "" {
		return d
	}
	if d := notify.Domain(w.Sender().Email); d != "" {
		return d
	}
	return "immtrail.invalid"
}

// People are those of the settings who have a mailbox: an error may be in their
// hands.
func (w Wire) People() []registry.Contact {
	var out []registry.Contact
	for _, login := range slices.Sorted(maps.Keys(w.Config.People)) {
		if p := w.Config.People[login]; p.Email != "" {
			out = append(out, registry.Contact{Name: p.Name, Email: p.Email, Zone: p.Zone})
		}
	}
	return out
}

// contact reads a mailbox; the settings were checked, so that it is one.
func contact(mailbox string) registry.Contact {
	if mailbox == "" {
		return registry.Contact{}
	}
	addr, err := mail.ParseAddress(mailbox)
	if err != nil {
		return registry.Contact{}
	}
	return registry.Contact{Name: addr.Name, Email: addr.Address}
}

func setting(key string, err error) error {
	return &registry.Error{Kind: registry.Invalid, Op: "settings", Err: fmt.Errorf("%s: %w", key, err)}
}
