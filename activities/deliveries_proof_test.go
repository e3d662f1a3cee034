package activities_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
)

func (b *bundle) evidence(t *testing.T, delivery string) transfer.Evidence {
	t.Helper()
	raw, err := b.db.DeliveryEvidence(t.Context(), "sunrise", delivery)
	require.NoError(t, err)
	var e transfer.Evidence
	require.NoError(t, json.Unmarshal(raw, &e))
	return e
}

func TestProofOfDelivery(t *testing.T) {
	t.Parallel()

	t.Run("what was seen is kept with the delivery", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		e := b.evidence(t, p.DeliveryID)
		require.Equal(t, registry.ConfirmedByStat, e.How)
		require.Equal(t, p.Size, e.Size)
		require.NotEmpty(t, e.HostKey)
	})

	t.Run("a profile that asks for it has the digest compared", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.profile.Transfer.ReadBack = true
		p := b.prepare(t, 1, registry.LaneTest, 2)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		require.Equal(t, registry.ConfirmedByReadBack, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p)).How)
		require.Len(t, b.evidence(t, p.DeliveryID).SHA256, 64)
	})

	t.Run("a file that the server renamed is found, and its new name is kept", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		p := b.prepare(t, 1, registry.LaneTest, 2)
		b.server.SetFaults(sftptest.Faults{RenamedTo: "%s.taken"})
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		receipt := must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		require.Equal(t, registry.ConfirmedRenamed, receipt.How)
		require.Equal(t, p.RemoteName+".taken", b.evidence(t, p.DeliveryID).RenamedTo)
	})

	t.Run("many files need two sessions, and none is confirmed over the one that sent it", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		pool := transfer.NewPool(b.deliveries.Dialer)
		t.Cleanup(func() { require.NoError(t, pool.Close()) })
		b.deliveries.Dialer = pool
		b.profile.Transfer.SFTPIdleLife = time.Minute
		for i := range 4 {
			p := b.prepare(t, uint64(i+1), registry.LaneTest, 2)
			must(t, b.deliveries.UploadFile, b.uploadInput(p))
			must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		}
		require.Equal(t, 2, b.server.Stats().Logins)
		require.Equal(t, 2, pool.Sessions())
	})
}

// An attempt tells the next one how much the server had acknowledged.
func TestUploadGoesOnAtAMarkedHost(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	b.profile.Transfer.TrustedParallel = []string{"127.0.0.1"}
	p := b.prepare(t, 1, registry.LaneTest, 2000) // longer than one large packet
	require.Greater(t, p.Size, int64(3*255<<10))
	b.server.SetFaults(sftptest.Faults{CutUploadAt: p.Size - 1, Once: true})

	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	var last map[string]any
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		_ = details.Get(&last)
	})
	_, err := runIn(t, env, b.deliveries.UploadFile, b.uploadInput(p))
	requireKind(t, registry.Transient, err)
	acked, ok := last["sent"].(float64)
	require.True(t, ok)
	require.Positive(t, acked)
	require.Eventually(t, func() bool { return b.server.Stats().Sessions == 0 }, time.Minute, time.Millisecond)

	before := b.server.Stats().Bytes
	env = suite.NewTestActivityEnvironment()
	env.SetHeartbeatDetails(last)
	_, err = runIn(t, env, b.deliveries.UploadFile, b.uploadInput(p))
	require.NoError(t, err)
	require.Equal(t, p.Size-int64(acked), b.server.Stats().Bytes-before)
	must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
	fi, err := os.Stat(filepath.Join(b.drop, b.profile.Folders.Test, p.RemoteName))
	require.NoError(t, err)
	require.Equal(t, p.Size, fi.Size())
}
