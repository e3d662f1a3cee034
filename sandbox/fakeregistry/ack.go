package fakeregistry

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"immtrail/registry"
)

// ackBatch writes acknowledgements in the way ImmTrac2 does: AE for a mere
// warning, the code and its text in ERR-8. A report of a day or a week has a
// batch for each file.
type ackBatch struct {
	w    io.Writer
	form string
	info reportInfo
	of   fileInfo
	// open says that a batch is open, headed that its one acknowledgement is,
	// where there is one for a whole file.
	open, headed          bool
	count, total, batches int
}

func (a *ackBatch) line(fields ...string) error {
	end := "\r"
	if a.form == FormLF {
		end = "\n"
	}
	_, err := io.WriteString(a.w, strings.TrimRight(strings.Join(fields, "|"), "|")+end)
	return err
}

// head is FHS or BHS: the ninth field names the file that is answered, the
// twelfth its control ID.
func (a *ackBatch) head(id string, of fileInfo) error {
	return a.line(id, `^~\&`, "ImmTrac24.16", "TEXIIS", "", a.info.OrgCode, stamp(a.info.At), "",
		of.Name, a.info.ID, a.info.ID, of.ControlID)
}

func (a *ackBatch) begin(info reportInfo) error {
	a.info = info
	if a.form == FormBare {
		return nil
	}
	only := fileInfo{}
	if info.Only != nil {
		only = *info.Only
	}
	return a.head("FHS", only)
}

func (a *ackBatch) file(of fileInfo) error {
	err := a.shut()
	a.of, a.count, a.headed = of, 0, false
	if a.form == FormBare {
		return err
	}
	a.open = true
	a.batches++
	return errors.Join(err, a.head("BHS", of))
}

// shut ends the open batch.
func (a *ackBatch) shut() error {
	if !a.open {
		return nil
	}
	a.open = false
	if a.form == FormPairs {
		a.count = min(a.count, 1) // messages, not what they acknowledge
	}
	return a.line("BTS", strconv.Itoa(a.count))
}

func (a *ackBatch) verdict(v *verdict) error {
	a.count++
	a.total++
	id := v.ControlID
	if v.Ordinal == 0 {
		id = a.of.ControlID
	}
	var err error
	if a.form != FormPairs || !a.headed {
		err = a.header(id, v.Processing)
		a.headed = true
	}
	err = errors.Join(err, a.line("MSA", v.ack(), id))
	for _, c := range v.Complaints {
		err = errors.Join(err, a.complaint(c))
	}
	return err
}

func (a *ackBatch) header(own, processing string) error {
	if own == "" || a.form == FormPairs {
		own = fmt.Sprintf("%s-%d", a.info.ID, a.total)
	}
	if processing == "" {
		processing = "P"
	}
	return a.line("MSH", `^~\&`, "ImmTrac24.16", "TEXIIS", "", a.info.OrgCode, stamp(a.info.At), "",
		"ACK^V04^ACK", own, processing, "2.5.1", "", "", "NE", "NE", "", "", "", "",
		"Z23^CDCPHINVS", "TEXIIS", a.info.OrgCode)
}

func (a *ackBatch) complaint(c complaint) error {
	kind, special := condition[c.Code]
	switch {
	case c.Missing:
		kind = "101^Required field missing"
	case c.family() == registry.FamilyFile:
		kind = "100^Segment sequence error"
	case !special:
		kind = "102^Data type error"
	}
	return a.line("ERR", "", c.place(), kind+"^HL70357", string(c.Severity), "4^Invalid value^HL70533", "", "",
		c.Code+"::"+c.Text)
}

// condition is ERR-3 (table HL70357) of the codes that have one of their own.
var condition = map[string]string{
	"MER-902": "205^Duplicate key identifier",
	"MER-903": "202^Unsupported processing id",
	"MER-904": "200^Unsupported message type",
	"MER-905": "203^Unsupported version id",
}

// place is ERR-2. Like ImmTrac2's it counts a whole segment as field 0, after
// an empty occurrence where there is only one.
func (c complaint) place() string {
	occurrence := ""
	if c.Occurrence > 0 {
		occurrence = strconv.Itoa(c.Occurrence)
	}
	return fmt.Sprintf("%s^%s^%d", c.Segment, occurrence, c.Field)
}

func (a *ackBatch) end() error {
	if a.form == FormBare {
		return nil
	}
	return errors.Join(a.shut(), a.line("FTS", strconv.Itoa(a.batches)))
}
