package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// historyShards is fixed for the life of a file. Four did 33 workflows of
	// five activities a second on two cores, one did 25.
	historyShards = 4
	// retention is how long a finished workflow can be looked at.
	retention = 30 * 24 * time.Hour
)

// storeConfig opens the file in WAL mode with synchronous=normal, three times
// as fast as SQLite's defaults. A kill of the process loses nothing then; a
// crash of the machine may lose the last moments, which a sandbox can bear. It
// stays at the plugin's one connection: with four it was three times slower.
func storeConfig(path string) *config.SQL {
	return &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: path,
		// What is not a word of SQLite's URIs becomes a PRAGMA.
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			"synchronous":  "normal",
			"busy_timeout": "10000",
		},
	}
}

// openStore creates the file with schema and namespace where it is missing.
func openStore(path string) (*config.SQL, error) {
	store := storeConfig(path)
	if err := createSchema(store, path); err != nil {
		return nil, err
	}
	ns, err := sqlite.NewNamespaceConfig(clusterName, Namespace, false, nil)
	if err != nil {
		return nil, err
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	return store, sqlite.CreateNamespaces(store, ns)
}

// createSchema makes the tables. A note beside the file says that it is whole
// and of which version: a file without one was left by a kill in between and is
// made anew, and one of another version cannot be opened, since SQLite's schema
// is never migrated.
func createSchema(store *config.SQL, path string) error {
	note := path + ".schema"
	want := sqlite.Version + "/" + sqlite.VisibilityVersion
	have, err := os.ReadFile(note)
	switch {
	case err == nil && strings.TrimSpace(string(have)) == want:
		return nil
	case err == nil:
		return fmt.Errorf("%s was made by another version of Temporal: begin with an empty folder", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for _, leftover := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := sqlite.SetupSchema(store); err != nil {
		return err
	}
	return os.WriteFile(note, []byte(want+"\n"), 0o600)
}
