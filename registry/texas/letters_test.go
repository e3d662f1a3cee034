package texas_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/registry/texas"
)

func TestEveryLetterIsWritten(t *testing.T) {
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	d := texas.SampleLetterData()
	for _, kind := range registry.LetterKinds() {
		t.Run(string(kind), func(t *testing.T) {
			subject, body, err := letters.Render(kind, d)
			require.NoError(t, err)
			require.Less(t, len(subject), 120)
			require.NotContains(t, subject+body, "<no value>")
			require.NotContains(t, body, "\n\n\n", "no holes")
			require.Contains(t, subject+body, d.Practice.Name)
			if kind != registry.LetterResolved {
				require.Contains(t, body, d.Registry.Phone, "whom to call")
				require.Contains(t, body, d.Registry.Email)
			}
			for _, word := range []string{"lane", "vault", "swept", "slice"} {
				require.NotContains(t, strings.Fields(strings.ToLower(body)), word)
			}
			require.Equal(t, texas.SourceDefault, letters.Source(kind))
		})
	}
}

func TestLettersSayWhatTheyAreFor(t *testing.T) {
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	for kind, wants := range map[registry.LetterKind][]string{
		registry.LetterReviewRequest:    {"SUNR1234_TEST_20260302101500_000001.HL7", "12 messages", "error-free", "report of 2026-03-03", "SUNR1234"},
		registry.LetterFirstFile:        {"first production file", "12 messages"},
		registry.LetterProductionVendor: {"MSH-11", "True patient data only"},
		registry.LetterHistoryQuestions: {"Can your EHR send a historical load?", "how far back"},
		registry.LetterFileRefused:      {"P-06", "message 4, PID-7", "Export the birth date as YYYYMMDD.", "Neither quotes a value"},
		registry.LetterHold:             {"goes on by itself", "h-7", "(sunrise-plano), 3 files, of plano, allen", "starter hold resolve h-7 --action retry"},
		registry.LetterReminders: {
			"in review [reminder 2]", `section "alert-hold"`, "waits for registry since 2026-02-16, 14 business days, due 2026-03-17", "next: the registry's Production email",
			"> starter production approve sunrise-plano (when", "1 more thing: starter status", "none on a day on which nothing is new or due",
			"Sunrise Family Clinic (sunrise-plano), the week 2026-03-02 to 2026-03-08", "site allen: 10 messages sent, 5 errors open, 3 doses late",
			"and 58 more sites: starter quality sunrise-plano", "> starter errors worklist sunrise-plano -d lists/", "3 more practices: 120 messages sent, 2 refused",
		},
		registry.LetterByHand: {
			"/srv/immtrail/by-hand/casey/SUNR1234_PROD_20260302101500_000001.HL7", "https://registry.example.org/upload",
			`starter delivery uploaded d-7 --by "YOUR NAME"`, `{"delivery_id": "d-7", "by": "YOUR NAME"}`, "file-uploaded-by-hand",
			"By when: 2026-03-31", "It has waited for 7 days", "starter report import FILE", "--action drop",
		},
		registry.LetterResolved:   {"is over"},
		registry.LetterDigestWeek: {"40 messages", "86.6 %", "7 errors; overdue: 2; due within a week: 4", "10 messages without an answer", "3 of 52 doses", "names no patient"},
	} {
		_, body, err := letters.Render(kind, texas.SampleLetterData())
		require.NoError(t, err)
		for _, want := range wants {
			require.Contains(t, body, want, kind)
		}
	}
}

// A letter can see nothing but LetterData, so that struct is where patient
// data would have to get in: a field that is added has to be thought about here.
func TestLettersHaveNoRoomForPatientData(t *testing.T) {
	var fields []string
	var walk func(prefix string, typ reflect.Type)
	walk = func(prefix string, typ reflect.Type) {
		for typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			require.Contains(t, []reflect.Kind{reflect.String, reflect.Int}, typ.Kind(), prefix)
			fields = append(fields, prefix)
			return
		}
		for i := range typ.NumField() {
			walk(prefix+"."+typ.Field(i).Name, typ.Field(i).Type)
		}
	}
	walk("", reflect.TypeFor[registry.LetterData]())
	require.Len(t, fields, 120, "a new field of a letter: can it ever hold a patient's name, number or date?")
	for _, f := range fields {
		for _, word := range []string{"Patient", "Birth", "MRN", "Chart", "Content", "Value", "Text"} {
			require.NotContains(t, f, word)
		}
	}
}

func TestLettersAreOverridable(t *testing.T) {
	t.Run("one is replaced, the others stay", func(t *testing.T) {
		letters, err := texas.LoadLetters(texas.Overlay{
			Name: "letters/alert-hold.txt", Data: []byte("Subject: Look: {{.Practice.ID}}\r\n\r\nNumber {{.HoldID}}\r\n"),
		})
		require.NoError(t, err)
		subject, body, err := letters.Render(registry.LetterHold, texas.SampleLetterData())
		require.NoError(t, err)
		require.Equal(t, "Look: sunrise-plano", subject)
		require.Equal(t, "Number h-7\n", body)
		require.Equal(t, "your override: letters/alert-hold.txt", letters.Source(registry.LetterHold))
		require.Equal(t, texas.SourceDefault, letters.Source(registry.LetterWatch))
	})
	t.Run("every fault is told at once, when it is loaded", func(t *testing.T) {
		_, err := texas.LoadLetters(
			texas.Overlay{Name: "letters/alert-hodl.txt", Data: []byte("Subject: x\n\nx")},
			texas.Overlay{Name: "letters/alert-hold.txt", Data: []byte("Subject: {{.Patient.Name}}\n\nx")},
			texas.Overlay{Name: "letters/alert-watch.txt", Data: []byte("no subject")},
			texas.Overlay{Name: "letters/resolved.txt", Data: []byte("Subject: {{\n\nx")},
			texas.Overlay{Name: "letters/approval-refused.txt", Data: []byte("Subject: x\n\n")},
		)
		require.Equal(t, registry.Invalid, registry.KindOf(err))
		for _, want := range []string{"alert-hodl.txt: no letter", "alert-hold.txt", "alert-watch.txt: the first line", "resolved.txt", "approval-refused.txt: there is no text"} {
			require.Contains(t, err.Error(), want)
		}
	})
	t.Run("a letter that nobody knows is refused", func(t *testing.T) {
		letters, err := texas.LoadLetters()
		require.NoError(t, err)
		_, _, err = letters.Render("love-letter", registry.LetterData{})
		require.Equal(t, registry.Invalid, registry.KindOf(err))
	})
}
