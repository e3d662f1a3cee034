package conformance

import (
	"bytes"
	"strconv"
	"strings"

	"immtrail/hl7"
)

var (
	ruleEmpty = declare(Rule{
		ID: "F-02", Where: "file", Severity: isError, Drops: DropsFile, Code: 100,
		Says:   "There is no message in the file.",
		Remedy: "Export again, and see that the export covers a time in which vaccines were given.",
		Source: "A file without records proves nothing",
	})
	ruleTooBig = declare(Rule{
		ID: "F-02.size", Where: "file", Severity: isError, Drops: DropsFile,
		Says:   "The file is larger than the registry's profile allows.",
		Remedy: "Export a shorter time, or split the file.",
		Source: "Setting file.max_bytes",
	})
	ruleTooMany = declare(Rule{
		ID: "F-02.messages", Where: "file", Severity: isError, Drops: DropsFile,
		Says:   "The file has more messages than the registry's profile allows.",
		Remedy: "Export a shorter time, or split the file.",
		Source: "Setting file.max_messages",
	})
	ruleFirstSingle = declare(Rule{
		ID: "F-02.first", Where: "file", Severity: Lanes{Test: errorGrade},
		Says:   "The first test file has to be one message with one vaccination (RXA); this one has more, or none.",
		Remedy: "Send a file of one message with one vaccination first. Once it is sent, export these records anew and send them.",
		Source: "Setting policy.first_test_single",
	})
	ruleNotHL7 = declare(Rule{
		ID: "F-03.format", Where: "file", Severity: isError, Drops: DropsFile, Code: 100,
		Says:   "The file is not an HL7 file.",
		Remedy: "Send the HL7 2.5.1 batch file itself: not zipped, not a PDF, not a spreadsheet.",
		Source: "HL7 v2.5.1 chapter 2",
	})
	ruleGzip = declare(Rule{
		ID: "F-03.gzip", Where: "file", Severity: isError, Drops: DropsFile, Code: 100,
		Says:   "The file is a gzip archive.",
		Remedy: "Unpack it, and send the HL7 2.5.1 batch file that is in it.",
		Source: "RFC 1952",
	})
	ruleZip = declare(Rule{
		ID: "F-03.zip", Where: "file", Severity: isError, Drops: DropsFile, Code: 100,
		Says:   "The file is a zip archive or an Office document.",
		Remedy: "Unpack it, and send the HL7 2.5.1 batch file that is in it.",
		Source: "PKWARE APPNOTE 4.3",
	})
	ruleTooLong = declare(Rule{
		ID: "F-03.limit", Where: "file", Severity: isError, Drops: DropsFile, Code: 102,
		Says:   "A segment or message is longer than any real one; nothing after it was read.",
		Remedy: "Ask the EHR vendor: line ends are probably missing, or a document was put into a field.",
		Source: "Limits of the reader",
	})
	ruleStray = declare(Rule{
		ID: "F-03.stray", Where: "file", Severity: isError, Code: 100,
		Says:   "A line stands outside any message.",
		Remedy: "Ask the EHR vendor to write nothing but HL7 segments into the file.",
		Source: "HL7 v2.5.1 2.10.3",
	})
	ruleLine = declare(Rule{
		ID: "F-03.line", Where: "message", Severity: isError, Drops: DropsMessage, Code: 100,
		Says:   "A line of the message is not a segment: probably a line break inside a field.",
		Remedy: "Remove the line break from the field before it (often an address or a comment).",
		Source: "HL7 v2.5.1 2.5.1, 2.7",
	})
	ruleControl = declare(Rule{
		ID: "F-03.control", Where: "message", Severity: isWarning, Code: 102,
		Says:   "The message holds a control character (such as vertical tab or form feed).",
		Remedy: "Retype the text of that segment; it was probably pasted from another program.",
		Source: "CDC guide r1.5, encoding",
	})
	ruleNUL = declare(Rule{
		ID: "F-03.nul", Where: "message", Severity: isError, Drops: DropsMessage, Code: 102,
		Says:   "The message holds a NUL byte.",
		Remedy: "Ask the EHR vendor; the export is damaged.",
		Source: "CDC guide r1.5, encoding",
	})
	ruleBytes = declare(Rule{
		ID: "F-03.bytes", Where: "message", Severity: isWarning, Code: 102,
		Says:   "The message holds letters in an encoding that is neither ASCII nor UTF-8.",
		Remedy: "Ask the EHR vendor to export in UTF-8 and to say so in MSH-18.",
		Source: "HL7 v2.5.1 2.15.9.18",
	})
	ruleRepeats = declare(Rule{
		ID: "F-03.repeats", Where: "message", Severity: isWarning, Code: 102,
		Says:   "A field repeats more often than any real one; only the first 200 repetitions were looked at.",
		Remedy: "Ask the EHR vendor; the export is damaged.",
		Source: "Limits of the checker",
	})
	ruleEnds = declare(Rule{
		ID: "F-03.ends", Where: "file", Severity: isInfo,
		Says:   "Segments end in LF or CRLF instead of CR.",
		Remedy: "Nothing to do; ask the EHR vendor for CR when convenient.",
		Source: "HL7 v2.5.1 2.5.1",
	})
	ruleMixedEnds = declare(Rule{
		ID: "F-03.mixed", Where: "file", Severity: isWarning,
		Says:   "Segments end in different ways within one file.",
		Remedy: "Ask the EHR vendor to end every segment with CR.",
		Source: "HL7 v2.5.1 2.5.1",
	})
	ruleBOM = declare(Rule{
		ID: "F-03.bom", Where: "file", Severity: isWarning,
		Says:   "The file begins with a byte order mark.",
		Remedy: "Export as UTF-8 without a byte order mark.",
		Source: "HL7 v2.5.1 2.10.3",
	})
	ruleMLLP = declare(Rule{
		ID: "F-03.mllp", Where: "file", Severity: isWarning,
		Says:   "Messages are framed as for a network interface (MLLP).",
		Remedy: "Ask the EHR vendor for a batch file export instead of a recording of the interface.",
		Source: "HL7 v2.5.1 appendix C",
	})
	ruleDelims = declare(Rule{
		ID: "F-04", Where: "FHS-2", Severity: isError, Code: 102, Detail: 4,
		Says:   "The batch header does not use the delimiters |^~\\&.",
		Remedy: "Ask the EHR vendor to use the standard delimiters.",
		Source: "IZ-8 to IZ-11",
	})
	ruleCount = declare(Rule{
		ID: "F-05", Where: "BTS-1", Severity: isError, Code: 102, Detail: 3,
		Says:   "The count in a trailer is not the number of messages or batches that came before it.",
		Remedy: "Export again: messages may be missing.",
		Source: "HL7 v2.5.1 2.15.3, 2.15.7",
	})
	ruleEnvelope = declare(Rule{
		ID: "F-06", Where: "file", Severity: isError, Drops: DropsFile, Code: 100,
		Says:   "Batch headers and trailers do not match: one is missing or out of place.",
		Remedy: "Export again: the file was probably cut off.",
		Source: "CDC guide r1.5 5.1",
	})
	ruleControlIDTwice = declare(Rule{
		ID: "F-07", Where: "MSH-10", Severity: isError, Code: 205, Detail: 3,
		Says:   "Two messages of the file have the same control ID.",
		Remedy: "Ask the EHR vendor to give every message an ID of its own.",
		Source: "HL7 v2.5.1 MSH-10",
	})
	ruleDoseTwice = declare(Rule{
		ID: "F-08", Where: "RXA", Severity: isWarning, Code: 205, Detail: 3,
		Says:   "The same dose (patient, vaccine, date) is in the file twice.",
		Remedy: "See whether the dose was entered twice in the EHR.",
		Source: "Texas IMR-110",
	})
)

// mostReps is how many repetitions of a field are looked at.
const mostReps = 200

// notHL7 is the rule for what a file was found to be instead.
func notHL7(found string) *Rule {
	switch {
	case strings.Contains(found, "gzip"):
		return ruleGzip
	case strings.Contains(found, " zip "):
		return ruleZip
	}
	return ruleNotHL7
}

// fileState is what the rules of the envelope remember.
type fileState struct {
	unreadable bool
	inFile     bool // an FHS is open
	inBatch    bool // a BHS is open
	enveloped  bool // an FHS or BHS was seen
	closed     bool // an FTS was seen
	bare       bool // a message stood outside any batch
	messages   int  // of the open batch
	batches    int  // of the open file
	last       struct {
		offset int64
		line   int
	}
}

// envelope walks FHS (BHS message... BTS)+ FTS; a lone batch needs no FHS.
func (c *fileChecker) envelope(u *unitResult, line int) {
	f := &c.file
	f.last.offset, f.last.line = u.offset, line
	broken := false
	switch u.kind {
	case hl7.KindFileHeader:
		broken = f.inFile || f.inBatch || f.closed || f.bare
		f.inFile, f.inBatch, f.enveloped, f.batches = true, false, true, 0
	case hl7.KindBatchHeader:
		broken = f.inBatch || f.closed || f.bare
		f.inBatch, f.enveloped, f.messages = true, true, 0
		f.batches++
	case hl7.KindBatchTrailer:
		broken = !f.inBatch
		if f.inBatch {
			c.trailerCount(u, line, f.messages)
		}
		f.inBatch = false
	case hl7.KindFileTrailer:
		broken = !f.inFile || f.inBatch
		if f.inFile {
			c.trailerCount(u, line, f.batches)
		}
		f.inFile, f.inBatch, f.closed = false, false, true
	case hl7.KindMessage, hl7.KindStray:
	}
	if broken {
		c.atFile(ruleEnvelope, u.kind.String(), u.offset, line)
	}
	if u.kind == hl7.KindFileHeader || u.kind == hl7.KindBatchHeader {
		if u.oddDelims {
			c.atFile(ruleDelims, u.kind.String()+"-2", u.offset, line)
		}
	}
}

func (c *fileChecker) trailerCount(u *unitResult, line, want int) {
	said := bytes.TrimSpace(u.value)
	if hl7.Empty(said) {
		return
	}
	if n, err := strconv.Atoi(string(said)); err != nil || n != want {
		c.atFile(ruleCount, u.kind.String()+"-1", u.offset, line)
	}
}

func (c *fileChecker) envelopeMessage(u *unitResult, line int) {
	f := &c.file
	f.messages++
	if f.inBatch {
		return
	}
	if f.enveloped && !f.bare {
		c.atFile(ruleEnvelope, "MSH", u.offset, line)
	}
	f.bare = true
}

// endOfFile says what only the whole file shows.
func (c *fileChecker) endOfFile() {
	f, n := &c.file, &c.notes
	if !f.unreadable {
		if f.inBatch || f.inFile {
			c.atFile(ruleEnvelope, "file", f.last.offset, f.last.line)
		}
		if c.summary.Messages == 0 {
			c.atFile(ruleEmpty, "file", 0, 1)
		}
	}
	c.tellEverybody()
	if p := c.in.Profile; p != nil {
		if c.consent.status == nil && c.weigh[ruleConsentUnknown.n] != "" && c.in.Run.tellConsent() {
			c.atFile(ruleConsentUnknown, "file", 0, 1)
		}
		if p.File.MaxBytes > 0 && n.Bytes > p.File.MaxBytes {
			c.atFile(ruleTooBig, "file", 0, 1)
		}
		if p.File.MaxMessages > 0 && c.summary.Messages > p.File.MaxMessages {
			c.atFile(ruleTooMany, "file", 0, 1)
		}
	}
	if c.in.FirstSingle && c.weigh[ruleFirstSingle.n] != "" && (c.summary.Messages != 1 || c.summary.Doses != 1) {
		c.atFile(ruleFirstSingle, "file", 0, 1)
	}
	kinds := 0
	for _, count := range []int{n.CR, n.LF, n.CRLF} {
		if count > 0 {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		c.atFile(ruleMixedEnds, "file", 0, 1)
	case n.LF+n.CRLF > 0:
		c.atFile(ruleEnds, "file", 0, 1)
	}
	if n.BOM {
		c.atFile(ruleBOM, "file", 0, 1)
	}
	if n.MLLP > 0 {
		c.atFile(ruleMLLP, "file", 0, 1)
	}
}
