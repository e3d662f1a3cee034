package db_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestPractice(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.practice(t, "sunrise-plano", registry.PhaseRegistered)
	ctx := t.Context()

	t.Run("comes back as it was saved", func(t *testing.T) {
		got, err := b.Practice(ctx, p.ID)
		require.NoError(t, err)
		require.Equal(t, p, got)
	})

	t.Run("saving again replaces its data and not where it stands", func(t *testing.T) {
		changed := *p
		changed.Name = "Sunrise Clinics"
		changed.Sites = changed.Sites[:1]
		changed.Phase = registry.PhaseProduction
		require.NoError(t, b.SavePractice(ctx, &changed, act("practice-changed/1")))
		got, err := b.Practice(ctx, p.ID)
		require.NoError(t, err)
		require.Equal(t, "Sunrise Clinics", got.Name)
		require.Len(t, got.Sites, 1)
		require.Equal(t, registry.PhaseRegistered, got.Phase)
		require.NoError(t, b.SavePractice(ctx, p, act("practice-changed/2")))
	})

	t.Run("one that nobody knows is missing", func(t *testing.T) {
		_, err := b.Practice(ctx, "nobody")
		requireKind(t, registry.Missing, err)
		_, err = b.Connection(ctx, "nobody")
		requireKind(t, registry.Missing, err)
	})

	t.Run("an org code belongs to one practice of a registry", func(t *testing.T) {
		other := *p
		other.ID = "somebody-else"
		requireKind(t, registry.NotAllowed, b.SavePractice(ctx, &other, act("practice-added/x")))
	})

	t.Run("a connection that nobody added is missed in words", func(t *testing.T) {
		bad := *p
		bad.Connection = "elsewhere"
		err := b.SavePractice(ctx, &bad, act("practice-changed/4"))
		requireKind(t, registry.Missing, err)
		require.ErrorContains(t, err, "starter connection list")
	})

	t.Run("a facility belongs to one site", func(t *testing.T) {
		bad := *p
		bad.Sites = []registry.Site{{ID: "a", Facilities: []string{"X"}}, {ID: "b", Facilities: []string{"X"}}}
		requireKind(t, registry.Invalid, b.SavePractice(ctx, &bad, act("practice-changed/3")))
	})

	t.Run("a secret is never stored, only a reference", func(t *testing.T) {
		err := b.SaveConnection(ctx, db.Connection{
			Name: "bad", Protocol: "sftp", Host: "h", Port: 22, SecretRef: "hunter2",
		}, act("connection/bad"))
		requireKind(t, registry.Invalid, err)
		require.NotContains(t, err.Error(), "hunter2")
	})
}

// move moves the practice "a".
func (b *bundle) move(t *testing.T, event registry.PhaseEvent, key string) registry.Phase {
	t.Helper()
	var approval *registry.Approval
	if event == registry.EventApproved {
		approval = &registry.Approval{Practice: "a", ApprovedBy: "DSHS", EmailDate: "2026-03-31"}
	}
	to, err := b.MovePhase(t.Context(), "a", event, act(key), approval)
	require.NoError(t, err)
	return to
}

func TestMovePhaseFollowsTheDiagram(t *testing.T) {
	t.Parallel()
	b := open(t)
	for i, from := range registry.Phases() {
		for j, event := range registry.PhaseEvents() {
			id := fmt.Sprintf("p-%d-%d", i, j)
			b.practice(t, id, from)
			approval := &registry.Approval{Practice: id, ApprovedBy: "DSHS", EmailDate: "2026-03-31"}
			got, err := b.MovePhase(t.Context(), id, event, act(id), approval)
			want, wrong := registry.Next(from, event)
			if wrong != nil {
				requireKind(t, registry.NotAllowed, err)
				want = from
			} else {
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			now, err := b.Practice(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, now.Phase)
		}
	}
}

// The schema must know exactly the arrows of package registry.
func TestSchemaKnowsTheSameDiagrams(t *testing.T) {
	t.Parallel()
	b := open(t)
	known := func(sql string, args ...any) bool {
		t.Helper()
		var ok bool
		require.NoError(t, b.sql.QueryRow(t.Context(), sql, args...).Scan(&ok))
		return ok
	}
	for _, from := range registry.Phases() {
		for _, event := range registry.PhaseEvents() {
			to, err := registry.Next(from, event)
			require.Equal(t, err == nil, known(
				`select exists (select 1 from phase_moves where from_phase = $1 and event = $2)`, from, event))
			if err == nil {
				require.True(t, known(
					`select to_phase = $3 from phase_moves where from_phase = $1 and event = $2`, from, event, to))
			}
		}
		for _, lane := range registry.Lanes() {
			require.Equal(t, lane.OpenIn(from), known(`select lane_is_open($1, $2)`, lane, from), "%s in %s", lane, from)
		}
	}
	for _, from := range registry.HistoryStates() {
		for _, to := range registry.HistoryStates() {
			if from != to {
				require.Equal(t, from.CanFollow(to), known(
					`select exists (select 1 from history_moves where from_state = $1 and to_state = $2)`, from, to))
			}
		}
	}
	for _, reason := range registry.HoldReasons() {
		for _, action := range []registry.HoldAction{
			registry.ActionRetry, registry.ActionArrived, registry.ActionResend, registry.ActionDrop, registry.ActionContinue,
		} {
			require.Equal(t, reason.Allows(action), known(
				`select exists (select 1 from hold_actions where reason = $1 and action = $2)`, reason, action))
		}
	}
}

func TestPhase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("the same key again changes nothing and answers the same", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseRegistered)
		require.Equal(t, registry.PhaseTesting, b.move(t, registry.EventPrerequisitesDone, "k1"))
		require.Equal(t, registry.PhaseInReview, b.move(t, registry.EventReviewRequested, "k2"))
		require.Equal(t, registry.PhaseTesting, b.move(t, registry.EventPrerequisitesDone, "k1"))
		p, err := b.Practice(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, registry.PhaseInReview, p.Phase)
		events, err := b.Events(ctx, db.EventQuery{Practice: "a", Kind: "phase"})
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.Equal(t, maria, events[0].By)
		require.Equal(t, "testing", events[0].From)
	})

	t.Run("two at once move it once", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseRegistered)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = b.MovePhase(ctx, "a", registry.EventPrerequisitesDone, act("same"), nil)
			})
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		events, err := b.Events(ctx, db.EventQuery{Practice: "a", Kind: "phase"})
		require.NoError(t, err)
		require.Len(t, events, 1)
	})

	t.Run("a key that stands for another act is refused", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseRegistered)
		b.practice(t, "b", registry.PhaseRegistered)
		b.move(t, registry.EventPrerequisitesDone, "k1")
		_, err := b.MovePhase(ctx, "b", registry.EventPrerequisitesDone, act("k1"), nil)
		requireKind(t, registry.Invalid, err)
	})

	t.Run("no production without an approval that names the practice", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseInReview)
		for _, bad := range []*registry.Approval{
			nil, {Practice: "other", ApprovedBy: "DSHS", EmailDate: "2026-03-31"}, {Practice: "a", ApprovedBy: "DSHS"},
		} {
			_, err := b.MovePhase(ctx, "a", registry.EventApproved, act("k"), bad)
			requireKind(t, registry.Invalid, err)
		}
		require.Equal(t, registry.PhaseProduction, b.move(t, registry.EventApproved, "k"))
		stored, ok, err := b.Approval(ctx, "a")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, registry.Approval{Practice: "a", ApprovedBy: "DSHS", EmailDate: "2026-03-31"}, stored)
	})

	t.Run("evidence is added once and never contradicted", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseInReview)
		more := registry.Approval{Practice: "a", ApprovedBy: "DSHS", EmailDate: "2026-03-31", MessageID: "<1@dshs>"}
		requireKind(t, registry.NotAllowed, b.RecordEvidence(ctx, more, act("")))
		b.move(t, registry.EventApproved, "k")
		require.NoError(t, b.RecordEvidence(ctx, more, act("")))
		require.NoError(t, b.RecordEvidence(ctx, more, act("")))
		stored, _, err := b.Approval(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, more, stored)
		other := more
		other.MessageID = "<2@dshs>"
		requireKind(t, registry.NotAllowed, b.RecordEvidence(ctx, other, act("")))
		events, err := b.Events(ctx, db.EventQuery{Practice: "a", Kind: "evidence"})
		require.NoError(t, err)
		require.Len(t, events, 1)
	})
}

func TestHistoryAndSubmission(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("a closed load stays closed", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		for i, next := range []registry.HistoryState{
			registry.HistoryAsked, registry.HistoryPlanned, registry.HistoryLoading, registry.HistorySent, registry.HistoryClosed,
		} {
			require.NoError(t, b.SetHistory(ctx, "a", next, nil, act(fmt.Sprint("k", i))))
			require.NoError(t, b.SetHistory(ctx, "a", next, nil, act(fmt.Sprint("k", i))))
		}
		for _, next := range registry.HistoryStates()[:6] {
			requireKind(t, registry.NotAllowed, b.SetHistory(ctx, "a", next, nil, act("again")))
		}
		events, err := b.Events(ctx, db.EventQuery{Practice: "a", Kind: "history"})
		require.NoError(t, err)
		require.Len(t, events, 5)
	})

	t.Run("the vendor's answer is kept", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		require.NoError(t, b.SetHistory(ctx, "a", registry.HistoryAsked, nil, act("k1")))
		require.NoError(t, b.SetHistory(ctx, "a", registry.HistoryPlanned, &db.HistoryAnswer{Can: true, Since: "2015-01-01"}, act("k2")))
		var since string
		require.NoError(t, b.sql.QueryRow(ctx, `select history_since::text from practices`).Scan(&since))
		require.Equal(t, "2015-01-01", since)
	})

	t.Run("submission is switched with its audit", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseProduction)
		require.NoError(t, b.SetSubmission(ctx, "a", registry.SubmissionOn, act("k1")))
		require.NoError(t, b.SetSubmission(ctx, "a", registry.SubmissionPaused, act("k2")))
		require.NoError(t, b.SetSubmission(ctx, "a", registry.SubmissionOn, act("k1")), "a late repeat")
		p, err := b.Practice(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, registry.SubmissionPaused, p.Submission)
		requireKind(t, registry.Invalid, b.SetSubmission(ctx, "a", "sideways", act("k3")))
	})
}
