package registry

// ReportMapping tells how to read one layout of a delimited report: which
// column holds what, found by the header's words. Several live side by side
// and the one that fits a report's header best is used.
type ReportMapping struct {
	// Name is shown wherever a report was read with it.
	Name string `yaml:"name" json:"name"`
	// Columns lists, for each thing we look for, patterns of header texts. A
	// pattern is compared in lower case with runs of everything but letters and
	// digits made one blank ("MSH-10 Control_ID" is "msh 10 control id"); "*"
	// stands for anything.
	Columns map[ReportColumn][]string `yaml:"columns" json:"columns"`
	// BlankAccepted says that a row that names a record and nothing else tells
	// of its acceptance. Otherwise such a row is an unknown answer.
	BlankAccepted bool `yaml:"blank_accepted" json:"blank_accepted,omitempty"`
}

// ReportColumn is something that a column of a report may hold.
type ReportColumn string

// The columns that a mapping may name.
const (
	ColumnControlID ReportColumn = "control_id" // MSH-10 of the message that the row answers
	ColumnCode      ReportColumn = "code"       // CODE-NNN, alone or several
	ColumnMessage   ReportColumn = "message"    // the sentence, often CODE-NNN::text
	ColumnSeverity  ReportColumn = "severity"   // error, warning, information
	ColumnLocation  ReportColumn = "location"   // segment and field
	ColumnOutcome   ReportColumn = "outcome"    // accepted, rejected
	ColumnFile      ReportColumn = "file"       // the name of our file
)

// ReportColumns lists every column that a mapping may name.
func ReportColumns() []ReportColumn {
	return []ReportColumn{
		ColumnControlID, ColumnCode, ColumnMessage, ColumnSeverity, ColumnLocation, ColumnOutcome, ColumnFile,
	}
}
