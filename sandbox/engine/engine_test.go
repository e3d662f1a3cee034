package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/internal/temporalconn"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/sandbox/engine"
)

// patience bounds what a busy machine may take for anything here.
const patience = 2 * time.Minute

const taskQueue = "engine-test"

// nap waits for the signal "go", then for a timer, and says how it was called.
func nap(ctx workflow.Context, d time.Duration) (string, error) {
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		searchattr.PracticeID.ValueSet("sunrise-plano"), searchattr.NeedsAttention.ValueSet(true)); err != nil {
		return "", err
	}
	var word string
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, &word)
	return word, workflow.Sleep(ctx, d)
}

func start(t *testing.T, opts engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Stop()) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, e.WaitReady(ctx))
	return e
}

func dial(t *testing.T, hostPort string) client.Client {
	t.Helper()
	c, err := temporalconn.Dial(t.Context(), temporalconn.Settings{HostPort: hostPort}, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func work(t *testing.T, c client.Client) {
	t.Helper()
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(nap)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

func startNap(t *testing.T, c client.Client, id string, d time.Duration) {
	t.Helper()
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: taskQueue}, nap, d)
	require.NoError(t, err)
}

func result(t *testing.T, c client.Client, id string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var word string
	require.NoError(t, c.GetWorkflow(ctx, id, "").Get(ctx, &word))
	return word
}

func body(t *testing.T, c *http.Client, req *http.Request) (int, string) {
	t.Helper()
	resp, err := c.Do(req)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, string(b)
}

func get(t *testing.T, u string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, http.NoBody)
	require.NoError(t, err)
	return req
}

func TestEngine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "temporal")
	e := start(t, engine.Options{Dir: dir})
	c := dial(t, e.HostPort())
	work(t, c)

	t.Run("search attributes can be registered again and again, and used at once", func(t *testing.T) {
		require.NoError(t, temporalconn.EnsureSearchAttributes(t.Context(), c, engine.Namespace))
		require.NoError(t, temporalconn.EnsureSearchAttributes(t.Context(), c, engine.Namespace))
		missing, err := temporalconn.MissingSearchAttributes(t.Context(), c, engine.Namespace)
		require.NoError(t, err)
		require.Empty(t, missing)
		startNap(t, c, "nap/1", 0)
		require.Eventually(t, func() bool {
			r, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
				Query: "PracticeID = 'sunrise-plano' AND NeedsAttention = true",
			})
			return err == nil && r.GetCount() == 1
		}, patience, 50*time.Millisecond)
	})
	t.Run("a signal sent from the Web UI ends the workflow", func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		browser := &http.Client{Jar: jar}
		code, page := body(t, browser, get(t, e.UIURL()+"/"))
		require.Equal(t, http.StatusOK, code)
		require.Contains(t, page, "<html")
		u, err := url.Parse(e.UIURL())
		require.NoError(t, err)
		require.NotEmpty(t, jar.Cookies(u), "a browser must keep the CSRF cookie on plain http")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			e.UIURL()+"/api/v1/namespaces/default/workflows/nap%2F1/signal/go",
			strings.NewReader(`{"signalName":"go","workflowExecution":{"workflowId":"nap/1"},
				"input":{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"InVwIg=="}]}}`))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-CSRF-Token", jar.Cookies(u)[0].Value)
		code, answer := body(t, browser, req)
		require.Equal(t, http.StatusOK, code, answer)
		require.Equal(t, "up", result(t, c, "nap/1"))
	})
	t.Run("after a stop and a start a sleeping workflow finishes", func(t *testing.T) {
		startNap(t, c, "nap/2", time.Millisecond)
		require.NoError(t, e.Stop())
		again := dial(t, start(t, engine.Options{Dir: dir, NoUI: true}).HostPort())
		work(t, again)
		require.NoError(t, again.SignalWorkflow(t.Context(), "nap/2", "", "go", "slept"))
		require.Equal(t, "slept", result(t, again, "nap/2"))
	})
}

func TestDoors(t *testing.T) {
	e := start(t, engine.Options{Dir: t.TempDir(), CodecEndpoint: "http://127.0.0.1:1/secret"})

	t.Run("the Web UI knows the codec endpoint", func(t *testing.T) {
		_, settings := body(t, http.DefaultClient, get(t, e.UIURL()+"/api/v1/settings"))
		var s struct{ Codec struct{ Endpoint string } }
		require.NoError(t, json.Unmarshal([]byte(settings), &s))
		require.Equal(t, "http://127.0.0.1:1/secret", s.Codec.Endpoint)
	})
	t.Run("a foreign name for this machine gets nothing", func(t *testing.T) {
		req := get(t, e.UIURL()+"/api/v1/namespaces/default/workflows")
		req.Host = "evil.example"
		code, _ := body(t, http.DefaultClient, req)
		require.Equal(t, http.StatusMisdirectedRequest, code)
	})
	t.Run("a second engine finds other ports", func(t *testing.T) {
		u, err := url.Parse(e.UIURL())
		require.NoError(t, err)
		var taken int
		_, err = fmt.Sscan(u.Port(), &taken)
		require.NoError(t, err)
		other := start(t, engine.Options{Dir: t.TempDir(), UIPort: taken})
		require.NotEqual(t, e.UIURL(), other.UIURL())
		require.NotEqual(t, e.HostPort(), other.HostPort())
	})
	t.Run("it listens on loopback only", func(t *testing.T) {
		for _, addr := range []string{e.HostPort(), strings.TrimPrefix(e.UIURL(), "http://")} {
			host, _, err := net.SplitHostPort(addr)
			require.NoError(t, err)
			require.True(t, net.ParseIP(host).IsLoopback())
		}
	})
}

func TestKilledEngine(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	victim := dial(t, strings.TrimSpace(line))
	require.NoError(t, temporalconn.EnsureSearchAttributes(t.Context(), victim, engine.Namespace))
	for i := range 5 {
		startNap(t, victim, fmt.Sprintf("nap/%d", i), 10*time.Millisecond)
		require.NoError(t, victim.SignalWorkflow(t.Context(), fmt.Sprintf("nap/%d", i), "", "go", "survived"))
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	c := dial(t, start(t, engine.Options{Dir: dir, NoUI: true}).HostPort())
	work(t, c)
	for i := range 5 {
		require.Equal(t, "survived", result(t, c, fmt.Sprintf("nap/%d", i)))
	}
}

func TestStartRefusesTheFileOfAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal.db.schema"), []byte("0.1/0.1\n"), 0o600))
	_, err := engine.Start(t.Context(), engine.Options{Dir: dir})
	require.ErrorContains(t, err, "another version of Temporal")
}

func TestStartMakesHalfAFileAnew(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal.db"), []byte("half"), 0o600))
	start(t, engine.Options{Dir: dir, NoUI: true})
}
