package pglocal

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

// ErrNoBinaries means that no PostgreSQL server is installed where Start looks:
// PATH, pg_config, /usr/lib/postgresql/*/bin, Homebrew and the usual folders of
// Windows. Its text says what to install.
var ErrNoBinaries = errors.New("no PostgreSQL server binaries (initdb, postgres) found: " +
	"install them (Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql)")

// installation is one folder that holds both initdb and postgres.
type installation struct {
	dir   string
	major int
}

// findBinaries returns the installation to use. A cluster that exists already
// can only be opened by its own major version, so major > 0 asks for that one;
// 0 takes the newest.
func findBinaries(major int) (installation, error) {
	all := installations(candidateDirs())
	for _, in := range all {
		if major == 0 || in.major == major {
			return in, nil
		}
	}
	if len(all) == 0 {
		return installation{}, ErrNoBinaries
	}
	return installation{}, errors.New("the folder holds a cluster of PostgreSQL " + strconv.Itoa(major) +
		", and only other versions are installed: install PostgreSQL " + strconv.Itoa(major) +
		" or begin with an empty folder")
}

func candidateDirs() []string {
	var dirs []string
	for _, name := range []string{"initdb", "postgres"} {
		if path, err := exec.LookPath(name); err == nil {
			// Debian puts links to some of the programs into PATH.
			if real, err := filepath.EvalSymlinks(path); err == nil {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		`C:\Program Files\PostgreSQL\*\bin`,
	} {
		found, _ := filepath.Glob(pattern) // fails on a bad pattern only
		dirs = append(dirs, found...)
	}
	return dirs
}

// installations keeps the folders that hold both programs, newest first.
func installations(dirs []string) []installation {
	var all []installation
	seen := map[string]bool{}
	for _, dir := range dirs {
		if seen[dir] || !isFile(program(dir, "initdb")) || !isFile(program(dir, "postgres")) {
			continue
		}
		seen[dir] = true
		out, err := exec.Command(program(dir, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		all = append(all, installation{dir: dir, major: majorOf(string(out))})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].major > all[j].major })
	return all
}

// majorOf reads the first number of a text such as "postgres (PostgreSQL) 15.18
// (Debian 15.18-0+deb12u1)", or 0.
func majorOf(version string) int {
	for _, word := range strings.Fields(version) {
		head, _, _ := strings.Cut(word, ".")
		if n, err := strconv.Atoi(head); err == nil {
			return n
		}
	}
	return 0
}

func program(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}
