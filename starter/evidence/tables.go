package evidence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

func stamp(at time.Time, zone *time.Location) string {
	if at.IsZero() {
		return ""
	}
	return at.In(zone).Format(time.RFC3339)
}

func stampOf(at *time.Time, zone *time.Location) string {
	if at == nil {
		return ""
	}
	return stamp(*at, zone)
}

func sentOr(n db.Notice) time.Time {
	if n.SentAt != nil {
		return *n.SentAt
	}
	return n.PreparedAt
}

// witnessed tells whether immtrail saw a thing happen, or somebody wrote down
// that it had happened before.
func witnessed(e db.Event) string {
	if e.Recorded {
		return "recorded"
	}
	return "witnessed"
}

func dates(moves []db.Event, zone *time.Location) [][]string {
	rows := [][]string{{"at", "what", "site", "from", "to", "by", "via", "reason", "how_known", "particulars"}}
	for _, e := range moves {
		rows = append(rows, []string{
			stamp(e.At, zone), e.Kind, e.Site, e.From, e.To, e.By.Name, e.By.Via, e.Reason, witnessed(e), particulars(e),
		})
	}
	return rows
}

// told are the particulars of an act that are told, of all that an event may hold.
type told struct {
	Since          string `json:"since"`
	History        string `json:"history"`
	Evidence       string `json:"evidence"`
	EvidenceID     string `json:"evidence_id"`
	ApprovedBy     string `json:"approved_by"`
	EmailDate      string `json:"email_date"`
	OverrideBy     string `json:"override_by"`
	OverrideReason string `json:"override_reason"`
	Item           string `json:"item"`
	Expires        string `json:"expires"`
	File           string `json:"file"`
	Verdict        string `json:"verdict"`
	Dated          string `json:"dated"`
}

// particulars say what an act was about: days, items, who accepted what in spite of
// what, and what shows it. A document is named by its key in the file store.
func particulars(e db.Event) string {
	var d told
	if json.Unmarshal(e.Detail, &d) != nil {
		return "" // of another shape: nothing that is told
	}
	var out []string
	add := func(name, value string) {
		if value != "" {
			out = append(out, name+" "+value)
		}
	}
	add("item", d.Item)
	add("file", d.File)
	add("verdict", d.Verdict)
	add("since", d.Since)
	add("historical load", d.History)
	add("approved by", d.ApprovedBy)
	add("email of", cmp.Or(d.EmailDate, d.Dated))
	add("accepted in spite of its age or sender by", d.OverrideBy)
	add("because:", d.OverrideReason)
	add("until", d.Expires)
	add("shown by", cmp.Or(d.EvidenceID, d.Evidence))
	return strings.Join(out, "; ")
}

// documents are what people handed in; names are empty where the pack leaves them
// out.
func documents(known []db.EvidenceDocument, names []string, zone *time.Location) [][]string {
	rows := [][]string{{"at", "what", "about", "by", "in_the_file_store", "in_this_pack"}}
	for i, d := range known {
		rows = append(rows, []string{stamp(d.At, zone), d.Kind, d.About, d.By, d.Key, names[i]})
	}
	return rows
}

func files(known []db.EvidenceFile, zone *time.Location) [][]string {
	rows := [][]string{{
		"file", "for", "came", "state", "messages", "doses", "held_back", "errors", "warnings", "rules", "digest",
		"name_at_registry", "sent", "sent_bytes", "sent_digest", "seen", "seen_how", "seen_by",
		"accepted", "accepted_with_warnings", "not_objected_to", "refused", "reports", "by_email", "email_of",
	}}
	for _, f := range known {
		rows = append(rows, []string{
			f.ID, string(f.Lane), stamp(f.StagedAt, zone), f.State, strconv.Itoa(f.Messages), strconv.Itoa(f.Doses),
			strconv.Itoa(f.Held), strconv.Itoa(f.Errors), strconv.Itoa(f.Warnings), f.RuleSet, f.Digest,
			f.RemoteName, stampOf(f.SentAt, zone), strconv.FormatInt(f.SentSize, 10), f.SentDigest,
			stampOf(f.ConfirmedAt, zone), registry.Confirmation(f.ConfirmedHow).Words(), f.ConfirmedBy,
			strconv.Itoa(f.Accepted), strconv.Itoa(f.Warned), strconv.Itoa(f.NotObjected), strconv.Itoa(f.Refused),
			strings.Join(f.Reports, " "), string(f.MailVerdict), f.MailDated,
		})
	}
	return rows
}

func verdicts(known []db.EvidenceVerdict) [][]string {
	rows := [][]string{{"file", "rule", "severity", "times"}}
	for _, v := range known {
		rows = append(rows, []string{v.File, v.Rule, v.Severity, strconv.Itoa(v.Count)})
	}
	return rows
}

func reports(known []db.EvidenceReport, zone *time.Location) [][]string {
	rows := [][]string{{"report", "fetched", "imported", "lines_about_this_practice", "refused", "digest"}}
	for _, r := range known {
		rows = append(rows, []string{
			r.ID, stamp(r.FetchedAt, zone), stampOf(r.ImportedAt, zone), strconv.Itoa(r.Items), strconv.Itoa(r.Refused), r.Digest,
		})
	}
	return rows
}

func recordErrors(known []db.EvidenceErrors, zone *time.Location) [][]string {
	rows := [][]string{{"code", "first", "last", "errors", "verified", "corrected_in_registry", "waived", "open"}}
	for _, e := range known {
		rows = append(rows, []string{
			e.Code, stamp(e.First, zone), stamp(e.Last, zone), strconv.Itoa(e.All), strconv.Itoa(e.Verified),
			strconv.Itoa(e.Corrected), strconv.Itoa(e.Waived), strconv.Itoa(e.Open()),
		})
	}
	return rows
}

func letters(known []db.Notice, zone *time.Location) [][]string {
	rows := [][]string{{"letter", "kind", "state", "written", "sent", "to", "subject", "message_id"}}
	for i, n := range known {
		rows = append(rows, []string{
			letterName(i, n), string(n.Kind), n.State, stamp(n.PreparedAt, zone), stampOf(n.SentAt, zone),
			strings.Join(n.Recipients, " "), n.Subject, n.MessageID,
		})
	}
	return rows
}

func letterName(i int, n db.Notice) string { return fmt.Sprintf("letters/%04d-%s.txt", i+1, n.Kind) }

// month counts what was seen at the registry in a month of the practice's zone.
type month struct {
	Month                                  string // YYYY-MM
	Files, Messages                        int
	Accepted, Warned, NotObjected, Refused int
}

// Unanswered is how many messages no report has spoken of.
func (m month) Unanswered() int {
	return m.Messages - m.Accepted - m.Warned - m.NotObjected - m.Refused
}

// Rate is the share of answered messages that the registry took, in per cent.
func (m month) Rate() string {
	answered := m.Messages - m.Unanswered()
	if answered == 0 {
		return "not answered"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(answered-m.Refused)/float64(answered))
}

type monthly []month

// months counts true patient data only: test files are no submission.
func months(known []db.EvidenceFile, zone *time.Location) monthly {
	by := map[string]month{}
	for _, f := range known {
		if f.Lane == registry.LaneTest || f.ConfirmedAt == nil {
			continue
		}
		label := f.ConfirmedAt.In(zone).Format("2006-01")
		m := by[label]
		m.Month = label
		m.Files++
		m.Messages += f.Messages - f.Held
		m.Accepted += f.Accepted
		m.Warned += f.Warned
		m.NotObjected += f.NotObjected
		m.Refused += f.Refused
		by[label] = m
	}
	all := make(monthly, 0, len(by))
	for _, m := range by {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b month) int { return cmp.Compare(a.Month, b.Month) })
	return all
}

func (all monthly) table() [][]string {
	rows := [][]string{{
		"month", "files", "messages", "accepted", "accepted_with_warnings", "not_objected_to", "refused", "unanswered",
	}}
	for _, m := range all {
		rows = append(rows, []string{
			m.Month, strconv.Itoa(m.Files), strconv.Itoa(m.Messages), strconv.Itoa(m.Accepted), strconv.Itoa(m.Warned),
			strconv.Itoa(m.NotObjected), strconv.Itoa(m.Refused), strconv.Itoa(m.Unanswered()),
		})
	}
	return rows
}
