package service

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// Hooks run around every activity, with its type's name.
type Hooks struct {
	Before, After func(activityType string)
}

// around calls the hooks. It is the only interceptor: what an activity does
// stands in the activity.
type around struct {
	interceptor.WorkerInterceptorBase
	hooks Hooks
}

// InterceptActivity puts the hooks around an activity.
func (a *around) InterceptActivity(ctx context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &hooked{hooks: a.hooks}
	i.Next = a.WorkerInterceptorBase.InterceptActivity(ctx, next)
	return i
}

type hooked struct {
	interceptor.ActivityInboundInterceptorBase
	hooks Hooks
}

// ExecuteActivity runs the activity between the hooks.
func (h *hooked) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	name := activity.GetInfo(ctx).ActivityType.Name
	if h.hooks.Before != nil {
		h.hooks.Before(name)
	}
	out, err := h.Next.ExecuteActivity(ctx, in)
	if h.hooks.After != nil {
		h.hooks.After(name)
	}
	return out, err
}
