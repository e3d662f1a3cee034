package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func TestFileUploadedByHand(t *testing.T) {
	t.Parallel()
	uploaded := func(env *testsuite.TestWorkflowEnvironment, delivery, by string, when time.Time) {
		env.SignalWorkflow(workflows.SignalFileUploadedByHand.Name,
			workflows.FileUploadedByHand{DeliveryID: delivery, By: by, At: when})
	}

	t.Run("laid out, uploaded by a person, proven by the report", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.byHand = true
		w.answers = activities.AnswerResult{Messages: 2, Unanswered: 2}
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() {
				held := statusOf(t, env).Holds[0]
				require.Equal(t, registry.HoldByHand, held.Reason)
				require.Contains(t, held.Words, "/srv/uploads/ana/X.HL7")
				require.Contains(t, held.Words, "starter delivery uploaded d-1 --by NAME")
				require.Contains(t, held.Words, `{"delivery_id": "d-1", "by": "YOUR NAME"}`)
				uploaded(env, "d-9", "Ana Example", epoch)
				uploaded(env, "d-1", " ", epoch)
			})
			at(env, 2*time.Hour, func() {
				require.Contains(t, statusOf(t, env).Refused, "who uploaded it?")
				require.Empty(t, w.uploads, "neither an unknown delivery nor nobody's word counts")
			})
			at(env, days(2), func() { uploaded(env, "d-1", "Ana Example", epoch.Add(days(1))) })
			at(env, days(3), func() {
				require.Contains(t, statusOf(t, env).Progress.Stage, "uploaded by hand, waiting for its report")
				require.Zero(t, w.calls["ConfirmByReport"])
				w.answers = activities.AnswerResult{Messages: 2, Accepted: 2, ErrorFree: true}
				env.SignalWorkflow(workflows.SignalReportImported.Name, workflows.ReportImported{ReportID: "r-1"})
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Len(t, w.uploads, 1)
		require.True(t, w.uploads[0].Uploaded)
		require.Equal(t, "Ana Example", w.uploads[0].Who)
		require.True(t, w.uploads[0].By.Claimed, "nobody can tell who typed it")
		require.True(t, epoch.Add(days(1)).Equal(w.uploads[0].At))
		require.Equal(t, 1, w.calls["ConfirmByReport"])
		require.Zero(t, w.calls["UploadFile"]+w.calls["ConfirmDelivery"])
		require.Equal(t, 1, w.count(activities.NoticeByHand))
		require.Zero(t, w.count(activities.NoticeHold))
	})

	t.Run("given up by a person: the copy goes and nothing counts as sent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.byHand = true
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() { decide(t, env, registry.ActionDrop) })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileDropped, result.State)
		require.False(t, w.uploads[0].Uploaded)
		require.Equal(t, []registry.HoldAction{registry.ActionDrop}, w.decided)
	})

	t.Run("settled as a hold, by whoever settled it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.byHand = true
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() { decide(t, env, registry.ActionArrived) })
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
		require.Equal(t, ana.Name, w.uploads[0].Who)
	})

	t.Run("no reports are collected where people bring them", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.byHand = true
		env := w.env()
		env.ExecuteWorkflow(workflows.ReportCollection, activities.CollectionInput{Version: 1, Connection: "hand", Policy: w.facts.Policy})
		require.NoError(t, env.GetWorkflowError())
		require.Zero(t, w.calls["ListReports"])
	})
}
