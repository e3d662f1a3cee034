package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"immtrail/internal/buildid"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show which build this is", Args: cobra.NoArgs,
		Example: "  starter version\n  starter version --output json",
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Build    string `json:"build"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{buildid.ID(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			return a.show(v, func(s *screen) { s.raw("immtrail %s (%s, %s)", v.Build, v.Go, v.Platform) })
		},
	}
}
