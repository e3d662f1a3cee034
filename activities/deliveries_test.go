package activities_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/hl7"
	"immtrail/internal/hl7gen"
	"immtrail/internal/sftptest"
	"immtrail/registry"
)

func TestPrepareDelivery(t *testing.T) {
	t.Parallel()

	t.Run("what travels is our envelope and the messages that may be sent, byte for byte", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		content, facts := b.batch(t, 1, registry.LaneProduction, 8, hl7gen.TestPatient, hl7gen.WrongProcessingID)
		f := b.stage(t, registry.LaneProduction, "a.hl7", content)
		require.Equal(t, 2, b.check(t, f, registry.LaneProduction).Held)
		in := activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1}
		p := must(t, b.deliveries.PrepareDelivery, in)
		require.Equal(t, 6, p.Messages)
		require.Equal(t, 2, p.Held)
		require.Regexp(t, `^TEST0001_.*_000001\.HL7$`, p.RemoteName)
		require.Equal(t, p, must(t, b.deliveries.PrepareDelivery, in), "the same attempt is the same delivery")

		held := map[int]bool{}
		for _, planted := range facts.Planted {
			held[planted.Ordinal] = true
		}
		var want [][]byte
		for i, raw := range messages(t, content) {
			if !held[i+1] {
				want = append(want, raw)
			}
		}
		d, err := b.db.Delivery(t.Context(), "sunrise", p.DeliveryID)
		require.NoError(t, err)
		sent := b.stored(t, d.VaultKey)
		require.Equal(t, want, messages(t, sent))
		require.EqualValues(t, len(sent), p.Size)
	})

	t.Run("no production or historical file before the Production email", func(t *testing.T) {
		t.Parallel()
		for _, lane := range []registry.Lane{registry.LaneProduction, registry.LaneHistorical} {
			b := open(t, registry.PhaseInReview)
			content, _ := b.batch(t, 2, lane, 3)
			f := b.stage(t, lane, "a.hl7", content)
			b.check(t, f, lane)
			_, err := run(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: lane, Attempt: 1})
			requireKind(t, registry.NotAllowed, err)
			require.Zero(t, b.count(t, `select count(*) from deliveries`))
		}
	})

	t.Run("no file that was not checked, and none that the checker stops", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		content, _ := b.batch(t, 3, registry.LaneTest, 3, hl7gen.MissingBirthDate)
		f := b.stage(t, registry.LaneTest, "a.hl7", content)
		in := activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneTest, Attempt: 1}
		_, err := run(t, b.deliveries.PrepareDelivery, in)
		requireKind(t, registry.NotAllowed, err)
		require.ErrorContains(t, err, "not checked")
		b.check(t, f, registry.LaneTest)
		_, err = run(t, b.deliveries.PrepareDelivery, in)
		requireKind(t, registry.NotAllowed, err)
		require.ErrorContains(t, err, "checker")
	})

	t.Run("the same messages in another envelope are not sent again", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		content, _ := b.batch(t, 4, registry.LaneProduction, 4)
		var bare bytes.Buffer // another file for the EHR, the same for the registry
		for _, raw := range messages(t, content) {
			bare.Write(raw)
		}
		f := b.stage(t, registry.LaneProduction, "a.hl7", content)
		b.check(t, f, registry.LaneProduction)
		p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1})
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))

		g := b.stage(t, registry.LaneProduction, "b.hl7", bare.Bytes())
		require.NotEqual(t, f.ID, g.ID)
		b.check(t, g, registry.LaneProduction)
		again := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: g, Lane: registry.LaneProduction, Attempt: 1})
		require.True(t, again.Already)
		require.Equal(t, p.DeliveryID, again.DeliveryID)
		require.Equal(t, 1, b.count(t, `select count(*) from deliveries`))
	})
}

// messages are the messages of a batch, byte for byte.
func messages(t *testing.T, batch []byte) [][]byte {
	t.Helper()
	r := hl7.NewReader(bytes.NewReader(batch), hl7.Limits{})
	var all [][]byte
	for {
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if u.Kind == hl7.KindMessage {
			all = append(all, bytes.Clone(u.Raw()))
		}
	}
}

func TestUploadAndConfirm(t *testing.T) {
	t.Parallel()

	t.Run("a file arrives once, however often it is sent and looked for", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		p := b.prepare(t, 1, registry.LaneProduction, 5)
		first := must(t, b.deliveries.UploadFile, b.uploadInput(p))
		require.Equal(t, p.Size, first.Bytes)
		require.Equal(t, first, must(t, b.deliveries.UploadFile, b.uploadInput(p)))
		receipt := must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		require.Equal(t, registry.ConfirmedByStat, receipt.How)
		require.True(t, receipt.First)
		b.now = b.now.AddDate(0, 0, 1)
		require.Equal(t, receipt, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p)))
		require.Equal(t, []string{p.RemoteName}, b.arrived(t, b.profile.Folders.Production))
		require.Equal(t, 1, b.server.Stats().Renames)

		second := b.prepare(t, 2, registry.LaneProduction, 5)
		must(t, b.deliveries.UploadFile, b.uploadInput(second))
		require.False(t, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(second)).First)
	})

	t.Run("the confirmation comes over a connection of its own", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		before := b.server.Stats().Logins
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		require.Equal(t, before+1, b.server.Stats().Logins)
	})

	t.Run("a file that was swept is recognised", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		b.server.SetFaults(sftptest.Faults{SweepAfterRename: true})
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		require.Equal(t, registry.ConfirmedSwept, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p)).How)
	})

	t.Run("where nobody may stat, the listing tells", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		b.server.SetFaults(sftptest.Faults{DenyStat: true})
		require.Equal(t, registry.ConfirmedByListing, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p)).How)
	})

	t.Run("nothing is confirmed that was not sent", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		_, err := run(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		requireKind(t, registry.NotAllowed, err)
	})

	t.Run("another size at the registry is a conflict", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		require.NoError(t, os.WriteFile(filepath.Join(b.drop, b.profile.Folders.Test, p.RemoteName), []byte("x"), 0o644))
		_, err := run(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		requireKind(t, registry.Conflict, err)
		require.Equal(t, db.DeliveryRenamed, b.state(t, p.DeliveryID))
	})

	t.Run("a practice that was withdrawn meanwhile sends nothing", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		p := b.prepare(t, 1, registry.LaneProduction, 2)
		must(t, b.practices.MovePhase, activities.MovePhaseInput{Scope: scope(), Event: registry.EventWithdrawn, By: maria, Key: "w"})
		_, err := run(t, b.deliveries.UploadFile, b.uploadInput(p))
		requireKind(t, registry.NotAllowed, err)
		require.Empty(t, b.arrived(t, b.profile.Folders.Production))
	})
}

// A failed upload is an error of its kind, whatever breaks, and when the fault
// is over a repeat delivers the file once.
func TestAFailedUploadIsNeverASuccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults sftptest.Faults
		kind   registry.Kind
	}{
		"login refused":         {sftptest.Faults{RefuseAuth: true}, registry.Unauthorised},
		"handshake silent":      {sftptest.Faults{MuteHandshake: true}, registry.Transient},
		"writing refused":       {sftptest.Faults{DenyWrite: true}, registry.Refused},
		"cut while sending":     {sftptest.Faults{CutUploadAt: 100}, registry.Transient},
		"stalled while sending": {sftptest.Faults{StallUploadAt: 100}, registry.Transient},
		"disk full":             {sftptest.Faults{DiskFullAt: 100}, registry.Busy},
		"rename refused":        {sftptest.Faults{DenyRename: true}, registry.Refused},
		"cut before the rename": {sftptest.Faults{CutBeforeRename: true}, registry.Transient},
		"size differs":          {sftptest.Faults{LieAboutSize: 7}, registry.Corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, registry.PhaseTesting)
			p := b.prepare(t, 1, registry.LaneTest, 2)
			b.server.SetFaults(c.faults)
			_, err := run(t, b.deliveries.UploadFile, b.uploadInput(p))
			requireKind(t, c.kind, err)
			require.NotContains(t, b.arrived(t, b.profile.Folders.Test), p.RemoteName)
			require.NotContains(t, []db.DeliveryState{db.DeliveryRenamed, db.DeliveryConfirmed}, b.state(t, p.DeliveryID))

			b.server.SetFaults(sftptest.Faults{})
			must(t, b.deliveries.UploadFile, b.uploadInput(p))
			must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
			require.Equal(t, []string{p.RemoteName}, b.arrived(t, b.profile.Folders.Test))
		})
	}
}

func TestWhenTheAnswerToTheRenameIsLost(t *testing.T) {
	t.Parallel()

	t.Run("the file is found and nothing is sent twice", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		b.server.SetFaults(sftptest.Faults{LoseRenameReply: true, Once: true})
		_, _ = run(t, b.deliveries.UploadFile, b.uploadInput(p)) // the driver may find it by itself
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		require.Equal(t, 1, b.server.Stats().Opens)
	})

	t.Run("picked up before anybody looked: nobody can tell, and it is not sent again", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		b.crashAfterRename(t, p)
		require.NoError(t, os.Remove(filepath.Join(b.drop, b.profile.Folders.Test, p.RemoteName)))
		for range 2 {
			_, err := run(t, b.deliveries.UploadFile, b.uploadInput(p))
			requireKind(t, registry.DeliveryUnknown, err)
			require.Equal(t, db.DeliveryUnknown, b.state(t, p.DeliveryID))
		}
		_, err := run(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		requireKind(t, registry.DeliveryUnknown, err)
		require.Empty(t, b.arrived(t, b.profile.Folders.Test))
	})

	t.Run("killed after the rename: the repeat recognises the file", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		b.crashAfterRename(t, p)
		require.Equal(t, registry.ConfirmedByReadBack, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p)).How)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		require.Zero(t, b.server.Stats().Opens)
	})

	t.Run("what the last attempt was told is not forgotten", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		b.crashAfterRename(t, p)
		require.NoError(t, os.Remove(filepath.Join(b.drop, b.profile.Folders.Test, p.RemoteName)))
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		env.SetHeartbeatDetails(map[string]any{"sent": p.Size, "acknowledged": true})
		_, err := runIn(t, env, b.deliveries.UploadFile, b.uploadInput(p))
		require.NoError(t, err)
		require.Equal(t, registry.ConfirmedSwept, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p)).How)
	})
}

// crashAfterRename is a worker that died when the file was under its name and
// nobody had written that down.
func (b *bundle) crashAfterRename(t *testing.T, p activities.PreparedDelivery) {
	t.Helper()
	d, err := b.db.BeginUpload(t.Context(), "sunrise", p.DeliveryID)
	require.NoError(t, err)
	require.NoError(t, b.db.AboutToPublish(t.Context(), "sunrise", p.DeliveryID))
	require.NoError(t, os.WriteFile(filepath.Join(b.drop, d.Folder, d.RemoteName), b.stored(t, d.VaultKey), 0o644))
}

func TestAForeignFileUnderOurNameIsNeverTouched(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	p := b.prepare(t, 1, registry.LaneTest, 2)
	path := filepath.Join(b.drop, b.profile.Folders.Test, p.RemoteName)
	require.NoError(t, os.WriteFile(path, []byte("somebody else's"), 0o644))
	_, err := run(t, b.deliveries.UploadFile, b.uploadInput(p))
	requireKind(t, registry.Conflict, err)
	left, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "somebody else's", string(left))
}

func TestHostKeyAndSecrets(t *testing.T) {
	t.Parallel()

	t.Run("another host key than the pinned one gets no byte", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		other, err := sftptest.NewHostKey()
		require.NoError(t, err)
		b.server.SetFaults(sftptest.Faults{HostKey: other})
		_, err = run(t, b.deliveries.UploadFile, b.uploadInput(p))
		requireKind(t, registry.HostKeyChanged, err)
		require.Zero(t, b.server.Stats().Logins)
	})

	t.Run("a secret that cannot be read needs a person", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		b.connect(t, "env:NOT_THERE", b.server.HostKeyLine())
		_, err := run(t, b.deliveries.UploadFile, b.uploadInput(p))
		requireKind(t, registry.Unauthorised, err)
	})
}

func TestDecideDelivery(t *testing.T) {
	t.Parallel()
	decide := func(p activities.PreparedDelivery, action registry.HoldAction) activities.DecideDeliveryInput {
		return activities.DecideDeliveryInput{Scope: scope(), DeliveryID: p.DeliveryID, Action: action, By: maria}
	}
	lost := func(t *testing.T) (*bundle, activities.PreparedDelivery) {
		t.Helper()
		b := open(t, registry.PhaseProduction)
		p := b.prepare(t, 1, registry.LaneProduction, 2)
		b.crashAfterRename(t, p)
		require.NoError(t, os.Remove(filepath.Join(b.drop, b.profile.Folders.Production, p.RemoteName)))
		_, err := run(t, b.deliveries.UploadFile, b.uploadInput(p))
		requireKind(t, registry.DeliveryUnknown, err)
		return b, p
	}

	t.Run("arrived, on a person's word", func(t *testing.T) {
		t.Parallel()
		b, p := lost(t)
		must(t, b.deliveries.DecideDelivery, decide(p, registry.ActionArrived))
		must(t, b.deliveries.DecideDelivery, decide(p, registry.ActionArrived))
		receipt := must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		require.Equal(t, registry.ConfirmedByPerson, receipt.How)
		_, err := run(t, b.deliveries.DecideDelivery, decide(p, registry.ActionDrop))
		requireKind(t, registry.NotAllowed, err)
	})

	t.Run("resend makes another attempt under another name", func(t *testing.T) {
		t.Parallel()
		b, p := lost(t)
		d, err := b.db.Delivery(t.Context(), "sunrise", p.DeliveryID)
		require.NoError(t, err)
		f, err := b.db.File(t.Context(), d.FileID)
		require.NoError(t, err)
		in := activities.PrepareDeliveryInput{
			Scope: scope(), Lane: registry.LaneProduction, Attempt: 2,
			File: registry.FileRef{ID: f.ID, Digest: f.Digest, Size: f.Size},
		}
		_, err = run(t, b.deliveries.PrepareDelivery, in)
		requireKind(t, registry.NotAllowed, err) // nobody has decided yet
		must(t, b.deliveries.DecideDelivery, decide(p, registry.ActionResend))
		must(t, b.deliveries.DecideDelivery, decide(p, registry.ActionResend))
		second := must(t, b.deliveries.PrepareDelivery, in)
		require.NotEqual(t, p.RemoteName, second.RemoteName)
		must(t, b.deliveries.UploadFile, b.uploadInput(second))
		require.True(t, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(second)).First)
	})

	t.Run("who decides is known, and what is a decision", func(t *testing.T) {
		t.Parallel()
		b, p := lost(t)
		in := decide(p, registry.ActionArrived)
		in.By = registry.Actor{}
		_, err := run(t, b.deliveries.DecideDelivery, in)
		requireKind(t, registry.Invalid, err)
		_, err = run(t, b.deliveries.DecideDelivery, decide(p, registry.ActionRetry))
		requireKind(t, registry.Invalid, err)
	})
}

func TestUploadHeartbeats(t *testing.T) {
	t.Parallel()
	beats := func(t *testing.T, b *bundle) (told []map[string]any, err error) {
		t.Helper()
		p := b.prepare(t, 1, registry.LaneTest, 2)
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		heard := make(chan map[string]any, 1000)
		env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
			var d map[string]any
			if details.Get(&d) == nil {
				heard <- d
			}
		})
		_, err = runIn(t, env, b.deliveries.UploadFile, b.uploadInput(p))
		close(heard)
		for d := range heard {
			told = append(told, d)
		}
		return told, err
	}

	t.Run("the end of a whole upload is told, for a repeat to know", func(t *testing.T) {
		t.Parallel()
		told, err := beats(t, open(t, registry.PhaseTesting))
		require.NoError(t, err)
		require.Equal(t, true, told[len(told)-1]["acknowledged"])
	})

	t.Run("a server that keeps it waiting is not taken for a dead worker", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.profile.Transfer.DialTimeout = 6 * time.Second // a beat comes after five
		b.server.SetFaults(sftptest.Faults{MuteHandshake: true})
		told, err := beats(t, b)
		requireKind(t, registry.Transient, err)
		require.NotEmpty(t, told)
		require.NotContains(t, told[len(told)-1], "acknowledged", "and nothing is claimed")
	})
}

func TestStoppedWhileSending(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	p := b.prepare(t, 1, registry.LaneTest, 2)
	b.server.SetFaults(sftptest.Faults{StallUploadAt: 100})
	ctx, cancel := context.WithCancel(t.Context())
	b.server.OnStrike(cancel)
	_, err := b.deliveries.UploadFile(ctx, b.uploadInput(p))
	require.Error(t, err)
	b.server.SetFaults(sftptest.Faults{})
	must(t, b.deliveries.UploadFile, b.uploadInput(p))
	require.Equal(t, []string{p.RemoteName}, b.arrived(t, b.profile.Folders.Test))
}
