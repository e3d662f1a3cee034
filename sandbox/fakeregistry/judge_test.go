package fakeregistry_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

func with(n int, change func(*vxu)) vxu {
	v := good(n)
	change(&v)
	return v
}

func TestMessages(t *testing.T) {
	cases := map[string]struct {
		change  func(*vxu)
		code    string
		outcome registry.Outcome
		ack     string
	}{
		"a good one is accepted":       {func(*vxu) {}, "", registry.OutcomeAccepted, "AA"},
		"an adult needs no NK1":        {func(v *vxu) { v.born, v.nk1 = "19800101", "" }, "", registry.OutcomeAccepted, "AA"},
		"a known dose needs no lot":    {func(v *vxu) { v.source, v.lot, v.prescriber = "01", "", "" }, "", registry.OutcomeAccepted, "AA"},
		"a refused dose needs no lot":  {func(v *vxu) { v.status, v.source, v.lot = "RE", "", "" }, "", registry.OutcomeAccepted, "AA"},
		"no control ID":                {func(v *vxu) { v.control = "" }, "MER-901", registry.OutcomeMessageRejected, "AR"},
		"processing ID of production":  {func(v *vxu) { v.processing = "P" }, "MER-903", registry.OutcomeMessageRejected, "AR"},
		"another message type":         {func(v *vxu) { v.kind = "ADT^A04" }, "MER-904", registry.OutcomeMessageRejected, "AR"},
		"another version":              {func(v *vxu) { v.version = "2.3.1" }, "MER-905", registry.OutcomeMessageRejected, "AR"},
		"no PID":                       {func(v *vxu) { v.noPID = true }, "MER-906", registry.OutcomeMessageRejected, "AR"},
		"no dose":                      {func(v *vxu) { v.noRXA = true }, "MER-907", registry.OutcomeMessageRejected, "AR"},
		"no chart number":              {func(v *vxu) { v.chart = "" }, "MER-908", registry.OutcomeMessageRejected, "AR"},
		"no birth date":                {func(v *vxu) { v.born = "" }, "MER-909", registry.OutcomeMessageRejected, "AR"},
		"a birth date that is none":    {func(v *vxu) { v.born = "20190230" }, "MER-910", registry.OutcomeMessageRejected, "AR"},
		"born tomorrow":                {func(v *vxu) { v.born = "20260311" }, "MER-910", registry.OutcomeMessageRejected, "AR"},
		"no first name":                {func(v *vxu) { v.first = "" }, "CLR-901", registry.OutcomePatientRejected, "AE"},
		"a baby without a name":        {func(v *vxu) { v.first = "BABY" }, "CLR-902", registry.OutcomePatientRejected, "AE"},
		"no sex":                       {func(v *vxu) { v.sex = "" }, "CLR-904", registry.OutcomePatientRejected, "AE"},
		"an unknown sex code":          {func(v *vxu) { v.sex = "X" }, "CLR-905", registry.OutcomePatientRejected, "AE"},
		"no consent":                   {func(v *vxu) { v.chart = "M0001NC" }, "CLR-100", registry.OutcomePatientRejected, "AE"},
		"a minor without NK1":          {func(v *vxu) { v.nk1 = "" }, "IEE-519", registry.OutcomeWarned, "AE"},
		"a telephone that is a filler": {func(v *vxu) { v.phone = "^PRN^PH^^^555^5555555" }, "IEE-413", registry.OutcomeWarned, "AE"},
		"no city":                      {func(v *vxu) { v.city = "" }, "IEE-998", registry.OutcomeWarned, "AE"},
		"a prescriber nobody named":    {func(v *vxu) { v.prescriber = "9999999999" }, "IEE-526", registry.OutcomeWarned, "AE"},
		"an administered dose, no lot": {func(v *vxu) { v.lot = "" }, "IMR-100", registry.OutcomeDoseRejected, "AE"},
		"no date of the dose":          {func(v *vxu) { v.given = "" }, "IMR-901", registry.OutcomeDoseRejected, "AE"},
		"a dose tomorrow":              {func(v *vxu) { v.given = "20260311" }, "IMR-902", registry.OutcomeDoseRejected, "AE"},
		"a dose before birth":          {func(v *vxu) { v.given = "20190703" }, "IMR-902", registry.OutcomeDoseRejected, "AE"},
		"a vaccine nobody assigned":    {func(v *vxu) { v.cvx = "777" }, "IMR-904", registry.OutcomeDoseRejected, "AE"},
		"a dose marked as known":       {func(v *vxu) { v.chart = "M0001DU" }, "IMR-109", registry.OutcomeWarned, "AE"},
		"another clinic's message":     {func(v *vxu) { v.facility = "QQQQ0000" }, "MER-911", registry.OutcomeMessageRejected, "AR"},
		"no vaccine":                   {func(v *vxu) { v.cvx = "" }, "IMR-903", registry.OutcomeDoseRejected, "AE"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := openDesk(t, fakeregistry.Behaviour{})
			rec, report := d.judge(lanes[registry.LaneTest], batch(with(1, c.change)))
			require.Equal(t, c.outcome, rec.Messages[0].Outcome)
			require.Equal(t, map[registry.Outcome]int{c.outcome: 1}, rec.Verdicts)
			msa := strings.Split(lines(report, "MSA")[0], "|")
			require.Equal(t, c.ack, msa[1])
			require.Equal(t, !c.outcome.Bad(), rec.ErrorFree())
			if c.code == "" {
				require.Empty(t, rec.Codes)
				require.Empty(t, lines(report, "ERR"))
				return
			}
			require.Equal(t, map[string]int{c.code: 1}, rec.Codes)
			require.Contains(t, lines(report, "ERR")[0], "|"+c.code+"::")
		})
	}
}

func TestFiles(t *testing.T) {
	ok := batch(good(1), good(2))
	cases := map[string]struct{ content, code string }{
		"no FHS":                   {strings.Replace(ok, "FHS|", "ZHS|", 1), "FIR-901"},
		"no BHS":                   {strings.Replace(ok, "BHS|", "ZHS|", 1), "FIR-901"},
		"cut off before the end":   {ok[:len(ok)-len("BTS|2\rFTS|1\r")], "FIR-901"},
		"wrong number of messages": {strings.Replace(ok, "BTS|2", "BTS|3", 1), "FIR-902"},
		"wrong number of batches":  {strings.Replace(ok, "FTS|1", "FTS|2", 1), "FIR-902"},
		"one endless segment":      {strings.Replace(ok, "FTS|1", "NTE|"+strings.Repeat("x", 1<<20), 1), "FIR-903"},
		"no message":               {batch(), "FIR-904"},
		"empty":                    {"", "FIR-901"},
		"not HL7 at all":           {"%PDF-1.7\n\x00\x01", "FIR-901"},
		"something after the end":  {ok + "NTE|1\r" + ok, "FIR-901"},
	}
	for name, c := range cases {
		t.Run(name+" is rejected as a whole", func(t *testing.T) {
			d := openDesk(t, fakeregistry.Behaviour{})
			rec, report := d.judge("inbound/test", c.content)
			require.Equal(t, map[string]int{c.code: 1}, rec.Codes)
			require.False(t, rec.ErrorFree())
			require.Equal(t, int64(len(c.content)), rec.Size)
			require.Len(t, lines(report, "MSA"), 1)
			require.True(t, strings.HasPrefix(lines(report, "MSA")[0], "MSA|AR"))
			require.Contains(t, lines(report, "ERR")[0], c.code+"::")
			for _, m := range rec.Messages {
				require.Equal(t, registry.OutcomeFileRejected, m.Outcome)
			}
			again, _ := d.judge("inbound/test", ok)
			require.True(t, again.ErrorFree(), "nothing of a rejected file may have been kept")
			require.Empty(t, again.Codes)
		})
	}
	t.Run("counts may be absent, line ends may be LF or CRLF, the last one missing", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{})
		text := strings.NewReplacer("BTS|2", "BTS", "FTS|1", "FTS", "\r", "\r\n").Replace(ok)
		rec, _ := d.judge("inbound/test", strings.TrimSpace(text))
		require.True(t, rec.ErrorFree())
		require.Equal(t, []string{"C0001", "C0002"}, rec.ControlIDs())
	})
}

func TestControlIDTwiceInAFile(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{})
	rec, _ := d.judge("inbound/test", batch(good(1), with(2, func(v *vxu) { v.control = "C0001" }), good(3)))
	require.Equal(t, map[string]int{"MER-902": 1}, rec.Codes)
	require.Equal(t, registry.OutcomeAccepted, rec.Messages[0].Outcome)
	require.Equal(t, registry.OutcomeMessageRejected, rec.Messages[1].Outcome)
	again, _ := d.judge("inbound/test", batch(with(1, func(v *vxu) { v.cvx = "10" })))
	require.Empty(t, again.Codes, "another file may use the control ID again")
}

func TestDuplicateDoses(t *testing.T) {
	real := func(n int, change func(*vxu)) vxu {
		return with(n, func(v *vxu) { v.processing = "P"; v.chart = "M1"; change(v) })
	}
	same := func(*vxu) {}
	t.Run("a dose on file already is harmless, in whatever folder it came", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{})
		d.judge("inbound/production", batch(real(1, same)))
		rec, report := d.judge("inbound/historical", batch(real(2, same), real(3, func(v *vxu) { v.cvx = "20" })))
		require.Equal(t, map[string]int{"IMR-109": 1}, rec.Codes)
		require.True(t, rec.ErrorFree())
		require.Contains(t, report, "RXA^1^5")
	})
	t.Run("a dose twice in one file", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{})
		rec, _ := d.judge("inbound/production", batch(real(1, same), real(2, same)))
		require.Equal(t, map[string]int{"IMR-110": 1}, rec.Codes)
	})
	t.Run("what was tested is not on file", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{})
		d.judge("inbound/test", batch(real(1, func(v *vxu) { v.processing = "T" })))
		rec, _ := d.judge("inbound/production", batch(real(2, same)))
		require.Empty(t, rec.Codes)
	})
	t.Run("an update of a dose is no duplicate", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{})
		d.judge("inbound/production", batch(real(1, same)))
		rec, _ := d.judge("inbound/production", batch(real(2, func(v *vxu) { v.action = "U" })))
		require.Empty(t, rec.Codes)
	})
	t.Run("a rejected dose may come again", func(t *testing.T) {
		d := openDesk(t, fakeregistry.Behaviour{})
		d.judge("inbound/production", batch(real(1, func(v *vxu) { v.lot = "" }), real(2, func(v *vxu) { v.chart = "M2NC" })))
		rec, _ := d.judge("inbound/production", batch(real(3, same), real(4, func(v *vxu) { v.chart = "M2OK" })))
		require.Empty(t, rec.Codes)
	})
}

func TestProductionTakesNoTestPatients(t *testing.T) {
	zed := func(v *vxu) { v.last, v.processing = "Test", "P" }
	d := openDesk(t, fakeregistry.Behaviour{})
	rec, _ := d.judge("inbound/production", batch(with(1, zed), with(2, func(v *vxu) { v.processing = "P" })))
	require.Equal(t, map[string]int{"CLR-903": 1}, rec.Codes)
	require.Equal(t, 1, rec.TestPatients)
	tested, _ := d.judge("inbound/test", batch(with(3, func(v *vxu) { v.last = "Test" })))
	require.Empty(t, tested.Codes, "test files may hold test patients")
	require.Equal(t, 1, tested.TestPatients)
}

func TestSeveralDosesAreJudgedOneByOne(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{})
	second := with(1, func(v *vxu) { v.cvx, v.lot = "10", "" })
	extra := second.text()[strings.Index(second.text(), "ORC|"):]
	rec, report := d.judge("inbound/test", batch(with(1, func(v *vxu) { v.extra = strings.TrimSuffix(extra, "\r") })))
	require.Equal(t, map[string]int{"IMR-100": 1}, rec.Codes)
	require.Contains(t, report, "ERR||RXA^2^15|101^")
}
