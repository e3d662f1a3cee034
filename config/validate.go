package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Validate returns every fault of the settings at once, as [Faults], or nil.
// It looks at form and at what belongs together; it opens no secret, folder or
// connection: `starter doctor` does.
func (c *Config) Validate() error { return c.faults().orNil() }

type checker struct {
	c      *Config
	faults Faults
}

func (k *checker) add(key, format string, args ...any) {
	place, ok := k.c.places[key]
	if !ok {
		place = "not set"
	}
	k.faults = append(k.faults, Fault{Key: key, Place: place, Words: fmt.Sprintf(format, args...)})
}

func (c *Config) faults() Faults {
	k := &checker{c: c}
	k.temporal()
	k.codec()
	k.stores()
	k.notify()
	k.people()
	k.process()
	c.eachSecret(func(key string, s *Secret) {
		if s.Set() && !s.IsReference() {
			k.add(key, "%v", errNotReference)
		}
	})
	slices.SortStableFunc(k.faults, func(a, b Fault) int { return strings.Compare(a.Key, b.Key) })
	return k.faults
}

func (k *checker) temporal() {
	t := k.c.Temporal
	k.address("temporal.address", t.Address, true)
	if t.Namespace == "" {
		k.add("temporal.namespace", "is empty; Temporal's own is called default")
	}
	if t.TaskQueue == "" {
		k.add("temporal.task_queue", "is empty; immtrail is a good name")
	}
	if (t.TLS.Cert == "") != !t.TLS.Key.Set() {
		k.add("temporal.tls.cert", "certificate and key belong together: set both or none")
	}
	if t.TLS.Key.Set() && t.TLS.Key.File() == "" {
		k.add("temporal.tls.key", "is a file: file:/path/of/the/key")
	}
	if !t.TLS.Enabled && (t.TLS.Cert != "" || t.TLS.CA != "" || t.TLS.Key.Set()) {
		k.add("temporal.tls.enabled", "is false while certificates are set")
	}
}

func (k *checker) codec() {
	c := k.c.Codec
	if c.Enabled && len(c.Keys) == 0 {
		k.add("codec.keys", "is empty while the codec is on; make a key with `starter keys new --kind codec`")
	}
	k.keys("codec.keys", c.Keys)
	if c.Endpoint.Listen == "" {
		return
	}
	k.address("codec.endpoint.listen", c.Endpoint.Listen, false)
	if !c.Enabled {
		k.add("codec.endpoint.listen", "there is nothing to decode while codec.enabled is false")
	}
	if !c.Endpoint.Token.Set() {
		k.add("codec.endpoint.token", "is needed: whoever reaches the endpoint can read payloads")
	}
	for i, origin := range c.Endpoint.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Path != "" || u.Scheme != "http" && u.Scheme != "https" {
			k.add(fmt.Sprintf("codec.endpoint.origins[%d]", i), "is an origin such as https://temporal.example.org, without a path")
		}
	}
	if len(c.Endpoint.Origins) == 0 {
		k.add("codec.endpoint.origins", "is empty: no Web UI could use the endpoint")
	}
}

func (k *checker) keys(key string, keys []Key) {
	seen := map[string]bool{}
	for i, each := range keys {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case each.ID == "":
			k.add(at+".id", "is missing")
		case seen[each.ID]:
			k.add(at+".id", "stands there twice")
		}
		seen[each.ID] = true
		if !each.Secret.Set() {
			k.add(at+".secret", "is missing: env:NAME or file:/path")
		}
	}
}

func (k *checker) stores() {
	db := k.c.Database
	switch {
	case db.URL == "" || Secret(db.URL).IsReference():
	default:
		u, err := url.Parse(db.URL)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			k.add("database.url", "is a URL such as postgres://immtrail@localhost/immtrail, or a reference to one")
			break
		}
		_, inURL := u.User.Password()
		if inURL || u.Query().Has("password") {
			k.add("database.url", "holds a password; take it out and name it in database.password (env:NAME or file:/path)")
		}
	}
	if v := k.c.Vault.URL; v != "" {
		if u, err := url.Parse(v); err != nil || u.Scheme != "file" || u.Host != "" {
			k.add("vault.url", "is file:///path/of/a/folder, with three slashes")
		}
		if len(k.c.Vault.Recipients) == 0 {
			k.add("vault.recipients", "is empty; make an identity with `starter keys new --kind identity`")
		}
	}
	for i, r := range k.c.Vault.Recipients {
		if !strings.HasPrefix(r, "age1") {
			k.add(fmt.Sprintf("vault.recipients[%d]", i), "is an age recipient: it begins with age1")
		}
	}
	for i, s := range k.c.Vault.Identities {
		if !s.Set() {
			k.add(fmt.Sprintf("vault.identities[%d]", i), "is empty")
		}
	}
	k.keys("sealing.keys", k.c.Sealing.Keys)
	if len(k.c.Sealing.Keys) > 0 && !k.c.Sealing.DigestKey.Set() {
		k.add("sealing.digest_key", "is missing; make one with `starter keys new --kind digest`")
	}
	if k.c.Outbox.Stable < 0 {
		k.add("outbox.stable", "is negative")
	}
}

func (k *checker) notify() {
	n := k.c.Notify
	if n.From != "" {
		k.mailbox("notify.from", n.From)
	}
	if n.ReplyTo != "" {
		k.mailbox("notify.reply_to", n.ReplyTo)
	}
	if !slices.Contains([]string{"starttls", "implicit", "none"}, n.SMTP.TLS) {
		k.add("notify.smtp.tls", "is starttls, implicit or none")
	}
	if n.SMTP.TLS == "none" && n.SMTP.User != "" {
		k.add("notify.smtp.tls", "a password would travel in clear: use starttls or implicit")
	}
	if n.SMTP.Port < 1 || n.SMTP.Port > 65535 {
		k.add("notify.smtp.port", "is a port: 1 to 65535")
	}
	if !slices.Contains([]string{"auto", "plain", "login", "xoauth2"}, n.SMTP.Auth) {
		k.add("notify.smtp.auth", "is auto, plain, login or xoauth2")
	}
	if n.SMTP.Auth != "auto" && n.SMTP.User == "" {
		k.add("notify.smtp.user", "is needed to log in by %s", n.SMTP.Auth)
	}
	if (n.SMTP.User == "") != !n.SMTP.Password.Set() {
		k.add("notify.smtp.user", "user and password belong together: set both or none")
	}
	for i, s := range n.Chat {
		if !s.Set() {
			k.add(fmt.Sprintf("notify.chat[%d]", i), "is empty")
		}
	}
	switch n.Deliver {
	case "off":
	case "send":
		if n.From == "" {
			k.add("notify.from", "is needed to send letters: the coordinator's mailbox")
		}
		if n.SMTP.Host == "" {
			k.add("notify.smtp.host", "is needed to send letters")
		}
	default:
		k.add("notify.deliver", "is off or send")
	}
}

func (k *checker) mailbox(key, value string) {
	if _, err := mail.ParseAddress(value); err != nil {
		k.add(key, "is a mailbox such as Mary Major <mary@example.org>")
	}
}

func (k *checker) people() {
	for _, login := range sortedKeys(k.c.People) {
		p := k.c.People[login]
		if strings.TrimSpace(p.Name) == "" {
			k.add("people."+login+".name", "is missing: the name that the audit log carries")
		}
		if p.Email != "" {
			k.mailbox("people."+login+".email", p.Email)
		}
		if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "Local" {
			k.add("people."+login+".zone", "is an IANA zone such as America/Denver")
		}
		for _, other := range p.MayActFor {
			if _, ok := k.c.People[strings.ToLower(other)]; !ok && other != "*" {
				k.add("people."+login+".may_act_for", "names %s, which is no login below people", other)
			}
		}
		if login == "root" {
			k.add("people.root", "root is nobody in particular; let each person use a login of their own")
		}
	}
}

func (k *checker) process() {
	k.address("metrics.listen", k.c.Metrics.Listen, false)
	k.address("health.listen", k.c.Health.Listen, false)
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, k.c.Log.Level) {
		k.add("log.level", "is debug, info, warn or error")
	}
	if !slices.Contains([]string{"json", "text"}, k.c.Log.Format) {
		k.add("log.format", "is json or text")
	}
	day := k.c.Calendar.Day
	if day < time.Second || day > 24*time.Hour {
		k.add("calendar.day", "lies between 1s (Temporal's schedules allow no less) and 24h (real life)")
	}
	if day != 24*time.Hour && (k.c.Calendar.Epoch.IsZero() || k.c.Calendar.Anchor.IsZero()) {
		k.add("calendar.anchor", "a short day needs epoch and anchor")
	}
	for key, n := range map[string]int{
		"worker.activities":     k.c.Worker.Activities,
		"worker.workflow_tasks": k.c.Worker.WorkflowTasks,
		"worker.db_connections": k.c.Worker.DBConnections,
	} {
		if n < 1 || n > 10000 {
			k.add(key, "lies between 1 and 10000")
		}
	}
	if k.c.Worker.WorkflowTasks == 1 {
		k.add("worker.workflow_tasks", "Temporal needs at least 2")
	}
	if k.c.Worker.StopTimeout < 0 {
		k.add("worker.stop_timeout", "is negative")
	}
}

func (k *checker) address(key, value string, required bool) {
	if value == "" {
		if required {
			k.add(key, "is empty; write host:port")
		}
		return
	}
	if _, port, err := net.SplitHostPort(value); err != nil || port == "" {
		k.add(key, "is host:port")
	}
}

// KeyBytes reads the 32 bytes of a key written as base64.
func (key Key) KeyBytes(getenv func(string) string) ([]byte, error) {
	return key.Secret.bytes32(getenv)
}

// bytes32 reads a secret that is 32 bytes written as base64.
func (s Secret) bytes32(getenv func(string) string) ([]byte, error) {
	text, err := s.Read(getenv)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("%s is not a key: 32 bytes as base64, as `starter keys new` writes them", s)
	}
	return raw, nil
}
