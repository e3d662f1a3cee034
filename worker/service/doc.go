// Package service is the worker as a value: it opens every room from the
// settings, registers workflows and activities, serves metrics, health and the
// codec endpoint, and stops gracefully. The command worker, the sandbox and the
// tests run the same thing.
//
// It is the composition root: the only place that knows all rooms. It must not
// hold a rule of the process.
package service
