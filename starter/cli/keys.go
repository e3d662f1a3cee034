package cli

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/config"
	"immtrail/vault"
)

// The kinds of keys.
const (
	keyIdentity = "identity"
	keyCodec    = "codec"
	keySealing  = "sealing"
	keyDigest   = "digest"
	keyToken    = "token"
)

var keyKinds = []string{keyIdentity, keyCodec, keySealing, keyDigest, keyToken}

func (a *app) keysCommand() *cobra.Command {
	return folder("keys", "Make, list and change keys",
		"  starter keys new --kind identity\n  starter keys list\n  starter keys rotate --kind sealing",
		a.keysNew(), a.keysList(), a.keysRotate(), a.keysReseal())
}

// madeKey is what was made and what to write into the settings.
type madeKey struct {
	Kind      string `json:"kind"`
	ID        string `json:"id,omitempty"`
	File      string `json:"file"`
	Recipient string `json:"recipient,omitempty"`
	// Settings are the lines for immtrail.yaml.
	Settings string `json:"settings"`
}

func (a *app) keysNew() *cobra.Command {
	var kind, id, dir string
	cmd := &cobra.Command{
		Use: "new", Short: "Make a key, in a file that only you can read", Args: cobra.NoArgs,
		Long: `Makes one key and says what to write into the settings:

  identity  opens the file store (age); its recipient goes to vault.recipients
  codec     encrypts what lies in Temporal's history
  sealing   seals, in the database, what staff need to find a patient
  digest    recognises records again; make it once, never change it
  token     lets the Web UI ask the codec endpoint

An existing file is never overwritten. Back the keys up: without the identity
nobody can open the file store again.`,
		Example: "  starter keys new --kind identity\n  starter keys new --kind codec --id 2026-03 --dir /etc/immtrail/keys",
		RunE: func(*cobra.Command, []string) error {
			key, err := a.makeKey(kind, id, dir)
			if err != nil {
				return err
			}
			return a.show(key, func(s *screen) { s.madeKey(key) })
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", strings.Join(keyKinds, ", "))
	cmd.Flags().StringVar(&id, "id", "", "name of a codec or sealing key (default: this month)")
	cmd.Flags().StringVar(&dir, "dir", "keys", "folder for the file")
	_ = cmd.MarkFlagRequired("kind")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(keyKinds, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) makeKey(kind, id, dir string) (madeKey, error) {
	if id == "" {
		id = a.env.Now().Format("2006-01")
	}
	if strings.ContainsAny(id, `/\=, `) || id[0] == '.' {
		return madeKey{}, misused("--id %s: letters, digits, - and _ only", id)
	}
	k := madeKey{Kind: kind, File: filepath.Join(dir, kind+".key")}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	text := base64.StdEncoding.EncodeToString(random)
	switch kind {
	case keyIdentity:
		var err error
		if text, k.Recipient, err = vault.NewIdentity(); err != nil {
			return k, err
		}
		k.Settings = fmt.Sprintf("vault:\n  recipients:\n    - %s\n  identities:\n    - file:%s", k.Recipient, k.File)
	case keyCodec, keySealing:
		k.ID, k.File = id, filepath.Join(dir, kind+"-"+id+".key")
		k.Settings = fmt.Sprintf("%s:\n  keys:\n    - id: %q\n      secret: file:%s", kind, id, k.File)
	case keyDigest:
		k.Settings = "sealing:\n  digest_key: file:" + k.File
	case keyToken:
		text = base64.RawURLEncoding.EncodeToString(random) // it stands in a URL
		k.Settings = "codec:\n  endpoint:\n    token: file:" + k.File
	default:
		return k, misused("--kind %s: one of %s", kind, strings.Join(keyKinds, ", "))
	}
	return k, writePrivate(k.File, text+"\n")
}

// writePrivate makes a new file with mode 0600 and does not return before it
// is on the disk.
func writePrivate(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return couldNot("make the folder of the key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return refused("%s exists and is not overwritten; give another --id or --dir, or use: starter keys rotate", path)
	}
	if err != nil {
		return couldNot("write the key: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return couldNot("write the key: %w", err)
	}
	return nil
}

func (s *screen) madeKey(k madeKey) {
	s.line("%s written; only you can read it. Back it up. In the settings:", k.File)
	s.raw("")
	for line := range strings.SplitSeq(k.Settings, "\n") {
		s.raw("  %s", line)
	}
	s.raw("")
	s.line("Then: starter config check")
}

// listedKey is a key that the settings name.
type listedKey struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	// Reference says where it is, never what.
	Reference string `json:"reference"`
	// Use is "in use" or "old: opens what it closed".
	Use string `json:"use"`
	// Fault says why it cannot be read; empty when it can.
	Fault string `json:"fault,omitempty"`
}

func (a *app) keysList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys that the settings name, and whether they can be read", Args: cobra.NoArgs,
		Example: "  starter keys list",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			keys := a.listKeys(cfg)
			faulty := false
			if err := a.show(keys, func(s *screen) {
				rows := make([][]string, len(keys))
				for i, k := range keys {
					state := "readable"
					if k.Fault != "" {
						state = k.Fault
					}
					rows[i] = []string{k.Kind, k.ID, k.Reference, k.Use, state}
				}
				s.table([]string{"KIND", "ID", "WHERE", "USE", "STATE"}, rows)
			}); err != nil {
				return err
			}
			for _, k := range keys {
				faulty = faulty || k.Fault != ""
			}
			if faulty {
				return errFound
			}
			return nil
		},
	}
}

func (a *app) listKeys(cfg *config.Config) []listedKey {
	keys := []listedKey{}
	add := func(kind, id string, s config.Secret, use string) {
		k := listedKey{Kind: kind, ID: id, Reference: string(s), Use: use}
		if _, err := s.Read(a.env.Getenv); err != nil {
			k.Fault = err.Error()
		}
		keys = append(keys, k)
	}
	use := func(i int) string {
		if i == 0 {
			return "in use"
		}
		return "old: opens what it closed"
	}
	for i, s := range cfg.Vault.Identities {
		add(keyIdentity, "", s, use(i))
	}
	for i, k := range cfg.Codec.Keys {
		add(keyCodec, k.ID, k.Secret, use(i))
	}
	for i, k := range cfg.Sealing.Keys {
		add(keySealing, k.ID, k.Secret, use(i))
	}
	if cfg.Sealing.DigestKey.Set() {
		add(keyDigest, "", cfg.Sealing.DigestKey, "in use")
	}
	if cfg.Codec.Endpoint.Token.Set() {
		add(keyToken, "", cfg.Codec.Endpoint.Token, "in use")
	}
	return keys
}

func (a *app) keysRotate() *cobra.Command {
	var kind, id, dir string
	cmd := &cobra.Command{
		Use: "rotate", Short: "Make the next key of a kind and say how to put it before the old one", Args: cobra.NoArgs,
		Long: `Makes a new key beside the old one and prints the settings with both: the new one
closes from the next start of worker and starter on, the old one still opens
what it closed. Nothing is changed in the settings and no key is deleted. Keep
the old key as long as anything closed with it is kept.`,
		Example: "  starter keys rotate --kind sealing --id 2026-09\n  starter keys rotate --kind identity --dir /etc/immtrail/keys",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			key, err := a.rotateKey(cfg, kind, id, dir)
			if err != nil {
				return err
			}
			return a.show(key, func(s *screen) {
				s.madeKey(key)
				if kind == keySealing {
					s.line("Then restart the worker, and seal what is there with the new key: starter keys reseal")
					return
				}
				s.line("Then restart the worker. Keep the old key.")
			})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "identity, codec or sealing")
	cmd.Flags().StringVar(&id, "id", "", "name of the new key (default: today)")
	cmd.Flags().StringVar(&dir, "dir", "keys", "folder for the file")
	_ = cmd.MarkFlagRequired("kind")
	return cmd
}

func (a *app) rotateKey(cfg *config.Config, kind, id, dir string) (madeKey, error) {
	if id == "" {
		id = a.env.Now().Format("2006-01-02")
	}
	var old []config.Key
	switch kind {
	case keyIdentity:
		return a.rotateIdentity(cfg, id, dir)
	case keyCodec:
		old = cfg.Codec.Keys
	case keySealing:
		old = cfg.Sealing.Keys
	case keyDigest:
		return madeKey{}, refused("the digest key is never changed: records would not be recognised again")
	default:
		return madeKey{}, misused("--kind %s: identity, codec or sealing", kind)
	}
	for _, k := range old {
		if k.ID == id {
			return madeKey{}, refused("a %s key called %s is in the settings already; give another --id", kind, id)
		}
	}
	key, err := a.makeKey(kind, id, dir)
	for _, k := range old {
		key.Settings += fmt.Sprintf("\n    - id: %q\n      secret: %s", k.ID, k.Secret)
	}
	return key, err
}

// rotateIdentity gives the new identity a file of its own and lists both.
func (a *app) rotateIdentity(cfg *config.Config, id, dir string) (madeKey, error) {
	key, err := a.makeKey(keyIdentity, id, filepath.Join(dir, id))
	if err != nil {
		return key, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "vault:\n  recipients:\n    - %s\n", key.Recipient)
	for _, r := range cfg.Vault.Recipients {
		fmt.Fprintf(&b, "    - %s\n", r)
	}
	fmt.Fprintf(&b, "  identities:\n    - file:%s", key.File)
	for _, s := range cfg.Vault.Identities {
		fmt.Fprintf(&b, "\n    - %s", s)
	}
	key.Settings = b.String()
	return key, nil
}
