package stage

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/sandbox/fakeregistry"
)

// nextBuildMark lies beside the settings once the next build was deployed, so that
// it stays deployed.
const nextBuildMark = "next-build"

// IsNextBuild says that a worker with these settings is to be one of the next build.
func IsNextBuild(settings string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(settings), nextBuildMark))
	return err == nil
}

// DeployNextBuild replaces the worker by one of the next build, as a deployment
// does: the old one may finish its steps.
func (s *Stage) DeployNextBuild() error {
	if err := os.WriteFile(s.path(nextBuildMark), nil, 0o600); err != nil {
		return err
	}
	return s.worker.end()
}

// NextRegistryKey is the host key that the registry will have after
// [Stage.RotateRegistryKey], as a registry announces it.
func (s *Stage) NextRegistryKey() (line, fingerprint string, err error) {
	key, err := sftptest.LoadOrCreateHostKey(s.path(RegistryFolder, fakeregistry.OtherHostKey))
	if err != nil {
		return "", "", err
	}
	public := key.PublicKey()
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))), ssh.FingerprintSHA256(public), nil
}

// RotateRegistryKey makes the registry show its other host key from now on.
func (s *Stage) RotateRegistryKey(ctx context.Context) error {
	line, _, err := s.NextRegistryKey()
	if err != nil {
		return err
	}
	s.ready.HostKey = line
	return fakeregistry.Misbehave(ctx, s.path(RegistryFolder), fakeregistry.Misbehaviour{NewHostKey: true})
}
