package texas

import (
	"fmt"
	"net/mail"
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"immtrail/registry"
)

// checker collects what is impossible in a profile, each fault with the file
// that set the value and its key.
type checker struct {
	by   map[string]string
	errs []error
}

func (c *checker) fail(key, format string, args ...any) {
	file := c.by[key]
	if file == "" {
		file = "profile.yaml"
	}
	c.errs = append(c.errs, fmt.Errorf("%s: %s: %s", file, key, fmt.Sprintf(format, args...)))
}

// culprit is the one of keys that an overlay set, so that a fault between two
// values names the file that brought it.
func (c *checker) culprit(keys ...string) string {
	for _, k := range keys {
		if c.by[k] != "" {
			return k
		}
	}
	return keys[0]
}

func (s *set) check() []error {
	c := &checker{by: s.by}
	p := &s.out.Profile
	c.who(p)
	c.messages(p)
	c.files(p)
	c.folders(p)
	c.transfer(p)
	c.host(p)
	c.rules(p)
	c.reports(p)
	c.gate(p)
	c.policy(p)
	c.calendar(p)
	slices.SortFunc(c.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return c.errs
}

func (c *checker) oneOf(key, val string, allowed ...string) {
	if !slices.Contains(allowed, val) {
		c.fail(key, "one of %s", strings.Join(allowed, ", "))
	}
}

func (c *checker) between(key string, val, low, high int64) {
	if val < low || val > high {
		c.fail(key, "from %d to %d", low, high)
	}
}

func (c *checker) rising(key string, days []int, below int) {
	last := 0
	for _, d := range days {
		if d <= last || below > 0 && d >= below {
			if below > 0 {
				c.fail(key, "rising numbers of days from 1 on, below %d", below)
			} else {
				c.fail(key, "rising numbers of days from 1 on")
			}
			return
		}
		last = d
	}
}

func oneLineText(s string) bool {
	return strings.TrimSpace(s) != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func (c *checker) who(p *registry.Profile) {
	for key, val := range map[string]string{
		"title": p.Title, "data_exchange_phone": p.DataExchangePhone, "support_phone": p.SupportPhone,
	} {
		if !oneLineText(val) {
			c.fail(key, "one line of text")
		}
	}
	if registry.CheckID("name", p.Name) != nil {
		c.fail("name", "lower-case letters, digits and hyphens")
	}
	for key, val := range map[string]string{
		"data_exchange_email": p.DataExchangeEmail, "support_email": p.SupportEmail,
	} {
		if a, err := mail.ParseAddress(val); err != nil || a.Address != val {
			c.fail(key, "an address such as name@example.org")
		}
	}
}

func (c *checker) messages(p *registry.Profile) {
	c.oneOf("message.test_processing_id", p.Message.TestProcessingID, "T", "P", "D")
	// Real patient data travels in these two: nothing marked as a test may.
	c.oneOf("message.production_processing_id", p.Message.ProductionProcessingID, "P")
	c.oneOf("message.historical_processing_id", p.Message.HistoricalProcessingID, "P")
	if v := p.Message.ReceivingFacility; v != "" && (!oneLineText(v) || strings.ContainsAny(v, `|~\&`)) {
		c.fail("message.receiving_facility", "what MSH-6 holds, without separators, or empty")
	}
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

func (c *checker) files(p *registry.Profile) {
	const key = "file.name_template"
	known := []string{"{org}", "{iis}", "{lane}", "{date}", "{time}", "{seq}"}
	used := placeholder.FindAllString(p.File.NameTemplate, -1)
	for _, u := range used {
		if !slices.Contains(known, u) {
			c.fail(key, "%s is none of %s", u, strings.Join(known, " "))
			return
		}
	}
	if !slices.Contains(used, "{org}") && !slices.Contains(used, "{iis}") {
		c.fail(key, "needs {org} or {iis}: the registry has to see whose file it is")
	}
	if !slices.Contains(used, "{seq}") {
		c.fail(key, "needs {seq}: two files must never have one name")
	}
	if !strings.HasSuffix(p.File.NameTemplate, ".HL7") && !lenient(p.Rules.Grades["F-01.extension"]) {
		c.fail(key, `has to end in .HL7; where DSHS told you otherwise, set rules.grades.F-01.extension: "off"`)
	}
	sample := &registry.Practice{OrgCode: "ABCD1234", IISID: "0001112000"}
	day := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	for lane, key := range map[registry.Lane]string{
		registry.LaneTest: "file.test_word", registry.LaneProduction: "file.production_word",
		registry.LaneHistorical: "file.historical_word",
	} {
		if _, err := registry.RemoteName(p.File, sample, lane, day, 999999999); err != nil {
			c.fail(c.culprit(key, "file.name_template"), "gives a name that is not plain letters, digits, _ - and .")
		}
	}
	c.between("file.max_bytes", p.File.MaxBytes, 1024, 1<<40)
	c.between("file.max_messages", int64(p.File.MaxMessages), 1, 100_000_000)
	c.oneOf("file.after_staging", p.File.AfterStaging, "keep", "delete")
	for key, suffix := range map[string]string{"file.done_suffix": p.File.DoneSuffix, "file.checksum_suffix": p.File.ChecksumSuffix} {
		if suffix != "" && !companionForm.MatchString(suffix) {
			c.fail(key, "an ending such as .done")
		}
	}
	if dir := p.File.SharedOutbox; dir != "" && (!filepath.IsAbs(dir) || filepath.Clean(dir) != dir) {
		c.fail("file.shared_outbox", "a whole path such as /srv/ehr-east")
	}
	for _, pattern := range p.File.SharedPatterns {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			c.fail("file.shared_patterns", "%q is no pattern such as sunrise_*", pattern)
		}
	}
	if p.File.DoneSuffix != "" && strings.EqualFold(p.File.DoneSuffix, p.File.ChecksumSuffix) {
		c.fail(c.culprit("file.checksum_suffix", "file.done_suffix"), "is the ending of both companions")
	}
}

// companionForm leaves out the endings that files with messages have.
var companionForm = regexp.MustCompile(`^\.(done|ok|rdy|ready|trg|trigger|fin|eof|complete|sha256|sha1|md5|sum|chk)$`)

// lenient reports whether a grade lets a file go.
func lenient(grade string) bool { return grade != "" && grade != "error" }

func (c *checker) folders(p *registry.Profile) {
	for key, f := range map[string]string{
		"folders.test": p.Folders.Test, "folders.production": p.Folders.Production,
		"folders.historical": p.Folders.Historical, "folders.reports": p.Folders.Reports,
	} {
		bad := !oneLineText(f) || path.IsAbs(f) || path.Clean(f) != f || f == ".." ||
			strings.HasPrefix(f, "../") || strings.Contains(f, `\`)
		if bad {
			c.fail(key, "a folder below the login's own, such as inbound/test")
		}
	}
}

func (c *checker) transfer(p *registry.Profile) {
	if v := p.Transfer.WebClient; v != "" && (!oneLineText(v) || !strings.HasPrefix(v, "https://")) {
		c.fail("transfer.web_client", "an address such as https://registry.example/upload, or empty")
	}
	c.oneOf("transfer.upload", p.Transfer.Upload, "rename", "direct")
	for key, d := range map[string]time.Duration{
		"transfer.dial_timeout": p.Transfer.DialTimeout, "transfer.idle_timeout": p.Transfer.IdleTimeout,
	} {
		if d < time.Second || d > 15*time.Minute {
			c.fail(key, "from 1s to 15m, with its unit")
		}
	}
	for key, d := range map[string]time.Duration{
		"transfer.sftp_idle_life": p.Transfer.SFTPIdleLife, "transfer.ftps_idle_life": p.Transfer.FTPSIdleLife,
		"transfer.ftps_keep_alive": p.Transfer.FTPSKeepAlive,
	} {
		if d < 0 || d > time.Hour {
			c.fail(key, "from 0s to 1h, with its unit")
		}
	}
	if ports := p.Transfer.FTPSDataPorts; ports != "" && !portsForm.MatchString(ports) {
		c.fail("transfer.ftps_data_ports", "a range of ports such as 5000-5010, or nothing for every port")
	}
	if registry.CheckNameCharacters(p.Transfer.NameCharacters) != nil {
		c.fail("transfer.name_characters", "some of "+registry.NameCharacters+" or nothing")
	}
	c.between("transfer.write_ahead", int64(p.Transfer.WriteAhead), 0, 128)
	for _, host := range p.Transfer.TrustedParallel {
		if !oneLineText(host) || strings.ContainsAny(host, " /@*") {
			c.fail("transfer.trusted_parallel", "hosts such as sftp.example.org or sftp.example.org:2222")
		}
	}
	for _, network := range p.Transfer.AllowedAddresses {
		if _, err := netip.ParsePrefix(network); err != nil {
			c.fail("transfer.allowed_addresses", "networks such as 192.0.2.0/24 or 192.0.2.7/32")
		}
	}
}

func (c *checker) host(p *registry.Profile) {
	c.between("host.sessions", int64(p.Host.Sessions), 1, registry.MostSessions)
	c.between("host.sessions_per_login", int64(p.Host.SessionsPerLogin), 1, 64)
	c.between("host.files_per_hour", int64(p.Host.FilesPerHour), 0, 1_000_000)
	c.between("host.bytes_per_second", p.Host.BytesPerSecond, 0, 1<<40)
	if per := p.Host.BytesPerSecond / int64(max(1, p.Host.Sessions)); p.Host.BytesPerSecond > 0 && per < 1024 {
		c.fail("host.bytes_per_second", "at least 1024 for each of host.sessions, or 0 for no limit")
	}
	if _, err := registry.ParseQuietHours(p.Host.QuietHours, p.Zone); err != nil {
		c.fail("host.quiet_hours", "%v", err)
	}
}

var (
	portsForm = regexp.MustCompile(`^\d{1,5}-\d{1,5}$`)
	cvxForm   = regexp.MustCompile(`^\d{2,3}$`)
	ruleForm  = regexp.MustCompile(`^([A-Z]-\d{2}(\.[a-z]{1,20})?|Z(-[A-Z][A-Z0-9]{2}(-\d{1,2}(\.\d{1,2}){0,2})?(\.[a-z]{1,20})?)?)$`)
	fieldForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{2}-[1-9]\d{0,2}|OBX\([^()|^~\\&\s]{1,20}\))(\.[1-9]\d?)?$`)
)

func (c *checker) rules(p *registry.Profile) {
	for _, rule := range sortedKeys(p.Rules.Grades) {
		key := "rules.grades." + rule
		c.by[key] = c.by["rules.grades"]
		if !ruleForm.MatchString(rule) {
			c.fail(key, "a rule looks like F-10")
		}
		c.oneOf(key, p.Rules.Grades[rule], "off", "info", "warning", "error")
	}
	for _, rule := range p.Rules.Held {
		if !ruleForm.MatchString(rule) {
			c.fail("rules.held", "a rule looks like F-10")
		}
		if p.Rules.Grades[rule] == "off" {
			c.fail(c.culprit("rules.grades", "rules.held"), "%s is off in rules.grades and named in rules.held; it cannot be both", rule)
		}
	}
	if f := p.Rules.ConsentField; f != "" && !fieldForm.MatchString(f) {
		c.fail("rules.consent_field", "a field such as PD1-12, ZTX-3.1 or OBX(59784-9), or empty")
	}
	if f := p.Rules.ConsentDateField; f != "" && !fieldForm.MatchString(f) {
		c.fail("rules.consent_date_field", "a field such as PD1-13, ZTX-3.2 or OBX(59785-6), or empty")
	}
	for _, code := range p.Rules.DisasterVaccines {
		if !cvxForm.MatchString(code) {
			c.fail("rules.disaster_vaccines", "CVX codes such as 208")
		}
	}
}

func (c *checker) reports(p *registry.Profile) {
	c.oneOf("reports.lists", p.Reports.Lists, "all", "bad-only")
	c.oneOf("reports.per", p.Reports.Per, "file", "day", "week")
	if p.Reports.Weekday != "" {
		c.oneOf("reports.weekday", p.Reports.Weekday, weekdays...)
	}
	c.between("reports.days_back", int64(p.Reports.DaysBack), 0, 7)
	if _, err := path.Match(p.Reports.NamePattern, ""); err != nil || p.Reports.NamePattern == "" {
		c.fail("reports.name_pattern", "a pattern such as *.txt")
	}
	c.between("reports.due_business_days", int64(p.Reports.DueBusinessDays), 1, 60)
}

var senderForm = regexp.MustCompile(`^([^@\s]+@)?[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+$`)

func (c *checker) gate(p *registry.Profile) {
	po := &p.Policy
	c.between("policy.test_files_min", int64(po.TestFilesMin), 1, 100)
	c.between("policy.test_files_max", int64(po.TestFilesMax), 1, 100)
	if po.TestFilesMin > po.TestFilesMax {
		c.fail(c.culprit("policy.test_files_min", "policy.test_files_max"),
			"test_files_min (%d) is more than test_files_max (%d)", po.TestFilesMin, po.TestFilesMax)
	}
	c.oneOf("policy.gate_rule", string(po.GateRule), string(registry.GateTotal), string(registry.GateStreak))
	c.between("policy.silent_business_days", int64(po.SilentBusinessDays), 0, 60)
	c.oneOf("policy.registry_letters", string(po.RegistryLetters), string(registry.LettersAsk), string(registry.LettersAutomatic))
	c.between("policy.second_file_days", int64(po.SecondFileDays), 0, 20)
	for _, s := range po.ApprovalSenders {
		if !senderForm.MatchString(s) {
			c.fail("policy.approval_senders", "an address (name@example.org) or a domain (example.org)")
		}
	}
	c.rising("policy.review_reminders", po.ReviewReminders, 0)
	c.rising("policy.evidence_reminders", po.EvidenceReminders, 0)
	c.rising("policy.history_reminders", po.HistoryReminders, 0)
	c.rising("policy.hold_reminders", po.HoldReminders, 0)
	c.waits(po)
	c.rising("policy.credential_warnings", po.CredentialWarnings, 0)
}

// waits is who is told of a wait, and when.
func (c *checker) waits(po *registry.Policy) {
	c.rising("policy.wait_reminders", po.WaitReminders, 0)
	c.between("policy.review_due_days", int64(po.ReviewDueDays), 0, 250)
	c.between("policy.hold_due_days", int64(po.HoldDueDays), 0, 250)
	c.between("policy.wait_due_days", int64(po.StepDueDays), 0, 250)
	c.between("policy.wait_alarm_days", int64(po.WaitAlarmDays), 0, 250)
	if _, err := mail.ParseAddress(po.Lead); po.Lead != "" && err != nil {
		c.fail("policy.lead", "an address such as lead@example.org")
	}
	if _, err := time.Parse("15:04", po.ReminderTime); err != nil {
		c.fail("policy.reminder_time", "a time such as 08:00")
	}
	if _, err := registry.ParseQuietHours(po.QuietHours, "UTC"); err != nil {
		c.fail("policy.quiet_hours", "%v", err)
	}
}

func (c *checker) policy(p *registry.Profile) {
	po := &p.Policy
	// 25 TAC 100.6(b): thirty days is the law's limit; less is one's own choice.
	c.between("policy.floor_days", int64(po.FloorDays), 1, 30)
	c.rising("policy.floor_warnings", po.FloorWarnings, po.FloorDays)
	c.oneOf("policy.floor_from", string(po.FloorFrom), string(registry.FloorDelivered), string(registry.FloorAccepted))
	c.between("policy.cadence_days", int64(po.CadenceDays), 1, 30)
	if po.CadenceDays > po.FloorDays {
		c.fail(c.culprit("policy.cadence_days", "policy.floor_days"),
			"cadence_days (%d) is more than floor_days (%d)", po.CadenceDays, po.FloorDays)
	}
	c.between("policy.quiet_site_days", int64(po.QuietSiteDays), 1, 365)
	c.between("policy.volume_factor", int64(po.VolumeFactor), 2, 100)
	c.between("policy.volume_least", int64(po.VolumeLeast), 0, 1_000_000)
	c.between("policy.volume_vaccines", int64(po.VolumeVaccines), 0, 100)
	c.between("policy.upload_days", int64(p.Policy.UploadDays), 1, 60)
	c.between("policy.error_due_days", int64(po.ErrorDueDays), 1, 365)
	c.between("policy.error_due_high_days", int64(po.ErrorDueHighDays), 1, 365)
	c.between("policy.error_due_low_days", int64(po.ErrorDueLowDays), 1, 365)
	c.answers(po)
	c.between("policy.files_per_cycle", int64(po.FilesPerCycle), 1, 10_000)
	c.between("policy.history_window", int64(po.HistoryWindow), 1, 64)
	c.between("policy.history_part_messages", int64(po.HistoryPartMessages), 1, int64(max(p.File.MaxMessages, 1)))
	c.between("policy.history_part_bytes", po.HistoryPartBytes, 1<<16, 1<<40)
	if po.HistoryPartBy != "" {
		c.oneOf("policy.history_part_by", po.HistoryPartBy, "year", "site")
	}
	c.between("policy.history_stop_percent", int64(po.HistoryStopPercent), 1, 100)
	c.between("policy.retention_days", int64(po.RetentionDays), 1, 3650)
	c.between("policy.retry_delay_seconds", int64(po.RetryDelaySeconds), 1, 900)
	if !(po.Patience > 0 && po.Patience <= 10) {
		c.fail("policy.patience", "more than 0, at most 10")
	}
}

var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// answers is what is told of the registry's answers.
func (c *checker) answers(po *registry.Policy) {
	c.between("policy.error_old_days", int64(po.ErrorOldDays), 1, 365)
	c.between("policy.acceptance_percent", int64(po.AcceptancePercent), 0, 100)
	c.between("policy.acceptance_clear_percent", int64(po.AcceptanceClearPercent), int64(po.AcceptancePercent), 100)
	c.between("policy.acceptance_clear_weeks", int64(po.AcceptanceClearWeeks), 1, 12)
	c.between("policy.acceptance_weeks", int64(po.AcceptanceWeeks), 1, 52)
	c.between("policy.acceptance_messages", int64(po.AcceptanceMessages), 1, 100_000)
	c.between("policy.jump_refused", int64(po.JumpRefused), 1, 100_000)
	if po.JumpPercent != 0 {
		c.between("policy.jump_percent", int64(po.JumpPercent), 110, 10_000)
	}
	if po.DigestWeekday != "" {
		c.oneOf("policy.digest_weekday", po.DigestWeekday, weekdays...)
	}
}

func (c *checker) calendar(p *registry.Profile) {
	if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "" || p.Zone == "Local" {
		c.fail("zone", "an IANA zone such as America/Chicago")
	}
	seen := map[string]bool{}
	for _, h := range p.Holidays {
		if _, err := time.Parse(time.DateOnly, h); err != nil {
			c.fail("holidays", "%q is not a date such as 2026-12-25", h)
		}
		if seen[h] {
			c.fail("holidays", "%s stands twice", h)
		}
		seen[h] = true
	}
}

func words[T ~string](vals []T) string {
	out := make([]string, len(vals))
	for i, v := range vals {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}
