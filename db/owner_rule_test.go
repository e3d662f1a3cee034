package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestOwnerRules(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"), msg("2", "allen", "y"), msg("3", "allen", "z"))
	b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}, [2]string{"2", "IMR-111"}))
	owner := func(control string) (registry.Owner, string, registry.ErrorState) {
		for _, e := range b.errors(t, db.ErrorFilter{}) {
			if e.ControlID == control {
				return e.Owner, e.Assignee, e.State
			}
		}
		require.Fail(t, "no such error", control)
		return "", "", ""
	}
	set := func(key, site, code string, to registry.Owner, assignee string) int {
		var moved int
		for range 2 {
			n, err := b.SetOwnerRule(ctx, db.OwnerRule{Practice: p, Site: site, Code: code, Owner: to, Assignee: assignee}, b.act(key, "agreed with Allen"))
			require.NoError(t, err)
			moved += n
		}
		return moved
	}

	t.Run("the catalogue says whose an error is, until somebody says otherwise", func(t *testing.T) {
		o, _, _ := owner("2")
		require.Equal(t, registry.OwnerPractice, o)
	})
	t.Run("a rule for a site and a code moves what is open, once, and nothing else", func(t *testing.T) {
		require.Equal(t, 1, set("r1", "allen", "IMR-111", registry.OwnerVendor, "Tess"))
		o, who, state := owner("2")
		require.Equal(t, registry.OwnerVendor, o)
		require.Equal(t, "Tess", who)
		require.Equal(t, registry.ErrorAssigned, state)
		o, _, _ = owner("1")
		require.Equal(t, registry.OwnerPractice, o)
	})
	t.Run("of several rules the most particular counts, also for what comes", func(t *testing.T) {
		require.Equal(t, 1, set("r2", "", "", registry.OwnerDataTeam, ""), "the other site's; Tess keeps hers")
		b.imported(t, "2", day0, says([2]string{"3", "IMR-111"}))
		o, who, _ := owner("3")
		require.Equal(t, registry.OwnerVendor, o)
		require.Equal(t, "Tess", who)
		o, _, _ = owner("1")
		require.Equal(t, registry.OwnerDataTeam, o)
	})
	t.Run("whoever has it now has it since then, and it stays as old as it is", func(t *testing.T) {
		id := ""
		for _, e := range b.errors(t, db.ErrorFilter{}) {
			if e.ControlID == "2" {
				id = e.ID
				require.Equal(t, day0, e.OpenedAt.UTC())
			}
		}
		later := b.act("hand-over", "Tess is away")
		later.At = day0.AddDate(0, 0, 9)
		for range 2 {
			require.NoError(t, b.AssignError(ctx, id, "Olu", "", later))
		}
		d, err := b.ShowError(ctx, id)
		require.NoError(t, err)
		require.Equal(t, later.At, d.OwnerSince.UTC())
		require.Equal(t, day0, d.OpenedAt.UTC())
		require.Equal(t, later.By.Name, d.AssignedBy)
		waits, err := b.Waits(ctx, p, day0.AddDate(0, 0, 10))
		require.NoError(t, err)
		for _, w := range waits {
			if w.Assignee == "Olu" {
				require.Equal(t, later.At, w.Since.UTC(), "Olu's time begins with the hand-over")
				require.Equal(t, day0, w.Oldest.UTC())
			}
		}
		same := b.act("said again", "as before")
		same.At = day0.AddDate(0, 0, 12)
		require.NoError(t, b.AssignError(ctx, id, "Olu", "", same))
		d, err = b.ShowError(ctx, id)
		require.NoError(t, err)
		require.Equal(t, later.At, d.OwnerSince.UTC(), "who has it already does not get it anew")
		back := b.act("back", "Tess is here")
		require.NoError(t, b.AssignError(ctx, id, "Tess", "", back))
	})
	t.Run("counters follow", func(t *testing.T) {
		groups, err := b.GroupErrors(ctx, db.ErrorFilter{Owner: registry.OwnerVendor})
		require.NoError(t, err)
		require.Len(t, groups, 1)
		require.Equal(t, 2, groups[0].Errors)
	})
	t.Run("they are listed, taken away and audited", func(t *testing.T) {
		rules, err := b.OwnerRules(ctx, p)
		require.NoError(t, err)
		require.Len(t, rules, 2)
		require.Equal(t, "Ann Grey", rules[1].SetBy)
		require.NoError(t, b.RemoveOwnerRule(ctx, p, "allen", "IMR-111", b.act("r3", "it was wrong")))
		requireKind(t, registry.Missing, b.RemoveOwnerRule(ctx, p, "allen", "IMR-111", b.act("r4", "again")))
		require.Equal(t, 3, b.count(t, `select count(*) from events where kind in ('owner-rule-set', 'owner-rule-removed')`))
	})
	t.Run("it takes a reason, a practice and an owner that is one", func(t *testing.T) {
		_, err := b.SetOwnerRule(ctx, db.OwnerRule{Practice: p, Owner: registry.OwnerVendor}, b.act("r5", " "))
		requireKind(t, registry.Invalid, err)
		_, err = b.SetOwnerRule(ctx, db.OwnerRule{Practice: "nobody", Owner: registry.OwnerVendor}, b.act("r6", "x"))
		requireKind(t, registry.Missing, err)
		_, err = b.SetOwnerRule(ctx, db.OwnerRule{Practice: p, Owner: "the moon"}, b.act("r7", "x"))
		require.Error(t, err)
	})
}
