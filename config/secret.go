package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Secret is a reference to a secret: env:NAME or file:/path. The secret itself
// is read when it is needed and is never part of the settings.
type Secret string

const (
	envScheme  = "env:"
	fileScheme = "file:"
	// maxSecret is far above any key file.
	maxSecret = 64 << 10
)

// Set reports whether the reference is there at all.
func (s Secret) Set() bool { return s != "" }

// IsReference reports whether s has the form of a reference.
func (s Secret) IsReference() bool {
	name, isEnv := strings.CutPrefix(string(s), envScheme)
	path, isFile := strings.CutPrefix(string(s), fileScheme)
	return isEnv && name != "" || isFile && path != ""
}

// errNotReference never repeats what stands there: it may be the secret.
var errNotReference = errors.New("write a reference, not the secret itself: env:NAME or file:/path/of/the/file")

// Read returns the secret, without the line end at its close. getenv is where
// env: looks.
//
// It fails when s is no reference, when the variable or the file is not there
// or empty, and when the file can be read by group or others (not checked on
// Windows, whose permissions have another shape).
func (s Secret) Read(getenv func(string) string) (string, error) {
	if !s.IsReference() {
		return "", errNotReference
	}
	if name, ok := strings.CutPrefix(string(s), envScheme); ok {
		value := getenv(name)
		if value == "" {
			return "", fmt.Errorf("the variable %s is not set", name)
		}
		return value, nil
	}
	path := strings.TrimPrefix(string(s), fileScheme)
	return readPrivate(path)
}

func readPrivate(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s is a folder", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others than its owner: run `chmod 600 %s`", path, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	value := strings.TrimRight(string(data), "\r\n")
	switch {
	case len(data) > maxSecret:
		return "", fmt.Errorf("%s is too large for a secret", path)
	case value == "":
		return "", fmt.Errorf("%s is empty", path)
	}
	return value, nil
}

// under makes the path of a file reference count from dir.
func (s Secret) under(dir string) Secret {
	path, ok := strings.CutPrefix(string(s), fileScheme)
	if !ok || path == "" || filepath.IsAbs(path) {
		return s
	}
	return Secret(fileScheme + filepath.Join(dir, path))
}

// File is the path of a file reference, and empty for any other.
func (s Secret) File() string {
	if path, ok := strings.CutPrefix(string(s), fileScheme); ok {
		return path
	}
	return ""
}
