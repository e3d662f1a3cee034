package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

func TestLettersOfOneMatterAreOneThread(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	file, _ := b.delivered(t, 1, registry.LaneProduction, 2)
	// send sends a letter a day after the one before, and returns its Message-ID.
	send := func(kind activities.NoticeKind, event string) string {
		b.now = b.now.AddDate(0, 0, 1)
		in := letterInput(kind, event)
		in.FileID = file.FileID
		return must(t, a.SendNotice, in).MessageID
	}
	for name, c := range map[string]struct {
		kinds  [2]activities.NoticeKind
		events [2]string
	}{
		"an all-clear answers its alert":           {[2]activities.NoticeKind{activities.NoticeWatch, activities.NoticeResolved}, [2]string{"incident/i-1", "incident/i-1/over"}},
		"a question that is settled":               {[2]activities.NoticeKind{activities.NoticeHold, activities.NoticeResolved}, [2]string{"hold/h-7/0", "hold/h-7/over"}},
		"a file refused by us and by the registry": {[2]activities.NoticeKind{activities.NoticeFileRefused, activities.NoticeFileRefused}, [2]string{"refused/f-1", "rejected/f-1"}},
		"a refused approval and the next":          {[2]activities.NoticeKind{activities.NoticeApprovalRefused, activities.NoticeApprovalRefused}, [2]string{"approval-refused/sunrise/aa-1", "approval-refused/sunrise/aa-2"}},
		"the review and the first production file": {[2]activities.NoticeKind{activities.NoticeReviewRequest, activities.NoticeFirstFile}, [2]string{"review/sunrise/1", "first-file/sunrise"}},
	} {
		t.Run(name, func(t *testing.T) {
			first := send(c.kinds[0], c.events[0])
			require.Empty(t, man.last().InReplyTo, "a first letter answers none")
			send(c.kinds[1], c.events[1])
			require.Equal(t, first, man.last().InReplyTo)
		})
	}
	t.Run("another matter is another thread", func(t *testing.T) {
		send(activities.NoticeWatch, "incident/i-2")
		require.Empty(t, man.last().InReplyTo)
	})
	t.Run("a repeat stays in its thread", func(t *testing.T) {
		first := send(activities.NoticeWatch, "incident/i-3")
		b.now = b.now.AddDate(0, 0, 1)
		man.fail = registry.Errorf(registry.Transient, "mail", "the connection broke")
		over := letterInput(activities.NoticeResolved, "incident/i-3/over")
		_, err := run(t, a.SendNotice, over)
		requireKind(t, registry.Transient, err)
		man.fail = nil
		must(t, a.SendNotice, over)
		n := len(man.letters)
		require.Equal(t, first, man.letters[n-1].InReplyTo)
		require.Equal(t, man.letters[n-2], man.letters[n-1])
		require.Equal(t, man.ids[n-2], man.ids[n-1])
	})
}
