package conformance

import "strings"

// covers says which rules written by hand look after which parts of the
// profile, so that one cause fires one rule. A line is a rule and the elements
// and words that it stands for. "first" before a path means that the rule
// looks at the first repetition only: in further ones the general rule speaks.
const covers = `
M-02            MSH-1.missing MSH-2.missing MSH-2.length MSH-1.repeat MSH-2.repeat MSH-1.length
M-03            MSH-7.missing MSH-7.1.missing
M-03.form       MSH-7.1.type MSH-7.1.length
M-04            MSH-9.missing MSH-9.1.missing MSH-9.2.missing MSH-9.3.missing MSH-9.1.code MSH-9.2.code MSH-9.3.code
M-05            MSH-12.missing MSH-12.1.missing MSH-12.1.code
M-06            MSH-15.missing MSH-15.length
M-06.application MSH-16.missing MSH-16.length
M-07            MSH-21.missing MSH-21.code MSH-21.1.missing MSH-21.2.missing
M-08            MSH-4.empty
M-08.application MSH-3.empty
M-08.noreceiver MSH-6.empty
M-09            MSH-5.empty
M-10            MSH-10.missing
M-10.length     MSH-10.length
F-03.charset    MSH-18.code
F-10.missing    MSH-11.missing MSH-11.1.missing
F-10            MSH-11.1.code
P-02            PID-1.missing PID-1.type PID-1.length
P-03            PID-3.missing
P-03.number     PID-3.1.missing
P-03.authority  PID-3.4.missing
P-03.type       PID-3.5.missing
P-03.code       PID-3.5.code
P-04            PID-5.missing first:PID-5.1.missing
P-04.first      first:PID-5.2.missing
P-04.type       first:PID-5.7.missing
P-04.legal      first:PID-5.7.code
P-05            PID-6.empty
P-05.last       PID-6.1.missing
P-05.type       PID-6.7.missing PID-6.7.code
P-06            PID-7.missing PID-7.1.missing
P-06.form       PID-7.1.type
P-07            PID-8.missing
P-07.code       PID-8.code PID-8.repeat
P-08            PID-10.empty
P-08.code       PID-10.code PID-10.1.missing
P-08.ethnicity  PID-22.empty
P-08.ethnicitycode PID-22.code PID-22.1.missing
P-08.ethnicities PID-22.repeat
P-09            PID-11.empty
P-09.city       first:PID-11.3.empty
P-09.type       first:PID-11.7.missing
P-09.kind       first:PID-11.7.code
P-09.street     first:PID-11.1.empty first:PID-11.1.1.missing
P-09.state      first:PID-11.4.empty first:PID-11.4.length
P-09.zip        first:PID-11.5.empty first:PID-11.5.length
P-09.country    first:PID-11.6.empty first:PID-11.6.length
P-10            PID-13.7.type PID-13.7.length
P-10.area       PID-13.6.empty PID-13.6.type PID-13.6.length
P-10.use        PID-13.2.code
P-10.equipment  PID-13.3.code
P-10.nouse      PID-13.2.missing
P-10.noemail    PID-13.4.missing
P-10.nonumber   PID-13.7.missing
P-11            PID-24.code PID-24.repeat
P-11.order      PID-25.type PID-25.length PID-25.repeat
P-11.noorder    PID-25.empty
P-12.form       PID-29.1.type PID-29.1.missing
P-12.indicator  PID-29.extra
P-12.nodate     PID-29.empty
P-12.code       PID-30.code PID-30.repeat
P-13            PID-2.extra
P-13.alternate  PID-4.extra
P-13.alias      PID-9.extra
P-13.county     PID-12.extra
P-13.ssn        PID-19.extra
P-13.license    PID-20.extra
P-13.mother     PID-21.extra
D-01            PD1-11.code PD1-11.1.missing
D-01.protection PD1-12.code
D-01.status     PD1-16.code
D-01.protectionday PD1-13.type PD1-13.repeat
D-01.statusday  PD1-17.type PD1-17.repeat
D-01.publicityday PD1-18.type PD1-18.repeat
D-01.noprotection PD1-13.extra
D-01.nostatus   PD1-17.extra
D-01.nopublicity PD1-18.extra
N-02            NK1-1.missing NK1-1.type NK1-1.length
N-02.name       NK1-2.missing
N-02.last       first:NK1-2.1.missing
N-02.first      first:NK1-2.2.missing
N-02.nametype   first:NK1-2.7.missing
N-02.relation   NK1-3.missing NK1-3.1.missing
N-02.relationcode NK1-3.code
N-03.noaddresstype first:NK1-4.7.missing
N-03.addresstype first:NK1-4.7.code
N-03.street     first:NK1-4.1.empty first:NK1-4.1.1.missing
N-03.city       first:NK1-4.3.empty
N-03.state      first:NK1-4.4.empty first:NK1-4.4.length
N-03.zip        first:NK1-4.5.empty first:NK1-4.5.length
N-03.country    first:NK1-4.6.empty first:NK1-4.6.length
N-03.nouse      NK1-5.2.missing
N-03.use        NK1-5.2.code
N-03.equipment  NK1-5.3.code
N-03.noemail    NK1-5.4.missing
N-03.area       NK1-5.6.empty NK1-5.6.type NK1-5.6.length
N-03.nonumber   NK1-5.7.missing
N-03.phone      NK1-5.7.type NK1-5.7.length
O-01.control    ORC-1.missing ORC-1.code
O-02            ORC-3.missing ORC-3.1.missing
O-02.authority  ORC-3.2.missing
O-03            ORC-12.empty ORC-12.1.missing
R-02            RXA-1.missing RXA-1.type RXA-1.length
R-02.administration RXA-2.missing RXA-2.type RXA-2.length
R-03            RXA-3.missing RXA-3.1.missing
R-03.form       RXA-3.1.type
R-04            RXA-4.1.type RXA-4.1.missing
R-05            RXA-5.missing RXA-5.1.missing
R-05.notable    RXA-5.3.missing
R-05.table      RXA-5.3.code
R-05.code       RXA-5.code RXA-5.1.length
R-07            RXA-6.missing
R-07.form       RXA-6.type RXA-6.repeat
R-07.unit       RXA-7.missing RXA-7.1.missing
R-07.nounit     RXA-7.extra
R-07.code       RXA-7.code RXA-7.1.length
R-08            RXA-9.missing first:RXA-9.1.missing
R-08.code       first:RXA-9.code
R-09            RXA-10.empty
R-09.place      RXA-11.empty
R-09.facility   RXA-11.4.missing
R-10            RXA-15.missing
R-11            RXA-16.empty
R-11.form       RXA-16.1.type RXA-16.1.missing
R-12            RXA-17.missing RXA-17.1.missing
R-12.code       RXA-17.code RXA-17.1.length
R-13            RXA-18.missing first:RXA-18.1.missing
R-13.code       first:RXA-18.code
R-13.extra      RXA-18.extra
R-14            RXA-20.empty
R-14.code       RXA-20.code RXA-20.repeat
R-15            RXA-21.missing
R-15.code       RXA-21.code RXA-21.repeat
R-16.form       RXA-22.1.type RXA-22.1.missing
X-01            RXR-1.missing RXR-1.1.missing
X-01.code       RXR-1.code
X-02            RXR-2.code
X-02.none       RXR-2.empty
B-01            OBX-1.missing OBX-1.type OBX-1.length
B-01.type       OBX-2.missing
B-01.question   OBX-3.missing OBX-3.1.missing
B-01.group      OBX-4.missing OBX-4.value
B-01.answer     OBX-5.missing
B-01.status     OBX-11.missing OBX-11.code OBX-11.repeat
B-02            OBX-2.code OBX-2.repeat
B-02.value      OBX-5.3.missing
B-02.unit       OBX-6.missing
B-03            OBX-3.code OBX-3.1.length
B-04.way        OBX-17.empty OBX-17.code OBX-17.1.missing
B-08            OBX-14.empty
B-08.form       OBX-14.1.type OBX-14.1.missing
`

// silenced says which general rules tell only of a consequence where a rule
// written by hand has told of the cause in the same segment: see
// [Rule.SilencedBy].
var silenced = map[string][]string{
	"Z-NK1-4.empty":    {"N-03.contact"},
	"Z-NK1-5.empty":    {"N-03.contact"},
	"Z-ORC-12.1.empty": {"O-03"},
	"Z-PD1-11.empty":   {"D-01.nopublicity"},
	"Z-PD1-12.empty":   {"D-01.noprotection"},
	"Z-PD1-16.empty":   {"D-01.nostatus"},
}

// cover is how far a rule written by hand covers an element.
type cover struct {
	rule  string
	first bool
}

func parseCovers(text string) map[string]cover {
	m := map[string]cover{}
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		for _, path := range w[1:] {
			rest, first := strings.CutPrefix(path, "first:")
			m[rest] = cover{w[0], first}
		}
	}
	return m
}

// twins are parts of data types that are missing only together: an identifier
// needs the second or the third, and one finding is enough.
var twins = map[string]bool{"EI_IZ.3": true, "EI.3": true, "HD_IZ.2": true, "HD.2": true}

// constraintRules says which rules keep NIST's numbered conformance statements.
// "-" is for those of a data type that no element of Z22 has.
const constraintRules = `
IZ-1       -
IZ-2       -
IZ-3       Z-MSH-21.3.value Z-ORC-2.3.value Z-ORC-3.3.value
IZ-4       Z-MSH-21.4.code Z-ORC-2.4.code Z-ORC-3.4.code
IZ-5       Z-MSH-3.2.value Z-MSH-4.2.value Z-MSH-5.2.value Z-MSH-6.2.value Z-MSH-22.6.2.value Z-MSH-23.6.2.value Z-PID-3.4.2.value Z-ORC-10.9.2.value Z-ORC-12.9.2.value Z-RXA-10.9.2.value Z-RXA-11.4.2.value
IZ-6       Z-MSH-3.3.code Z-MSH-4.3.code Z-MSH-5.3.code Z-MSH-6.3.code Z-MSH-22.6.3.code Z-MSH-23.6.3.code Z-PID-3.4.3.code Z-ORC-10.9.3.code Z-ORC-12.9.3.code Z-RXA-10.9.3.code Z-RXA-11.4.3.code
IZ-12      M-02
IZ-13      M-02
IZ-15      M-05
IZ-17      M-04
IZ-22      B-01.status
IZ-23      B-04
IZ-24      B-07
IZ-25      O-01.control
IZ-28      R-02
IZ-29      R-02.administration
IZ-30      R-04
IZ-31      R-08 R-08.code
IZ-32      R-13.extra
IZ-35      B-04.code
IZ-36      B-07.code
IZ-37      B-07.type
IZ-41      M-06.application
IZ-42      M-06
IZ-43      M-07
IZ-44      B-01.group
IZ-45      O-02.none
IZ-46      P-02
IZ-47      R-08.extra R-14
IZ-48      R-07.none
IZ-49      R-07.none
IZ-66      P-05.type
IZ-69      Z-IN1-1.value
IZ-70      N-02
IZ-TS_Z    M-03.form
IZ-TS_NZ   P-06.form R-03.form B-08.form Z-IN1-29.1.type
IZ-DT_D    D-01.protectionday D-01.statusday D-01.publicityday
NIST-01    B-01
`
