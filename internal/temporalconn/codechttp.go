package temporalconn

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"immtrail/registry"
)

// Bounds of the codec endpoint.
const (
	// maxCodecBody is more than a page of history holds (4 MB, in base64).
	maxCodecBody = 16 << 20
	// minTokenChars keeps a token from being guessed.
	minTokenChars = 16
)

// CodecHandler serves the codec endpoint that makes encrypted payloads readable
// in the Web UI: POST …/decode, and POST …/encode, which the Web UI calls for
// everything that is typed into its dialogs as soon as an endpoint is set.
//
// Who may call it knows the token, and shows it in one of two ways:
//   - as "Authorization: Bearer TOKEN", behind a proxy that knows its users;
//   - as the first element of the path, /TOKEN/decode: the Web UI without
//     single sign-on sends no header of its own, but puts "/decode" behind
//     whatever URL it is given. CodecURL builds that URL.
//
// A request that a web page makes is answered for the named origins only, such
// as "http://127.0.0.1:8233". It fails with kind Invalid on bad settings, a
// short token or an origin that is none.
func CodecHandler(s Settings, origins []string, token string) (http.Handler, error) {
	crypt, err := newCodec(s)
	if err != nil {
		return nil, err
	}
	if len(token) < minTokenChars || url.PathEscape(token) != token {
		return nil, registry.Errorf(registry.Invalid, "codec endpoint", "the token needs %d characters or more that can stand in a URL", minTokenChars)
	}
	for _, o := range origins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return nil, registry.Errorf(registry.Invalid, "codec endpoint", "%q is not an origin such as http://127.0.0.1:8233", o)
		}
	}
	return &codecEndpoint{
		origins: origins,
		token:   sha256.Sum256([]byte(token)),
		inner:   converter.NewPayloadCodecHTTPHandler(lenient{crypt}, wire{}),
	}, nil
}

// CodecURL is the endpoint to set in the Web UI for a handler that is served at
// base, such as "http://127.0.0.1:8234". It contains the token: whoever can
// open the Web UI can read it, and nobody else should.
func CodecURL(base, token string) string { return strings.TrimSuffix(base, "/") + "/" + token }

type codecEndpoint struct {
	origins []string
	token   [sha256.Size]byte
	inner   http.Handler
}

func (e *codecEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		if !slices.Contains(e.origins, origin) {
			http.Error(w, "this origin may not use the codec endpoint", http.StatusForbidden)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	if !e.authorised(r) {
		h.Set("WWW-Authenticate", "Bearer")
		http.Error(w, "the codec endpoint needs its token", http.StatusUnauthorized)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxCodecBody)
	e.inner.ServeHTTP(w, r)
}

// preflight answers the question that a browser asks before it sends JSON to
// another origin. It carries no token, and gives nothing away.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "content-type, x-namespace, authorization, authorization-extras")
	h.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") != "" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
}

func (e *codecEndpoint) authorised(r *http.Request) bool {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && e.matches(bearer) {
		return true
	}
	first, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return ok && rest != "" && e.matches(first)
}

// matches compares digests, so that neither content nor length shows in time.
func (e *codecEndpoint) matches(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], e.token[:]) == 1
}

// lenient answers what it cannot decrypt with a sentence in its place, since
// the Web UI shows nothing at all of a page where one payload fails.
type lenient struct{ *codec }

func (l lenient) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		opened, err := l.open(p)
		if err != nil {
			opened, err = converter.GetDefaultDataConverter().ToPayload("cannot be shown: " + err.Error())
		}
		if err != nil {
			return nil, err
		}
		out[i] = opened
	}
	return out, nil
}
