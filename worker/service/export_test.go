package service

import "go.temporal.io/sdk/interceptor"

// Around is the interceptor that runs hooks.
func Around(h Hooks) interceptor.WorkerInterceptor { return &around{hooks: h} }
