package nextbuild

import (
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

const (
	change = "next-build"
	// step is how long the added timer runs. Nothing waits for it.
	step = time.Millisecond
	// Attribute is a query for the runs that have the added step.
	Attribute = `TemporalChangeVersion = "` + change + `-1"`
)

// Interceptor makes a worker one of the next build (service.Options).
type Interceptor struct {
	interceptor.WorkerInterceptorBase
}

// InterceptWorkflow adds the step.
func (i *Interceptor) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	p := &patched{}
	p.Next = i.WorkerInterceptorBase.InterceptWorkflow(ctx, next)
	return p
}

type patched struct {
	interceptor.WorkflowInboundInterceptorBase
}

// ExecuteWorkflow starts the added timer where the run is one of the next build.
func (p *patched) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	if workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) == 1 {
		workflow.NewTimer(ctx, step)
	}
	return p.Next.ExecuteWorkflow(ctx, in)
}
