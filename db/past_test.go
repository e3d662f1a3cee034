package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// said is a message of an EHR: who sends it, under which control ID, and what.
func said(ordinal int, app, control, content string) db.CheckedMessage {
	m := db.CheckedMessage{
		Ordinal: ordinal, ControlID: control, SendingApp: app, SendingFacility: "PLANO",
		Outcome: registry.OutcomeAccepted, Length: 9,
	}
	copy(m.Content[:], content)
	return m
}

// look checks a file of messages and answers what was sent before.
func (b *bundle) look(t *testing.T, practice, file string, messages ...db.CheckedMessage) (before []db.Before) {
	t.Helper()
	require.NoError(t, b.SaveCheck(t.Context(), practice, file, func(w *db.CheckWriter) (db.CheckResult, error) {
		var err error
		before, err = w.SentBefore(messages)
		require.NoError(t, err)
		held := 0
		for _, m := range messages {
			w.Message(m)
			if m.Held {
				held++
			}
		}
		return db.CheckResult{At: day0, Summary: registry.CheckSummary{
			Outcome: registry.OutcomeAccepted, ErrorFree: true, Messages: len(messages), Held: held, RuleSet: "r1",
		}}, w.Err()
	}))
	return before
}

func (b *bundle) publish(t *testing.T, practice string, lane registry.Lane, f registry.FileRef, content string) db.Delivery {
	t.Helper()
	d, _, err := b.PrepareDelivery(t.Context(), newDelivery(practice, f, lane, 1, content))
	require.NoError(t, err)
	_, err = b.BeginUpload(t.Context(), practice, d.ID)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, b.Published(t.Context(), practice, d.ID, day0))
		_, err = b.Confirm(t.Context(), practice, d.ID, registry.ConfirmedByStat, registry.System, day0)
		require.NoError(t, err)
	}
	return d
}

func TestSentBefore(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "a")
	lane := registry.LaneProduction
	first := b.file(t, p, lane, "1")
	left := said(3, "EHR", "c-3", "left behind")
	left.Held = true
	sent := []db.CheckedMessage{said(1, "EHR", "c-1", "one"), said(2, "EHR", "c-2", "two"), left, said(4, "EHR", "", "none")}
	require.Equal(t, make([]db.Before, 4), b.look(t, p, first.ID, sent...))

	t.Run("a file that was not sent is no past", func(t *testing.T) {
		second := b.file(t, p, lane, "2")
		require.Equal(t, []db.Before{{}}, b.look(t, p, second.ID, said(1, "EHR", "c-1", "other")))
	})
	b.publish(t, p, lane, first, "1")

	t.Run("the same and other content are told apart, the held message was never sent", func(t *testing.T) {
		f := b.file(t, p, lane, "3")
		got := b.look(t, p, f.ID,
			said(1, "EHR", "c-1", "one"), said(2, "EHR", "c-1", "corrected"), said(3, "EHR", "c-3", "x"), said(4, "EHR", "", "none"))
		require.Equal(t, []db.Before{{Same: true}, {Other: true}, {}, {}}, got)
		require.Equal(t, got, b.look(t, p, f.ID,
			said(1, "EHR", "c-1", "one"), said(2, "EHR", "c-1", "corrected"), said(3, "EHR", "c-3", "x"), said(4, "EHR", "", "none")))
	})
	t.Run("a second EHR, another practice and test data have a past of their own", func(t *testing.T) {
		f := b.file(t, p, lane, "4")
		require.Equal(t, []db.Before{{}}, b.look(t, p, f.ID, said(1, "EHR2", "c-1", "other")))
		other := b.live(t, "b")
		f = b.file(t, other, lane, "5")
		require.Equal(t, []db.Before{{}}, b.look(t, other, f.ID, said(1, "EHR", "c-1", "other")))
		f = b.file(t, p, registry.LaneTest, "6")
		require.Equal(t, []db.Before{{}}, b.look(t, p, f.ID, said(1, "EHR", "c-1", "other")))
		f = b.file(t, p, registry.LaneHistorical, "7")
		require.Equal(t, []db.Before{{Other: true}}, b.look(t, p, f.ID, said(1, "EHR", "c-1", "other")))
	})
	t.Run("checking the first file again sees neither itself nor what was sent since", func(t *testing.T) {
		later := b.file(t, p, lane, "8")
		b.look(t, p, later.ID, said(1, "EHR", "c-2", "two, corrected"))
		b.publish(t, p, lane, later, "8")
		require.Equal(t, make([]db.Before, 4), b.look(t, p, first.ID, sent...))
	})
	t.Run("no control ID and no content stands in the memory", func(t *testing.T) {
		require.Zero(t, b.count(t, `select count(*) from sent_messages s where s::text like '%c-1%'`))
		require.Equal(t, 3, b.count(t, `select count(*) from sent_messages`))
	})
	t.Run("the memory ends with the bytes of the file", func(t *testing.T) {
		require.NoError(t, b.SettleFile(t.Context(), p, first.ID, registry.FileDelivered, day0))
		require.NoError(t, b.SettleFile(t.Context(), p, first.ID, registry.FileAnswered, day0))
		release := func() bool {
			gone, err := b.ReleaseFile(t.Context(), first.ID, day0.AddDate(0, 0, 1), day0, func(string) error { return nil })
			require.NoError(t, err)
			return gone
		}
		require.False(t, release(), "nobody decided on the message that was left behind")
		_, err := b.DropHeld(t.Context(), first.ID, []int{3}, db.Act{Key: "drop", By: maria, At: day0, Reason: "entered at the registry"})
		require.NoError(t, err)
		require.True(t, release())
		require.Equal(t, 1, b.count(t, `select count(*) from sent_messages`), "of the later file")
		require.Zero(t, b.count(t, `select count(*) from messages where file_id = 'f-1' and control_key is not null`))
	})
}

func TestFilesThatCameBefore(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "a")
	stage := func(tok string) db.Staged {
		s, err := b.StageFile(t.Context(), db.NewFile{
			Practice: p, Lane: registry.LaneProduction, Digest: digest("1"), Size: 3, VaultKey: "k", At: day0,
			Arrival: &db.Arrival{Token: token(tok), SourceName: "INVENTED_PATIENT.hl7"},
		})
		require.NoError(t, err)
		return s
	}
	first := stage("1")

	t.Run("the same bytes again are in the audit, once for each time they came", func(t *testing.T) {
		for range 2 {
			require.True(t, stage("2").Known)
		}
		events, err := b.FileEvents(t.Context(), p, first.File.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, db.EventCameAgain, events[0].Kind)
		require.Contains(t, events[0].Reason, "F-09")
		require.NotContains(t, events[0].Reason+string(events[0].Detail), "INVENTED")
	})
	t.Run("the same messages under another envelope name what was sent", func(t *testing.T) {
		d := b.publish(t, p, registry.LaneProduction, first.File, "1")
		twin := b.file(t, p, registry.LaneProduction, "9")
		for range 2 {
			got, already, err := b.PrepareDelivery(t.Context(), newDelivery(p, twin, registry.LaneProduction, 1, "1"))
			require.NoError(t, err)
			require.True(t, already)
			require.Equal(t, d.ID, got.ID)
		}
		events, err := b.FileEvents(t.Context(), p, twin.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, db.EventDuplicate, events[0].Kind)
		require.Contains(t, events[0].Reason, d.RemoteName)
	})
}
