package cli_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"

	"immtrail/registry"
	"immtrail/starter/cli"
	"immtrail/workflows"
)

// engineOn is the real engine over a client that answers calls of method with
// value and err.
func engineOn(method string, args int, value any, err error) (cli.Engine, *mocks.Client) {
	c := &mocks.Client{}
	matchers := make([]any, args)
	for i := range matchers {
		matchers[i] = mock.Anything
	}
	c.On(method, matchers...).Return(value, err)
	return cli.TemporalEngine(c), c
}

func TestEngineUpdate(t *testing.T) {
	update := func(t *testing.T, err error) error {
		t.Helper()
		eng, _ := engineOn("UpdateWorkflow", 2, nil, err)
		return eng.Update(t.Context(), "onboarding/x", "request-review", nil, &workflows.Answer{})
	}
	t.Run("a refusal is the workflow's own sentence and exits with 1", func(t *testing.T) {
		err := update(t, temporal.NewApplicationError("2 of 3 test files are answered", "refused"))
		require.EqualError(t, err, "2 of 3 test files are answered")
		require.Equal(t, cli.ExitRefused, cli.ExitCode(err))
	})
	t.Run("a workflow that does not run exits with 1 and can be told apart", func(t *testing.T) {
		err := update(t, serviceerror.NewNotFound("workflow not found"))
		require.ErrorIs(t, err, cli.ErrGone)
		require.Equal(t, cli.ExitRefused, cli.ExitCode(err))
	})
	t.Run("no answer in time exits with 3 and warns of repeating", func(t *testing.T) {
		err := update(t, context.DeadlineExceeded)
		require.ErrorContains(t, err, "before you repeat")
		require.Equal(t, cli.ExitCouldNot, cli.ExitCode(err))
	})
	t.Run("a server that is away exits with 3", func(t *testing.T) {
		require.Equal(t, cli.ExitCouldNot, cli.ExitCode(update(t, serviceerror.NewUnavailable("gone"))))
	})
}

func TestEngineOnboard(t *testing.T) {
	p := &registry.Practice{ID: "sunrise-plano", OrgCode: "BURL6343", Phase: registry.PhaseTesting}
	t.Run("carries the attributes by which the Web UI finds it", func(t *testing.T) {
		eng, c := engineOn("ExecuteWorkflow", 4, nil, nil)
		again, err := eng.Onboard(t.Context(), p, workflows.OnboardingInput{Practice: p.ID})
		require.NoError(t, err)
		require.False(t, again)
		opts := c.Calls[0].Arguments[1].(client.StartWorkflowOptions)
		require.Equal(t, "onboarding/sunrise-plano", opts.ID)
		require.Equal(t, "q", opts.TaskQueue)
		require.Equal(t, 4, opts.TypedSearchAttributes.Size())
	})
	t.Run("one that runs already is no error", func(t *testing.T) {
		eng, _ := engineOn("ExecuteWorkflow", 4, nil, serviceerror.NewWorkflowExecutionAlreadyStarted("it runs", "", ""))
		again, err := eng.Onboard(t.Context(), p, workflows.OnboardingInput{Practice: p.ID})
		require.NoError(t, err)
		require.True(t, again)
	})
}

func TestEngineSignal(t *testing.T) {
	t.Run("a workflow that has ended does not want to be told", func(t *testing.T) {
		c := &mocks.Client{}
		c.On("SignalWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).
			Return(serviceerror.NewNotFound("ended"))
		require.NoError(t, cli.TemporalEngine(c).Signal(t.Context(), "file/f-1", "report-imported", nil))
	})
}
