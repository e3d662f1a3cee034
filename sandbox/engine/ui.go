package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/csrf"
	"github.com/temporalio/ui-server/v2/server/route"
	"github.com/temporalio/ui-server/v2/ui"
)

// webUI is the Temporal Web UI. It is put together from ui-server's routes
// instead of with its own Server type, which picks no free port and ends the
// whole process when its port is taken.
type webUI struct {
	url  string
	http *http.Server
	done chan struct{}
}

func startUI(ctx context.Context, frontend string, opts Options) (*webUI, error) {
	listener, err := listenPreferring(ctx, opts.UIPort)
	if err != nil {
		return nil, err
	}
	handler, err := uiHandler(frontend, opts.CodecEndpoint)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	u := &webUI{
		url:  "http://" + listener.Addr().String(),
		http: &http.Server{Handler: onlyLoopbackHost(handler), ReadHeaderTimeout: 10 * time.Second},
		done: make(chan struct{}),
	}
	go func() {
		defer close(u.done)
		_ = u.http.Serve(listener) // returns when stop closes it
	}()
	return u, nil
}

func (u *webUI) stop() error {
	err := u.http.Close()
	<-u.done
	return err
}

func listenPreferring(ctx context.Context, port int) (net.Listener, error) {
	if port == 0 {
		port = DefaultUIPort
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return lc.Listen(ctx, "tcp4", net.JoinHostPort(loopback, "0"))
	}
	return l, nil
}

func uiHandler(frontend, codecEndpoint string) (http.Handler, error) {
	cfg, err := config.NewConfigProviderWithRefresh(&config.Config{
		TemporalGRPCAddress: frontend,
		EnableUI:            true,
		DefaultNamespace:    Namespace,
		DisableNewsFetch:    true,
		HideLogs:            true,
		Codec: config.Codec{
			Endpoint: codecEndpoint,
			DefaultErrorMessage: "The codec endpoint does not answer, so encrypted texts cannot be shown. " +
				"Is the process that serves it running?",
		},
	})
	if err != nil {
		return nil, err
	}
	assets, err := ui.Assets()
	if err != nil {
		return nil, err
	}
	assets, err = fs.Sub(assets, "local")
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	// Loopback has no TLS, and not every browser keeps a Secure cookie there.
	const cookieSecure = false
	e.Use(
		middleware.Recover(), middleware.Gzip(), middleware.Secure(),
		csrf.EnsureTokenCookie(cookieSecure), middleware.CSRFWithConfig(csrf.MiddlewareConfig(cfg, cookieSecure)),
	)
	route.SetHealthRoute(e)
	if err := route.SetAPIRoutes(e, cfg, nil); err != nil {
		return nil, err
	}
	if err := route.SetUIRoutes(e, "", assets); err != nil {
		return nil, err
	}
	route.SetRenderRoute(e, "")
	return e, nil
}

// onlyLoopbackHost turns away requests under any other name: a page out in the
// web could else have its own name resolve to 127.0.0.1 and act as the Web UI.
func onlyLoopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != "localhost" && host != loopback {
			http.Error(w, "this server answers to 127.0.0.1 and localhost only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
