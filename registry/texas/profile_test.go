package texas_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"immtrail/registry"
	"immtrail/registry/texas"
)

func load(t *testing.T, overlays ...texas.Overlay) *texas.Loaded {
	t.Helper()
	l, err := texas.Load(overlays...)
	require.NoError(t, err)
	return l
}

func overlay(text string) texas.Overlay {
	return texas.Overlay{Name: "office.yaml", Data: []byte(text)}
}

func value(t *testing.T, l *texas.Loaded, key string) texas.Value {
	t.Helper()
	for _, v := range l.Values {
		if v.Key == key {
			return v
		}
	}
	t.Fatalf("no value %s", key)
	return texas.Value{}
}

func TestEveryValueOfTheProfileStandsWithItsSource(t *testing.T) {
	text, err := os.ReadFile("profile.yaml")
	require.NoError(t, err)
	var entries []struct {
		Key, Source, Cite, Decides, Follows string
		Confirmed                           bool
	}
	require.NoError(t, yaml.Unmarshal(text, &entries))
	var keys []string
	for _, e := range entries {
		keys = append(keys, e.Key)
		require.Contains(t, []string{"dshs", "default"}, e.Source, e.Key)
		require.NotEmpty(t, e.Cite, e.Key)
		require.Contains(t, []string{"registry", "us"}, e.Decides, e.Key)
		if e.Confirmed {
			require.Equal(t, "dshs", e.Source, "%s: confirmed only where DSHS says so", e.Key)
			require.Regexp(t, `job aide|25 TAC|Stock No\.|DSHS, page`, e.Cite, "%s: names the document", e.Key)
		}
	}
	require.ElementsMatch(t, texas.Keys(), keys, "every field of registry.Profile, and nothing else")
}

func TestBuiltInProfileIsWhatTheJobAideSays(t *testing.T) {
	l := load(t)
	require.Equal(t, 3, l.Profile.Policy.TestFilesMin)
	require.Equal(t, 5, l.Profile.Policy.TestFilesMax)
	require.Equal(t, 30, l.Profile.Policy.FloorDays)
	require.Equal(t, "ImmTracMU@dshs.texas.gov", l.Profile.DataExchangeEmail)
	require.Equal(t, "800-348-9158, option 3", l.Profile.DataExchangePhone)
	require.Equal(t, texas.SourceDSHS, value(t, l, "policy.test_files_min").Source)
	require.True(t, value(t, l, "policy.test_files_min").Confirmed)
	require.Equal(t, texas.SourceDefault, value(t, l, "folders.test").Source)

	p := &registry.Practice{OrgCode: "SUNR1234"}
	name, err := registry.RemoteName(l.Profile.File, p, registry.LaneTest, time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC), 1)
	require.NoError(t, err)
	require.Equal(t, "SUNR1234_TEST_20260302101500_000001.HL7", name)
}

// What Stock No. 11-15236 recommends for FTPS is in the profile, and nowhere else.
func TestFTPSIsSpokenAsDSHSRecommends(t *testing.T) {
	loaded, err := texas.Load()
	require.NoError(t, err)
	p := loaded.Profile
	require.Equal(t, 65*time.Second, p.Transfer.DialTimeout)
	require.Equal(t, 65*time.Second, p.Transfer.IdleTimeout)
	require.Equal(t, 30, p.Policy.RetryDelaySeconds)
	require.Zero(t, p.Transfer.FTPSKeepAlive)
	require.Zero(t, p.Transfer.FTPSIdleLife, "not left open")
	require.Equal(t, "5000-5010", p.Transfer.FTPSDataPorts)
}

func TestWhatNobodyConfirmedIsListed(t *testing.T) {
	keys := func(l *texas.Loaded) []string {
		var out []string
		for _, v := range l.Unconfirmed() {
			out = append(out, v.Key)
		}
		return out
	}
	open := keys(load(t))
	require.Contains(t, open, "folders.test")
	require.Contains(t, open, "file.name_template")
	require.Contains(t, open, "message.test_processing_id")
	require.NotContains(t, open, "policy.test_files_min", "DSHS says so")
	require.NotContains(t, open, "policy.patience", "our own affair")

	t.Run("a value of one's own stays on the list", func(t *testing.T) {
		require.Contains(t, keys(load(t, overlay("folders.test: in/test"))), "folders.test")
	})
	t.Run("until somebody says who confirmed it", func(t *testing.T) {
		l := load(t, overlay("folders.test: in/test\nconfirmed: {folders.test: 'call with DSHS, 2026-11-02'}"))
		require.NotContains(t, keys(l), "folders.test")
		require.Equal(t, "confirmed: call with DSHS, 2026-11-02", value(t, l, "folders.test").Cite)
		require.Equal(t, "your override: office.yaml", value(t, l, "folders.test").Source)
	})
	t.Run("a confirmed value that is overridden is not confirmed any more", func(t *testing.T) {
		require.Contains(t, keys(load(t, overlay("policy.test_files_min: 4"))), "policy.test_files_min")
	})
}

func TestOverlaysLieAboveTheProfile(t *testing.T) {
	t.Run("dotted, nested and mixed", func(t *testing.T) {
		l := load(t, overlay("policy.test_files_min: 4\npolicy:\n  hold_reminders: [2, 4]\ntransfer: {dial_timeout: 20s}\n"))
		require.Equal(t, 4, l.Profile.Policy.TestFilesMin)
		require.Equal(t, []int{2, 4}, l.Profile.Policy.HoldReminders)
		require.Equal(t, 20*time.Second, l.Profile.Transfer.DialTimeout)
		require.Equal(t, "[2, 4]", value(t, l, "policy.hold_reminders").Value)
		require.Equal(t, 5, l.Profile.Policy.TestFilesMax, "the rest stays")
	})
	t.Run("the later lies above the earlier", func(t *testing.T) {
		l := load(t, overlay("policy.cadence_days: 7"),
			texas.Overlay{Name: "practice sunrise-plano", Data: []byte("policy.cadence_days: 3")})
		require.Equal(t, 3, l.Profile.Policy.CadenceDays)
		require.Equal(t, "your override: practice sunrise-plano", value(t, l, "policy.cadence_days").Source)
	})
	t.Run("grades of rules are laid over one by one", func(t *testing.T) {
		require.Equal(t, map[string]string{"M-03.future": "off"},
			load(t, overlay("rules.grades.M-03.future: off")).Profile.Rules.Grades, "a part of a rule")
		l := load(t, overlay("rules.grades: {M-03: warning, P-08: off}"),
			texas.Overlay{Name: "practice x", Data: []byte("rules: {grades: {P-08: info}}")})
		require.Equal(t, map[string]string{"M-03": "warning", "P-08": "info"}, l.Profile.Rules.Grades)
	})
	t.Run("the time for a report is one value under two names", func(t *testing.T) {
		l := load(t, overlay("reports.due_business_days: 9"))
		require.Equal(t, 9, l.Profile.Policy.ReportDueDays)
		require.Equal(t, "your override: office.yaml", value(t, l, "policy.report_due_days").Source)
	})
	t.Run("an empty file changes nothing", func(t *testing.T) {
		require.Equal(t, load(t).Profile, load(t, overlay(""), overlay("# nothing\n"), overlay("---\n")).Profile)
	})
	t.Run("loading leaves no trace for the next", func(t *testing.T) {
		load(t, overlay("rules.grades: {M-03: off}\ncatalogue: {CLR-100: {harmless: true}}\nholidays: []"))
		l := load(t)
		require.Empty(t, l.Profile.Rules.Grades)
		require.False(t, l.Catalogue["CLR-100"].Harmless)
		require.NotEmpty(t, l.Profile.Holidays)
	})
}

func TestFaultsAreAllToldAtOnceWithFileAndKey(t *testing.T) {
	_, err := texas.Load(
		overlay("policy:\n  test_files_min: 9\n  colour: blue\nzone: Mars/Olympus\n"),
		texas.Overlay{Name: "practice x", Data: []byte("reports.lists: some\npolicy.cadence_days: daily\n")},
	)
	require.Equal(t, registry.Invalid, registry.KindOf(err))
	for _, want := range []string{
		"office.yaml: policy.test_files_min: test_files_min (9) is more than test_files_max (5)",
		"office.yaml: policy.colour: there is no such value",
		"office.yaml: zone: an IANA zone",
		"practice x: reports.lists: one of all, bad-only",
		"practice x: policy.cadence_days: wants a whole number",
	} {
		require.Contains(t, err.Error(), want)
	}
}

func TestImpossibleValuesAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"policy.test_files_min: 0":        "policy.test_files_min: from 1 to 100",
		"policy.test_files_max: 2":        "policy.test_files_max: test_files_min (3) is more",
		"policy.floor_days: 31":           "policy.floor_days: from 1 to 30",
		"policy.floor_warnings: [20, 30]": "policy.floor_warnings: rising",
		"policy.floor_warnings: [25, 20]": "policy.floor_warnings: rising",
		"policy.hold_reminders: [0]":      "policy.hold_reminders: rising",
		"policy.cadence_days: 31":         "policy.cadence_days: from 1 to 30",
		"{policy.floor_days: 7, policy.floor_warnings: [5], policy.cadence_days: 14}": "cadence_days (14) is more than floor_days (7)",
		"policy.history_stop_percent: 101":                                            "policy.history_stop_percent",
		"policy.history_part_messages: 999999":                                        "policy.history_part_messages",
		"policy.patience: 0":                                                          "policy.patience",
		"transfer.sftp_idle_life: -1s":                                                "transfer.sftp_idle_life: from 0s to 1h",
		"transfer.ftps_idle_life: 2h":                                                 "transfer.ftps_idle_life: from 0s to 1h",
		"transfer.ftps_data_ports: all":                                               "transfer.ftps_data_ports: a range",
		"transfer.ftps_keep_alive: -1s":                                               "transfer.ftps_keep_alive: from 0s to 1h",
		"transfer.name_characters: '/'":                                               "transfer.name_characters: some of",
		"policy.retry_delay_seconds: 1000":                                            "policy.retry_delay_seconds: from 1",
		"transfer.max_sessions: 2":                                                    "transfer.max_sessions: is always the same as host.sessions; set that",
		"policy.upload_days: 0":                                                       "policy.upload_days: from 1",
		"transfer.web_client: ftp://x":                                                "transfer.web_client: an address such as https://",
		"host.sessions: 17":                                                           "host.sessions: from 1 to 16",
		"transfer.write_ahead: 500":                                                   "transfer.write_ahead: from 0",
		"transfer.trusted_parallel: ['*']":                                            "transfer.trusted_parallel: hosts such as",
		"transfer.allowed_addresses: [192.0.2.1]":                                     "transfer.allowed_addresses: networks such as",
		"policy.patience: .nan":                                                       "policy.patience",
		"policy.report_due_days: 3":                                                   "set that",
		"message.production_processing_id: T":                                         "message.production_processing_id: one of P",
		"message.historical_processing_id: D":                                         "message.historical_processing_id: one of P",
		"message.test_processing_id: X":                                               "message.test_processing_id: one of T, P, D",
		"message.receiving_facility: 'A|B'":                                           "message.receiving_facility",
		"file.name_template: '{org}_{day}_{seq}.HL7'":                                 "{day} is none of",
		"file.name_template: '{lane}_{seq}.HL7'":                                      "needs {org} or {iis}",
		"file.name_template: '{org}.HL7'":                                             "needs {seq}",
		"file.name_template: '{org}/{seq}.HL7'":                                       "file.name_template: gives a name",
		"file.test_word: 'T EST'":                                                     "file.test_word: gives a name",
		"file.max_bytes: 0":                                                           "file.max_bytes",
		"file.after_staging: burn":                                                    "one of keep, delete",
		"folders.test: ../other":                                                      "folders.test: a folder below",
		"folders.reports: /etc":                                                       "folders.reports: a folder below",
		"folders.test: ''":                                                            "folders.test: a folder below",
		"transfer.upload: teleport":                                                   "one of rename, direct",
		"transfer.dial_timeout: 30":                                                   "wants a length of time",
		"transfer.dial_timeout: 30ms":                                                 "transfer.dial_timeout: from 1s",
		"transfer.dial_timeout: soon":                                                 "wants a length of time",
		"transfer.delete_reports: maybe":                                              "wants true or false",
		"rules.grades: {M-03: fatal}":                                                 "rules.grades.M-03: one of off, info, warning, error",
		"rules.grades: {first: off}":                                                  "rules.grades.first: a rule looks like",
		"rules.grades: {F-11: off}":                                                   "F-11 is off",
		"rules.held: [everything]":                                                    "rules.held: a rule looks like",
		"rules.consent_field: somewhere":                                              "rules.consent_field",
		"rules.consent_date_field: OBX(59785-6":                                       "rules.consent_date_field",
		"rules.disaster_vaccines: [covid]":                                            "rules.disaster_vaccines",
		"reports.per: month":                                                          "one of file, day, week",
		"reports.name_pattern: '[a'":                                                  "reports.name_pattern",
		"reports.due_business_days: 0":                                                "reports.due_business_days",
		"holidays: [2026-13-01]":                                                      "holidays",
		"holidays: [2026-12-25, 2026-12-25]":                                          "stands twice",
		"zone: Local":                                                                 "zone: an IANA zone",
		"data_exchange_email: nobody":                                                 "data_exchange_email: an address",
		`data_exchange_phone: "1\r\nBcc: x"`:                                          "data_exchange_phone: one line",
		"policy.test_files_min: null":                                                 "is empty",
		"policy.hold_reminders: 3":                                                    "wants a list of whole numbers",
		"policy: 3":                                                                   "policy: there is no such value",
		"{policy.cadence_days: 2, policy: {cadence_days: 3}}":                         "stands twice",
		"- a":                                           "wants lines such as",
		"a: [":                                          "office.yaml: yaml",
		"confirmed: {folders.tset: x}":                  "confirmed.folders.tset: there is no such value",
		"confirmed: {folders.test: ''}":                 "say who confirmed it",
		"catalogue: {CLR-100: {owner: aunt}}":           "catalogue.CLR-100: owner: one of",
		"catalogue: {hundred: {meaning: x}}":            "catalogue.hundred: a code looks like",
		"catalogue: {QQQ-1: {owner: registry}}":         "catalogue.QQQ-1: meaning: is missing",
		"catalogue: {CLR-100: {colour: red}}":           "catalogue: has a field that is unknown",
		"mappings: [{columns: {code: [x]}}]":            "mappings[0]: name: is missing",
		"mappings: [{name: a}]":                         "mappings[0]: columns: is missing",
		"mappings: [{name: a, columns: {colour: [x]}}]": "columns.colour: one of control_id",
		"mappings: [{name: a, columns: {code: ['[']}}]": "is not a pattern",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := texas.Load(overlay(text))
			require.Error(t, err)
			require.Equal(t, registry.Invalid, registry.KindOf(err))
			require.Contains(t, err.Error(), want)
			require.Contains(t, err.Error(), "office.yaml", "which file to open")
		})
	}
}

func TestHolidaysAreWorkingDaysOfTheWeek(t *testing.T) {
	l := load(t)
	perYear := map[string]int{}
	for _, h := range l.Profile.Holidays {
		day, err := time.Parse(time.DateOnly, h)
		require.NoError(t, err)
		require.NotContains(t, []time.Weekday{time.Saturday, time.Sunday}, day.Weekday(), "%s is not made up for", h)
		perYear[h[:4]]++
	}
	require.Len(t, perYear, 3)
	for _, known := range []string{"2026-11-26", "2027-11-25", "2028-11-23"} { // fourth Thursdays of November
		require.Contains(t, l.Profile.Holidays, known)
	}
	days := l.Profile.BusinessDays()
	wednesday := time.Date(2026, 12, 23, 12, 0, 0, 0, time.FixedZone("CST", -6*3600))
	require.Equal(t, "2026-12-28", days.After(wednesday, 1).Format(time.DateOnly), "Christmas and the weekend do not count")
}

func TestCatalogueKnowsThePublicCodes(t *testing.T) {
	c, err := texas.BuiltinCatalogue()
	require.NoError(t, err)
	for _, code := range []string{"IMR-109", "IMR-110", "IEE-200", "IEE-201", "IEE-251", "IEE-513"} {
		require.True(t, c[code].Harmless, code)
		require.Equal(t, registry.OwnerNobody, c[code].Owner, code)
	}
	for _, code := range c.Codes() {
		e := c[code]
		require.NotEmpty(t, registry.FamilyOf(code), code)
		require.NotEmpty(t, e.Source, code)
		require.Equal(t, e.Owner == registry.OwnerNobody, e.Harmless, "%s: nobody owns what is harmless, and only that", code)
		if strings.HasPrefix(code, "CLR-") {
			require.True(t, e.PerPatient, code)
			require.False(t, e.Harmless, code)
		}
	}
}

func TestCatalogueAndMappingsAreOverridable(t *testing.T) {
	l := load(t, overlay(`
catalogue:
  CLR-100: {remedy: Call our front desk.}
  IEE-777: {meaning: Something new., remedy: Look., owner: data-team}
mappings:
  - {name: weekly list, columns: {control_id: [our number], message: ["what * says"]}}
`))
	require.Equal(t, "Call our front desk.", l.Catalogue["CLR-100"].Remedy)
	require.Equal(t, registry.OwnerPractice, l.Catalogue["CLR-100"].Owner, "the rest of the entry stays")
	require.Equal(t, "your override: office.yaml", l.Catalogue["CLR-100"].Source)
	require.Equal(t, registry.OwnerDataTeam, l.Catalogue["IEE-777"].Owner)
	require.Equal(t, "weekly list", l.Mappings[0].Name)
	require.Equal(t, "common words", l.Mappings[1].Name)

	l = load(t, overlay("mappings: [{name: common words, columns: {code: [x]}}]"))
	require.Len(t, l.Mappings, 1, "the same name replaces")
}
