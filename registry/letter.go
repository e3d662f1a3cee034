package registry

// LetterKind is which letter; it is also the name of its template.
type LetterKind string

// The letters, by whom they are for.
const (
	LetterReviewRequest    LetterKind = "review-request"                 // registry: please review our test files
	LetterFirstFile        LetterKind = "first-production-file-registry" // registry: the first production file is on its way
	LetterProductionVendor LetterKind = "production-notice-vendor"       // EHR vendor: the connection is live
	LetterHistoryQuestions LetterKind = "history-questions-vendor"       // EHR vendor: can you send history, how far back
	LetterFileRefused      LetterKind = "file-refused-vendor"            // EHR vendor: a file was not sent, or was refused
	LetterApprovalRefused  LetterKind = "approval-refused"               // our people: an approval could not be used
	LetterHold             LetterKind = "alert-hold"                     // our people: something waits for you
	LetterReminders        LetterKind = "reminders"                      // one of our people: all that waits, once a day
	LetterWatch            LetterKind = "alert-watch"                    // our people: a date or a count needs a look
	LetterByHand           LetterKind = "upload-by-hand"                 // our people: upload a file with a browser
	LetterResolved         LetterKind = "resolved"                       // our people: an alert is over
	LetterDigestWeek       LetterKind = "digest-week"                    // practice: the registry's answers of a week
)

// LetterKinds lists every letter.
func LetterKinds() []LetterKind {
	return []LetterKind{
		LetterReviewRequest, LetterFirstFile, LetterProductionVendor, LetterHistoryQuestions,
		LetterFileRefused, LetterApprovalRefused,
		LetterHold, LetterReminders, LetterByHand, LetterWatch, LetterResolved, LetterDigestWeek,
	}
}

// LetterRule says how letters to the registry leave.
type LetterRule string

// The rules.
const (
	// LettersAsk: a person looks at each and sends it.
	LettersAsk LetterRule = "ask"
	// LettersAutomatic: they go by themselves.
	LettersAutomatic LetterRule = "automatic"
)

// LetterData is all that a letter's template can see. It has no room for
// patient data: names of practices and people at work, names that we gave to
// files, counts, dates, rule IDs and places. Dates are written as YYYY-MM-DD.
// Whatever a letter does not need stays empty.
type LetterData struct {
	Practice LetterPractice `json:"practice"`
	Registry LetterRegistry `json:"registry"`
	// Coordinator signs and receives the answer.
	Coordinator Contact `json:"coordinator"`
	// Vendor is the EHR vendor's contact, for letters to our own people.
	Vendor Contact `json:"vendor"`
	// Date is the letter's date; Since and Due bound the wait it speaks of;
	// Days counts from Since to Date.
	Date  string `json:"date,omitempty"`
	Since string `json:"since,omitempty"`
	Due   string `json:"due,omitempty"`
	Days  int    `json:"days,omitempty"`
	// Needed is how many error-free test files the registry asks for.
	Needed int `json:"needed,omitempty"`
	// ProductionProcessingID is MSH-11 in production, for the vendor.
	ProductionProcessingID string       `json:"production_processing_id,omitempty"`
	Files                  []LetterFile `json:"files,omitempty"`
	// Causes say why a file was refused: rules, places and remedies, no values.
	Causes []LetterCause `json:"causes,omitempty"`
	// What names in a few words what the letter is about ("the registry's
	// server cannot be used"); Words are one or two sentences of ours.
	What  string `json:"what,omitempty"`
	Words string `json:"words,omitempty"`
	// Waiting are the practices whose files wait for a connection, WaitingFiles
	// the oldest of those files, by the names that we gave them.
	Waiting      []LetterWaiting `json:"waiting,omitempty"`
	WaitingFiles []string        `json:"waiting_files,omitempty"`
	// Connections lead to the server that is held; MorePractices and
	// MoreConnections count those that are not named.
	Connections     []string `json:"connections,omitempty"`
	MoreConnections int      `json:"more_connections,omitempty"`
	MorePractices   int      `json:"more_practices,omitempty"`
	// Waits are what waits for the reader, oldest first; MoreWaits counts those
	// that are not named.
	Waits     []LetterWait `json:"waits,omitempty"`
	MoreWaits int          `json:"more_waits,omitempty"`
	// Upload is the file that a person is to upload.
	Upload LetterUpload `json:"upload,omitzero"`
	// Digests are what the registry said of practices in a week or a month, the most
	// urgent first; MoreDigests adds up those that are not named.
	Digests     []LetterDigest `json:"digests,omitempty"`
	MoreDigests LetterMore     `json:"more_digests,omitzero"`
	// HoldID and Actions say how to settle it; Commands are typed as they stand.
	// Page is the section of the runbook (docs/runbook.md) about it.
	HoldID   string   `json:"hold_id,omitempty"`
	Page     string   `json:"page,omitempty"`
	Actions  []string `json:"actions,omitempty"`
	Commands []string `json:"commands,omitempty"`
}

// LetterWait is one thing that waits.
type LetterWait struct {
	// Mark says why it is told: "new", "reminder 2", "late: you hear of it as the
	// lead"; empty where only others are due today.
	Mark     string `json:"mark,omitempty"`
	Practice string `json:"practice"`
	Name     string `json:"name"` // of the practice
	What     string `json:"what"`
	Next     string `json:"next,omitempty"`
	Whose    string `json:"whose"` // "you", "practice", "EHR vendor", "registry"
	Since    string `json:"since"`
	Days     int    `json:"days"` // business days since then
	Due      string `json:"due,omitempty"`
	// Age is the day on which the oldest of errors was opened, where they have been
	// somebody else's before.
	Age string `json:"age,omitempty"`
	// Move is the exact command or telephone call; Page the section of the runbook
	// about it.
	Move string `json:"move"`
	Page string `json:"page,omitempty"`
}

// LetterUpload is a file that waits for a person to upload it with a browser.
type LetterUpload struct {
	// File is our own number of it, Name what it must be called at the registry,
	// Path where it lies, Where the address of the registry's web client.
	File     string `json:"file"`
	Name     string `json:"name"`
	Path     string `json:"path"`
	Where    string `json:"where"`
	Messages int    `json:"messages"`
	Bytes    int    `json:"bytes"`
	// SHA256 lets the person see that it is the very file.
	SHA256 string `json:"sha256"`
	// Delivery and Workflow name it in commands and in the Web UI, where Signal
	// is sent with Input.
	Delivery string `json:"delivery"`
	Workflow string `json:"workflow"`
	Signal   string `json:"signal"`
	Input    string `json:"input"`
}

// LetterDigest tells in numbers what the registry said of the messages of a practice
// that were delivered from one day to another, and what is open now.
type LetterDigest struct {
	Practice string `json:"practice"`
	Name     string `json:"name"`
	// Period is "week" or "month".
	Period string `json:"period"`
	From   string `json:"from"`
	To     string `json:"to"`
	// Sent, Answered and Refused count messages delivered in that time; Rate is
	// the share of the answered ones that was taken, Before that of the four weeks
	// before, in words. Both are empty where too little was answered.
	Sent     int    `json:"sent"`
	Answered int    `json:"answered"`
	Refused  int    `json:"refused"`
	Rate     string `json:"rate,omitempty"`
	Before   string `json:"before,omitempty"`
	// Settled are errors that ended in that time, the others are open now.
	Settled int `json:"settled"`
	Open    int `json:"open"`
	Overdue int `json:"overdue"`
	DueSoon int `json:"due_soon"`
	// Unanswered messages and errors AtRegistry wait for the registry.
	Unanswered int `json:"unanswered"`
	AtRegistry int `json:"at_registry"`
	// Given are the doses that were sent, Late those of them that went more than 30
	// days after they were given (25 TAC 100.6).
	Given int `json:"given"`
	Late  int `json:"late"`
	// Sites are told of a month; MoreSites counts those that are not named.
	Sites     []LetterSite `json:"sites,omitempty"`
	MoreSites int          `json:"more_sites,omitempty"`
	// Causes are those of most open errors.
	Causes []LetterCause `json:"causes,omitempty"`
	// Coordinator has the lists that name patients; Move is the exact command to the
	// next step.
	Coordinator Contact `json:"coordinator"`
	Move        string  `json:"move"`
}

// LetterMore adds up practices that a letter does not name.
type LetterMore struct {
	Practices int `json:"practices"`
	Sent      int `json:"sent"`
	Refused   int `json:"refused"`
	Open      int `json:"open"`
	Overdue   int `json:"overdue"`
}

// LetterSite is one site of it.
type LetterSite struct {
	ID   string `json:"id"`
	Sent int    `json:"sent"`
	Rate string `json:"rate,omitempty"`
	Open int    `json:"open"`
	Late int    `json:"late,omitempty"`
}

// LetterPractice is the practice as letters name it.
type LetterPractice struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	OrgCode string `json:"org_code"`
	IISID   string `json:"iis_id,omitempty"`
	Sites   int    `json:"sites"`
}

// LetterWaiting is a practice whose files wait.
type LetterWaiting struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Files int      `json:"files"`
	Sites []string `json:"sites,omitempty"`
}

// LetterRegistry is the registry as letters name it, with whom to call.
type LetterRegistry struct {
	Title string `json:"title"`
	Email string `json:"email"`
	Phone string `json:"phone"`
}

// LetterFile is one file as letters tell of it.
type LetterFile struct {
	// Name is the remote name, which we made ourselves; never the EHR's.
	Name string `json:"name"`
	// ID is the file's own number, such as f-1042.
	ID string `json:"id,omitempty"`
	// Came is the day on which the EHR gave it to us.
	Came      string `json:"came,omitempty"`
	Delivered string `json:"delivered,omitempty"`
	Messages  int    `json:"messages"`
	Doses     int    `json:"doses,omitempty"`
	// Refused counts messages that were refused; Result and Report are words
	// of ours: "error-free", "answered 2026-03-02".
	Refused int    `json:"refused,omitempty"`
	Result  string `json:"result,omitempty"`
	Report  string `json:"report,omitempty"`
}

// LetterCause is one reason, told once however often it struck.
type LetterCause struct {
	// Rule is a rule ID or a registry's code: "P-06", "CLR-100".
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	// Place is the first place: "message 12, PID-7".
	Place   string `json:"place,omitempty"`
	Count   int    `json:"count"`
	Meaning string `json:"meaning,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	// Owner is who can put it right, where that is known.
	Owner string `json:"owner,omitempty"`
}
