package engine

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/testing/freeport"
	"go.temporal.io/server/temporal"
)

const clusterName = "active"

// serverConfig is the smallest configuration that a server starts with: all
// four services on loopback, one store for everything.
func serverConfig(store *config.SQL, frontendPort int) *config.Config {
	hostPort := fmt.Sprintf("%s:%d", loopback, frontendPort)
	cfg := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     store.PluginName,
			VisibilityStore:  store.PluginName,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{store.PluginName: {SQL: store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: hostPort},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: hostPort},
		Services:     map[string]config.Service{},
	}
	cfg.Global.Membership.MaxJoinDuration = 30 * time.Second
	cfg.Global.Membership.BroadcastAddress = loopback
	for _, name := range temporal.DefaultServices {
		port := frontendPort
		if name != string(primitives.FrontendService) {
			port = freeport.MustGetFreePort()
		}
		cfg.Services[name] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	return cfg
}

// staticHosts tells every service where the others are, instead of letting them
// find each other: discovery remembers the hosts of a former life for a while.
func staticHosts(cfg *config.Config) map[primitives.ServiceName]static.Hosts {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, svc := range cfg.Services {
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(fmt.Sprintf("%s:%d", loopback, svc.RPC.GRPCPort))
	}
	return hosts
}

// limits lifts what protects a shared cluster from its users, so that only the
// machine limits the sandbox, and one partition per task queue lets the few
// pollers of a small worker find every task at once.
func limits() dynamicconfig.Client {
	const plenty = 100_000
	client := dynamicconfig.StaticClient{
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// Steps of one practice do not stand before those of another.
		dynamicconfig.MatchingEnableFairness.Key():                  true,
		dynamicconfig.SchedulerNamespaceStartWorkflowRPS.Key():      float64(plenty),
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		dynamicconfig.NamespaceCacheRefreshInterval.Key():           time.Second,
		// A compressed calendar asks for the same workflow ID again at once.
		dynamicconfig.WorkflowIdReuseMinimalInterval.Key(): time.Duration(0),
		// By default a second question to a workflow whose worker is busy is refused.
		dynamicconfig.MaxBufferedQueryCount.Key(): 100,
	}
	for _, key := range []dynamicconfig.Key{
		dynamicconfig.FrontendRPS.Key(),
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxNamespaceNamespaceReplicationInducingAPIsRPSPerInstance.Key(),
		dynamicconfig.FrontendPersistenceMaxQPS.Key(),
		dynamicconfig.HistoryRPS.Key(),
		dynamicconfig.HistoryPersistenceMaxQPS.Key(),
		dynamicconfig.MatchingRPS.Key(),
		dynamicconfig.MatchingPersistenceMaxQPS.Key(),
		dynamicconfig.WorkerPersistenceMaxQPS.Key(),
		dynamicconfig.VisibilityPersistenceMaxReadQPS.Key(),
		dynamicconfig.VisibilityPersistenceMaxWriteQPS.Key(),
	} {
		client[key] = plenty
	}
	return client
}

// maxLogBytes is the size at which the log of a former life is set aside.
const maxLogBytes = 8 << 20

// logTo keeps the server's talk out of the terminal. Its warnings are mostly
// about itself; they are for whoever looks for the cause of something.
func logTo(path string) (log.Logger, error) {
	st, err := os.Stat(path)
	switch {
	case err == nil && st.Size() > maxLogBytes:
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	case err != nil && !os.IsNotExist(err):
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, fs.FileMode(0o600))
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "warn", OutputFile: path})), nil
}
