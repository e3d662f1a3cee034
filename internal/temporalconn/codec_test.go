package temporalconn_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"immtrail/internal/temporalconn"
	"immtrail/internal/temporalconn/tripwire"
	"immtrail/registry"
)

type status struct {
	Practice string `json:"practice"`
	Open     int    `json:"open"`
}

func key(id string, fill byte) temporalconn.Key {
	return temporalconn.Key{ID: id, Secret: bytes.Repeat([]byte{fill}, temporalconn.SecretBytes)}
}

func on(keys ...temporalconn.Key) temporalconn.Settings {
	return temporalconn.Settings{CodecOn: true, CodecKeys: keys}
}

func dataConverter(t *testing.T, s temporalconn.Settings) converter.DataConverter {
	t.Helper()
	dc, err := temporalconn.DataConverter(s)
	require.NoError(t, err)
	return dc
}

func encode(t *testing.T, s temporalconn.Settings, v any) *commonpb.Payload {
	t.Helper()
	p, err := dataConverter(t, s).ToPayload(v)
	require.NoError(t, err)
	return p
}

func decode[T any](t *testing.T, s temporalconn.Settings, p *commonpb.Payload) T {
	t.Helper()
	var v T
	require.NoError(t, dataConverter(t, s).FromPayload(p, &v))
	return v
}

func TestDataConverter(t *testing.T) {
	t.Parallel()
	want := status{Practice: "sunrise-plano", Open: 3}
	march, june := key("2026-03", 1), key("2026-06", 2)

	t.Run("with the codec on the server sees neither value nor structure", func(t *testing.T) {
		t.Parallel()
		p := encode(t, on(march), want)
		require.NotContains(t, p.String(), "sunrise")
		require.Equal(t, "binary/encrypted", string(p.Metadata["encoding"]))
		require.Equal(t, "2026-03", string(p.Metadata["encryption-key-id"]))
		require.Equal(t, want, decode[status](t, on(march), p))
	})
	t.Run("the same value is never encrypted the same way twice", func(t *testing.T) {
		t.Parallel()
		first, second := encode(t, on(march), want), encode(t, on(march), want)
		require.NotEqual(t, first.Data, second.Data)
	})
	t.Run("after a rotation old histories are read and new ones use the new key", func(t *testing.T) {
		t.Parallel()
		old := encode(t, on(march), want)
		require.Equal(t, want, decode[status](t, on(june, march), old))
		require.Equal(t, "2026-06", string(encode(t, on(june, march), want).Metadata["encryption-key-id"]))
	})
	t.Run("switched off, it writes in clear and still reads what is encrypted", func(t *testing.T) {
		t.Parallel()
		off := temporalconn.Settings{CodecKeys: []temporalconn.Key{march}}
		require.Equal(t, want, decode[status](t, off, encode(t, on(march), want)))
		require.JSONEq(t, `{"practice":"sunrise-plano","open":3}`, string(encode(t, off, want).Data))
	})
	t.Run("plain JSON typed in the Web UI is accepted with the codec on", func(t *testing.T) {
		t.Parallel()
		typed := &commonpb.Payload{
			Metadata: map[string][]byte{"encoding": []byte("json/plain")},
			Data:     []byte(`{"practice":"sunrise-plano","open":3}`),
		}
		require.Equal(t, want, decode[status](t, on(march), typed))
	})
}

func TestDataConverterCannotDecode(t *testing.T) {
	t.Parallel()
	want := status{Practice: "sunrise-plano", Open: 3}
	march, june := key("2026-03", 1), key("2026-06", 2)

	t.Run("a key that is not there is named", func(t *testing.T) {
		t.Parallel()
		err := dataConverter(t, on(june)).FromPayload(encode(t, on(march), want), &status{})
		require.ErrorContains(t, err, `"2026-03"`)
		require.Equal(t, registry.Unauthorised, registry.KindOf(err))
	})
	t.Run("another secret under the same ID is told from a missing key", func(t *testing.T) {
		t.Parallel()
		err := dataConverter(t, on(key("2026-03", 9))).FromPayload(encode(t, on(march), want), &status{})
		require.ErrorContains(t, err, `does not open with the key "2026-03"`)
	})
	t.Run("a payload whose key ID was exchanged does not open", func(t *testing.T) {
		t.Parallel()
		p := encode(t, on(march), want)
		p.Metadata["encryption-key-id"] = []byte("twin")
		err := dataConverter(t, on(march, key("twin", 1))).FromPayload(p, &status{})
		require.ErrorContains(t, err, `does not open with the key "twin"`)
	})
	t.Run("a payload that was cut off is said to be", func(t *testing.T) {
		t.Parallel()
		p := encode(t, on(march), want)
		p.Data = p.Data[:5]
		err := dataConverter(t, on(march)).FromPayload(p, &status{})
		require.Equal(t, registry.Corrupt, registry.KindOf(err))
	})
	t.Run("a foreign key ID cannot write into our log", func(t *testing.T) {
		t.Parallel()
		p := encode(t, on(march), want)
		p.Metadata["encryption-key-id"] = []byte("x\nlevel=ERROR msg=fake")
		err := dataConverter(t, on(march)).FromPayload(p, &status{})
		require.ErrorContains(t, err, "(malformed)")
		require.NotContains(t, err.Error(), "fake")
	})
}

func TestDataConverterRefusesKeys(t *testing.T) {
	t.Parallel()
	short := key("a", 1)
	short.Secret = short.Secret[:16]
	for name, s := range map[string]temporalconn.Settings{
		"on without a key":      on(),
		"a secret of 128 bits":  on(short),
		"an ID used twice":      on(key("a", 1), key("a", 2)),
		"an ID with a line end": on(key("a\n", 1)),
		"an empty ID":           on(key("", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := temporalconn.DataConverter(s)
			require.Equal(t, registry.Invalid, registry.KindOf(err))
		})
	}
}

func TestTripwireInTheWayOut(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]temporalconn.Settings{"codec off": {}, "codec on": on(key("k", 1))} {
		for what, v := range map[string]any{
			"a message":       map[string]string{"x": "MSH|^~\\&|Zzyzxqua"},
			"bytes":           []byte("PID|1||Zzyzxqua"),
			"too much":        strings.Repeat("a", tripwire.MaxBytes),
			"JSON of its own": json.RawMessage(`{"x":"PID\u007cZzyzxqua"}`),
		} {
			t.Run(name+", "+what+" is refused", func(t *testing.T) {
				t.Parallel()
				_, err := dataConverter(t, s).ToPayload(v)
				var refusal *tripwire.Error
				require.ErrorAs(t, err, &refusal)
				require.NotContains(t, err.Error(), "Zzyzxqua")
				if what != "bytes" { // bytes are not JSON on the way out
					require.Equal(t, refusal, tripwire.MeasureInput(v), "a workflow that measures first gets the same answer")
				}
			})
		}
	}
}

func failureConverter(t *testing.T, s temporalconn.Settings) converter.FailureConverter {
	t.Helper()
	fc, err := temporalconn.FailureConverter(s)
	require.NoError(t, err)
	return fc
}

// vouched is an error whose words may be read by everybody.
type vouched struct{ words string }

func (v vouched) Error() string { return v.words }
func (vouched) InClear() bool   { return true }

func TestFailureConverter(t *testing.T) {
	t.Parallel()
	k := on(key("k", 1))
	cause := errors.New("cannot write to /out/sunrise")
	err := temporal.NewApplicationErrorWithCause("upload refused", string(registry.Refused), cause)

	t.Run("with the codec on neither text nor cause is in clear, and both come back", func(t *testing.T) {
		t.Parallel()
		f := failureConverter(t, k).ErrorToFailure(err)
		require.NotContains(t, f.String(), "upload refused")
		require.NotContains(t, f.String(), "sunrise")
		require.Equal(t, "refused", f.GetApplicationFailureInfo().GetType(), "the kind stays readable: workflows branch on it")
		back := failureConverter(t, k).FailureToError(f)
		require.ErrorContains(t, back, "upload refused")
		require.ErrorContains(t, back, "sunrise")
	})
	t.Run("with the codec off the text is in clear", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "upload refused", failureConverter(t, temporalconn.Settings{}).ErrorToFailure(err).GetMessage())
	})
	t.Run("with the codec on a refusal that its maker vouches for can be read by the Web UI", func(t *testing.T) {
		t.Parallel()
		f := failureConverter(t, k).ErrorToFailure(vouched{"who? give a name"})
		require.Equal(t, "who? give a name", f.GetMessage())
		require.Nil(t, f.GetEncodedAttributes())
		require.Contains(t, failureConverter(t, k).ErrorToFailure(vouched{"PID|1||Zzyzxqua"}).GetMessage(), "withheld")
	})
	t.Run("a failure from history goes back as it came", func(t *testing.T) {
		t.Parallel()
		f := failureConverter(t, k).ErrorToFailure(err)
		again := failureConverter(t, k).ErrorToFailure(failureConverter(t, k).FailureToError(f))
		require.Equal(t, f.GetEncodedAttributes().GetData(), again.GetEncodedAttributes().GetData())
	})
	for name, s := range map[string]temporalconn.Settings{"codec off": {}, "codec on": k} {
		t.Run(name+": a text that looks like HL7 is withheld, cause included", func(t *testing.T) {
			t.Parallel()
			bad := temporal.NewApplicationErrorWithCause("bad line PID|1||Zzyzxqua", "invalid", errors.New("MSH|^~\\&|Zzyzxqua"))
			back := failureConverter(t, s).FailureToError(failureConverter(t, s).ErrorToFailure(bad))
			require.ErrorContains(t, back, "withheld")
			require.NotContains(t, back.Error(), "Zzyzxqua")
			require.NotContains(t, errors.Unwrap(back).Error(), "Zzyzxqua")
		})
		t.Run(name+": a text of any length gets through, cut", func(t *testing.T) {
			t.Parallel()
			for _, long := range []string{strings.Repeat("ä", 20_000), strings.Repeat("\x01", 20_000)} {
				f := failureConverter(t, s).ErrorToFailure(temporal.NewApplicationError(long, "invalid"))
				require.Equal(t, "invalid", f.GetApplicationFailureInfo().GetType())
				require.Less(t, len(f.String()), 40_000)
				require.Error(t, failureConverter(t, s).FailureToError(f))
			}
		})
		t.Run(name+": refused details are dropped and the type is kept", func(t *testing.T) {
			t.Parallel()
			bad := temporal.NewNonRetryableApplicationError("x", "conflict", nil, "PID|1||Zzyzxqua")
			f := failureConverter(t, s).ErrorToFailure(bad)
			require.Equal(t, "conflict", f.GetApplicationFailureInfo().GetType())
			require.True(t, f.GetApplicationFailureInfo().GetNonRetryable())
			require.NotContains(t, f.String(), "Zzyzxqua")
		})
	}
	t.Run("no error is no failure", func(t *testing.T) {
		t.Parallel()
		require.Nil(t, failureConverter(t, k).ErrorToFailure(nil))
	})
}
