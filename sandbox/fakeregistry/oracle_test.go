package fakeregistry_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

func TestOracle(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{})
	real := batch(with(1, func(v *vxu) { v.processing = "P" }))
	d.judge("inbound/test", batch(good(1)))
	d.judge("inbound/production", real)
	d.judge("inbound/historical", real)
	require.Empty(t, fakeregistry.Duplicates(d.ledger()), "another folder is another delivery")
	second, _ := d.judge("inbound/production", strings.NewReplacer("FC1", "FC2", "\r", "\n").Replace(real))

	ledger := d.ledger()
	t.Run("the same messages in a new envelope are found out", func(t *testing.T) {
		twice := fakeregistry.Duplicates(ledger)
		require.Len(t, twice, 1)
		require.Equal(t, "sunrise", twice[0].Account)
		require.Equal(t, "inbound/production", twice[0].Folder)
		require.Equal(t, []string{ledger[1].ID, second.ID}, twice[0].IDs)
	})
	t.Run("and so is one message in two files", func(t *testing.T) {
		require.Equal(t, map[string]int{"sunrise/inbound/production": 1}, fakeregistry.DuplicateMessages(ledger))
	})
	t.Run("processing IDs by folder", func(t *testing.T) {
		require.Equal(t, map[string]map[string]int{
			"inbound/test": {"T": 1}, "inbound/production": {"P": 2}, "inbound/historical": {"P": 1},
		}, fakeregistry.ProcessingIDs(ledger, "sunrise"))
	})
	t.Run("the first file with real patients", func(t *testing.T) {
		first, ok := fakeregistry.First(ledger, "sunrise", registry.LaneHistorical, registry.LaneProduction)
		require.True(t, ok)
		require.Equal(t, ledger[1].ID, first.ID)
		_, ok = fakeregistry.First(ledger, "nobody", registry.LaneProduction)
		require.False(t, ok)
	})
}

func TestReviewer(t *testing.T) {
	d := openDesk(t, fakeregistry.Behaviour{})
	review := func() fakeregistry.Review { return fakeregistry.Reviewer(d.ledger(), "sunrise", 3) }
	d.judge("inbound/test", batch(with(1, func(v *vxu) { v.chart = "M1NC" })))
	d.judge("inbound/test", batch(good(2)))
	d.judge("inbound/production", batch(with(5, func(v *vxu) { v.processing = "P" })))
	require.False(t, review().Approved, "two test files are too few")
	third, _ := d.judge("inbound/test", batch(with(3, func(v *vxu) { v.nk1 = "" })))
	require.Contains(t, review().Reason, "not free of errors")
	fourth, _ := d.judge("inbound/test", batch(good(4)))
	ok := review()
	require.True(t, ok.Approved, "warnings do not break error-free")
	require.Equal(t, []string{third.Name, fourth.Name}, ok.Files[1:])
	d.judge("inbound/test", strings.Replace(batch(good(4)), "FC1", "FC9", 1))
	require.Contains(t, review().Reason, "repeats")
	require.False(t, review().Approved)
}
