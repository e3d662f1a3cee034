package hl7_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/hl7"
)

func TestBatchWriterWritesMessagesByteForByte(t *testing.T) {
	odd := []string{
		"MSH|^~\\&|A|\rPID|1||\xff\xfe odd bytes|\r",
		"MSH|^~\\&|B\nPID|1\n",
		"MSH|^~\\&|C\rPID|1",
	}
	var file bytes.Buffer
	w := hl7.NewBatchWriter(&file, hl7.Envelope{
		SendingApp: "EHR", SendingFacility: "BURL6343", ReceivingApp: "IMMTRAC2", ReceivingFacility: "TEXIIS",
		Time: "20260304101530-0600", ControlID: "a|b",
	})
	for _, m := range odd {
		require.NoError(t, w.WriteMessage([]byte(m)))
	}
	require.Equal(t, 3, w.Messages())
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.EqualValues(t, file.Len(), w.Size())
	header := `|^~\&|EHR|BURL6343|IMMTRAC2|TEXIIS|20260304101530-0600||||a\F\b` + "\r"
	require.Equal(t, "FHS"+header+"BHS"+header+odd[0]+odd[1]+odd[2]+"\rBTS|3\rFTS|1\r", file.String())

	units, _, err := readAll(t, &file, hl7.Limits{})
	require.NoError(t, err)
	require.Len(t, units, 7)
	require.Equal(t, odd[0], units[2].Raw)
}

func TestBatchWriterWithoutMessagesStillClosesTheEnvelope(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, hl7.NewBatchWriter(&file, hl7.Envelope{}).Close())
	require.True(t, strings.HasSuffix(file.String(), "BTS|0\rFTS|1\r"))
}

func TestBatchWriterRefusesWhatIsNoMessage(t *testing.T) {
	w := hl7.NewBatchWriter(io.Discard, hl7.Envelope{})
	require.Error(t, w.WriteMessage([]byte("PID|1\r")))
	require.Error(t, w.WriteMessage(nil))
	require.NoError(t, w.Close())
	require.Error(t, w.WriteMessage([]byte("MSH|^~\\&|\r")), "closed")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestBatchWriterReportsAFailingDisk(t *testing.T) {
	w := hl7.NewBatchWriter(full{}, hl7.Envelope{})
	_ = w.WriteMessage([]byte("MSH|^~\\&|\r"))
	require.ErrorContains(t, w.Close(), "disk full")
}

func TestEscapesGoBothWays(t *testing.T) {
	for _, s := range []string{"", "plain", `a|b^c~d&e\f`, `\\`, "x\\"} {
		require.Equal(t, s, string(hl7.Unescape([]byte(hl7.Escape(s)), hl7.StandardDelims)))
	}
	for in, want := range map[string]string{
		`\X4142\`: "AB", `\X4\`: `\X4\`, `\H\bold\N\`: `\H\bold\N\`, `open\F`: `open\F`, `\\`: `\\`, `\.br\`: `\.br\`,
	} {
		require.Equal(t, want, string(hl7.Unescape([]byte(in), hl7.StandardDelims)), in)
	}
	require.Equal(t, "one line", hl7.Escape("one\rline"))
}
