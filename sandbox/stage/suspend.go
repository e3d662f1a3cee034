package stage

import "syscall"

// SuspendRegistry makes the registry go away without a word: connections are
// taken by the system and nobody answers, as in an outage. It changes nothing
// where the registry is away already.
func (s *Stage) SuspendRegistry() error {
	s.suspended = true
	return s.registry.cmd.Process.Signal(syscall.SIGSTOP)
}

// ResumeRegistry brings the registry back.
func (s *Stage) ResumeRegistry() error {
	s.suspended = false
	return s.registry.cmd.Process.Signal(syscall.SIGCONT)
}

// RegistrySuspended says that the registry is away.
func (s *Stage) RegistrySuspended() bool { return s.suspended }
