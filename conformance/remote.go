package conformance

import (
	"regexp"
	"slices"
	"strings"

	"immtrail/registry"
)

// What is judged by its name or its bytes as a whole. The name that an EHR gave
// to a file is never judged.
var (
	ruleName = declare(Rule{
		ID: "F-01", Where: "remote name", Severity: isError, Drops: DropsFile,
		SilencedBy: []string{"F-01.extension", "F-01.id", "F-01.letters"},
		Says:       "The name at the registry is not as the template says.",
		Remedy:     "Correct the setting file.name_template, or the practice's org code and IIS ID.",
		Source:     "Setting file.name_template",
	})
	ruleNameLetters = declare(Rule{
		ID: "F-01.letters", Where: "remote name", Severity: isError, Drops: DropsFile,
		Says:   "The name at the registry holds more than letters, digits, _ - and the dot, or is too long.",
		Remedy: "Correct the setting file.name_template or the words for test, production and historical files.",
		Source: "Plain names pass every server",
	})
	ruleNameOwner = declare(Rule{
		ID: "F-01.id", Where: "remote name", Severity: isError, Drops: DropsFile,
		Says:   "The name at the registry does not hold the practice's org code or IIS ID.",
		Remedy: "Put {org} or {iis} into the setting file.name_template; for {iis} the practice needs its IIS ID.",
		Source: "DSHS naming rule of 2013: the sender's code",
	})
	ruleNameEnding = declare(Rule{
		ID: "F-01.extension", Where: "remote name", Severity: isError, Drops: DropsFile,
		Says:   "The name at the registry does not end in .HL7.",
		Remedy: "End the setting file.name_template in .HL7; where DSHS told you otherwise, switch this rule off.",
		Source: "DSHS naming rule of 2013: .HL7",
	})
	// A file is recognised when it is taken, and its content when it is prepared;
	// the second is not sent. See activities: StageFile and PrepareDelivery.
	_ = declare(Rule{
		ID: "F-09", Where: "file", Severity: isError, Drops: DropsFile,
		Says:   "The same file, or the same messages under another envelope, were sent before.",
		Remedy: "Nothing to do; to send records again, export them anew.",
		Source: "A file is sent once",
	})
)

// RemoteName judges the name that a file is about to have at the registry
// (F-01), with the grades of the profile. It is pure. An error among the
// findings means that nothing may be sent under the name.
func RemoteName(p *registry.Profile, practice *registry.Practice, lane registry.Lane, name string) []registry.Finding {
	weigh := severities(lane, p.Rules.Grades)
	var found []registry.Finding
	judge := func(r *Rule, fits bool) {
		if weight := weigh[r.n]; !fits && weight != "" {
			found = append(found, registry.Finding{Rule: r.ID, Severity: weight, Place: registry.Place{Path: r.Where}})
		}
	}
	judge(ruleNameLetters, registry.CheckRemoteName(name) == nil)
	judge(ruleNameOwner, holds(name, practice.OrgCode) || holds(name, practice.IISID))
	judge(ruleNameEnding, strings.HasSuffix(name, ".HL7"))
	graver := slices.ContainsFunc(found, func(f registry.Finding) bool {
		return severityRank(f.Severity) <= severityRank(weigh[ruleName.n])
	})
	if !graver { // these say what is wrong with it
		judge(ruleName, nameForm(p.File, practice, lane).MatchString(name))
	}
	return found
}

func holds(name, id string) bool { return id != "" && strings.Contains(name, id) }

// nameForm is the template as names that come from it look.
func nameForm(f registry.FileSettings, practice *registry.Practice, lane registry.Lane) *regexp.Regexp {
	form := regexp.QuoteMeta(f.NameTemplate)
	for key, looks := range map[string]string{
		"{org}": regexp.QuoteMeta(practice.OrgCode), "{iis}": regexp.QuoteMeta(practice.IISID),
		"{lane}": regexp.QuoteMeta(f.Word(lane)), "{date}": `\d{8}`, "{time}": `\d{6}`, "{seq}": `\d{6,}`,
	} {
		form = strings.ReplaceAll(form, regexp.QuoteMeta(key), looks)
	}
	return regexp.MustCompile("^" + form + "$") // everything else was quoted
}
