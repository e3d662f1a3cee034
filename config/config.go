package config

import (
	"time"

	"immtrail/registry"
)

// Config is every setting of immtrail. The tag `key` is its name in the file;
// `doc` says in a sentence what it does.
type Config struct {
	Temporal Temporal          `key:"temporal"`
	Codec    Codec             `key:"codec"`
	Database Database          `key:"database"`
	Vault    Vault             `key:"vault"`
	Sealing  Sealing           `key:"sealing"`
	Outbox   Outbox            `key:"outbox"`
	Profile  Profile           `key:"profile"`
	Codes    Codes             `key:"codes"`
	Notify   Notify            `key:"notify"`
	People   map[string]Person `key:"people" doc:"who is who: login at this computer to person"`
	Metrics  Listen            `key:"metrics"`
	Health   Listen            `key:"health"`
	Log      Log               `key:"log"`
	Calendar Calendar          `key:"calendar"`
	Worker   Worker            `key:"worker"`

	// File is the file the settings came from; empty when there was none.
	File string

	// places says where each key that is not a default stands.
	places map[string]string
}

// Temporal is how to reach the Temporal server.
type Temporal struct {
	Address   string `key:"address" doc:"host and port of the Temporal frontend"`
	Namespace string `key:"namespace" doc:"namespace, which must exist"`
	TaskQueue string `key:"task_queue" doc:"task queue that workers poll"`
	APIKey    Secret `key:"api_key" doc:"reference to an API key (Temporal Cloud)"`
	TLS       TLS    `key:"tls"`
}

// TLS protects the connection to Temporal.
type TLS struct {
	Enabled    bool   `key:"enabled" doc:"use TLS"`
	CA         string `key:"ca" doc:"file with the server's CA certificates; empty: the system's"`
	Cert       string `key:"cert" doc:"file with the client certificate"`
	Key        Secret `key:"key" doc:"reference to the client certificate's key"`
	ServerName string `key:"server_name" doc:"name the server certificate must carry"`
}

// Codec encrypts what lies in Temporal's history.
type Codec struct {
	Enabled  bool     `key:"enabled" doc:"encrypt payloads; the first key encrypts, all of them decrypt"`
	Keys     []Key    `key:"keys" doc:"keys by ID, the newest first"`
	Endpoint Endpoint `key:"endpoint"`
}

// Key is a key with an ID, so that keys can be changed while old data stays
// readable. Secrets are 32 bytes, written as base64.
type Key struct {
	ID     string `key:"id" doc:"name of the key"`
	Secret Secret `key:"secret" doc:"reference to the key"`
}

// Endpoint is where the Web UI has payloads decoded.
type Endpoint struct {
	Listen  string   `key:"listen" doc:"address of the codec endpoint; empty: none"`
	Token   Secret   `key:"token" doc:"reference to the token that callers must send"`
	Origins []string `key:"origins" doc:"origins of the Web UI that may call (CORS)"`
}

// Database is the PostgreSQL database.
type Database struct {
	URL      string `key:"url" doc:"postgres:// URL without a password, or a reference to a whole URL"`
	Password Secret `key:"password" doc:"reference to the password, where the URL has none"`
}

// Vault is the file store.
type Vault struct {
	URL        string   `key:"url" doc:"where encrypted files lie: file:///path"`
	Recipients []string `key:"recipients" doc:"age recipients that new files are encrypted to"`
	Identities []Secret `key:"identities" doc:"references to the age identities that read them"`
}

// Sealing protects what staff need to find a patient, inside the database.
type Sealing struct {
	Keys      []Key  `key:"keys" doc:"keys by ID, the newest first"`
	DigestKey Secret `key:"digest_key" doc:"reference to the key of record digests; never change it"`
}

// Outbox is where EHRs put their files.
type Outbox struct {
	Dir    string        `key:"dir" doc:"folder that holds <practice>/<test|production|historical>/"`
	Stable time.Duration `key:"stable" doc:"how long a file must not change before it is taken"`
}

// Profile is what is particular to the registry.
type Profile struct {
	Dir string `key:"dir" doc:"folder of overrides: texas.yaml and practices/<id>.yaml"`
}

// Codes are the code tables that files are judged by.
type Codes struct {
	Dir string `key:"dir" doc:"folder of imported code tables (starter codes import); empty: the built-in ones"`
}

// Notify is how letters leave.
type Notify struct {
	Deliver string `key:"deliver" doc:"off: letters are written and kept; send: they are sent"`
	SMTP    SMTP   `key:"smtp"`
	// Chat are addresses as shoutrrr writes them; they hold secrets.
	Chat            []Secret `key:"chat" doc:"references to addresses of chat rooms that are told of alerts"`
	From            string   `key:"from" doc:"mailbox that every letter leaves from; bounces come back to it"`
	ReplyTo         string   `key:"reply_to" doc:"where all answers go; empty: to the practice's coordinator, or else from"`
	MessageIDDomain string   `key:"message_id_domain" doc:"domain of Message-IDs; empty: that of from"`
	Bounces         string   `key:"bounces" doc:"Maildir, or folder of .eml, in which letters come back; empty: hand them in"`
}

// SMTP is the mail server.
type SMTP struct {
	Host     string `key:"host" doc:"mail server"`
	Port     int    `key:"port" doc:"its port"`
	TLS      string `key:"tls" doc:"starttls, implicit (port 465) or none (a relay on this machine)"`
	Auth     string `key:"auth" doc:"auto (the best the server offers), plain, login or xoauth2"`
	User     string `key:"user" doc:"login, where the server wants one"`
	Password Secret `key:"password" doc:"reference to its password; with xoauth2 to the access token, read for every letter"`
}

// Person is who a login at this computer is.
type Person struct {
	Name  string `key:"name" doc:"the name that the audit log and letters carry"`
	Email string `key:"email" doc:"where alerts reach the person"`
	Zone  string `key:"zone" doc:"IANA time zone where the person is; empty: the practice's"`
	// MayActFor lists the logins of the people this person may enter acts for.
	MayActFor []string `key:"may_act_for" doc:"logins this person may act for with --as"`
}

// Listen is an address to serve on.
type Listen struct {
	Listen string `key:"listen" doc:"address to serve on; empty: do not serve"`
}

// Log is how the worker logs.
type Log struct {
	Level  string `key:"level" doc:"debug, info, warn or error"`
	Format string `key:"format" doc:"json or text"`
}

// Calendar is for rehearsals: a day that lasts a second. Leave it alone in
// real life.
type Calendar struct {
	Epoch  time.Time     `key:"epoch" doc:"rehearsals only: the date at anchor"`
	Anchor time.Time     `key:"anchor" doc:"rehearsals only: the moment at which the date was epoch"`
	Day    time.Duration `key:"day" doc:"rehearsals only: how long a day lasts; 24h is real life"`
	// Backfilled is registry.Calendar's.
	Backfilled bool `key:"backfilled" doc:"rehearsals only: submissions keep to the calendar's dates and are begun by backfills"`
}

// Registry is the calendar as the process knows it.
func (c Calendar) Registry() registry.Calendar {
	if c.Anchor.IsZero() && (c.Day == 0 || c.Day == 24*time.Hour) {
		return registry.Calendar{}
	}
	return registry.Calendar{Epoch: c.Epoch, Anchor: c.Anchor, Day: c.Day, Backfilled: c.Backfilled}
}

// Worker bounds what one worker does at once.
type Worker struct {
	Activities    int           `key:"activities" doc:"activities at once"`
	WorkflowTasks int           `key:"workflow_tasks" doc:"workflow tasks at once"`
	DBConnections int           `key:"db_connections" doc:"database connections at most"`
	StopTimeout   time.Duration `key:"stop_timeout" doc:"how long running activities may finish after a stop"`
}

// Default is what holds where nothing is set.
func Default() *Config {
	return &Config{
		Temporal: Temporal{Address: "127.0.0.1:7233", Namespace: "default", TaskQueue: "immtrail"},
		Outbox:   Outbox{Stable: 30 * time.Second},
		Notify:   Notify{Deliver: "off", SMTP: SMTP{Port: 587, TLS: "starttls", Auth: "auto"}},
		Metrics:  Listen{Listen: "127.0.0.1:9464"},
		Health:   Listen{Listen: "127.0.0.1:8081"},
		Log:      Log{Level: "info", Format: "json"},
		Calendar: Calendar{Day: 24 * time.Hour},
		Worker:   Worker{Activities: 16, WorkflowTasks: 64, DBConnections: 16, StopTimeout: 30 * time.Second},
	}
}
