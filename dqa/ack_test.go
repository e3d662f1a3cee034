package dqa_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
	"immtrail/registry"
)

// ack is an acknowledgement of our own making in ImmTrac2's form.
func ack(id, msa string, errs ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "MSH|^~\\&|ImmTrac29.9|TEXIIS||SUNR1234|20260302044526-0600||ACK^V04^ACK|R%s|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS|TEXIIS|SUNR1234\r", id)
	fmt.Fprintf(&b, "MSA|%s|%s\r", msa, id)
	for _, e := range errs {
		b.WriteString(e + "\r")
	}
	return b.String()
}

// errSeg is an ERR with a location, a severity and a sentence.
func errSeg(location, severity, text string) string {
	return "ERR||" + location + "|101^Required field missing^HL70357|" + severity + "|4^Invalid value^HL70533|||" + text
}

func TestAcknowledgementIsJudgedByItsErrorsAndNotByItsFirstField(t *testing.T) {
	const (
		accepted = registry.OutcomeAccepted
		warned   = registry.OutcomeWarned
		dose     = registry.OutcomeDoseRejected
		patient  = registry.OutcomePatientRejected
		message  = registry.OutcomeMessageRejected
		file     = registry.OutcomeFileRejected
		unknown  = registry.OutcomeUnknown
	)
	cases := map[string]struct {
		msa  string
		errs []string
		want registry.Outcome
	}{
		"AE with a warning only is accepted with warnings":    {"AE", []string{errSeg("NK1^^0", "W", "IEE-519::Warning. No responsible person.")}, warned},
		"AE with a note only is accepted with warnings":       {"AE", []string{errSeg("PID^1^19", "I", "IEE-251::Informational Message. Duplicate SSN.")}, warned},
		"AA without errors is accepted":                       {"AA", nil, accepted},
		"AA with an error of unknown code is refused":         {"AA", []string{errSeg("PID^1^7", "E", "Birth date in the future")}, patient},
		"AE that gives no reason is an unknown answer":        {"AE", nil, unknown},
		"AR that gives no reason is refused":                  {"AR", nil, message},
		"AR with a warning only is refused":                   {"AR", []string{errSeg("MSH^1^5", "W", "IEE-777::Warning.")}, message},
		"a refused client is refused whatever ERR-4 says":     {"AE", []string{errSeg("PID^1^22", "W", "CLR-100::Client Rejected.")}, patient},
		"a refused dose is a refused dose":                    {"AE", []string{errSeg("RXA^2^17", "E", "IMR-111::Immunization rejected.")}, dose},
		"a refused message is a refused message":              {"AE", []string{errSeg("MSH^1^9", "E", "MER-101::Message rejected.")}, message},
		"a refused file is a refused file":                    {"AR", []string{errSeg("FHS^1^1", "E", "FIR-100::File rejected.")}, file},
		"a duplicate dose is no error":                        {"AE", []string{errSeg("RXA^1^3", "E", "IMR-109::Immunization rejected. Duplicate immunization.")}, warned},
		"the worst of several decides":                        {"AE", []string{errSeg("NK1^^0", "W", "IEE-519::Warning."), errSeg("RXA^1^5", "E", "IMR-100::Rejected."), errSeg("PID^1^5", "E", "CLR-101::x")}, patient},
		"an unknown code of a refusing family is refused":     {"AE", []string{errSeg("PID^1^5", "E", "CLR-987::Never seen.")}, patient},
		"an unknown code of an unknown family is unknown":     {"AE", []string{errSeg("PID^1^5", "", "QQQ-987::Never seen.")}, unknown},
		"an error of an unknown family is refused":            {"AE", []string{errSeg("RXA^1^5", "E", "QQQ-987::Never seen.")}, dose},
		"words that refuse outweigh a warning":                {"AE", []string{errSeg("RXA^1^5", "W", "RXA #1 IGNORED - no such vaccine")}, dose},
		"an ignored patient segment refuses the patient":      {"AE", []string{errSeg("", "", "PID #1 IGNORED - REQUIRED FIELD MISSING")}, patient},
		"REJECTED refuses the message":                        {"AE", []string{errSeg("", "", "REJECTED - no permission")}, message},
		"an ignored field is a warning":                       {"AE", []string{errSeg("OBX^1^5", "W", "OBX-5 value ignored")}, warned},
		"not rejected is not refused":                         {"AE", []string{errSeg("OBX^1^5", "I", "Record was not rejected")}, warned},
		"an interface that was down is no verdict on data":    {"AE", []string{errSeg("", "E", "Failed due to connection error")}, unknown},
		"an error without place refuses the message":          {"AE", []string{errSeg("", "E", "Required field MSH-5 missing")}, message},
		"condition 0 without code is an acceptance":           {"AA", []string{"ERR|||0^Message accepted^HL70357|I"}, accepted},
		"an ERR that says nothing at all is an unknown reply": {"AE", []string{"ERR||"}, unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := read(t, ack("700", c.msa, c.errs...))
			v := r.one(t)
			require.Equal(t, c.want, v.Outcome)
			require.Equal(t, "700", v.ControlID)
			worst := registry.OutcomeAccepted
			for _, it := range r.items {
				worst = dqa.Worse(worst, it.Outcome)
			}
			require.Equal(t, c.want, worst, "the items alone tell the same")
			require.GreaterOrEqual(t, len(r.items), max(1, len(c.errs)), "an item for every ERR, and one where there is none")
		})
	}
}

func TestAcknowledgementsInEveryShapeOfFile(t *testing.T) {
	one := ack("1", "AA")
	two := ack("2", "AE", errSeg("PID^1^11^^3", "W", "IEE-998::Address not valid"))
	three := ack("3", "AE", errSeg("PID^1^22", "E", "CLR-100::No consent"))
	all := one + two + three
	batch := "FHS|^~\\&|ImmTrac29.9|TEXIIS|||||SUNR1234_PROD_20260301_000007.HL7\rBHS|^~\\&\r" + all + "BTS|3\rFTS|1\r"
	want := map[string]registry.Outcome{
		"1": registry.OutcomeAccepted, "2": registry.OutcomeWarned, "3": registry.OutcomePatientRejected,
	}
	for name, text := range map[string]string{
		"one after another, CR":      all,
		"one after another, LF":      strings.ReplaceAll(all, "\r", "\n"),
		"one after another, CRLF":    strings.ReplaceAll(all, "\r", "\r\n"),
		"without a last line end":    strings.TrimRight(all, "\r"),
		"with blank lines":           strings.ReplaceAll(all, "\rMSH", "\r\r\rMSH"),
		"with a byte order mark":     "\ufeff" + all,
		"with wire framing":          "\x0b" + one + "\x1c\r\x0b" + two + "\x1c\r\x0b" + three + "\x1c\r",
		"in a batch file":            batch,
		"in a batch file, LF":        strings.ReplaceAll(batch, "\r", "\n"),
		"in a batch without a file":  "BHS|^~\\&\r" + all + "BTS|3\r",
		"with other separators":      strings.NewReplacer("|", "#", "^~\\&", "^~\\&").Replace(all),
		"pairs in one message":       one + strings.Join(strings.Split(two, "\r")[1:], "\r") + strings.Join(strings.Split(three, "\r")[1:], "\r"),
		"with segments to be passed": strings.ReplaceAll(all, "\rMSA", "\rSFT|Maker|1|x\rMSA"),
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, text)
			require.NoError(t, r.err)
			require.Equal(t, want, r.outcomes())
			require.Equal(t, []string{"", "IEE-998", "CLR-100"}, r.codes())
			require.Empty(t, r.sum.Faults)
			require.Zero(t, r.sum.NotUnderstood)
			require.Equal(t, 3, r.sum.Records)
			require.Equal(t, 1, r.sum.Accepted)
			require.Equal(t, 1, r.sum.Warned)
			require.Equal(t, 1, r.sum.Rejected)
		})
	}
	t.Run("the name of our file is told with each verdict", func(t *testing.T) {
		require.Equal(t, "SUNR1234_PROD_20260301_000007.HL7", read(t, batch).verdicts[0].File)
	})
}

func TestBatchOfNothingAnswersItsFiles(t *testing.T) {
	r := read(t, "FHS|^~\\&|||||||OUR_1.HL7\rBHS|^~\\&|||||||OUR_1.HL7\rBTS|0\rBHS|^~\\&||||||||||F7-1\rBTS|0\rFTS|2\r")
	require.NoError(t, r.err, "nothing was bad")
	require.Empty(t, r.items)
	require.Equal(t, []string{"OUR_1.HL7", "F7-1"}, r.sum.Answered)
	t.Run("unless it was cut off or says that it holds something", func(t *testing.T) {
		require.Error(t, read(t, "FHS|^~\\&|||||||OUR_1.HL7\rBHS|^~\\&\r").err)
		require.Error(t, read(t, "FHS|^~\\&|||||||OUR_1.HL7\rBHS|^~\\&\rBTS|3\rFTS|1\r").err)
	})
}

func TestBatchesOfSeveralFilesNameTheirOwn(t *testing.T) {
	r := read(t, "FHS|^~\\&\rBHS|^~\\&|||||||OUR_1.HL7\r"+ack("1", "AA")+"BTS|1\rBHS|^~\\&|||||||OUR_2.HL7\r"+ack("2", "AA")+"BTS|1\rFTS|2\r")
	require.NoError(t, r.err)
	require.Equal(t, "OUR_1.HL7", r.verdicts[0].File)
	require.Equal(t, "OUR_2.HL7", r.verdicts[1].File)
	require.Equal(t, []string{"OUR_1.HL7", "OUR_2.HL7"}, r.sum.Answered)
}

func TestBatchThatIsNotWholeIsSaidSo(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"cut before the end":      {"FHS|^~\\&\rBHS|^~\\&\r" + ack("1", "AA"), "the end of a batch (BTS) is missing"},
		"cut before the last end": {"FHS|^~\\&\rBHS|^~\\&\r" + ack("1", "AA") + "BTS|1\r", "the end of the file (FTS) is missing"},
		"fewer than it says":      {"BHS|^~\\&\r" + ack("1", "AA") + "BTS|2\r", "the batch says that it holds 2 and holds 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, c.text)
			require.NoError(t, r.err)
			require.Contains(t, r.sum.Faults, c.want)
		})
	}
}

func TestSeveralCodesInOneSegmentBecomeItemsOfTheirOwn(t *testing.T) {
	t.Run("each with its sentence", func(t *testing.T) {
		r := read(t, ack("9", "AE", errSeg("NK1^^0", "W",
			"IEE-519::Warning. NK1 missing.IEE-411::Warning. Neither name nor telephone.; IEE-413::Phone.")))
		require.Equal(t, []string{"IEE-519", "IEE-411", "IEE-413"}, r.codes())
		require.Equal(t, "Warning. NK1 missing.", r.items[0].Text)
		require.Equal(t, "Warning. Neither name nor telephone.", r.items[1].Text)
		require.Equal(t, "Phone.", r.items[2].Text)
		require.Equal(t, registry.OutcomeWarned, r.one(t).Outcome)
	})
	t.Run("the error belongs to the code that refuses", func(t *testing.T) {
		r := read(t, ack("9", "AE", errSeg("PID^1^5", "E", "CLR-100::Client Rejected. IEE-519::Warning. No responsible person.")))
		require.Equal(t, registry.OutcomePatientRejected, r.items[0].Outcome)
		require.Equal(t, registry.OutcomeWarned, r.items[1].Outcome)
		require.Equal(t, registry.SeverityWarning, r.items[1].Severity)
	})
	t.Run("the same code at the same place is told once", func(t *testing.T) {
		seg := errSeg("NK1^^0", "W", "IEE-519::Warning.")
		require.Len(t, read(t, ack("9", "AE", seg, seg, seg)).items, 1)
	})
	t.Run("the same code at another place is told again", func(t *testing.T) {
		r := read(t, ack("9", "AE", errSeg("RXA^1^17", "E", "IMR-111::x"), errSeg("RXA^2^17", "E", "IMR-111::x")))
		require.Len(t, r.items, 2)
		require.Equal(t, "RXA[2]-17", r.items[1].Location)
	})
	t.Run("fields and rule numbers are no codes", func(t *testing.T) {
		r := read(t, ack("9", "AE", errSeg("", "W", "Required field PID-11 missing, see IZ-47 and ORC-12")))
		require.Equal(t, []string{""}, r.codes())
		require.Empty(t, r.sum.NewCodes)
	})
}

func TestItemTellsWhereAndHowGrave(t *testing.T) {
	for in, want := range map[string]string{
		"NK1^^0":         "NK1",
		"PID^1^11^^3":    "PID[1]-11.3",
		"PID^1^3^2^4^2":  "PID[1]-3[2].4.2",
		"RXA^2^5^1^1":    "RXA[2]-5.1",
		"PID^1^7~PID^1":  "PID[1]-7",
		"Doe^John^A":     "",
		"PID^one^eleven": "",
	} {
		t.Run("place "+in, func(t *testing.T) {
			require.Equal(t, want, read(t, ack("9", "AE", errSeg(in, "W", "IEE-519::x"))).items[0].Location)
		})
	}
	t.Run("acknowledgement, family and severity are kept", func(t *testing.T) {
		it := read(t, ack("9", "AE", errSeg("PID^1^5", "", "CLR-100::Client Rejected."))).items[0]
		require.Equal(t, "AE", it.Ack)
		require.Equal(t, registry.FamilyClient, it.Family)
		require.Equal(t, registry.SeverityError, it.Severity, "what the family implies, where ERR-4 is silent")
		require.Equal(t, 1, it.Ordinal)
	})
	t.Run("escapes and the old Windows encoding are resolved", func(t *testing.T) {
		it := read(t, ack("9", "AE", errSeg("", "W", "IEE-519::Caf\xe9 \\T\\ co"))).items[0]
		require.Equal(t, "Café & co", it.Text)
	})
}

func TestCodeThatNobodyKnowsIsNamed(t *testing.T) {
	r := read(t, ack("9", "AE", errSeg("", "W", "IEE-777::New."), errSeg("", "", "QQQ-1::New."), errSeg("", "W", "IEE-777::New."), errSeg("", "W", "IEE-519::Old.")))
	require.Equal(t, []string{"IEE-777", "QQQ-1"}, r.sum.NewCodes)
}

func TestCatalogueOverridesTheFamily(t *testing.T) {
	opts := options(t)
	opts.Catalogue = map[string]registry.CatalogueEntry{"CLR-555": {Code: "CLR-555", Harmless: true}}
	r := readWith(t, ack("9", "AE", errSeg("", "E", "CLR-555::Client rejected, as agreed.")), opts)
	require.Equal(t, registry.OutcomeWarned, r.one(t).Outcome)
}

func TestNothingInAnAcknowledgementFileIsDropped(t *testing.T) {
	t.Run("a line that is no segment is kept", func(t *testing.T) {
		r := read(t, ack("1", "AA")+"processing ended early\r")
		require.Equal(t, 1, r.sum.NotUnderstood)
		require.Equal(t, registry.OutcomeUnknown, r.items[1].Outcome)
		require.Equal(t, "processing ended early", r.items[1].Text)
		require.Equal(t, registry.OutcomeAccepted, r.outcomes()["1"], "it answers no record")
	})
	t.Run("a sentence broken over two lines keeps its second code", func(t *testing.T) {
		r := read(t, ack("1", "AE", errSeg("", "W", "IEE-519::Warning.\rCLR-100::Client Rejected.")))
		require.Equal(t, []string{"IEE-519", "CLR-100"}, r.codes())
		require.Equal(t, registry.OutcomePatientRejected, r.one(t).Outcome)
	})
	t.Run("a message that acknowledges nothing is kept", func(t *testing.T) {
		r := read(t, ack("1", "AA")+"MSH|^~\\&|X|Y\r")
		require.Equal(t, 1, r.sum.NotUnderstood)
	})
	t.Run("an error before any MSA is kept", func(t *testing.T) {
		r := read(t, "MSH|^~\\&|X|Y\rERR||FHS^1|101|E||||FIR-101::File rejected.\r")
		require.Equal(t, registry.OutcomeFileRejected, r.one(t).Outcome)
		require.Empty(t, r.verdicts[0].ControlID)
	})
	t.Run("an unescaped separator does not hide a code", func(t *testing.T) {
		r := read(t, ack("1", "AE", errSeg("", "E", "Sentence with | and then CLR-100::Client Rejected.")))
		require.Equal(t, []string{"CLR-100"}, r.codes())
	})
	t.Run("a control ID that comes again is told again", func(t *testing.T) {
		r := read(t, ack("1", "AA")+ack("2", "AA")+ack("1", "AR"))
		require.Len(t, r.verdicts, 3)
	})
}

func TestAcknowledgementTellsTheSystemThatItIsAddressedTo(t *testing.T) {
	var got []registry.ReportItem
	text := strings.Replace(ack("100", "AA"), "TEXIIS||SUNR1234|", "TEXIIS|EPIC^1.2.840^ISO|SUNR1234^x|", 1) + ack("101", "AA")
	_, err := dqa.Read(t.Context(), strings.NewReader(text), dqa.Options{}, func(i registry.ReportItem) error {
		got = append(got, i)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, [2]string{"EPIC", "SUNR1234"}, [2]string{got[0].ToApp, got[0].ToFacility})
	require.Equal(t, [2]string{"", "SUNR1234"}, [2]string{got[1].ToApp, got[1].ToFacility})
}
