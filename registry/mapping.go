package registry

// ReportMapping tells how to read one layout of a report: which column holds
// what, found by the header's words; which headings begin a section; and which
// lines of running text say something. Several live side by side and the one
// that fits a report best is used.
type ReportMapping struct {
	// Name is shown wherever a report was read with it.
	Name string `yaml:"name" json:"name"`
	// Columns lists, for each thing we look for, patterns of header texts. A
	// pattern is compared in lower case with runs of everything but letters and
	// digits made one blank ("MSH-10 Control_ID" is "msh 10 control id"); "*"
	// stands for anything.
	Columns map[ReportColumn][]string `yaml:"columns,omitempty" json:"columns,omitempty"`
	// BlankAccepted says that a row that names a record and nothing else tells
	// of its acceptance. Otherwise such a row is an unknown answer.
	BlankAccepted bool `yaml:"blank_accepted,omitempty" json:"blank_accepted,omitempty"`
	// Sections are headings that hold for the rows below them.
	Sections []ReportSection `yaml:"sections,omitempty" json:"sections,omitempty"`
	// Block, where set, says that a record is several lines of "key: value", and
	// is the pattern of the key that begins each. Columns are then keys.
	Block string `yaml:"block,omitempty" json:"block,omitempty"`
	// Lines are regular expressions (RE2) for lines without columns, with groups
	// named as columns are: (?P<control_id>\S+).
	Lines []string `yaml:"lines,omitempty" json:"lines,omitempty"`
	// Ignore are patterns of lines that say nothing, such as a page's foot.
	Ignore []string `yaml:"ignore,omitempty" json:"ignore,omitempty"`
}

// ReportSection is a part of a report under a heading, such as "Records
// loaded" or "IEE-519 Responsible person missing".
type ReportSection struct {
	// Heading is a pattern as in Columns. The line of a code is compared without
	// the code.
	Heading string `yaml:"heading" json:"heading"`
	// Outcome is what became of the records listed below, where the rows do not
	// say; empty where the heading's code tells.
	Outcome Outcome `yaml:"outcome,omitempty" json:"outcome,omitempty"`
	// Code says that a code in the heading belongs to each row below that has
	// none of its own.
	Code bool `yaml:"code,omitempty" json:"code,omitempty"`
	// File says that the heading names a file of ours, to which the rows below it
	// belong.
	File bool `yaml:"file,omitempty" json:"file,omitempty"`
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
	ColumnPosition  ReportColumn = "position"   // which message of that file, from 1
)

// ReportColumns lists every column that a mapping may name.
func ReportColumns() []ReportColumn {
	return []ReportColumn{
		ColumnControlID, ColumnCode, ColumnMessage, ColumnSeverity, ColumnLocation, ColumnOutcome, ColumnFile, ColumnPosition,
	}
}
