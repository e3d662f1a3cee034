// Package nextbuild is tomorrow's build of the worker, for tests and rehearsals of
// a deployment: each of its workflows has one step more than today's, behind
// workflow.GetVersion, as CONTRIBUTING.md asks of a change. Workflows that were
// open when it took over go on without the step, new ones have it.
//
// It must not do anything that a person would notice.
package nextbuild
