package registry

import "time"

// Profile is everything that is particular to one registry, as data. Package
// registry/texas embeds the Texas values; files in the config folder and
// per-practice overrides lie above them. What no DSHS document says is a
// setting with a marked default, never a constant in code.
type Profile struct {
	// Name is the profile's name, such as "texas".
	Name string `yaml:"name" json:"name"`
	// Title is the registry as letters and screens name it.
	Title string `yaml:"title" json:"title"`
	// Contacts of the registry, for letters and for the screens that say "call".
	DataExchangeEmail string `yaml:"data_exchange_email" json:"data_exchange_email"`
	DataExchangePhone string `yaml:"data_exchange_phone" json:"data_exchange_phone"`
	SupportEmail      string `yaml:"support_email" json:"support_email"`
	SupportPhone      string `yaml:"support_phone" json:"support_phone"`

	Message  MessageSettings  `yaml:"message" json:"message"`
	File     FileSettings     `yaml:"file" json:"file"`
	Folders  FolderSettings   `yaml:"folders" json:"folders"`
	Transfer TransferSettings `yaml:"transfer" json:"transfer"`
	Host     HostSettings     `yaml:"host" json:"host"`
	Rules    RuleSettings     `yaml:"rules" json:"rules"`
	Reports  ReportSettings   `yaml:"reports" json:"reports"`
	Policy   Policy           `yaml:"policy" json:"policy"`
	// Holidays of the registry's office, YYYY-MM-DD.
	Holidays []string `yaml:"holidays" json:"holidays"`
	Zone     string   `yaml:"zone" json:"zone"`

	// Prerequisites are the rows of the checklist that comes before testing. They
	// are laid over row by row, by their key.
	Prerequisites []Prerequisite `yaml:"-" json:"prerequisites"`
}

// DueDays is after how many days an error of a code of that severity is overdue.
func (p Policy) DueDays(s CodeSeverity) int {
	switch s {
	case CodeHigh:
		return p.ErrorDueHighDays
	case CodeLow:
		return p.ErrorDueLowDays
	case CodeNormal:
	}
	return p.ErrorDueDays
}

// BusinessDays are the registry's working days.
func (p *Profile) BusinessDays() BusinessDays {
	return BusinessDays{Holidays: p.Holidays, Zone: p.Zone}
}

// MessageSettings are what the registry wants in MSH.
type MessageSettings struct {
	// ProcessingID is MSH-11 per lane: T, P or D.
	TestProcessingID       string `yaml:"test_processing_id" json:"test_processing_id"`
	ProductionProcessingID string `yaml:"production_processing_id" json:"production_processing_id"`
	HistoricalProcessingID string `yaml:"historical_processing_id" json:"historical_processing_id"`
	// ReceivingFacility is the MSH-6 the registry expects; empty: any.
	ReceivingFacility string `yaml:"receiving_facility" json:"receiving_facility"`
}

// ProcessingID is the MSH-11 that lane l requires.
func (m MessageSettings) ProcessingID(l Lane) string {
	switch l {
	case LaneTest:
		return m.TestProcessingID
	case LaneProduction:
		return m.ProductionProcessingID
	case LaneHistorical:
		return m.HistoricalProcessingID
	}
	return ""
}

// FileSettings bound a file and give it its remote name.
type FileSettings struct {
	// NameTemplate may use {org}, {iis}, {lane}, {date}, {time}, {seq}.
	NameTemplate string `yaml:"name_template" json:"name_template"`
	// TestWord, ProductionWord and HistoricalWord are what {lane} becomes.
	TestWord       string `yaml:"test_word" json:"test_word"`
	ProductionWord string `yaml:"production_word" json:"production_word"`
	HistoricalWord string `yaml:"historical_word" json:"historical_word"`
	MaxBytes       int64  `yaml:"max_bytes" json:"max_bytes"`
	MaxMessages    int    `yaml:"max_messages" json:"max_messages"`
	// AfterStaging is what happens to a file in the outbox once it is safe in
	// the file store: "keep" moves it to taken/, "delete" removes it.
	AfterStaging string `yaml:"after_staging" json:"after_staging"`
	// SharedOutbox is a folder (absolute; with test/ and production/ and their
	// markers) into which an EHR writes files of several practices; each of them names
	// it. SharedPatterns are those of this practice's files below a lane's folder, as
	// path.Match has them; what matches nobody's belongs to whom its messages name
	// (MSH-4, MSH-22).
	SharedOutbox   string   `yaml:"shared_outbox" json:"shared_outbox,omitempty"`
	SharedPatterns []string `yaml:"shared_patterns" json:"shared_patterns,omitempty"`
	// DoneSuffix and ChecksumSuffix are the endings of files that the EHR writes
	// beside each file, once it is complete (".done") or with its checksum
	// (".sha256", ".md5"): a file without them is not taken yet. Empty: it writes
	// none.
	DoneSuffix     string `yaml:"done_suffix" json:"done_suffix,omitempty"`
	ChecksumSuffix string `yaml:"checksum_suffix" json:"checksum_suffix,omitempty"`
}

// FolderSettings are folders at the registry, relative to the login's home.
type FolderSettings struct {
	Test       string `yaml:"test" json:"test"`
	Production string `yaml:"production" json:"production"`
	Historical string `yaml:"historical" json:"historical"`
	Reports    string `yaml:"reports" json:"reports"`
}

// For is the folder that files of lane l are put into.
func (f FolderSettings) For(l Lane) string {
	switch l {
	case LaneTest:
		return f.Test
	case LaneProduction:
		return f.Production
	case LaneHistorical:
		return f.Historical
	}
	return ""
}

// TransferSettings say how to behave towards the registry's server.
type TransferSettings struct {
	// WebClient is the address of the registry's own page for uploads with a
	// browser; empty where there is none.
	WebClient string `yaml:"web_client" json:"web_client"`
	// Upload is "rename" (write to a .part name, then rename) or "direct".
	Upload string `yaml:"upload" json:"upload"`
	// Every wait is bounded.
	DialTimeout time.Duration `yaml:"dial_timeout" json:"dial_timeout"`
	IdleTimeout time.Duration `yaml:"idle_timeout" json:"idle_timeout"`
	// ProbeWrite allows `starter connection test` to write a small file into the
	// test folder and to remove it again.
	ProbeWrite bool `yaml:"probe_write" json:"probe_write"`
	// DeleteReports allows removing a report at the registry after its import.
	DeleteReports bool `yaml:"delete_reports" json:"delete_reports"`
	// ReadBack asks for each delivery to be read back and its digest compared.
	ReadBack bool `yaml:"read_back" json:"read_back"`
	// SFTPIdleLife and FTPSIdleLife are how long a session that nobody uses is
	// kept open; 0 closes it after each use.
	SFTPIdleLife time.Duration `yaml:"sftp_idle_life" json:"sftp_idle_life"`
	FTPSIdleLife time.Duration `yaml:"ftps_idle_life" json:"ftps_idle_life"`
	// MaxSessions bounds the sessions that one worker has open at one host; 0 is
	// no bound. In a profile it is always Host.Sessions and cannot be set by itself.
	MaxSessions int `yaml:"max_sessions" json:"max_sessions"`
	// WriteAhead is how many writes may be on their way at once to a server that
	// is known to write them in order; 1 is one by one, 0 the default of 64.
	WriteAhead int `yaml:"write_ahead" json:"write_ahead"`
	// TrustedParallel are hosts ("host" or "host:port") that passed a probe with
	// read-back: writes in parallel, large packets and resuming are on there.
	TrustedParallel []string `yaml:"trusted_parallel" json:"trusted_parallel,omitempty"`
	// AllowedAddresses are the networks (CIDR) that may be dialled; empty: any.
	AllowedAddresses []string `yaml:"allowed_addresses" json:"allowed_addresses,omitempty"`
	// FTPSDataPorts is the range of data ports of an FTPS server, such as
	// 5000-5010; empty is every port.
	FTPSDataPorts string `yaml:"ftps_data_ports" json:"ftps_data_ports"`
	// FTPSUnmarkedEnd takes listings that end without TLS's end mark.
	FTPSUnmarkedEnd bool `yaml:"ftps_unmarked_end" json:"ftps_unmarked_end"`
	// FTPSKeepAlive is how often TCP asks an FTPS server for a sign of life; 0
	// never does.
	FTPSKeepAlive time.Duration `yaml:"ftps_keep_alive" json:"ftps_keep_alive"`
	// NameCharacters are those that names of the registry's own files may hold
	// beside letters, digits, "_", "-" and "."; see [CheckListedName]. Ours never
	// do.
	NameCharacters string `yaml:"name_characters" json:"name_characters"`
}

// MostSessions is the most that HostSettings.Sessions may be: what a host's
// workflow knows of its visits has to fit into history.
const MostSessions = 16

// HostSettings bound what all workers together do at a registry's server. They
// are those of the registry: a practice's own overrides do not reach them.
type HostSettings struct {
	// Sessions is how many deliveries and collections of reports are at the
	// server at once, SessionsPerLogin how many of them with one login. The
	// latter also bounds a run of refused logins.
	Sessions         int `yaml:"sessions" json:"sessions"`
	SessionsPerLogin int `yaml:"sessions_per_login" json:"sessions_per_login"`
	// FilesPerHour bounds the files sent in an hour; 0 does not.
	FilesPerHour int `yaml:"files_per_hour" json:"files_per_hour"`
	// BytesPerSecond bounds uploads and downloads together; 0 does not.
	BytesPerSecond int64 `yaml:"bytes_per_second" json:"bytes_per_second"`
	// QuietHours in the profile's zone, in which nothing begins; see
	// [ParseQuietHours].
	QuietHours []string `yaml:"quiet_hours" json:"quiet_hours,omitempty"`
}

// RuleSettings switch and re-grade the checker's rules.
type RuleSettings struct {
	// Grades maps a rule ID to off, info, warning or error.
	Grades map[string]string `yaml:"grades" json:"grades,omitempty"`
	// Held are the rules whose messages are not sent in production and
	// historical files; every other finding is sent and shown.
	Held []string `yaml:"held" json:"held"`
	// ConsentField is where the registry reads consent, such as PD1-12, ZTX-3.1
	// or OBX(59784-9); empty while nobody knows: the consent rules are then
	// silent, and said to be. ConsentDateField is the same for its date.
	ConsentField     string `yaml:"consent_field" json:"consent_field"`
	ConsentDateField string `yaml:"consent_date_field" json:"consent_date_field"`
	// DisasterVaccines are the CVX codes that a declared disaster covers.
	DisasterVaccines []string `yaml:"disaster_vaccines" json:"disaster_vaccines"`
}

// ReportSettings say how the registry's reports answer files.
type ReportSettings struct {
	// Lists is "all" or "bad-only".
	Lists string `yaml:"lists" json:"lists"`
	// Per is "file", "day" or "week".
	Per string `yaml:"per" json:"per"`
	// Weekday is the day in English on which a weekly report's week ends; empty:
	// the seven days before it, whichever day it comes.
	Weekday string `yaml:"weekday" json:"weekday"`
	// DaysBack is how many days before its own date the day lies that a daily
	// report tells of, or on which a weekly report's week ends.
	DaysBack int `yaml:"days_back" json:"days_back"`
	// NamePattern is a glob of the report files' names.
	NamePattern string `yaml:"name_pattern" json:"name_pattern"`
	// DueBusinessDays after delivery without a report an alarm is raised.
	DueBusinessDays int `yaml:"due_business_days" json:"due_business_days"`
}

// FloorFrom says from what the days of the floor are counted.
type FloorFrom string

// From the last confirmed delivery, or from the last one of which the registry's
// report says that it took something.
const (
	FloorDelivered FloorFrom = "delivered"
	FloorAccepted  FloorFrom = "accepted"
)

// Policy is what workflows are given at their start: thresholds, deadlines
// and patience. It is captured there and changes by the update "set-policy".
type Policy struct {
	// TestFilesMin error-free test files open the gate; TestFilesMax is what
	// the job aide names as the upper end ("three to five").
	TestFilesMin int `yaml:"test_files_min" json:"test_files_min"`
	TestFilesMax int `yaml:"test_files_max" json:"test_files_max"`
	// GateRule says which error-free test files count.
	GateRule GateRule `yaml:"gate_rule" json:"gate_rule,omitempty"`
	// SilentBusinessDays after its delivery a test file counts without an answer
	// of the registry; 0: silence never counts.
	SilentBusinessDays int `yaml:"silent_business_days" json:"silent_business_days,omitempty"`
	// FirstTestSingle: nothing counts before a test file of one message with one
	// dose (RXA) did, and a larger one is refused before it is sent.
	FirstTestSingle bool `yaml:"first_test_single" json:"first_test_single,omitempty"`
	// KeepCount: files from before the registry asked for changes count on.
	KeepCount bool `yaml:"keep_count" json:"keep_count,omitempty"`
	// ApprovalSenders are the addresses and domains from which the registry's
	// decisions come, besides the registry's contacts.
	ApprovalSenders []string `yaml:"approval_senders" json:"approval_senders,omitempty"`
	// RegistryLetters says whether letters to the registry wait for a person:
	// [LettersAsk] or [LettersAutomatic]. A policy of before it has "", and they go.
	RegistryLetters LetterRule `yaml:"registry_letters" json:"registry_letters,omitempty"`
	// SecondFileDays is for how many business days after the first production
	// file was confirmed the second waits for the first one's report. 0: it waits
	// only until the registry was told of the first.
	SecondFileDays int `yaml:"second_file_days" json:"second_file_days,omitempty"`
	// The reminders are business days after a wait's begin on which its owner is
	// told of it, by its [WaitKind]; WaitReminders are those of every other wait.
	ReviewReminders   []int `yaml:"review_reminders" json:"review_reminders"`
	EvidenceReminders []int `yaml:"evidence_reminders" json:"evidence_reminders"`
	HistoryReminders  []int `yaml:"history_reminders" json:"history_reminders"`
	HoldReminders     []int `yaml:"hold_reminders" json:"hold_reminders"`
	WaitReminders     []int `yaml:"wait_reminders" json:"wait_reminders,omitempty"`
	// A wait is late after so many business days, and the lead hears of it too:
	// the registry's decision, a hold, everything else. 0: never.
	ReviewDueDays int `yaml:"review_due_days" json:"review_due_days,omitempty"`
	HoldDueDays   int `yaml:"hold_due_days" json:"hold_due_days,omitempty"`
	StepDueDays   int `yaml:"wait_due_days" json:"wait_due_days,omitempty"`
	// WaitAlarmDays are business days after which a wait is an incident: still
	// nothing. Each further as many are told anew. 0: never.
	WaitAlarmDays int `yaml:"wait_alarm_days" json:"wait_alarm_days,omitempty"`
	// Lead is the address of who hears of what is late; empty: the address that
	// letters come from.
	Lead string `yaml:"lead" json:"lead,omitempty"`
	// ReminderTime ("08:00") of a business day is when a person's reminders are
	// written, outside of QuietHours, on the clock of that person's zone.
	ReminderTime string   `yaml:"reminder_time" json:"reminder_time,omitempty"`
	QuietHours   []string `yaml:"quiet_hours" json:"quiet_hours,omitempty"`
	// UploadDays are business days within which a file that waits for a person is
	// to be uploaded.
	UploadDays int `yaml:"upload_days" json:"upload_days"`
	// CredentialWarnings are days before the end of a credential that warn.
	CredentialWarnings []int `yaml:"credential_warnings" json:"credential_warnings"`
	// FloorDays is the law's 30 days; FloorWarnings are the days that warn.
	FloorDays     int   `yaml:"floor_days" json:"floor_days"`
	FloorWarnings []int `yaml:"floor_warnings" json:"floor_warnings"`
	// FloorFrom says from what the days are counted: [FloorDelivered] or
	// [FloorAccepted]. A policy of before it has "", and counts deliveries.
	FloorFrom FloorFrom `yaml:"floor_from" json:"floor_from,omitempty"`
	// QuietSiteDays without a record of a site raise an alarm.
	QuietSiteDays int `yaml:"quiet_site_days" json:"quiet_site_days"`
	// VolumeFactor is how many times its own usual week a site sends, or of which it
	// sends only the part, that is an alarm. Weeks whose usual is below VolumeLeast
	// messages are not judged; 0: never.
	VolumeFactor int `yaml:"volume_factor" json:"volume_factor,omitempty"`
	VolumeLeast  int `yaml:"volume_least" json:"volume_least,omitempty"`
	// VolumeVaccines is how many vaccines a site gives in a usual week at least, for
	// one alone to be an alarm; 0: never.
	VolumeVaccines int `yaml:"volume_vaccines" json:"volume_vaccines,omitempty"`
	// ReportDueDays is Reports.DueBusinessDays, as workflows need it.
	ReportDueDays int `yaml:"report_due_days" json:"report_due_days"`
	// ErrorDueDays is when an open error is overdue; ErrorDueHighDays and
	// ErrorDueLowDays are for codes that the catalogue grades high and low.
	ErrorDueDays     int `yaml:"error_due_days" json:"error_due_days"`
	ErrorDueHighDays int `yaml:"error_due_high_days" json:"error_due_high_days"`
	ErrorDueLowDays  int `yaml:"error_due_low_days" json:"error_due_low_days"`
	// ErrorOldDays after an error was opened it counts as old, whatever its term.
	ErrorOldDays int `yaml:"error_old_days" json:"error_old_days"`
	// AcceptancePercent is the share of answered messages that a registry of good
	// data takes. AcceptanceWeeks (of delivery) are judged together, and only
	// where AcceptanceMessages were answered in them.
	AcceptancePercent  int `yaml:"acceptance_percent" json:"acceptance_percent"`
	AcceptanceWeeks    int `yaml:"acceptance_weeks" json:"acceptance_weeks"`
	AcceptanceMessages int `yaml:"acceptance_messages" json:"acceptance_messages"`
	// AcceptanceClearPercent ends the alarm of low acceptance, and so do
	// AcceptanceClearWeeks in a row that were not below AcceptancePercent: a share
	// that wavers about the mark is one incident.
	AcceptanceClearPercent int `yaml:"acceptance_clear_percent" json:"acceptance_clear_percent"`
	AcceptanceClearWeeks   int `yaml:"acceptance_clear_weeks" json:"acceptance_clear_weeks"`
	// JumpPercent of the mean share that was refused in the four weeks before, in
	// a week with at least JumpRefused refused messages, is a jump.
	JumpPercent int `yaml:"jump_percent" json:"jump_percent"`
	JumpRefused int `yaml:"jump_refused" json:"jump_refused"`
	// DigestWeekday is the day in English on which a practice's own people are told of
	// the registry's answers of the week; its coordinators are told of the month, with
	// their first letter of the next. Empty: neither.
	DigestWeekday string `yaml:"digest_weekday" json:"digest_weekday"`
	// CadenceDays is how often the outbox is emptied; daily is 1.
	CadenceDays int `yaml:"cadence_days" json:"cadence_days"`
	// FilesPerCycle bounds how many files one submission takes.
	FilesPerCycle int `yaml:"files_per_cycle" json:"files_per_cycle"`
	// HistoryWindow is how many parts of a historical load travel at once.
	HistoryWindow int `yaml:"history_window" json:"history_window"`
	// HistoryPartMessages is the size of a part, HistoryPartBytes the bytes of
	// messages after which it ends even if it has fewer.
	HistoryPartMessages int   `yaml:"history_part_messages" json:"history_part_messages"`
	HistoryPartBytes    int64 `yaml:"history_part_bytes" json:"history_part_bytes,omitempty"`
	// HistoryPartBy is "year" or "site" where a part must not mix them; empty: it may.
	HistoryPartBy string `yaml:"history_part_by" json:"history_part_by,omitempty"`
	// HistoryStopPercent of refused records stops the load.
	HistoryStopPercent int `yaml:"history_stop_percent" json:"history_stop_percent"`
	// RetentionDays after everything about a file is settled its bytes go.
	RetentionDays int `yaml:"retention_days" json:"retention_days"`
	// RetryDelaySeconds is how long a registry's server is left alone after the
	// first failure; later ones wait longer.
	RetryDelaySeconds int `yaml:"retry_delay_seconds" json:"retry_delay_seconds,omitempty"`
	// Patience scales every timeout preset: 1 in real life, less in rehearsals.
	Patience float64 `yaml:"patience" json:"patience"`
}
