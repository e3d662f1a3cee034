package service_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"immtrail/worker/service"
)

const (
	timeout = 30 * time.Second
	tick    = 20 * time.Millisecond
)

func TestHooks(t *testing.T) {
	var order []string
	hooks := service.Hooks{
		Before: func(name string) { order = append(order, "before "+name) },
		After:  func(name string) { order = append(order, "after "+name) },
	}
	act := func(context.Context) error {
		order = append(order, "act")
		return errors.New("weather")
	}
	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{service.Around(hooks)}})
	env.RegisterActivityWithOptions(act, activity.RegisterOptions{Name: "UploadFile"})

	_, err := env.ExecuteActivity("UploadFile")

	require.ErrorContains(t, err, "weather", "a hook hides no failure")
	require.Equal(t, []string{"before UploadFile", "act", "after UploadFile"}, order)
}
