package mailcatcher

import (
	"embed"
	"html/template"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

//go:embed pages.tmpl style.css
var files embed.FS

var pageTemplates = template.Must(template.ParseFS(files, "pages.tmpl"))

// pages serves the list, one mail, and its file as it came. Every mail is
// shown as text: what it contains is a stranger's.
func (c *Catcher) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		mails := c.List()
		slices.Reverse(mails)
		_ = pageTemplates.ExecuteTemplate(w, "list", mails) // the browser hung up
	})
	mux.HandleFunc("GET /mail/{name}", func(w http.ResponseWriter, r *http.Request) {
		if m, ok := c.find(r.PathValue("name")); ok {
			_ = pageTemplates.ExecuteTemplate(w, "mail", m)
			return
		}
		http.NotFound(w, r)
	})
	mux.HandleFunc("GET /raw/{name}", func(w http.ResponseWriter, r *http.Request) {
		m, ok := c.find(r.PathValue("name"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		raw, err := os.ReadFile(filepath.Join(c.dir, m.Name))
		if err != nil {
			http.Error(w, "the file is gone", http.StatusGone)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(raw)
	})
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "style.css")
	})
	return guard(mux)
}

// find looks a name up among the mails that were taken, so that a name from a
// URL never becomes a path.
func (c *Catcher) find(name string) (Mail, bool) {
	for _, m := range c.List() {
		if m.Name == name {
			return m, true
		}
	}
	return Mail{}, false
}

// guard turns away requests under a foreign name (a page out in the web may
// have its own name resolve to 127.0.0.1) and forbids the pages to run anything.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != loopback && host != "localhost" {
			http.Error(w, "this server answers to 127.0.0.1 and localhost only", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
