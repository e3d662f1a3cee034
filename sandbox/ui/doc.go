// Package ui holds the test of what a coordinator sees who opens only the
// Temporal Web UI: a headless Chromium reads the current details, and sends a
// signal and an update from the Web UI's own dialogs, while everything that
// lies in Temporal is encrypted.
//
// It is tests only: nothing may import it.
package ui
