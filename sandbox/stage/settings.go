package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"immtrail/starter/cli"
)

// coordinator is who acts in a rehearsal.
const coordinator = "Carla Coordinator"

// CoordinatorMail is where letters to the practices' coordinator go.
const CoordinatorMail = "carla@coordinator.example"

// madeKeys are the keys of a rehearsal by kind.
var madeKeys = []string{"identity", "codec", "sealing", "digest", "token"}

// makeKeys makes the keys once, with the command that a real deployment uses.
func (s *Stage) makeKeys(ctx context.Context) error {
	for _, kind := range madeKeys {
		out, err := s.Starter(ctx, "keys", "new", "--kind", kind, "--id", "rehearsal", "--dir", s.path("keys"), "--output", "json")
		if err != nil && !s.haveKey(kind) {
			return err
		}
		if err == nil && kind == "identity" {
			var made struct{ Recipient string }
			if err := json.Unmarshal([]byte(out), &made); err != nil {
				return fmt.Errorf("keys new: %w", err)
			}
			if err := writeFile(s.path("keys", "recipient"), []byte(made.Recipient)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Stage) haveKey(kind string) bool {
	for _, name := range []string{kind + ".key", kind + "-rehearsal.key"} {
		if _, err := os.Stat(s.path("keys", name)); err == nil {
			return kind != "identity" || s.haveRecipient()
		}
	}
	return false
}

func (s *Stage) haveRecipient() bool {
	_, err := os.Stat(s.path("keys", "recipient"))
	return !errors.Is(err, fs.ErrNotExist)
}

// writeSettings writes immtrail.yaml with the addresses of this run.
func (s *Stage) writeSettings() error {
	recipient, err := os.ReadFile(s.path("keys", "recipient"))
	if err != nil {
		return err
	}
	if err := writeFile(s.path("keys", "database.url"), []byte(s.databaseURL)); err != nil {
		return err
	}
	cal := s.state.Calendar
	text := fmt.Sprintf(`# Written by the sandbox at every start.
temporal:
  address: %s
  namespace: default
database:
  url: "file:%s"
vault:
  url: file://%s
  recipients: [%s]
  identities: ["file:%s"]
sealing:
  keys:
    - {id: rehearsal, secret: "file:%s"}
  digest_key: "file:%s"
%soutbox:
  dir: %s
  stable: 150ms
profile:
  dir: %s
notify:
  deliver: send
  smtp: {host: 127.0.0.1, port: %d, tls: none}
  from: %s
people:
  carla: {name: %s, email: %s}
metrics: {listen: "%s"}
health: {listen: "%s"}
log: {level: info, format: json}
worker: {activities: 8, stop_timeout: 5s}
calendar:
  epoch: %s
  anchor: %s
  day: %s
  backfilled: %t
`, s.engine.HostPort(), s.path("keys", "database.url"), s.path("vault"), strings.TrimSpace(string(recipient)),
		s.path("keys", "identity.key"), s.path("keys", "sealing-rehearsal.key"), s.path("keys", "digest.key"),
		s.codecSettings(), s.path("outbox"), s.path("profile"), s.MailPort(), CoordinatorMail, coordinator, CoordinatorMail,
		s.metricsAddr, s.healthAddr,
		cal.Epoch.Format(time.RFC3339Nano), cal.Anchor.Format(time.RFC3339Nano), cal.Day, cal.Backfilled)
	return writeFile(s.SettingsFile(), []byte(text))
}

// codecSettings encrypt what lies in Temporal, where that is wanted.
func (s *Stage) codecSettings() string {
	if !s.opts.Codec {
		return ""
	}
	return fmt.Sprintf(`codec:
  enabled: true
  keys:
    - {id: rehearsal, secret: "file:%s"}
  endpoint:
    listen: "%s"
    token: "file:%s"
    origins: ["%s"]
`, s.path("keys", "codec-rehearsal.key"), s.codecAddr, s.path("keys", "token.key"), s.engine.UIURL())
}

// profileOverlay is what a rehearsal changes of the Texas profile, as a
// coordinator would: in a file.
const profileOverlay = `# A rehearsal waits less and sends smaller parts.
policy:
  patience: %g
  history_part_messages: %d
  quiet_site_days: 6
  # Nobody sits here to send letters to the registry.
  registry_letters: automatic
  # Production emails of a rehearsal come from here.
  approval_senders: [registry.example]
`

func (s *Stage) writeProfile() error {
	for _, dir := range []string{"outbox", "profile/practices", "vault", "logs", "practices"} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(s.path("vault"), 0o700); err != nil { //nolint:gosec // the owner's alone
		return err
	}
	return writeFile(s.path("profile", "texas.yaml"), fmt.Appendf(nil, profileOverlay, patience(s.state.Calendar.Day), partMessages))
}

// partMessages is small, so that a small load has several parts.
const partMessages = 20

// patience scales timeouts with the day; presets have floors of their own.
func patience(day time.Duration) float64 {
	return min(1, max(0.001, day.Hours()/24))
}

// SettingsFile is the settings file of worker and starter.
func (s *Stage) SettingsFile() string { return s.path("immtrail.yaml") }

// Starter runs a command of the starter in this process, as the coordinator,
// and returns what it printed. A refusal is an error with the starter's words.
func (s *Stage) Starter(ctx context.Context, args ...string) (string, error) {
	var out, complaints bytes.Buffer
	env := map[string]string{"IMMTRAIL_CONFIG": s.SettingsFile(), "IMMTRAIL_ALLOW_AS": "1"}
	code := cli.Run(ctx, cli.Env{
		Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &complaints,
		Getenv: func(name string) string { return env[name] },
		Environ: []string{
			"IMMTRAIL_CONFIG=" + env["IMMTRAIL_CONFIG"], "IMMTRAIL_ALLOW_AS=1",
		},
		Login: "carla", Now: time.Now,
	})
	if code != cli.ExitOK {
		return out.String(), &RefusalError{Code: code, Words: strings.TrimSpace(complaints.String()), Args: args}
	}
	return out.String(), nil
}

// RefusalError is a command of the starter that did not exit with 0.
type RefusalError struct {
	Code  int
	Words string
	Args  []string
}

func (r *RefusalError) Error() string {
	return fmt.Sprintf("starter %s: exit %d: %s", strings.Join(r.Args, " "), r.Code, r.Words)
}

func newSecret() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
