// Package buildid says which build this is. It reports only: Worker Versioning
// is not used, since changes to workflows are carried by GetVersion and proven
// by replay, and a versioned worker without a current version gets no work.
package buildid

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// set by the linker: -ldflags "-X immtrail/internal/buildid.set=v0.1.0".
var set string

// ID is the linker's value, else the commit, else the start of the binary's
// SHA-256, so that two builds are never called the same.
var ID = sync.OnceValue(func() string {
	if set != "" {
		return set
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		if id := commit(info.Settings); id != "" {
			return id
		}
	}
	return binary()
})

func commit(settings []debug.BuildSetting) string {
	var revision, dirty string
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+changes"
			}
		}
	}
	if len(revision) > 12 {
		revision = revision[:12]
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

func binary() string {
	path, err := os.Executable()
	if err != nil {
		return "unknown"
	}
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "unknown"
	}
	return "sha256-" + hex.EncodeToString(h.Sum(nil))[:12]
}
