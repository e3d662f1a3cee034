package journey

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"immtrail/internal/hl7gen"
	"immtrail/sandbox/fakeregistry"
)

// Reports is how the registry answers. What is empty stays as each sample
// practice has it.
type Reports struct {
	Format, Per, Weekday, Lists string
	// Each plays a practice for each way of answering instead of the samples.
	Each bool
}

// Practices is how many play where each way of answering is to be seen.
func (r Reports) Practices(n int) int {
	if r.Each {
		return len(everyWay())
	}
	return n
}

// Fault says what is impossible, or returns nil.
func (r Reports) Fault() error {
	if r.Format != "" && !slices.Contains(fakeregistry.Formats(), r.Format) {
		return fmt.Errorf("-report-format: one of %s, or each", strings.Join(fakeregistry.Formats(), ", "))
	}
	if r.Each && (r.Per != "" || r.Lists != "") {
		return fmt.Errorf("-report-format each sees every setting; leave -reports-per and -reports-list out")
	}
	var b fakeregistry.Behaviour
	r.apply(&b)
	if err := b.Fault(); err != nil {
		return fmt.Errorf("how reports answer: %w", err)
	}
	return nil
}

func (r Reports) apply(b *fakeregistry.Behaviour) {
	for _, set := range []struct {
		to *string
		as string
	}{{&b.Answer, r.Format}, {&b.Per, r.Per}, {&b.Weekday, r.Weekday}, {&b.Lists, r.Lists}} {
		if set.as != "" {
			*set.to = set.as
		}
	}
}

// A way is one of the ways in which a registry may answer.
type way struct{ format, form, per, weekday, lists string }

// ways see every format with every span, each of which comes with both lists,
// and every form of a format once.
func ways() []way {
	const (
		all = fakeregistry.ListsAll
		bad = fakeregistry.ListsBadOnly
	)
	return []way{
		{fakeregistry.AnswerACK, fakeregistry.FormBare, fakeregistry.PerFile, "", all},
		{fakeregistry.AnswerACK, fakeregistry.FormLF, fakeregistry.PerDay, "", bad},
		{fakeregistry.AnswerACK, fakeregistry.FormPairs, fakeregistry.PerWeek, "friday", all},
		{fakeregistry.AnswerDelimited, fakeregistry.FormSemicolon, fakeregistry.PerFile, "", bad},
		{fakeregistry.AnswerDelimited, fakeregistry.FormTab, fakeregistry.PerDay, "", all},
		{fakeregistry.AnswerDelimited, fakeregistry.FormPipe, fakeregistry.PerWeek, "wednesday", bad},
		{fakeregistry.AnswerXLSX, "", fakeregistry.PerFile, "", all},
		{fakeregistry.AnswerXLSX, "", fakeregistry.PerDay, "", bad},
		{fakeregistry.AnswerXLSX, "", fakeregistry.PerWeek, "monday", all},
		{fakeregistry.AnswerHTML, "", fakeregistry.PerFile, "", bad},
		{fakeregistry.AnswerHTML, "", fakeregistry.PerDay, "", all},
		{fakeregistry.AnswerHTML, "", fakeregistry.PerWeek, "sunday", bad},
		{fakeregistry.AnswerPDF, "", fakeregistry.PerFile, "", all},
		{fakeregistry.AnswerPDF, "", fakeregistry.PerDay, "", bad},
		{fakeregistry.AnswerPDF, "", fakeregistry.PerWeek, "friday", all},
	}
}

// everyWay is a practice for each way. Its first production file holds a
// patient without consent, and the second one corrects it.
func everyWay() []role {
	var roles []role
	for i, w := range ways() {
		r := sunrise()
		id := w.format + "-" + w.per
		r.practice = practice(id, "Answered by "+w.format+" per "+w.per, fmt.Sprintf("WAYS%04d", i+1), fmt.Sprintf("18%08d", i+1), "main")
		r.account.Behaviour = fakeregistry.Behaviour{
			Answer: w.format, Form: w.form, Per: w.per, Weekday: w.weekday, Lists: w.lists,
		}
		r.tests = []fileScript{{Messages: 2}, {Messages: 3}, {Messages: 3}}
		r.production = func(n int) fileScript {
			switch n {
			case 1:
				return fileScript{Messages: 5, Defects: []hl7gen.Defect{hl7gen.NoConsent, hl7gen.DuplicateDose}}
			case 2:
				return fileScript{Messages: 5, Again: 1}
			}
			return fileScript{Messages: 3}
		}
		r.days, r.settles, r.approve, r.seed = 3, true, "cli", uint64(5000+i)
		roles = append(roles, r)
	}
	return roles
}

// expectReports tells the product how the registry answers the practice, as a
// coordinator would: in a file of overrides.
func (p *player) expectReports() error {
	b := p.account.Behaviour
	per, lists := b.Per, b.Lists
	if per == "" {
		per = fakeregistry.PerFile
	}
	if lists == "" {
		lists = fakeregistry.ListsAll
	}
	text := fmt.Sprintf("reports:\n  per: %s\n  lists: %s\n", per, lists)
	if b.Per == fakeregistry.PerWeek {
		weekday := b.Weekday
		if weekday == "" {
			weekday = "friday"
		}
		text += "  weekday: " + weekday + "\n"
	}
	path := p.stage.Path("profile", "practices", p.practice.ID+".yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
