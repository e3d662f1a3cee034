package activities_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"immtrail/activities"
	"immtrail/registry"
)

// Kinds decide how often Temporal tries by itself, and nothing else does.
func TestKindsDecideOnAttempts(t *testing.T) {
	t.Parallel()
	const ever = 1000
	last := map[registry.Kind]int{ // the last attempt after which another follows, plus one
		registry.Transient: ever, registry.Busy: ever, registry.Refused: 2, registry.Corrupt: 3,
		registry.Unauthorised: 1, registry.HostKeyChanged: 1, registry.Conflict: 1, registry.DeliveryUnknown: 1,
		registry.Missing: 1, registry.NotAllowed: 1, registry.Invalid: 1,
	}
	for _, kind := range registry.Kinds() {
		require.Contains(t, last, kind)
		for attempt := 1; attempt < 10; attempt++ {
			require.Equal(t, attempt < last[kind], activities.Retry(kind, attempt), "%s, attempt %d", kind, attempt)
		}
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	app := func(err error) *temporal.ApplicationError {
		t.Helper()
		var app *temporal.ApplicationError
		require.ErrorAs(t, activities.Fail(t.Context(), err), &app)
		return app
	}

	t.Run("the kind is the type, however deep it lies", func(t *testing.T) {
		err := fmt.Errorf("outer: %w", errors.Join(registry.Errorf(registry.Conflict, "upload", "another file"), errors.New("x")))
		got := app(err)
		require.Equal(t, "conflict", got.Type())
		require.True(t, got.NonRetryable())
		require.Contains(t, got.Message(), "another file")
	})

	t.Run("an error without a kind is weather", func(t *testing.T) {
		got := app(errors.New("surprise"))
		require.Equal(t, "transient", got.Type())
		require.False(t, got.NonRetryable())
	})

	t.Run("no error stays none", func(t *testing.T) {
		require.NoError(t, activities.Fail(t.Context(), nil))
	})

	t.Run("an error of Temporal's is not wrapped", func(t *testing.T) {
		inner := temporal.NewNonRetryableApplicationError("x", "conflict", nil)
		require.Equal(t, inner, activities.Fail(t.Context(), fmt.Errorf("outer: %w", inner)))
	})

	t.Run("a cancellation by the server stays one", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(temporal.NewCanceledError())
		require.ErrorIs(t, activities.Fail(ctx, registry.Errorf(registry.Transient, "x", "broke off")), context.Canceled)
	})

	t.Run("a worker that stops is weather", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("worker is shutting down"))
		var app *temporal.ApplicationError
		require.ErrorAs(t, activities.Fail(ctx, ctx.Err()), &app)
		require.Equal(t, "transient", app.Type())
	})

	t.Run("a server that talks and talks is cut short, on a character", func(t *testing.T) {
		got := app(registry.Errorf(registry.Refused, "x", "%s", strings.Repeat("ä", 2000)))
		require.Less(t, len(got.Message()), 600)
		require.True(t, strings.HasSuffix(got.Message(), "ä…"), "no half characters")
	})

	t.Run("a busy server is given time, more each time, and not for ever", func(t *testing.T) {
		first := app(registry.Errorf(registry.Busy, "x", "full")).NextRetryDelay()
		require.Equal(t, time.Minute, first)
		policy := &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 10 * time.Second}
		require.Equal(t, 4*time.Second, activities.BusyDelay(policy, 1))
		require.Equal(t, 8*time.Second, activities.BusyDelay(policy, 2))
		require.Equal(t, 40*time.Second, activities.BusyDelay(policy, 50))
		require.Equal(t, 30*time.Minute, activities.BusyDelay(nil, 1_000_000))
		require.Zero(t, app(registry.Errorf(registry.Transient, "x", "y")).NextRetryDelay())
	})
}
