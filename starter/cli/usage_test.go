package cli_test

import (
	"testing"

	"immtrail/registry"
)

// What a hurried person types, and what each answer has to say so that the next
// attempt is right.
func TestClumsyCommandLines(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	b.file(t, "empty.csv", "")
	b.file(t, "book.xlsx", "PK\x03\x04 whatever")
	b.file(t, "list.csv", "practice,name\n")
	b.file(t, "FILE.eml", "")
	for _, c := range []struct {
		what     string
		args     []string
		code     int
		complain []string
	}{
		{"nothing named", []string{"production", "approve"}, 2, []string{"something is missing. It is: starter production approve PRACTICE..."}},
		{"blanks without quotation marks", []string{"practice", "show", "sunrise", "plano"}, 2, []string{"a word too many", "quotation marks", "starter practice show PRACTICE"}},
		{"a command mistyped", []string{"production", "aprove", "x"}, 2, []string{`unknown command "aprove"`, "did you mean approve?"}},
		{"a command that is none", []string{"hold", "why"}, 2, []string{"it has explain, list, resolve, show"}},
		{"a flag left out", []string{"review", "changes", "sunrise-plano"}, 2, []string{"--reason is missing"}},
		{"neither of two", []string{"onboarding", "answer", "sunrise-plano", "f-1", "--email", "x.eml"}, 2, []string{"say --clean or --errors"}},
		{"both of two", []string{"onboarding", "answer", "sunrise-plano", "f-1", "--clean", "--errors", "--email", "x.eml"}, 2, []string{"--clean and --errors exclude each other"}},
		{"half of a pair", []string{"onboard", "sunrise-plano", "--since", "2026-01-01"}, 2, []string{"--from and --since go together; --from is missing"}},
		{"a file that is not there", []string{"production", "approve", "sunrise-plano", "--email", "gone.eml"}, 3, []string{"there is no file gone.eml in " + b.dir}},
		{"a folder for a file", []string{"practice", "import", "."}, 3, []string{". is a folder; name a file"}},
		{"a workbook for a list", []string{"practice", "import", "book.xlsx"}, 1, []string{"save it as CSV UTF-8"}},
		{"a word that stands for a file", []string{"submit", "sunrise-plano", "FILE", "--test"}, 2, []string{"FILE stands for what you have to say"}},
		{"a word that stands for a reason", []string{"practice", "pause", "sunrise-plano", "--reason", "…"}, 2, []string{"--reason …", "put that in its place"}},
		{"a list that is no HL7 file", []string{"submit", "sunrise-plano", "list.csv", "--test"}, 1, []string{"no HL7 file", "not put into the outbox"}},
		{"an empty file", []string{"submit", "sunrise-plano", "empty.csv", "--test"}, 1, []string{"is empty"}},
		{"a practice that is none", []string{"hold", "list", "--practice", "nosuch"}, 1, []string{"starter practice list"}},
		{"a hold that is none", []string{"hold", "explain", "h-9"}, 1, []string{"starter hold list"}},
		{"an approval of next year", []string{"production", "approve", "sunrise-plano", "--approved-by", "J. Ortiz", "--email-date", "2027-03-30"}, 1, nil},
	} {
		t.Run(c.what, func(t *testing.T) { b.run(t, c.args...).exits(c.code).complains(c.complain...) })
	}
	t.Run("a file that is called so is a file", func(t *testing.T) {
		b.run(t, "production", "approve", "sunrise-plano", "--email", "FILE.eml").exits(1).complains("is empty")
	})
}
