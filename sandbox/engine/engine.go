package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/testing/freeport"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Namespace exists from the first start on.
const Namespace = "default"

// DefaultUIPort is where people look for the Web UI of a local Temporal.
const DefaultUIPort = 8233

const loopback = "127.0.0.1"

// Options say where the engine keeps its state and what it is called by.
type Options struct {
	// Dir holds temporal.db and temporal.log; it is created when missing.
	Dir string
	// Port of the frontend on 127.0.0.1; 0 takes a free one.
	Port int
	// UIPort is the port that the Web UI takes when it is free; 0 means
	// DefaultUIPort. When it is taken, the Web UI takes a free one.
	UIPort int
	// NoUI leaves the Web UI out.
	NoUI bool
	// CodecEndpoint is the URL at which the Web UI decodes payloads; empty where
	// they are in clear.
	CodecEndpoint string
}

// Engine is a running Temporal server.
type Engine struct {
	hostPort string
	server   temporal.Server
	ui       *webUI // nil without one

	stopOnce sync.Once
	stopErr  error
}

// Start starts server and Web UI. It returns when both listen; WaitReady says
// when workflows can be started. The engine lives until Stop or until the
// process ends; after kill -9 the next Start on the same folder finds every
// workflow as it was.
func Start(ctx context.Context, opts Options) (*Engine, error) {
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	logger, err := logTo(filepath.Join(opts.Dir, "temporal.log"))
	if err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	port := opts.Port
	if port == 0 {
		port = freeport.MustGetFreePort()
	}
	e := &Engine{hostPort: net.JoinHostPort(loopback, strconv.Itoa(port))}
	store, err := openStore(filepath.Join(opts.Dir, "temporal.db"))
	if err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	if e.server, err = newServer(serverConfig(store, port), logger); err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	if err := e.server.Start(); err != nil {
		return nil, fmt.Errorf("temporal: %w", errors.Join(err, e.Stop()))
	}
	if !opts.NoUI {
		if e.ui, err = startUI(ctx, e.hostPort, opts); err != nil {
			return nil, fmt.Errorf("temporal web ui: %w", errors.Join(err, e.Stop()))
		}
	}
	return e, nil
}

func newServer(cfg *config.Config, logger log.Logger) (temporal.Server, error) {
	return temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(cfg)),
		temporal.WithLogger(logger),
		temporal.WithDynamicConfigClient(limits()),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
}

// HostPort is the frontend's address, for temporalconn.Settings.
func (e *Engine) HostPort() string { return e.hostPort }

// UIURL is the Web UI's address without a slash at its end, or "" without one.
// It is also the origin that a codec endpoint has to allow.
func (e *Engine) UIURL() string {
	if e.ui == nil {
		return ""
	}
	return e.ui.url
}

// Stop ends Web UI and server. It may be called again and returns the same
// answer.
func (e *Engine) Stop() error {
	e.stopOnce.Do(func() {
		if e.ui != nil {
			e.stopErr = e.ui.stop()
		}
		e.stopErr = errors.Join(e.stopErr, e.server.Stop())
	})
	return e.stopErr
}

// WaitReady returns when the server knows its namespace and the Web UI answers,
// or with the reason when ctx ends.
func (e *Engine) WaitReady(ctx context.Context) error {
	conn, err := grpc.NewClient(e.hostPort, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("temporal: %w", err)
	}
	defer func() { _ = conn.Close() }()
	frontend := workflowservice.NewWorkflowServiceClient(conn)
	return poll(ctx, func(ctx context.Context) error {
		_, err := frontend.ListOpenWorkflowExecutions(ctx, &workflowservice.ListOpenWorkflowExecutionsRequest{
			Namespace: Namespace, MaximumPageSize: 1,
		})
		if err != nil {
			return fmt.Errorf("temporal: %w", err)
		}
		return e.uiAnswers(ctx)
	})
}

func (e *Engine) uiAnswers(ctx context.Context) error {
	if e.ui == nil {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.ui.url+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("temporal web ui: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("temporal web ui: %s", resp.Status)
	}
	return nil
}

// poll tries until it succeeds or ctx ends, and then returns the last reason.
func poll(ctx context.Context, try func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := try(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
