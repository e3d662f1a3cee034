package texas

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"

	"immtrail/registry"
)

//go:embed letters/*.txt
var lettersFS embed.FS

// Letters are the templates of all letters. A template is plain text: a first
// line "Subject: …", an empty line, and the body, in the notation of
// text/template over [registry.LetterData].
type Letters struct {
	tmpl map[registry.LetterKind]*template.Template
	from map[registry.LetterKind]string
}

// LoadLetters returns the built-in letters with overlays in their place. The
// base name of an overlay without its ending is the letter's kind:
// "letters/alert-hold.txt". Each is tried out on sample data; every fault of
// every overlay is returned at once, as an error of kind Invalid.
func LoadLetters(overlays ...Overlay) (*Letters, error) {
	l := &Letters{
		tmpl: map[registry.LetterKind]*template.Template{},
		from: map[registry.LetterKind]string{},
	}
	var errs []error
	for _, kind := range registry.LetterKinds() {
		data, err := lettersFS.ReadFile("letters/" + string(kind) + ".txt")
		if err == nil {
			err = l.add(kind, string(data), SourceDefault)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", kind, err))
		}
	}
	for _, o := range overlays {
		base := path.Base(o.Name)
		kind := registry.LetterKind(strings.TrimSuffix(base, path.Ext(base)))
		if !slices.Contains(registry.LetterKinds(), kind) {
			errs = append(errs, fmt.Errorf("%s: no letter has this name; there are %s", o.Name, words(registry.LetterKinds())))
			continue
		}
		if err := l.add(kind, string(o.Data), SourceOverride+o.Name); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", o.Name, err))
		}
	}
	if len(errs) > 0 {
		return nil, &registry.Error{Kind: registry.Invalid, Op: "letters", Err: errors.Join(errs...)}
	}
	return l, nil
}

// Source says where the letter's text comes from.
func (l *Letters) Source(kind registry.LetterKind) string { return l.from[kind] }

// Render returns subject and body. It returns an error of kind Invalid for an
// unknown letter, and for a template that fails on d.
func (l *Letters) Render(kind registry.LetterKind, d registry.LetterData) (subject, body string, err error) {
	t, ok := l.tmpl[kind]
	if !ok {
		return "", "", registry.Errorf(registry.Invalid, "letter", "there is no letter %q", kind)
	}
	subject, body, err = render(t, d)
	if err != nil {
		return "", "", registry.Errorf(registry.Invalid, "letter", "%s: %w", kind, err)
	}
	return subject, body, nil
}

var funcs = template.FuncMap{
	"plural": func(n int, one, many string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", n, many)
	},
	"join": strings.Join,
	"sum":  func(a, b int) int { return a + b },
}

func (l *Letters) add(kind registry.LetterKind, text, from string) error {
	t, err := template.New(string(kind)).Funcs(funcs).Parse(text)
	if err != nil {
		return err
	}
	for _, d := range []registry.LetterData{{}, SampleLetterData()} {
		if _, _, err := render(t, d); err != nil {
			return err
		}
	}
	l.tmpl[kind], l.from[kind] = t, from
	return nil
}

func render(t *template.Template, d registry.LetterData) (subject, body string, err error) {
	var b strings.Builder
	if err := t.Execute(&b, d); err != nil {
		return "", "", err
	}
	text := strings.ReplaceAll(b.String(), "\r\n", "\n")
	head, body, _ := strings.Cut(text, "\n\n")
	subject, ok := strings.CutPrefix(head, "Subject: ")
	subject = strings.TrimSpace(subject)
	switch {
	case !ok || subject == "" || strings.Contains(subject, "\n"):
		return "", "", errors.New(`the first line must be "Subject: …", followed by an empty line`)
	case strings.TrimSpace(body) == "":
		return "", "", errors.New("there is no text below the subject")
	}
	return subject, strings.TrimSpace(body) + "\n", nil
}

// SampleLetterData is an invented practice on which letters are tried out and
// previewed.
func SampleLetterData() registry.LetterData {
	return registry.LetterData{
		Practice: registry.LetterPractice{
			ID: "sunrise-plano", Name: "Sunrise Family Clinic", OrgCode: "SUNR1234", IISID: "0001112000", Sites: 2,
		},
		Registry: registry.LetterRegistry{
			Title: "Texas Immunization Registry (ImmTrac2)", Email: "registry@example.org", Phone: "800-555-0100, option 3",
		},
		Coordinator: registry.Contact{
			Role: registry.ContactCoordinator, Name: "Casey Coordinator", Email: "casey@example.org", Phone: "512-555-0101",
		},
		Vendor: registry.Contact{Role: registry.ContactVendor, Name: "Example EHR Support", Email: "support@ehr.example.org"},
		Date:   "2026-03-09", Since: "2026-03-02", Due: "2026-03-31", Days: 7, Needed: 3, ProductionProcessingID: "P",
		Files: []registry.LetterFile{{
			Name: "SUNR1234_TEST_20260302101500_000001.HL7", ID: "f-1042", Came: "2026-03-02", Delivered: "2026-03-02", Messages: 12, Doses: 15,
			Result: "error-free", Report: "2026-03-03",
		}},
		Causes: []registry.LetterCause{{
			Rule: "P-06", Severity: "error", Place: "message 4, PID-7", Count: 2,
			Meaning: "The birth date is missing or not a date.", Remedy: "Export the birth date as YYYYMMDD.",
		}},
		What: "the registry's server cannot be used", Words: "The login was refused twice.",
		Waiting:      []registry.LetterWaiting{{ID: "sunrise-plano", Name: "Sunrise Pediatrics", Files: 3, Sites: []string{"plano", "allen"}}},
		WaitingFiles: []string{"SUNR1234_PROD_20260302101500_000001.HL7"},
		Waits: []registry.LetterWait{{
			Mark: "reminder 2", Practice: "sunrise-plano", Name: "Sunrise Family Clinic", What: "in review",
			Next: "the registry's Production email", Whose: "registry", Since: "2026-02-16", Days: 14, Due: "2026-03-17",
			Move: "starter production approve sunrise-plano (when the email is there), or call 800-555-0100, option 3",
			Page: "alert-hold",
		}},
		MoreWaits: 1,
		Upload: registry.LetterUpload{
			File: "f-1042", Name: "SUNR1234_PROD_20260302101500_000001.HL7", Messages: 12, Bytes: 15120,
			Path:     "/srv/immtrail/by-hand/casey/SUNR1234_PROD_20260302101500_000001.HL7",
			Where:    "https://registry.example.org/upload",
			SHA256:   "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			Delivery: "d-7", Workflow: "file/f-1042", Signal: "file-uploaded-by-hand", Input: `{"delivery_id": "d-7", "by": "YOUR NAME"}`,
		},
		Digests: []registry.LetterDigest{{
			Practice: "sunrise-plano", Name: "Sunrise Family Clinic", Period: "week", Move: "starter errors worklist sunrise-plano -d lists/",
			Coordinator: registry.Contact{Name: "Casey Coordinator", Email: "casey@example.org", Phone: "512-555-0101"},
			Causes: []registry.LetterCause{{
				Rule: "IMR-111", Count: 2, Owner: "practice",
				Meaning: "The maker of the vaccine does not go with it.", Remedy: "Compare vaccine, maker and lot with the box.",
			}},
			From: "2026-03-02", To: "2026-03-08", Sent: 40, Answered: 30, Refused: 4,
			Rate: "86.6 % (the registry's mark is 90 %)", Before: "97.1 %", Settled: 3, Open: 7, Overdue: 2, DueSoon: 4,
			Unanswered: 10, AtRegistry: 1, Given: 52, Late: 3, Sites: []registry.LetterSite{{ID: "plano", Sent: 30, Rate: "95.0 %", Open: 2}, {ID: "allen", Sent: 10, Open: 5, Late: 3}},
			MoreSites: 58,
		}},
		MoreDigests: registry.LetterMore{Practices: 3, Sent: 120, Refused: 2, Open: 2},
		HoldID:      "h-7", Page: "connection", Actions: []string{"retry", "drop"},
		Commands: []string{"starter hold resolve h-7 --action retry"},
	}
}
