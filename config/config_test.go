package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"immtrail/config"
)

// write makes a file of settings and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.FileName)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func load(t *testing.T, text string, environ ...string) (*config.Config, error) {
	t.Helper()
	return config.Load(config.Source{Path: write(t, text), Environ: environ})
}

// faultsOf returns the words of every fault by key.
func faultsOf(t *testing.T, err error) map[string]config.Fault {
	t.Helper()
	var faults config.Faults
	require.ErrorAs(t, err, &faults)
	byKey := map[string]config.Fault{}
	for _, f := range faults {
		byKey[f.Key] = f
	}
	return byKey
}

func TestExample(t *testing.T) {
	path := filepath.Join("..", "config.example.yaml")
	cfg, err := config.Load(config.Source{Path: path})

	t.Run("loads without a fault", func(t *testing.T) {
		require.NoError(t, err)
		require.Equal(t, "immtrail", cfg.Temporal.TaskQueue)
		require.Equal(t, []string{"mary"}, cfg.People["sam"].MayActFor)
	})

	t.Run("covers every key", func(t *testing.T) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var tree map[string]any
		require.NoError(t, yaml.Unmarshal(data, &tree))
		covers(t, reflect.TypeFor[config.Config](), tree, "")
	})

	t.Run("is real life: the calendar of the process is the zero one apart from its anchor", func(t *testing.T) {
		require.True(t, cfg.Calendar.Registry().Real())
	})
}

// covers asserts that every key of the tree of settings stands in the file.
func covers(t *testing.T, typ reflect.Type, tree map[string]any, prefix string) {
	t.Helper()
	for i := range typ.NumField() {
		field := typ.Field(i)
		key := field.Tag.Get("key")
		if key == "" {
			continue
		}
		value, there := tree[key]
		require.True(t, there, "%s%s is missing in config.example.yaml", prefix, key)
		inner := field.Type
		switch inner.Kind() {
		case reflect.Map:
			for _, entry := range value.(map[string]any) {
				covers(t, inner.Elem(), entry.(map[string]any), prefix+key+".*.")
			}
			continue
		case reflect.Slice:
			if inner.Elem().Kind() == reflect.Struct {
				covers(t, inner.Elem(), value.([]any)[0].(map[string]any), prefix+key+"[0].")
			}
			continue
		case reflect.Struct:
			if inner != reflect.TypeFor[time.Time]() {
				covers(t, inner, value.(map[string]any), prefix+key+".")
			}
			continue
		default:
		}
		if inner.Kind() != reflect.Struct {
			require.NotEmpty(t, field.Tag.Get("doc"), "%s%s has no sentence", prefix, key)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Run("reports every fault at once, with key, place and remedy", func(t *testing.T) {
		_, err := load(t, strings.Join([]string{
			"temporal:",
			"  addresz: example.org:7233",
			"  namespace: 7",
			"codec: on-please",
			"database:",
			"  url: postgres://immtrail:hunter2@db/immtrail",
			"notify:",
			"  deliver: maybe",
			"  smtp: {port: none}",
			"outbox: {stable: soon}",
			"people:",
			"  Mary.Major: {email: nobody}",
		}, "\n"), "IMMTRAIL_WORKER__ACTIVITIES=many", "IMMTRAIL_WORKERS=3")
		faults := faultsOf(t, err)
		require.Contains(t, faults["temporal.addresz"].Words, "did you mean address?")
		require.Contains(t, faults["temporal.addresz"].Place, "immtrail.yaml:2")
		require.Contains(t, faults["temporal.namespace"].Words, "put it in quotes")
		require.Contains(t, faults["codec"].Words, "group of settings, not text")
		require.Contains(t, faults["database.url"].Words, "database.password")
		require.Contains(t, faults["notify.deliver"].Words, "off or send")
		require.Contains(t, faults["notify.deliver"].Place, "immtrail.yaml:8")
		require.Contains(t, faults["notify.smtp.port"].Words, "whole number")
		require.Contains(t, faults["outbox.stable"].Words, "30s")
		require.Contains(t, faults["people.mary.major.name"].Words, "missing")
		require.Equal(t, "IMMTRAIL_WORKER__ACTIVITIES", faults["worker.activities"].Place)
		require.Equal(t, "environment", faults["IMMTRAIL_WORKERS"].Place)
		require.NotContains(t, err.Error(), "hunter2", "a fault must not repeat a password")
	})

	t.Run("the environment overrides the file", func(t *testing.T) {
		cfg, err := load(t, "temporal: {address: file:1, task_queue: from-file}",
			"IMMTRAIL_TEMPORAL__ADDRESS=env:2",
			"IMMTRAIL_VAULT__RECIPIENTS=age1aaa, age1bbb",
			"IMMTRAIL_CODEC__KEYS=new=env:NEW,old=file:/old",
			"IMMTRAIL_CALENDAR__DAY=1s", "IMMTRAIL_CALENDAR__EPOCH=2026-03-02T08:00:00Z",
			"IMMTRAIL_CALENDAR__ANCHOR=2026-03-02T08:00:00.5Z",
			"IMMTRAIL_PEOPLE__MARY__NAME=Mary Major",
			"HOME=/root")
		require.NoError(t, err)
		require.Equal(t, "env:2", cfg.Temporal.Address)
		require.Equal(t, "from-file", cfg.Temporal.TaskQueue)
		require.Equal(t, []string{"age1aaa", "age1bbb"}, cfg.Vault.Recipients)
		require.Equal(t, []config.Key{{ID: "new", Secret: "env:NEW"}, {ID: "old", Secret: "file:/old"}}, cfg.Codec.Keys)
		require.Equal(t, time.Second, cfg.Calendar.Registry().Day)
		require.Equal(t, "Mary Major", cfg.People["mary"].Name)
		require.Equal(t, "IMMTRAIL_TEMPORAL__ADDRESS", cfg.Place("temporal.address"))
	})

	t.Run("relative paths count from the folder of the file", func(t *testing.T) {
		path := write(t, "outbox: {dir: out}\nsealing: {digest_key: 'file:keys/digest.key'}\nprofile: {dir: /etc/p}")
		cfg, err := config.Load(config.Source{Path: path})
		require.NoError(t, err)
		require.Equal(t, filepath.Join(filepath.Dir(path), "out"), cfg.Outbox.Dir)
		require.Equal(t, config.Secret("file:"+filepath.Join(filepath.Dir(path), "keys/digest.key")), cfg.Sealing.DigestKey)
		require.Equal(t, "/etc/p", cfg.Profile.Dir)
	})

	t.Run("logins with dots and capitals are found", func(t *testing.T) {
		cfg, err := load(t, "people: {Mary.Major: {name: Mary Major}}")
		require.NoError(t, err)
		p, ok := cfg.Person("MARY.major")
		require.True(t, ok)
		require.Equal(t, "Mary Major", p.Name)
	})

	t.Run("root is refused as a person", func(t *testing.T) {
		_, err := load(t, "people: {root: {name: Somebody}}")
		require.Contains(t, faultsOf(t, err), "people.root")
	})

	t.Run("a file that is not YAML says the line", func(t *testing.T) {
		_, err := load(t, "temporal:\n  address: [")
		require.ErrorContains(t, err, "is not YAML")
		require.ErrorContains(t, err, "line")
	})

	t.Run("a named file that is missing is an error, none at all is not", func(t *testing.T) {
		_, err := config.Load(config.Source{Path: filepath.Join(t.TempDir(), "no.yaml")})
		require.ErrorContains(t, err, "no.yaml")
		t.Chdir(t.TempDir())
		_, err = config.Find(config.Source{})
		require.ErrorIs(t, err, config.ErrNoFile)
		cfg, err := config.Load(config.Source{})
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1:7233", cfg.Temporal.Address)
	})
}

func TestFind(t *testing.T) {
	home, here := t.TempDir(), t.TempDir()
	t.Chdir(here)
	inHome := filepath.Join(home, ".config", "immtrail", config.FileName)
	require.NoError(t, os.MkdirAll(filepath.Dir(inHome), 0o700))
	require.NoError(t, os.WriteFile(inHome, nil, 0o600))
	src := config.Source{Home: home, Getenv: func(string) string { return "" }}

	t.Run("the home folder comes before /etc", func(t *testing.T) {
		path, err := config.Find(src)
		require.NoError(t, err)
		require.Equal(t, inHome, path)
	})
	t.Run("the current folder comes first", func(t *testing.T) {
		require.NoError(t, os.WriteFile(config.FileName, nil, 0o600))
		path, err := config.Find(src)
		require.NoError(t, err)
		require.Equal(t, config.FileName, path)
	})
	t.Run("the variable beats both", func(t *testing.T) {
		named := write(t, "")
		src.Getenv = func(name string) string {
			require.Equal(t, config.EnvFile, name)
			return named
		}
		path, err := config.Find(src)
		require.NoError(t, err)
		require.Equal(t, named, path)
	})
}

func TestBelongsTogether(t *testing.T) {
	for name, each := range map[string]struct{ text, key string }{
		"codec without keys":              {"codec: {enabled: true}", "codec.keys"},
		"endpoint without a token":        {"codec: {enabled: true, keys: [{id: a, secret: 'env:A'}], endpoint: {listen: ':1', origins: ['http://ui']}}", "codec.endpoint.token"},
		"endpoint without the codec":      {"codec: {endpoint: {listen: ':1', token: 'env:T', origins: ['http://ui']}}", "codec.endpoint.listen"},
		"an origin with a path":           {"codec: {enabled: true, keys: [{id: a, secret: 'env:A'}], endpoint: {listen: ':1', token: 'env:T', origins: ['http://ui/x']}}", "codec.endpoint.origins[0]"},
		"the same key ID twice":           {"codec: {keys: [{id: a, secret: 'env:A'}, {id: a, secret: 'env:B'}]}", "codec.keys[1].id"},
		"a file store without recipients": {"vault: {url: 'file:///x'}", "vault.recipients"},
		"a store of an unknown kind":      {"vault: {url: 'ftp://x', recipients: [age1x]}", "vault.url"},
		"sealing without a digest key":    {"sealing: {keys: [{id: a, secret: 'env:A'}]}", "sealing.digest_key"},
		"a secret in clear":               {"database: {password: hunter2}", "database.password"},
		"sending without a sender":        {"notify: {deliver: send, smtp: {host: mail}}", "notify.from"},
		"a password over plain mail":      {"notify: {smtp: {tls: none, user: u, password: 'env:P'}}", "notify.smtp.tls"},
		"a login of an unknown kind":      {"notify: {smtp: {auth: kerberos}}", "notify.smtp.auth"},
		"a token without a user":          {"notify: {smtp: {auth: xoauth2}}", "notify.smtp.user"},
		"a token over plain mail":         {"notify: {smtp: {auth: xoauth2, tls: none, user: u, password: 'env:P'}}", "notify.smtp.tls"},
		"a chat's address in clear":       {"notify: {chat: ['slack://hunter2@x']}", "notify.chat[0]"},
		"a day shorter than a second":     {"calendar: {day: 10ms}", "calendar.day"},
		"a short day without an anchor":   {"calendar: {day: 1s}", "calendar.anchor"},
		"half a client certificate":       {"temporal: {tls: {enabled: true, cert: c.pem}}", "temporal.tls.cert"},
		"acting for nobody known":         {"people: {sam: {name: Sam, may_act_for: [mary]}}", "people.sam.may_act_for"},
		"a person in no time zone":        {"people: {sam: {name: Sam, zone: Mountain}}", "people.sam.zone"},
		"a single workflow task":          {"worker: {workflow_tasks: 1}", "worker.workflow_tasks"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := load(t, each.text)
			require.Contains(t, faultsOf(t, err), each.key)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestSecret(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"SET": "s3cret"}[name] }
	file := func(mode os.FileMode, text string) config.Secret {
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return config.Secret("file:" + path)
	}
	t.Run("is read from a variable", func(t *testing.T) {
		v, err := config.Secret("env:SET").Read(getenv)
		require.NoError(t, err)
		require.Equal(t, "s3cret", v)
	})
	t.Run("is read from a private file without its line end", func(t *testing.T) {
		v, err := file(0o600, "s3cret\n").Read(getenv)
		require.NoError(t, err)
		require.Equal(t, "s3cret", v)
	})
	t.Run("in a file that others may read is refused with the remedy", func(t *testing.T) {
		for _, mode := range []os.FileMode{0o640, 0o604} {
			_, err := file(mode, "s3cret").Read(getenv)
			require.ErrorContains(t, err, "chmod 600")
		}
	})
	t.Run("that is not there is an error that names it", func(t *testing.T) {
		_, err := config.Secret("env:UNSET").Read(getenv)
		require.ErrorContains(t, err, "UNSET")
		_, err = config.Secret("file:/no/such").Read(getenv)
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = file(0o600, "\n").Read(getenv)
		require.ErrorContains(t, err, "empty")
	})
	t.Run("in clear is never repeated", func(t *testing.T) {
		_, err := config.Secret("hunter2").Read(getenv)
		require.ErrorContains(t, err, "reference")
		require.NotContains(t, err.Error(), "hunter2")
	})
	t.Run("of a key must be 32 bytes", func(t *testing.T) {
		_, err := config.Key{Secret: "env:SET"}.KeyBytes(getenv)
		require.ErrorContains(t, err, "32 bytes")
		require.NotContains(t, err.Error(), "s3cret")
	})
}

func TestConnect(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"PW": "p w", "URL": "postgres://a:b@h/d"}[name]
	}
	t.Run("puts the password in", func(t *testing.T) {
		u, err := config.Database{URL: "postgres://immtrail@h/d", Password: "env:PW"}.Connect(getenv)
		require.NoError(t, err)
		require.Equal(t, "postgres://immtrail:p%20w@h/d", u)
	})
	t.Run("takes a whole URL by reference", func(t *testing.T) {
		u, err := config.Database{URL: "env:URL"}.Connect(getenv)
		require.NoError(t, err)
		require.Equal(t, "postgres://a:b@h/d", u)
	})
	t.Run("says what to set when nothing is", func(t *testing.T) {
		_, err := config.Database{}.Connect(getenv)
		require.ErrorContains(t, err, "IMMTRAIL_DATABASE__URL")
	})
}

func TestSettings(t *testing.T) {
	cfg, err := load(t, "database: {url: 'postgres://u:hunter2@h/d'}\nnotify: {smtp: {password: hunter2}}\npeople: {mary: {name: Mary}}",
		"IMMTRAIL_LOG__LEVEL=debug")
	require.Error(t, err, "the faults are there, and the settings can still be shown")
	settings := map[string]config.Setting{}
	for _, s := range cfg.Settings() {
		settings[s.Key] = s
		require.NotContains(t, s.Value, "hunter2")
	}
	require.Equal(t, "(hidden)", settings["notify.smtp.password"].Value)
	require.Equal(t, "IMMTRAIL_LOG__LEVEL", settings["log.level"].Place)
	require.Equal(t, "default", settings["temporal.namespace"].Place)
	require.Contains(t, settings["people.mary.name"].Place, "immtrail.yaml:3")
}

func TestKnownEnv(t *testing.T) {
	for name, known := range map[string]bool{
		"IMMTRAIL_CONFIG":               true,
		"IMMTRAIL_ALLOW_AS":             true,
		"IMMTRAIL_TEMPORAL__TASK_QUEUE": true,
		"IMMTRAIL_PEOPLE__MARY__NAME":   true,
		"IMMTRAIL_TEMPORAL":             false,
		"IMMTRAIL_TEMPORAL_ADDRESS":     false,
		"HOME":                          false,
	} {
		require.Equal(t, known, config.KnownEnv(name), name)
	}
	require.Equal(t, "IMMTRAIL_NOTIFY__SMTP__PORT", config.EnvName("notify.smtp.port"))
}

func FuzzLoad(f *testing.F) {
	f.Add("temporal: {address: a}")
	f.Add("people: {a.b: {name: 3}}\ncodec: {keys: [1, {id: x}]}")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), config.FileName)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		cfg, err := config.Load(config.Source{Path: path})
		require.True(t, cfg != nil || err != nil)
	})
}
