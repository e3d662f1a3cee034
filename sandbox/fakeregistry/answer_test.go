package fakeregistry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/fakeregistry"
)

var mixed = batch(
	good(1),
	with(2, func(v *vxu) { v.chart, v.last = "M0002NC", "Vandermeer" }),
	with(3, func(v *vxu) { v.nk1 = "" }),
)

func TestACKBatch(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{})
	rec, report := d.judge("inbound/test", mixed)
	segments := strings.Split(strings.TrimSuffix(report, "\r"), "\r")

	t.Run("is framed and counted, and names the file it answers", func(t *testing.T) {
		fhs := strings.Split(segments[0], "|")
		require.Equal(t, "FHS", fhs[0])
		require.Equal(t, rec.Name, fhs[8])
		require.Equal(t, "FC1", fhs[11])
		require.True(t, strings.HasPrefix(segments[1], "BHS|"))
		require.Equal(t, []string{"BTS|3", "FTS|1"}, segments[len(segments)-2:])
	})
	t.Run("acknowledges each message as ImmTrac2 does", func(t *testing.T) {
		require.Equal(t, []string{"MSA|AA|C0001", "MSA|AE|C0002", "MSA|AE|C0003"}, lines(report, "MSA"))
		msh := strings.Split(lines(report, "MSH")[0], "|")
		require.Equal(t, "TEXIIS", msh[3])
		require.Equal(t, "SUNR0001", msh[5])
		require.Equal(t, []string{"ACK^V04^ACK", "C0001", "T", "2.5.1"}, msh[8:12])
		require.Equal(t, []string{"Z23^CDCPHINVS", "TEXIIS", "SUNR0001"}, msh[20:])
	})
	t.Run("puts code and text into ERR-8, and the severity into ERR-4", func(t *testing.T) {
		errs := lines(report, "ERR")
		require.Len(t, errs, 2)
		consent, nk1 := strings.Split(errs[0], "|"), strings.Split(errs[1], "|")
		require.Equal(t, "E", consent[4])
		require.Contains(t, consent[8], "CLR-100::")
		require.Contains(t, consent[8], "Vandermeer", "real texts name patients")
		require.Equal(t, []string{"NK1^^0", "101^Required field missing^HL70357", "W"}, nk1[2:5])
		require.Contains(t, nk1[8], "IEE-519::")
	})
	t.Run("lies under a name of its own, whole", func(t *testing.T) {
		require.Regexp(t, `^DQA_SUNR0001_20260310_1\.txt$`, rec.Answer)
		require.Equal(t, []string{rec.Answer}, d.names("reports"))
	})
}

func TestACKBatchBadOnly(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{Lists: fakeregistry.ListsBadOnly})
	_, report := d.judge("inbound/test", mixed)
	require.Equal(t, []string{"MSA|AE|C0002", "MSA|AE|C0003"}, lines(report, "MSA"))
	require.Contains(t, report, "BTS|2\r")
	clean, report := d.judge("inbound/test", batch(good(9)))
	require.True(t, clean.ErrorFree())
	require.Empty(t, lines(report, "MSA"))
	require.Contains(t, report, clean.Name, "an empty report still says which file it answers")
}

func TestDelimited(t *testing.T) {
	t.Run("one row for each complaint, and one for each message without any", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{Answer: fakeregistry.AnswerDelimited})
		rec, report := d.judge("inbound/test", mixed)
		all := rows(t, report)
		require.Len(t, all, 3)
		require.Equal(t, []string{rec.Name, "1", "C0001", "Okonkwo, Adaeze", "Accepted", ""},
			pick(all[0], 0, 2, 3, 5, 7, 9))
		require.Equal(t, []string{"2", "C0002", "M0002NC", "Vandermeer, Adaeze", "Rejected", "E", "CLR-100"},
			pick(all[1], 2, 3, 4, 5, 7, 8, 9))
		require.True(t, strings.HasPrefix(all[1][11], "CLR-100::"))
		require.Equal(t, []string{"Accepted with warnings", "W", "IEE-519"}, pick(all[2], 7, 8, 9))
	})
	t.Run("bad only", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{
			Answer: fakeregistry.AnswerDelimited, Lists: fakeregistry.ListsBadOnly,
		})
		_, report := d.judge("inbound/test", mixed)
		require.Len(t, rows(t, report), 2)
		_, report = d.judge("inbound/test", batch(good(9)))
		require.Empty(t, rows(t, report))
	})
	t.Run("a rejected file is one row", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{Answer: fakeregistry.AnswerDelimited})
		_, report := d.judge("inbound/test", strings.Replace(mixed, "BTS|3", "BTS|4", 1))
		all := rows(t, report)
		require.Len(t, all, 1)
		require.Equal(t, []string{"0", "", "Rejected", "FIR-902"}, pick(all[0], 2, 3, 7, 9))
	})
}

// Every format of every form tells the same, per file, day and week: what the
// ledger holds. Reading them is the product's part; here their bytes are looked
// at.
func TestEveryFormat(t *testing.T) {
	for _, format := range fakeregistry.Formats() {
		for _, form := range append([]string{""}, fakeregistry.Forms(format)...) {
			t.Run(strings.TrimSpace(format+" "+form), func(t *testing.T) {
				d := openDesk(t, fakeregistry.Behaviour{Answer: format, Form: form})
				rec, report := d.judge("inbound/test", mixed)
				require.Equal(t, rec.Answer, d.names("reports")[0])
				switch format {
				case fakeregistry.AnswerACK:
					sep := "\r"
					if form == fakeregistry.FormLF {
						sep = "\n"
					}
					segments := strings.Split(report, sep)
					require.Equal(t, form != fakeregistry.FormBare, segments[0][:3] == "FHS")
					require.Equal(t, 3, strings.Count(report, "MSA|"))
					messages := 3
					if form == fakeregistry.FormPairs {
						messages = 1
						require.Contains(t, report, "BTS|1")
					}
					require.Equal(t, messages, strings.Count(report, sep+"MSH|")+strings.Count(report[:4], "MSH|"))
				case fakeregistry.AnswerDelimited:
					require.Equal(t, form == fakeregistry.FormTab, strings.HasPrefix(report, "\ufeff"))
					require.Equal(t, form != fakeregistry.FormSemicolon, utf8.ValidString(report))
					require.Contains(t, report, map[string]string{
						"": "Chart Number,Patient", fakeregistry.FormTab: "Number\tPatient",
						fakeregistry.FormPipe: "Number\"|\"Patient", fakeregistry.FormSemicolon: "Number;Patient",
					}[form])
				case fakeregistry.AnswerXLSX:
					require.True(t, strings.HasPrefix(report, "PK"))
				case fakeregistry.AnswerHTML:
					require.Equal(t, ".xls", filepath.Ext(rec.Answer))
					require.Contains(t, report, "<td>C0002</td>")
				case fakeregistry.AnswerPDF:
					require.True(t, strings.HasPrefix(report, "%PDF"))
				}
			})
		}
	}
}

func TestReportsOfDaysAndWeeks(t *testing.T) {
	noon := func(d *desk, day int) { // of March 2026, at the registry
		d.at = time.Date(2026, 3, day, 17, 0, 0, 0, time.UTC)
	}
	send := func(d *desk, name string, n int) {
		d.drop("inbound/test", name, batch(good(n), with(n+1, func(v *vxu) { v.chart = "M1NC" })))
		d.step()
		d.step()
	}
	t.Run("a day's tells of every file of the day, and one comes of each day without", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{Per: fakeregistry.PerDay, Lists: fakeregistry.ListsBadOnly})
		noon(d, 10)
		send(d, "A.HL7", 1)
		send(d, "B.HL7", 3)
		before := "DQA_DAILY_SUNR0001_20260309.txt"
		require.Equal(t, []string{before}, d.names("reports"), "for what was sent before midnight and taken after it; the day is not over")
		noon(d, 13)
		d.step()
		told := "DQA_DAILY_SUNR0001_20260310.txt"
		require.Equal(t, []string{
			before, told, "DQA_DAILY_SUNR0001_20260311.txt", "DQA_DAILY_SUNR0001_20260312.txt",
		}, d.names("reports"))
		report, err := os.ReadFile(d.home("reports", told))
		require.NoError(t, err)
		require.Equal(t, []string{"MSA|AE|C0002", "MSA|AE|C0004"}, lines(string(report), "MSA"))
		var files []string
		for _, bhs := range lines(string(report), "BHS") {
			files = append(files, strings.Split(bhs, "|")[8])
		}
		require.Equal(t, []string{"A.HL7", "B.HL7"}, files)
		require.Contains(t, string(report), "FTS|2\r")
		require.Equal(t, told, d.ledger()[1].Answer)
		require.Equal(t, time.Date(2026, 3, 11, 5, 0, 0, 0, time.UTC), d.ledger()[1].AnswerDue.UTC())
	})
	t.Run("a week's ends on its weekday, and comes after its days", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{
			Per: fakeregistry.PerWeek, Weekday: "Wednesday", Answer: fakeregistry.AnswerDelimited, After: 1,
		})
		noon(d, 9) // a Monday
		send(d, "A.HL7", 1)
		noon(d, 11)
		send(d, "B.HL7", 3)
		noon(d, 12)
		send(d, "C.HL7", 5)
		require.Empty(t, d.names("reports"))
		noon(d, 13)
		d.step()
		require.Equal(t, []string{"DQA_WEEKLY_SUNR0001_20260311.csv"}, d.names("reports"))
		report, err := os.ReadFile(d.home("reports", d.names("reports")[0]))
		require.NoError(t, err)
		var files []string
		for _, r := range rows(t, string(report)) {
			files = append(files, r[0])
		}
		require.Equal(t, []string{"A.HL7", "A.HL7", "B.HL7", "B.HL7"}, files)

		t.Run("once, also when the registry starts again and it was removed", func(t *testing.T) {
			require.NoError(t, os.Remove(d.home("reports", d.names("reports")[0])))
			d.open(fakeregistry.Behaviour{Per: fakeregistry.PerWeek, Weekday: "Wednesday", Answer: fakeregistry.AnswerDelimited})
			d.step()
			require.Empty(t, d.names("reports"))
			noon(d, 27)
			d.step()
			require.Equal(t, []string{"DQA_WEEKLY_SUNR0001_20260318.csv"}, d.names("reports"), "and none for a week without files")
		})
	})
}

func TestImpossibleAnswersAreRefused(t *testing.T) {
	for name, b := range map[string]fakeregistry.Behaviour{
		"an unknown format":           {Answer: "fax"},
		"a form of another format":    {Answer: fakeregistry.AnswerPDF, Form: fakeregistry.FormLF},
		"an unknown span":             {Per: "month"},
		"a day that is none":          {Per: fakeregistry.PerWeek, Weekday: "Freitag"},
		"an unknown list":             {Lists: "some"},
		"what could be an empty file": {Form: fakeregistry.FormBare, Lists: fakeregistry.ListsBadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, fakeregistry.WriteAccountsChecked(t.TempDir(), account(b)))
		})
	}
}

func pick(row []string, at ...int) []string {
	var cells []string
	for _, i := range at {
		cells = append(cells, row[i])
	}
	return cells
}

func TestAnswersComeAfterTheirDays(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{After: 2})
	d.drop("inbound/test", "A.HL7", batch(good(1)))
	d.step()
	d.step()
	require.Len(t, d.ledger(), 1)
	d.at = d.at.Add(46 * time.Hour)
	d.step()
	require.Empty(t, d.names("reports"))
	d.step()
	require.Len(t, d.names("reports"), 1)

	t.Run("and not again when they were removed", func(t *testing.T) {
		require.NoError(t, os.Remove(d.home("reports", d.names("reports")[0])))
		d.step()
		d.open(fakeregistry.Behaviour{})
		d.step()
		require.Empty(t, d.names("reports"))
	})
}
