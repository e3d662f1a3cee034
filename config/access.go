package config

import (
	"fmt"
	"net/url"
	"strings"
)

// eachSecret visits every reference in the tree.
func (c *Config) eachSecret(visit func(key string, s *Secret)) {
	visit("temporal.api_key", &c.Temporal.APIKey)
	visit("temporal.tls.key", &c.Temporal.TLS.Key)
	for i := range c.Codec.Keys {
		visit(fmt.Sprintf("codec.keys[%d].secret", i), &c.Codec.Keys[i].Secret)
	}
	visit("codec.endpoint.token", &c.Codec.Endpoint.Token)
	visit("database.password", &c.Database.Password)
	for i := range c.Vault.Identities {
		visit(fmt.Sprintf("vault.identities[%d]", i), &c.Vault.Identities[i])
	}
	for i := range c.Sealing.Keys {
		visit(fmt.Sprintf("sealing.keys[%d].secret", i), &c.Sealing.Keys[i].Secret)
	}
	visit("sealing.digest_key", &c.Sealing.DigestKey)
	visit("notify.smtp.password", &c.Notify.SMTP.Password)
	for i := range c.Notify.Chat {
		visit(fmt.Sprintf("notify.chat[%d]", i), &c.Notify.Chat[i])
	}
}

// CheckSecrets opens every reference and returns what cannot be read, as
// faults; nil when all can.
func (c *Config) CheckSecrets(getenv func(string) string) Faults {
	k := &checker{c: c}
	c.eachSecret(func(key string, s *Secret) {
		if !s.Set() {
			return
		}
		if _, err := s.Read(getenv); err != nil {
			k.add(key, "%v", err)
		}
	})
	if Secret(c.Database.URL).IsReference() {
		if _, err := Secret(c.Database.URL).Read(getenv); err != nil {
			k.add("database.url", "%v", err)
		}
	}
	return k.faults
}

// Connect returns the database's URL with its password, ready to be opened. It
// must not be printed or logged. It fails when nothing is set or a reference
// cannot be read.
func (d Database) Connect(getenv func(string) string) (string, error) {
	raw := d.URL
	if raw == "" {
		return "", fmt.Errorf("database.url is not set (or %s)", EnvName("database.url"))
	}
	if s := Secret(raw); s.IsReference() {
		var err error
		if raw, err = s.Read(getenv); err != nil {
			return "", fmt.Errorf("database.url: %w", err)
		}
	}
	if !d.Password.Set() {
		return raw, nil
	}
	password, err := d.Password.Read(getenv)
	if err != nil {
		return "", fmt.Errorf("database.password: %w", err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("database.url is not a URL")
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}

// DigestBytes reads the 32 bytes of the digest key.
func (s Sealing) DigestBytes(getenv func(string) string) ([]byte, error) {
	return s.DigestKey.bytes32(getenv)
}

// Person returns who uses the login; names of logins do not tell capitals
// apart.
func (c *Config) Person(login string) (Person, bool) {
	p, ok := c.People[strings.ToLower(login)]
	return p, ok
}

// Place says where a key was set: file and line, a variable, or "" for a
// default.
func (c *Config) Place(key string) string { return c.places[key] }

// redactURL hides a password that should not be there.
func redactURL(raw string) string {
	if Secret(raw).IsReference() || raw == "" {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "(hidden)"
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
