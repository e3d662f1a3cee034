package cli

// ErrGone is what an Engine says of a workflow that does not run.
var ErrGone = errGone

// Refused makes an error as a workflow's refusal.
func Refused(words string) error { return refused("%s", words) }
