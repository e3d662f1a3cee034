package temporalconn

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
)

// settleTimeout is how long a new search attribute may take until every part of
// the server knows it; 1.6 seconds were measured.
const settleTimeout = 30 * time.Second

// EnsureSearchAttributes registers what is missing of searchattr.All in the
// namespace and returns when it can be used. It may be repeated, also by
// several processes at once.
//
// Errors are of kind Conflict where an attribute exists with another type,
// Unauthorised where this client may not register, else Transient.
func EnsureSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	missing, err := MissingSearchAttributes(ctx, c, namespace)
	if err != nil || len(missing) == 0 {
		return err
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	var (
		exists *serviceerror.AlreadyExists
		denied *serviceerror.PermissionDenied
	)
	switch {
	case errors.As(err, &exists): // somebody else was faster
	case errors.As(err, &denied):
		return registry.Errorf(registry.Unauthorised, "search attributes", "this client may not register them: %w", err)
	case err != nil:
		return registry.Errorf(registry.Transient, "search attributes", "registering: %w", err)
	}
	return awaitUsable(ctx, c, namespace)
}

// MissingSearchAttributes tells which of searchattr.All the namespace does not
// know, without changing anything. An attribute that exists with another type is
// an error of kind Conflict.
func MissingSearchAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, registry.Errorf(registry.Transient, "search attributes", "listing: %w", err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range searchattr.All() {
		have, ok := known.GetCustomAttributes()[key.GetName()]
		switch {
		case !ok:
			missing[key.GetName()] = key.GetValueType()
		case have != key.GetValueType():
			return nil, registry.Errorf(registry.Conflict, "search attributes",
				"%s exists in namespace %s as %s, and has to be %s", key.GetName(), namespace, have, key.GetValueType())
		}
	}
	return missing, nil
}

// awaitUsable asks for workflows by every attribute until the server accepts
// the question: its parts learn of new attributes one after the other.
func awaitUsable(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for _, key := range searchattr.All() {
		for {
			_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
				Namespace: namespace, Query: key.GetName() + " IS NULL",
			})
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return registry.Errorf(registry.Transient, "search attributes", "%s is registered and not usable yet: %w", key.GetName(), err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}
