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

// everyForm is every format in every form, in an order in which any three
// that follow each other are of different formats.
func everyForm(lists string) []string {
	first := fakeregistry.AnswerACK + "/" + fakeregistry.FormBare
	if lists == fakeregistry.ListsBadOnly {
		first = fakeregistry.AnswerACK // bare ones of nothing would be an empty file
	}
	return []string{
		fakeregistry.AnswerXLSX, fakeregistry.AnswerDelimited + "/" + fakeregistry.FormSemicolon, first,
		fakeregistry.AnswerHTML, fakeregistry.AnswerPDF, fakeregistry.AnswerACK + "/" + fakeregistry.FormPairs,
		fakeregistry.AnswerDelimited + "/" + fakeregistry.FormPipe, fakeregistry.AnswerACK + "/" + fakeregistry.FormLF,
		fakeregistry.AnswerDelimited + "/" + fakeregistry.FormTab, fakeregistry.AnswerDelimited,
	}
}

// everyWay is a practice for each setting of how reports answer; its reports
// come in one form after the other. Its first production file holds a patient
// without consent, and the second one corrects it.
func everyWay() []role {
	var roles []role
	for _, per := range []string{fakeregistry.PerFile, fakeregistry.PerDay, fakeregistry.PerWeek} {
		for i, lists := range []string{fakeregistry.ListsAll, fakeregistry.ListsBadOnly} {
			forms := everyForm(lists)
			if i > 0 { // the second one begins where the first three end
				forms = append(forms[3:], forms[:3]...)
			}
			r := answeredBy(fakeregistry.Behaviour{InTurn: forms, Per: per, Lists: lists}, len(roles)+1)
			roles = append(roles, r)
		}
	}
	return roles
}

func answeredBy(b fakeregistry.Behaviour, n int) role {
	r := sunrise()
	id := "per-" + b.Per + "-" + b.Lists
	r.practice = practice(id, "Answered per "+b.Per+", "+b.Lists, fmt.Sprintf("WAYS%04d", n), fmt.Sprintf("18%08d", n), "main")
	r.account.Behaviour = b
	if b.Per == fakeregistry.PerWeek && b.Lists == fakeregistry.ListsAll {
		r.account.Behaviour.Weekday = "wednesday"
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
	r.days, r.settles, r.approve, r.seed = 3, true, "cli", uint64(5000+n)
	return r
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
	if len(p.happens) > 0 { // years are watched by the profile's own days, not by the rehearsal's
		text += "policy:\n  quiet_site_days: 14\n"
	}
	path := p.stage.Path("profile", "practices", p.practice.ID+".yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
