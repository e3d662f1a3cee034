package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// FileName is the name of the file of settings.
const FileName = "immtrail.yaml"

// Source is where settings are looked for.
type Source struct {
	// Path is what --config named; empty means to search.
	Path string
	// Getenv and Environ are the environment (os.Getenv, os.Environ()).
	Getenv  func(string) string
	Environ []string
	// Home is the user's home folder; empty leaves ~/.config out.
	Home string
}

// ErrNoFile is returned by [Find] where no file of settings exists.
var ErrNoFile = errors.New("no file of settings")

// Find returns the file of settings: --config, $IMMTRAIL_CONFIG,
// ./immtrail.yaml, ~/.config/immtrail/immtrail.yaml, /etc/immtrail/immtrail.yaml.
// A file that was named must exist; otherwise [ErrNoFile] names the places.
func Find(s Source) (string, error) {
	named := s.Path
	if named == "" && s.Getenv != nil {
		named = s.Getenv(EnvFile)
	}
	if named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("the file of settings %s cannot be read: %w", named, errors.Unwrap(err))
		}
		return named, nil
	}
	places := []string{FileName}
	if s.Home != "" {
		places = append(places, filepath.Join(s.Home, ".config", "immtrail", FileName))
	}
	places = append(places, filepath.Join("/etc/immtrail", FileName))
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			return place, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("the file of settings %s cannot be read: %w", place, err)
		}
	}
	return "", fmt.Errorf("%w; looked for %s", ErrNoFile, strings.Join(places, ", "))
}

// Load finds, reads and checks the settings. Its error is [Faults] when they
// are there and wrong. Without a file the environment and the defaults count.
func Load(s Source) (*Config, error) {
	path, err := Find(s)
	if err != nil && !errors.Is(err, ErrNoFile) {
		return nil, err
	}
	cfg, faults := Default(), Faults{}
	cfg.places = map[string]string{}
	if path != "" {
		if err := cfg.readFile(path, &faults); err != nil {
			return nil, err
		}
	}
	cfg.readEnv(s.Environ, &faults)
	cfg.anchorPaths()
	faults = append(faults, cfg.faults()...)
	return cfg, faults.orNil()
}

func (c *Config) readFile(path string, faults *Faults) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the file of settings: %w", err)
	}
	// Logins may hold dots, so that viper's keys need another separator.
	v := viper.NewWithOptions(viper.KeyDelimiter("\x1f"))
	v.SetConfigType("yaml")
	if err := v.ReadConfig(strings.NewReader(string(data))); err != nil {
		return fmt.Errorf("%s is not YAML: %w", path, cause(err))
	}
	lines := yamlLines(data)
	d := decoder{places: c.places, place: func(key string) string {
		for k := key; k != ""; k = parent(k) {
			if line, ok := lines[k]; ok {
				return fmt.Sprintf("%s:%d", path, line)
			}
		}
		return path
	}}
	d.fill(reflect.ValueOf(c).Elem(), v.AllSettings(), "")
	*faults = append(*faults, d.faults...)
	c.File = path
	return nil
}

func (c *Config) readEnv(environ []string, faults *Faults) {
	tree, from := fromEnv(environ, faults)
	d := decoder{places: c.places, place: func(key string) string {
		for k := key; k != ""; k = parent(k) {
			if name, ok := from[k]; ok {
				return name
			}
		}
		return "environment"
	}}
	d.fill(reflect.ValueOf(c).Elem(), tree, "")
	*faults = append(*faults, d.faults...)
}

// anchorPaths makes relative paths count from the folder of the file, so that
// a command means the same from every folder.
func (c *Config) anchorPaths() {
	if c.File == "" {
		return
	}
	dir, err := filepath.Abs(filepath.Dir(c.File))
	if err != nil {
		return
	}
	for _, p := range []*string{&c.Outbox.Dir, &c.Profile.Dir, &c.Codes.Dir, &c.Temporal.TLS.CA, &c.Temporal.TLS.Cert} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	c.eachSecret(func(_ string, s *Secret) { *s = s.under(dir) })
	if Secret(c.Database.URL).IsReference() {
		c.Database.URL = string(Secret(c.Database.URL).under(dir))
	}
}

// yamlLines maps each key of the file to its line.
func yamlLines(data []byte) map[string]int {
	lines := map[string]int{}
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil {
		return lines
	}
	var walk func(n *yaml.Node, key string)
	walk = func(n *yaml.Node, key string) {
		switch n.Kind {
		case yaml.DocumentNode:
			for _, c := range n.Content {
				walk(c, key)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				k := join(key, strings.ToLower(n.Content[i].Value))
				lines[k] = n.Content[i].Line
				walk(n.Content[i+1], k)
			}
		case yaml.SequenceNode:
			for i, c := range n.Content {
				k := fmt.Sprintf("%s[%d]", key, i)
				lines[k] = c.Line
				walk(c, k)
			}
		case yaml.ScalarNode, yaml.AliasNode:
		}
	}
	walk(&doc, "")
	return lines
}

// parent is the key above: a.b[0].c gives a.b[0], which gives a.b.
func parent(key string) string {
	if i := strings.LastIndexAny(key, ".["); i >= 0 {
		return key[:i]
	}
	return ""
}

// cause unwraps viper's own wording down to the YAML reader's.
func cause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
