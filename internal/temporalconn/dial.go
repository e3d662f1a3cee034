package temporalconn

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"immtrail/registry"
)

// dialTimeout bounds Dial where its context has no earlier end.
const dialTimeout = 15 * time.Second

// Option changes the client's options before it connects: metrics and tracing.
type Option func(*client.Options)

// Dial connects to Temporal, and returns only when the server answers and knows
// the namespace. log receives the SDK's own messages; nil drops them.
//
// Errors are of kind Invalid (settings), Missing (a file, the namespace),
// Unauthorised (the server refuses us) or Transient (nobody answers).
func Dial(ctx context.Context, s Settings, log *slog.Logger, opts ...Option) (client.Client, error) {
	s = s.withDefaults()
	options, err := clientOptions(s, log)
	if err != nil {
		return nil, err
	}
	for _, opt := range opts {
		opt(&options)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, explain(s, err)
	}
	_, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.Namespace})
	// Where describing is not allowed, working may be: the first call will tell.
	var denied *serviceerror.PermissionDenied
	if err != nil && !errors.As(err, &denied) {
		c.Close()
		return nil, explain(s, err)
	}
	return c, nil
}

func clientOptions(s Settings, log *slog.Logger) (client.Options, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dc, err := DataConverter(s)
	if err != nil {
		return client.Options{}, err
	}
	fc, err := FailureConverter(s)
	if err != nil {
		return client.Options{}, err
	}
	tlsConfig, err := s.TLS.config()
	if err != nil {
		return client.Options{}, err
	}
	return client.Options{
		HostPort:          s.HostPort,
		Namespace:         s.Namespace,
		Identity:          s.Identity,
		Logger:            sdklog.NewStructuredLogger(log),
		DataConverter:     dc,
		FailureConverter:  fc,
		ConnectionOptions: client.ConnectionOptions{TLS: tlsConfig},
	}, nil
}

// explain says in one sentence what to look at.
func explain(s Settings, err error) error {
	const op = "temporal"
	var (
		missing *serviceerror.NamespaceNotFound
		denied  *serviceerror.PermissionDenied
	)
	switch {
	case errors.As(err, &missing):
		return registry.Errorf(registry.Missing, op, "the server at %s has no namespace %q", s.HostPort, s.Namespace)
	case errors.As(err, &denied):
		return registry.Errorf(registry.Unauthorised, op, "the server at %s refuses this client: %w", s.HostPort, err)
	}
	return registry.Errorf(registry.Transient, op, "no Temporal server answers at %s: %w", s.HostPort, err)
}
