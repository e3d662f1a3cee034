package conformance_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

var (
	now      = time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC)
	practice = &registry.Practice{
		ID: "sunrise-plano", OrgCode: "SUNR1234", IISID: "0001112000", Zone: "America/Chicago",
		Sites: []registry.Site{
			{ID: "plano", Facilities: []string{"SUNRPLANO"}, Prescribers: []string{"1234567893"}},
			{ID: "frisco", Facilities: []string{"SUNRFRISCO"}},
		},
	}
)

// sound is a message without a fault: a child of two with a dose given here
// and a dose from a record.
const sound = `MSH|^~\&|EHR|SUNRPLANO|IMMTRAC2|TEXIIS|20260304101500-0600||VXU^V04^VXU_V04|c-1|T|2.5.1|||ER|AL|||||Z22^CDCPHINVS|SUNR1234|TEXIIS
PID|1||KAVORI017^^^SUNR1234^MR~219-09-9998^^^SSA^SS||Kavorimdelta^Nemurilasopo^^^^^L|Besotariluna^^^^^^M|20240115|F||2106-3^White^CDCREC|12 Poruvikalemo Street^^Plano^TX^75023^USA^H||^PRN^PH^^^972^4830172|||||||||2186-5^Not Hispanic or Latino^CDCREC||N||||||N
PD1|||||||||||02^Reminder/Recall - any method^HL70215|N|20260304|||A|20260304|20260304
NK1|1|Kavorimdelta^Tularivedoga^^^^^L|MTH^Mother^HL70063|12 Poruvikalemo Street^^Plano^TX^75023^USA^H|^PRN^PH^^^972^4830172
ORC|RE|p-1^SUNR1234|d-1^SUNR1234|||||||7824^Entry^Clerk^^^^^^NPI^L^^^NPI||1234567893^Ordering^Provider^^^^^^NPI^L^^^NPI|||||SUNRPLANO^Sunrise Plano^HL70362
RXA|0|1|20260303||03^MMR^CVX|0.5|mL^milliliter^UCUM||00^New Record^NIP001|7824^Giving^Nurse^^^^^^NPI^L^^^NPI|^^^SUNRPLANO||||K4417|20270801|MSD^Merck and Co., Inc.^MVX|||CP|A
RXR|C38299^Subcutaneous^NCIT|LT^Left Thigh^HL70163
OBX|1|CE|64994-7^Vaccine funding program eligibility category^LN|1|V02^VFC eligible - Medicaid^HL70064||||||F|||20260303|||VXC40^per immunization^CDCPHINVS
OBX|2|CE|30963-3^Vaccine funding source^LN|1|VXC50^Public^CDCPHINVS||||||F|||20260303
OBX|3|CE|30956-7^Vaccine type^LN|2|03^MMR^CVX||||||F|||20260303
OBX|4|TS|29768-9^Date vaccine information statement published^LN|2|20210806||||||F|||20260303
OBX|5|TS|29769-7^Date vaccine information statement presented^LN|2|20260303||||||F|||20260303
ORC|RE|p-2^SUNR1234|d-2^SUNR1234|||||||7824^Entry^Clerk^^^^^^NPI^L^^^NPI|||||||SUNRPLANO^Sunrise Plano^HL70362
RXA|0|1|20240116||08^Hep B, adolescent or pediatric^CVX|999|||01^Historical^NIP001|||||||||||CP|A
ZTX|TXY|20240201
`

// soundWith is the sound message with a control ID and edits of its own.
func soundWith(id string, edits ...edit) string {
	d := doc(strings.Split(strings.TrimSuffix(sound, "\n"), "\n"))
	for _, e := range append([]edit{set("MSH-10", id)}, edits...) {
		d = e(d)
	}
	return strings.Join(d, "\r") + "\r"
}

// batch puts messages into an envelope.
func batch(messages ...string) string {
	return "FHS|^~\\&|EHR\rBHS|^~\\&|EHR\r" + strings.Join(messages, "") +
		"BTS|" + strconv.Itoa(len(messages)) + "\rFTS|1\r"
}

// doc is a message as lines; an edit changes it.
type (
	doc  []string
	edit func(doc) doc
)

// set writes a field or component: "PID-7", "RXA[2]-5.1".
func set(path, to string) edit {
	return func(d doc) doc {
		value := to
		name, at, _ := strings.Cut(path, "-")
		i := d.find(name)
		field, component, hasComponent := strings.Cut(at, ".")
		n, _ := strconv.Atoi(field)
		if strings.HasPrefix(name, "MSH") {
			n--
		}
		fields := strings.Split(d[i], "|")
		for len(fields) <= n {
			fields = append(fields, "")
		}
		if hasComponent {
			c, _ := strconv.Atoi(component)
			parts := strings.Split(fields[n], "^")
			for len(parts) < c {
				parts = append(parts, "")
			}
			parts[c-1] = value
			value = strings.Join(parts, "^")
		}
		fields[n] = value
		d[i] = strings.Join(fields, "|")
		return d
	}
}

// drop removes a segment.
func drop(name string) edit {
	return func(d doc) doc {
		i := d.find(name)
		return slices.Delete(d, i, i+1)
	}
}

// after inserts a line behind a segment.
func after(name, line string) edit {
	return func(d doc) doc { return slices.Insert(d, d.find(name)+1, line) }
}

func (d doc) find(name string) int {
	name, occurrence, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	n := max(1, atoi(occurrence))
	for i, line := range d {
		if strings.HasPrefix(line, name) {
			if n--; n == 0 {
				return i
			}
		}
	}
	panic("no segment " + name)
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// verdict is everything that a check gave.
type verdict struct {
	conformance.Summary
	findings []registry.Finding
	messages []conformance.MessageFact
}

func (v verdict) rules() []string {
	var ids []string
	for _, c := range v.Counts {
		ids = append(ids, c.Rule)
	}
	return ids
}

func judge(t *testing.T, file string, change ...func(*conformance.Options)) verdict {
	t.Helper()
	var v verdict
	in := conformance.Options{
		Lane: registry.LaneTest, Now: now, Practice: practice,
		Profile: &registry.Profile{
			Message: registry.MessageSettings{
				TestProcessingID: "T", ProductionProcessingID: "P", HistoricalProcessingID: "P", ReceivingFacility: "TEXIIS",
			},
			Rules: registry.RuleSettings{Held: []string{"F-10", "F-11", "M-08.sender"}, ConsentField: "ZTX-1"},
		},
		OnFinding: func(f registry.Finding) { v.findings = append(v.findings, f) },
		OnMessage: func(m conformance.MessageFact) { v.messages = append(v.messages, m) },
	}
	for _, c := range change {
		c(&in)
	}
	res, err := conformance.Check(t.Context(), strings.NewReader(file), in)
	require.NoError(t, err)
	v.Summary = res
	return v
}

func production(in *conformance.Options) { in.Lane = registry.LaneProduction }

func TestSoundMessageHasNoFinding(t *testing.T) {
	v := judge(t, batch(soundWith("c-1")))
	require.Empty(t, v.findings)
	require.Equal(t, registry.OutcomeAccepted, v.Outcome)
	require.True(t, v.ErrorFree)
	require.False(t, v.HoldFile)
}
