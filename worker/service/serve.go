package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"

	"immtrail/internal/temporalconn"
)

// meters are the worker's metrics. Labels are names of types and queues only.
type meters struct {
	registry *prometheus.Registry
	temporal client.MetricsHandler
}

func newMeters() (*meters, error) {
	reg := prometheus.NewRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(reg))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	return &meters{
		registry: reg,
		temporal: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{Meter: provider.Meter("immtrail")}),
	}, nil
}

// probePatience bounds one readiness probe.
const probePatience = 3 * time.Second

// serve starts the listeners that the settings name; stop ends them.
func serve(ctx context.Context, r *rooms, m *meters, log *slog.Logger) (stop func(), err error) {
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	listen := func(addr string, h http.Handler) error {
		if addr == "" {
			return nil
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("listen on %s: %w; another worker on this machine? give it other addresses", addr, err)
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		servers = append(servers, s)
		go func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Error("a listener ended", "address", addr, "error", err.Error())
			}
		}()
		return nil
	}
	metrics := http.NewServeMux()
	metrics.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	err = errors.Join(listen(r.cfg.Metrics.Listen, metrics), listen(r.cfg.Health.Listen, health(r)), serveCodec(r, listen))
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// health answers /healthz (the process lives) and /readyz (Temporal and the
// database answer).
func health(r *rooms) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), probePatience)
		defer cancel()
		if err := r.probe(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// probe says what does not answer, without its address.
func (r *rooms) probe(ctx context.Context) error {
	if _, err := r.client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("%w: Temporal does not answer", errNotReady)
	}
	if err := r.store.CheckSchema(ctx); err != nil {
		return fmt.Errorf("%w: the database does not answer, or its schema is another", errNotReady)
	}
	return nil
}

// serveCodec lets the Web UI decode what lies encrypted in Temporal.
func serveCodec(r *rooms, listen func(string, http.Handler) error) error {
	endpoint := r.cfg.Codec.Endpoint
	if !r.cfg.Codec.Enabled || endpoint.Listen == "" {
		return nil
	}
	settings, _, err := r.wire.Temporal("codec")
	if err != nil {
		return err
	}
	token, err := endpoint.Token.Read(r.wire.Getenv)
	if err != nil {
		return fmt.Errorf("codec.endpoint.token: %w", err)
	}
	h, err := temporalconn.CodecHandler(settings, endpoint.Origins, token)
	if err != nil {
		return err
	}
	return listen(endpoint.Listen, h)
}
