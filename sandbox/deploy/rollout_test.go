package deploy_test

import (
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/engine"
)

// practiceFile is what a coordinator would write.
const practiceFile = `
id: sunrise-plano
name: Sunrise Pediatrics of Plano
org_code: SUNR1001
iis_id: "1900000001"
connection: registry
sites:
  - {id: plano, name: Sunrise Plano, facilities: [SUNR1001-1], prescribers: ["1234567893"], agreement_expires: "2035-12-31"}
contacts:
  - {role: practice, name: Front Desk, email: desk@sunrise.example}
  - {role: ehr-vendor, name: EHR Support, email: support@ehr.example}
  - {role: coordinator, name: Mary Major, email: mary.major@example.org}
`

// TestRollout brings the whole up and delivers a file.
func TestRollout(t *testing.T) {
	m := newMachine(t)
	listen := m.listenHere(t)

	t.Run("preparing again changes nothing", func(t *testing.T) {
		before := m.snapshot(t)
		m.prepare(t)
		require.Equal(t, before, m.snapshot(t))
	})
	m.ok(t, "setup")
	stop := m.worker(t)
	require.Eventually(t, func() bool {
		return answers(t, "http://"+listen["HEALTH"]+"/readyz") == http.StatusOK
	}, patience, tick, "the worker gets ready")

	m.connect(t)
	m.write(t, "sunrise.yaml", practiceFile)
	m.ok(t, "starter", "practice", "add", "sunrise.yaml")
	m.ok(t, "starter", "onboard", "sunrise-plano")
	m.waived(t)
	facts := m.drop(t)
	name := m.delivered(t)

	t.Run("the file arrives whole, under a name that tells nothing of patients", func(t *testing.T) {
		data, err := os.ReadFile(filepath.Join(m.registryFolder(), "inbound", "test", name))
		require.NoError(t, err)
		require.Equal(t, facts.Messages, strings.Count(string(data), "MSH|"))
		for _, p := range facts.Patients {
			require.Contains(t, string(data), p.Family)
			require.NotContains(t, strings.ToUpper(name), strings.ToUpper(p.Family))
		}
	})
	t.Run("what lies in Temporal is encrypted, and the codec endpoint wants its token", func(t *testing.T) {
		require.Equal(t, "binary/encrypted", m.encoding(t, "onboarding/sunrise-plano"))
		require.Equal(t, http.StatusUnauthorized, answers(t, "http://"+listen["CODEC__ENDPOINT"]+"/decode"))
	})
	t.Run("metrics are served", func(t *testing.T) {
		require.Equal(t, http.StatusOK, answers(t, "http://"+listen["METRICS"]+"/metrics"))
	})
	t.Run("doctor finds nothing wrong", func(t *testing.T) {
		m.ok(t, "starter", "doctor")
	})
	t.Run("setup may be repeated, as every start does", func(t *testing.T) {
		m.ok(t, "setup")
	})
	t.Run("a stop is clean", func(t *testing.T) {
		require.Zero(t, stop())
	})
}

// connect adds the connection as deploy/registry.example.yaml has it, after a
// look at the server's key.
func (m *machine) connect(t *testing.T) {
	t.Helper()
	host, port, err := net.SplitHostPort(m.at["registry:2022"])
	require.NoError(t, err)
	text := read(t, "deploy", "registry.example.yaml")
	for old, here := range map[string]string{
		"host: registry\n": "host: " + host + "\n", "port: 2022\n": "port: " + port + "\n",
		"/run/secrets/registry_password": m.project.Secrets["registry_password"].File,
	} {
		require.Contains(t, text, old)
		text = strings.Replace(text, old, here, 1)
	}
	m.write(t, "registry.yaml", text)
	out, code := m.run(t, "starter", "connection", "add", "registry.yaml")
	require.Equal(t, 1, code, "no key is accepted without a person: %s", out)
	fingerprint := regexp.MustCompile(`SHA256:\S+`).FindString(out)
	m.ok(t, "starter", "connection", "add", "registry.yaml", "--accept-host-key", fingerprint)
	m.ok(t, "starter", "connection", "test", "registry")
}

// write puts a file into deploy/config.
func (m *machine) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(m.dir, "deploy", "config", name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	m.own(t, path)
}

// drop puts a test file into the outbox, as an EHR did some minutes ago.
func (m *machine) drop(t *testing.T) hl7gen.Facts {
	t.Helper()
	folder := filepath.Join(m.dir, "deploy", "data", "outbox", "sunrise-plano", "test")
	require.DirExists(t, folder, "adding a practice makes its outbox")
	path := filepath.Join(folder, "monday.hl7")
	f, err := os.Create(path)
	require.NoError(t, err)
	gen := hl7gen.New(7, hl7gen.Options{
		OrgCode: "SUNR1001", Facilities: []hl7gen.Facility{{ID: "SUNR1001-1"}}, Prescribers: []string{"1234567893"},
		Now: time.Now(),
	})
	facts, err := gen.Batch(f, hl7gen.BatchOptions{Messages: 4})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	past := time.Now().Add(-5 * time.Minute)
	require.NoError(t, os.Chtimes(path, past, past))
	m.own(t, path)
	return facts
}

// waived lets testing begin, although no paper of this practice is there.
func (m *machine) waived(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { // the onboarding listens a moment after it was begun
		_, code := m.run(t, "starter", "practice", "waive", "sunrise-plano", "--reason", "a trial of the machine")
		return code == 0
	}, patience, tick, "testing begins: %s", m.ok(t, "starter", "status", "sunrise-plano"))
}

// delivered asks for a submission until the file lies at the registry, and
// returns its name there.
func (m *machine) delivered(t *testing.T) (name string) {
	t.Helper()
	triggered := false
	require.Eventually(t, func() bool {
		if !triggered {
			_, code := m.run(t, "starter", "submission", "run", "sunrise-plano", "--reason", "a trial of the machine")
			triggered = code == 0 // the schedule is there a moment after onboard
		}
		entries, err := os.ReadDir(filepath.Join(m.registryFolder(), "inbound", "test"))
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".part") {
				name = e.Name()
			}
		}
		return err == nil && name != ""
	}, patience, tick, "the file is delivered: %s", m.ok(t, "starter", "status", "sunrise-plano"))
	require.Eventually(t, func() bool {
		var shown struct {
			Files []struct{ State registry.FileState }
		}
		out := m.ok(t, "starter", "status", "sunrise-plano", "--output", "json")
		require.NoError(t, json.Unmarshal([]byte(out), &shown), out)
		return len(shown.Files) == 1 && shown.Files[0].State == registry.FileDelivered
	}, patience, tick, "the delivery is confirmed")
	return name
}

// encoding is how the input of a workflow lies in Temporal.
func (m *machine) encoding(t *testing.T, workflowID string) string {
	t.Helper()
	conn, err := grpc.NewClient(m.temporal.HostPort(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	history, err := workflowservice.NewWorkflowServiceClient(conn).GetWorkflowExecutionHistory(t.Context(),
		&workflowservice.GetWorkflowExecutionHistoryRequest{
			Namespace: engine.Namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
		})
	require.NoError(t, err)
	input := history.GetHistory().GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput()
	return string(input.GetPayloads()[0].GetMetadata()["encoding"])
}

// snapshot is every file that deploy/prepare makes, with its text.
func (m *machine) snapshot(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, m.bin) {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	}))
	return files
}
