package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"

	"immtrail/config"
)

// repository is the folder of docker-compose.yml.
var repository = filepath.Join("..", "..")

// compose reads docker-compose.yml as Docker Compose does, in dir.
func compose(t *testing.T, dir string, env map[string]string) *types.Project {
	t.Helper()
	file := filepath.Join(dir, "docker-compose.yml")
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: dir, ConfigFiles: []types.ConfigFile{{Filename: file}}, Environment: env,
	}, func(o *loader.Options) { o.Profiles = []string{"*"} })
	require.NoError(t, err)
	return project
}

// ours are the services that run worker or starter.
func ours(p *types.Project) map[string]types.ServiceConfig {
	found := map[string]types.ServiceConfig{}
	for name, s := range p.Services {
		if strings.HasPrefix(s.Image, "immtrail:") {
			found[name] = s
		}
	}
	return found
}

func here(t *testing.T) *types.Project {
	t.Helper()
	dir, err := filepath.Abs(repository)
	require.NoError(t, err)
	return compose(t, dir, map[string]string{"VAULT_RECIPIENT": "age1x", "USER": "mary"})
}

// environ is the service's environment as a process gets it.
func environ(s types.ServiceConfig) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if v := s.Environment[name]; v != nil {
			out = append(out, name+"="+*v)
		}
	}
	return out
}

func TestSettings(t *testing.T) {
	project := here(t)
	require.Len(t, ours(project), 3, "setup, worker and starter")
	for name, s := range ours(project) {
		t.Run(name+" is told nothing that immtrail does not know", func(t *testing.T) {
			for variable := range s.Environment {
				if strings.HasPrefix(variable, "IMMTRAIL") {
					require.True(t, config.KnownEnv(variable), variable)
				}
			}
		})
		t.Run(name+" has settings without a fault", func(t *testing.T) {
			cfg, err := config.Load(config.Source{
				Path: filepath.Join(repository, "deploy", "immtrail.example.yaml"), Environ: environ(s),
			})
			require.NoError(t, err)
			require.True(t, cfg.Codec.Enabled, "what lies in Temporal is encrypted")
			require.Equal(t, "off", cfg.Notify.Deliver, "an installation that nobody has looked at writes to nobody")
		})
	}
	t.Run("settings are the same for all three, so that all read and write the same", func(t *testing.T) {
		setup := project.Services["setup"].Environment
		for _, name := range []string{"worker", "starter"} {
			for variable, value := range setup {
				require.Equal(t, value, project.Services[name].Environment[variable], "%s in %s", variable, name)
			}
		}
	})
}

// exact is a tag that names one release and nothing that moves.
var exact = regexp.MustCompile(`^v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)?$`)

func TestImages(t *testing.T) {
	project := here(t)
	images := map[string]string{}
	for _, s := range project.Services {
		images[s.Name] = s.Image
	}
	for _, line := range strings.Split(read(t, "Dockerfile"), "\n") {
		if from, ok := strings.CutPrefix(line, "FROM "); ok {
			images["Dockerfile: "+from] = strings.Fields(from)[0]
		}
	}
	for where, image := range images {
		t.Run(where+" is pinned to a release", func(t *testing.T) {
			_, tag, ok := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
			require.True(t, ok, image)
			require.Regexp(t, exact, tag)
		})
	}
	t.Run("Temporal's are of the version that the tests run against", func(t *testing.T) {
		mod, err := modfile.Parse("go.mod", []byte(read(t, "sandbox", "go.mod")), nil)
		require.NoError(t, err)
		version := map[string]string{}
		for _, r := range mod.Require {
			version[r.Mod.Path] = strings.TrimPrefix(r.Mod.Version, "v")
		}
		server := version["go.temporal.io/server"]
		require.Equal(t, "temporalio/server:"+server, images["temporal"])
		require.Equal(t, "temporalio/admin-tools:"+server, images["temporal-schema"])
		require.Equal(t, "temporalio/admin-tools:"+server, images["temporal-namespace"])
		require.Equal(t, "temporalio/ui:"+version["github.com/temporalio/ui-server/v2"], images["temporal-ui"])
	})
	t.Run("the build is that of the Go that go.mod names", func(t *testing.T) {
		mod, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
		require.NoError(t, err)
		require.Contains(t, read(t, "Dockerfile"), "FROM golang:"+mod.Go.Version+"-")
	})
}

func TestConfinement(t *testing.T) {
	project := here(t)
	oneShot := []string{"setup", "temporal-schema", "temporal-namespace", "starter"}
	for name, s := range project.Services {
		t.Run(name+" runs as nobody's superuser and is reached from this machine only", func(t *testing.T) {
			require.Regexp(t, `^[1-9]\d*:\d+$`, s.User)
			require.False(t, s.Privileged)
			for _, p := range s.Ports {
				require.Equal(t, "127.0.0.1", p.HostIP, "port %s", p.Published)
			}
		})
		t.Run(name+" tells whether it is well, or ends by itself", func(t *testing.T) {
			if slices.Contains(oneShot, name) {
				return
			}
			require.NotNil(t, s.HealthCheck)
			require.NotEmpty(t, s.HealthCheck.Test)
			require.Equal(t, types.RestartPolicyUnlessStopped, s.Restart)
		})
		t.Run(name+" gets secrets as files", func(t *testing.T) {
			for variable, value := range s.Environment {
				if secretName.MatchString(variable) && value != nil {
					require.Contains(t, *value, "/run/secrets/", variable)
				}
			}
		})
	}
	t.Run("running steps have time to finish", func(t *testing.T) {
		require.Greater(t, *project.Services["worker"].StopGracePeriod, types.Duration(config.Default().Worker.StopTimeout))
	})
}

var secretName = regexp.MustCompile(`PASSWORD|TOKEN|SECRET|IDENTIT|KEYS?$`)

// TestReferences proves that no path and no host in the settings dangles.
func TestReferences(t *testing.T) {
	project := here(t)
	for name, s := range ours(project) {
		t.Run(name+" names only folders, secrets and services that are there", func(t *testing.T) {
			granted := map[string]bool{}
			for _, secret := range s.Secrets {
				require.Contains(t, project.Secrets, secret.Source)
				granted["/run/secrets/"+secret.Source] = true
			}
			for _, line := range environ(s) {
				for _, path := range regexp.MustCompile(`/run/secrets/\w+`).FindAllString(line, -1) {
					require.True(t, granted[path], line)
				}
				for _, path := range regexp.MustCompile(`(?:/etc|/var)/[\w./-]+`).FindAllString(line, -1) {
					require.True(t, slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
						return path == v.Target || strings.HasPrefix(path, v.Target+"/")
					}), line)
				}
			}
			for _, host := range []string{"TEMPORAL__ADDRESS", "NOTIFY__SMTP__HOST"} {
				value, _, _ := strings.Cut(*s.Environment["IMMTRAIL_"+host], ":")
				require.Contains(t, project.Services, value)
			}
			require.Contains(t, *s.Environment["IMMTRAIL_DATABASE__URL"], "@postgres:5432/")
		})
	}
	t.Run("the Web UI's origin is the one that the codec endpoint answers", func(t *testing.T) {
		worker, ui := project.Services["worker"], project.Services["temporal-ui"]
		origin := *worker.Environment["IMMTRAIL_CODEC__ENDPOINT__ORIGINS"]
		require.Equal(t, origin, *ui.Environment["TEMPORAL_CORS_ORIGINS"])
		require.Equal(t, origin, "http://127.0.0.1:"+ui.Ports[0].Published)
		require.Contains(t, strings.Join(ui.Entrypoint, " "), "http://127.0.0.1:"+worker.Ports[0].Published+"/")
	})
}

// read returns a file of the repository.
func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{repository}, path...)...))
	require.NoError(t, err)
	return string(data)
}
