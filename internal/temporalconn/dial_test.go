package temporalconn_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"immtrail/internal/temporalconn"
	"immtrail/registry"
)

// frontend is as much of a Temporal server as connecting needs.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer

	denied bool

	mu    sync.Mutex
	attrs map[string]enumspb.IndexedValueType
	adds  int
	// slow is how many questions fail before new attributes are known.
	slow int
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (f *frontend) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if f.denied {
		return nil, grpcstatus.Error(codes.PermissionDenied, "not for you")
	}
	if r.GetNamespace() != "default" {
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(r.GetNamespace())).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (f *frontend) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: maps.Clone(f.attrs)}, nil
}

func (f *frontend) AddSearchAttributes(_ context.Context, r *operatorservice.AddSearchAttributesRequest) (*operatorservice.AddSearchAttributesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.denied {
		return nil, grpcstatus.Error(codes.PermissionDenied, "not for you")
	}
	f.adds++
	maps.Copy(f.attrs, r.GetSearchAttributes())
	return &operatorservice.AddSearchAttributesResponse{}, nil
}

func (f *frontend) CountWorkflowExecutions(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slow > 0 {
		f.slow--
		return nil, grpcstatus.Error(codes.InvalidArgument, "invalid search attribute")
	}
	return &workflowservice.CountWorkflowExecutionsResponse{}, nil
}

func serve(t *testing.T, f *frontend) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	srv := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(srv, f)
	operatorservice.RegisterOperatorServiceServer(srv, f)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	return l.Addr().String()
}

func dial(t *testing.T, hostPort string) client.Client {
	t.Helper()
	c, err := temporalconn.Dial(t.Context(), temporalconn.Settings{HostPort: hostPort}, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestDial(t *testing.T) {
	t.Parallel()
	addr := serve(t, &frontend{})

	t.Run("connects with defaults for namespace and log", func(t *testing.T) {
		t.Parallel()
		dial(t, addr)
	})
	t.Run("a namespace that does not exist is named", func(t *testing.T) {
		t.Parallel()
		_, err := temporalconn.Dial(t.Context(), temporalconn.Settings{HostPort: addr, Namespace: "immtrial"}, nil)
		require.ErrorContains(t, err, addr+` has no namespace "immtrial"`)
		require.Equal(t, registry.Missing, registry.KindOf(err))
	})
	t.Run("nobody there: the address is named, in time", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		require.NoError(t, err)
		gone := l.Addr().String()
		require.NoError(t, l.Close())
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = temporalconn.Dial(ctx, temporalconn.Settings{HostPort: gone}, nil)
		require.ErrorContains(t, err, "no Temporal server answers at "+gone)
		require.Equal(t, registry.Transient, registry.KindOf(err))
	})
	t.Run("where describing the namespace is not allowed, working may be", func(t *testing.T) {
		t.Parallel()
		dial(t, serve(t, &frontend{denied: true}))
	})
	t.Run("the SDK speaks through our log and options can be added", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		c, err := temporalconn.Dial(t.Context(), temporalconn.Settings{HostPort: addr}, log, func(o *client.Options) {
			o.Logger.Warn("from the SDK", "TaskQueue", "q")
		})
		require.NoError(t, err)
		defer c.Close()
		require.Contains(t, out.String(), `msg="from the SDK" TaskQueue=q`)
	})
}

func TestDialRefusesTLSFiles(t *testing.T) {
	t.Parallel()
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(noPEM, []byte("no certificate"), 0o600))
	for name, tc := range map[string]struct {
		tls  temporalconn.TLS
		kind registry.Kind
		says string
	}{
		"authorities that are not there": {temporalconn.TLS{CAFile: "/nowhere/ca.pem"}, registry.Missing, "/nowhere/ca.pem"},
		"authorities without one":        {temporalconn.TLS{CAFile: noPEM}, registry.Invalid, noPEM},
		"a certificate without its key":  {temporalconn.TLS{CertFile: noPEM}, registry.Invalid, "belong together"},
		"a certificate that is none":     {temporalconn.TLS{CertFile: noPEM, KeyFile: noPEM}, registry.Invalid, noPEM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := temporalconn.Dial(t.Context(), temporalconn.Settings{TLS: tc.tls}, nil)
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, tc.kind, registry.KindOf(err))
		})
	}
}

func TestEnsureSearchAttributes(t *testing.T) {
	t.Parallel()
	t.Run("registers what is missing, waits until it is usable, and may be repeated", func(t *testing.T) {
		t.Parallel()
		f := &frontend{attrs: map[string]enumspb.IndexedValueType{"Phase": enumspb.INDEXED_VALUE_TYPE_KEYWORD}, slow: 3}
		c := dial(t, serve(t, f))
		for range 2 {
			require.NoError(t, temporalconn.EnsureSearchAttributes(t.Context(), c, "default"))
		}
		require.Equal(t, map[string]enumspb.IndexedValueType{
			"PracticeID":     enumspb.INDEXED_VALUE_TYPE_KEYWORD,
			"RegistryID":     enumspb.INDEXED_VALUE_TYPE_KEYWORD,
			"Phase":          enumspb.INDEXED_VALUE_TYPE_KEYWORD,
			"NeedsAttention": enumspb.INDEXED_VALUE_TYPE_BOOL,
			"OpenErrors":     enumspb.INDEXED_VALUE_TYPE_INT,
			"DueBy":          enumspb.INDEXED_VALUE_TYPE_DATETIME,
		}, f.attrs)
		require.Equal(t, 1, f.adds)
		require.Zero(t, f.slow)
	})
	t.Run("an attribute of another type is a conflict for a person", func(t *testing.T) {
		t.Parallel()
		f := &frontend{attrs: map[string]enumspb.IndexedValueType{"DueBy": enumspb.INDEXED_VALUE_TYPE_KEYWORD}}
		err := temporalconn.EnsureSearchAttributes(t.Context(), dial(t, serve(t, f)), "default")
		require.ErrorContains(t, err, "DueBy exists in namespace default as Keyword")
		require.Equal(t, registry.Conflict, registry.KindOf(err))
		require.Zero(t, f.adds)
	})
	t.Run("a client that may not register is told so", func(t *testing.T) {
		t.Parallel()
		c := dial(t, serve(t, &frontend{denied: true}))
		err := temporalconn.EnsureSearchAttributes(t.Context(), c, "default")
		require.Equal(t, registry.Unauthorised, registry.KindOf(err))
	})
}
