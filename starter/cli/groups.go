package cli

import "github.com/spf13/cobra"

// groups are all commands in the order of --help. What does not work yet is
// not here.
func (a *app) groups() []group {
	return []group{
		{"desk", "At the desk, without a server:", []*cobra.Command{
			a.checkCommand(),
		}},
		{"machine", "The installation:", []*cobra.Command{
			a.profileCommand(), a.keysCommand(), a.configCommand(), a.versionCommand(),
		}},
	}
}

// Engine is what the command line needs of Temporal.
type Engine interface{}
