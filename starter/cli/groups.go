package cli

import "github.com/spf13/cobra"

// groups are all commands in the order of --help. What does not work yet is
// not here.
func (a *app) groups() []group {
	return []group{
		{"day", "Every day:", []*cobra.Command{
			a.statusCommand(), a.holdCommand(), a.heldCommand(), a.errorsCommand(), a.findCommand(), a.submitCommand(), a.checkCommand(),
			a.fileCommand(),
		}},
		{"journey", "A practice's way to production:", []*cobra.Command{
			a.practiceCommand(), a.prerequisiteCommand(), a.onboardCommand(), a.onboardingCommand(), a.reviewCommand(),
			a.productionCommand(), a.letterCommand(),
			a.historyCommand(), a.submissionCommand(), a.evidenceCommand(),
		}},
		{"registry", "The registry:", []*cobra.Command{
			a.connectionCommand(), a.deliveryCommand(), a.reportCommand(), a.profileCommand(), a.codesCommand(),
			a.rulesCommand(), a.qualityCommand(),
			a.transferCommand(),
		}},
		{"machine", "The installation:", []*cobra.Command{
			a.doctorCommand(), a.setupCommand(), a.migrateCommand(), a.configCommand(), a.keysCommand(),
			a.auditCommand(), a.retentionCommand(), a.reconcileCommand(), a.versionCommand(),
		}},
	}
}
