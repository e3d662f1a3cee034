package temporalconn_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"immtrail/internal/temporalconn"
	"immtrail/registry"
)

const (
	webUI = "http://127.0.0.1:8233"
	token = "k3e9w8r7t6z5u4i3o2p1"
)

func endpoint(t *testing.T, s temporalconn.Settings) *httptest.Server {
	t.Helper()
	h, err := temporalconn.CodecHandler(s, []string{webUI}, token)
	require.NoError(t, err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func request(t *testing.T, method, url string, body *commonpb.Payloads, header map[string]string) *http.Response {
	t.Helper()
	b, err := protojson.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(string(b)))
	require.NoError(t, err)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func payloadsOf(t *testing.T, resp *http.Response) []*commonpb.Payload {
	t.Helper()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var got commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(body, &got))
	return got.Payloads
}

func TestCodecHandlerServesTheWebUI(t *testing.T) {
	t.Parallel()
	keys := on(key("2026-03", 1))
	srv := endpoint(t, keys)
	// What the Web UI does with an endpoint: it puts the act behind it.
	decodeURL := temporalconn.CodecURL(srv.URL, token) + "/decode?preserveStorageRefs=true"
	headers := map[string]string{"Origin": webUI, "Content-Type": "application/json", "X-Namespace": "default"}

	t.Run("encrypted payloads become readable, others stay as they are", func(t *testing.T) {
		t.Parallel()
		plain := encode(t, temporalconn.Settings{}, "in clear")
		resp := request(t, http.MethodPost, decodeURL, &commonpb.Payloads{
			Payloads: []*commonpb.Payload{encode(t, keys, status{Practice: "sunrise-plano"}), plain},
		}, headers)
		require.Equal(t, webUI, resp.Header.Get("Access-Control-Allow-Origin"))
		got := payloadsOf(t, resp)
		require.JSONEq(t, `{"practice":"sunrise-plano","open":0}`, string(got[0].Data))
		require.JSONEq(t, `"in clear"`, string(got[1].Data))
	})
	t.Run("one payload under an unknown key does not blind the page", func(t *testing.T) {
		t.Parallel()
		got := payloadsOf(t, request(t, http.MethodPost, decodeURL, &commonpb.Payloads{
			Payloads: []*commonpb.Payload{encode(t, on(key("lost", 7)), 1), encode(t, keys, 2)},
		}, headers))
		require.Contains(t, string(got[0].Data), `lost`)
		require.Contains(t, string(got[0].Data), "cannot be shown")
		require.Equal(t, "2", string(got[1].Data))
	})
	t.Run("what is typed into a dialog is encrypted", func(t *testing.T) {
		t.Parallel()
		got := payloadsOf(t, request(t, http.MethodPost, temporalconn.CodecURL(srv.URL, token)+"/encode", &commonpb.Payloads{
			Payloads: []*commonpb.Payload{encode(t, temporalconn.Settings{}, status{Practice: "p"})},
		}, headers))
		require.Equal(t, status{Practice: "p"}, decode[status](t, keys, got[0]))
		require.Equal(t, "binary/encrypted", string(got[0].Metadata["encoding"]))
	})
	t.Run("HL7 pasted into a dialog is refused and not repeated", func(t *testing.T) {
		t.Parallel()
		resp := request(t, http.MethodPost, temporalconn.CodecURL(srv.URL, token)+"/encode", &commonpb.Payloads{
			Payloads: []*commonpb.Payload{{Data: []byte(`"PID|1||Zzyzxqua"`)}},
		}, headers)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	})
	t.Run("the browser's question beforehand is answered without a token", func(t *testing.T) {
		t.Parallel()
		resp := request(t, http.MethodOptions, decodeURL, nil, map[string]string{
			"Origin": webUI, "Access-Control-Request-Method": "POST",
			"Access-Control-Request-Headers": "content-type,x-namespace",
		})
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
		require.Equal(t, webUI, resp.Header.Get("Access-Control-Allow-Origin"))
		for _, h := range []string{"content-type", "x-namespace", "authorization"} {
			require.Contains(t, resp.Header.Get("Access-Control-Allow-Headers"), h)
		}
		require.Contains(t, resp.Header.Get("Access-Control-Allow-Methods"), "POST")
	})
}

func TestCodecHandlerKeepsOthersOut(t *testing.T) {
	t.Parallel()
	keys := on(key("k", 1))
	srv := endpoint(t, keys)
	body := &commonpb.Payloads{Payloads: []*commonpb.Payload{encode(t, keys, "Zzyzxqua")}}
	good := temporalconn.CodecURL(srv.URL, token) + "/decode"
	for name, tc := range map[string]struct {
		url    string
		header map[string]string
		want   int
	}{
		"the token in the path":           {good, nil, http.StatusOK},
		"the token as a bearer":           {srv.URL + "/decode", map[string]string{"Authorization": "Bearer " + token}, http.StatusOK},
		"no token":                        {srv.URL + "/decode", nil, http.StatusUnauthorized},
		"a wrong token in the path":       {srv.URL + "/x" + token + "/decode", nil, http.StatusUnauthorized},
		"half a token":                    {srv.URL + "/" + token[:10] + "/decode", nil, http.StatusUnauthorized},
		"a wrong bearer":                  {srv.URL + "/decode", map[string]string{"Authorization": "Bearer nope"}, http.StatusUnauthorized},
		"an empty bearer":                 {srv.URL + "/decode", map[string]string{"Authorization": "Bearer "}, http.StatusUnauthorized},
		"the token as a query":            {srv.URL + "/decode?token=" + token, nil, http.StatusUnauthorized},
		"a foreign page, even with it":    {good, map[string]string{"Origin": "http://evil.example"}, http.StatusForbidden},
		"the same host on another port":   {good, map[string]string{"Origin": "http://127.0.0.1:9999"}, http.StatusForbidden},
		"a page without an origin (null)": {good, map[string]string{"Origin": "null"}, http.StatusForbidden},
		"an act that does not exist":      {temporalconn.CodecURL(srv.URL, token) + "/download", nil, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := request(t, http.MethodPost, tc.url, body, tc.header)
			require.Equal(t, tc.want, resp.StatusCode)
			if tc.want != http.StatusOK {
				require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
			}
		})
	}
	t.Run("a body without end", func(t *testing.T) {
		t.Parallel()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, good, strings.NewReader(strings.Repeat("x", 17<<20)))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err == nil { // the server may also hang up while it is being sent
			require.Equal(t, http.StatusBadRequest, resp.StatusCode)
			require.NoError(t, resp.Body.Close())
		}
	})
}

func TestCodecHandlerRefusesSettings(t *testing.T) {
	t.Parallel()
	keys := on(key("k", 1))
	for name, try := range map[string]func() error{
		"an empty token":        func() error { _, err := temporalconn.CodecHandler(keys, nil, ""); return err },
		"a short token":         func() error { _, err := temporalconn.CodecHandler(keys, nil, "0123456789"); return err },
		"a token with a slash":  func() error { _, err := temporalconn.CodecHandler(keys, nil, token+"/"); return err },
		"any origin":            func() error { _, err := temporalconn.CodecHandler(keys, []string{"*"}, token); return err },
		"an origin with a path": func() error { _, err := temporalconn.CodecHandler(keys, []string{webUI + "/"}, token); return err },
		"a codec without keys":  func() error { _, err := temporalconn.CodecHandler(on(), nil, token); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, registry.Invalid, registry.KindOf(try()))
		})
	}
}
