package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

const today = "2026-03-02"

func clinic(sites ...registry.Site) *registry.Practice {
	return &registry.Practice{ID: "sunrise", OrgCode: "BURL6343", IISID: "0001112000", Sites: sites}
}

// item judges one row for a practice.
func item(t *testing.T, p *registry.Practice, row registry.Prerequisite, f registry.PrerequisiteFacts) registry.PrerequisiteItem {
	t.Helper()
	f.Today = today
	items := registry.Checklist(p, []registry.Prerequisite{row}, f)
	require.Len(t, items, 1)
	return items[0]
}

func TestChecklist(t *testing.T) {
	t.Parallel()
	agreement := registry.Prerequisite{Key: "agreement", Required: true, Expires: true, Proof: registry.ProofAgreement}
	ofSites := agreement
	ofSites.PerSite = true
	word := func(state registry.PrerequisiteState, expires string) registry.PrerequisiteFacts {
		return registry.PrerequisiteFacts{Records: []registry.PrerequisiteRecord{{
			Key: "agreement", State: state, Evidence: "seen", Expires: expires, Reason: "why", By: "Ana",
			At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		}}}
	}

	t.Run("an agreement is open without a date, expired after it, done until it", func(t *testing.T) {
		p := clinic(registry.Site{ID: "a"}, registry.Site{ID: "b"})
		for ends, want := range map[string]registry.PrerequisiteState{
			"": registry.PrerequisiteOpen, "2026-03-01": registry.PrerequisiteExpired, today: registry.PrerequisiteDone,
		} {
			p.Agreement = ends
			got := item(t, p, agreement, registry.PrerequisiteFacts{})
			require.Equal(t, want, got.State, ends)
			require.Equal(t, want != registry.PrerequisiteDone, got.Stops(), ends)
			require.Equal(t, ends, got.Ends)
		}
	})
	t.Run("a practice of one site has one agreement, wherever its date stands", func(t *testing.T) {
		p := clinic(registry.Site{ID: "a", Agreement: "2027-01-01"}, registry.Site{ID: "closed", Until: "2020-01-01"})
		require.Equal(t, registry.PrerequisiteDone, item(t, p, agreement, registry.PrerequisiteFacts{}).State)
		p = clinic(registry.Site{ID: "a"})
		p.Agreement = "2027-01-01"
		require.Equal(t, registry.PrerequisiteDone, item(t, p, ofSites, registry.PrerequisiteFacts{}).State)
	})
	t.Run("each site that has not closed is asked; one that begins later stops nobody", func(t *testing.T) {
		p := clinic(registry.Site{ID: "a", Agreement: "2027-01-01"}, registry.Site{ID: "b"},
			registry.Site{ID: "later", From: "2026-06-01"}, registry.Site{ID: "closed", Until: "2026-03-01"})
		items := registry.Checklist(p, []registry.Prerequisite{ofSites}, registry.PrerequisiteFacts{Today: today})
		stops := map[string]bool{}
		for _, i := range items {
			stops[i.Site] = i.Stops()
		}
		require.Equal(t, map[string]bool{"a": false, "b": true, "later": false}, stops)
	})
	t.Run("a person's word does it, until its date", func(t *testing.T) {
		p := clinic(registry.Site{ID: "a"}, registry.Site{ID: "b"})
		got := item(t, p, agreement, word(registry.PrerequisiteDone, "2026-12-31"))
		require.Equal(t, registry.PrerequisiteDone, got.State)
		require.Equal(t, "Ana", got.By)
		require.Equal(t, registry.PrerequisiteExpired, item(t, p, agreement, word(registry.PrerequisiteDone, "2026-03-01")).State)
		p.Agreement = "2027-06-30"
		got = item(t, p, agreement, word(registry.PrerequisiteDone, "2026-03-01"))
		require.Equal(t, registry.PrerequisiteDone, got.State, "the data tells of a renewal")
		require.Equal(t, "2027-06-30", got.Ends)
	})
	t.Run("a waiver stands until it is taken back", func(t *testing.T) {
		got := item(t, clinic(registry.Site{ID: "a"}), agreement, word(registry.PrerequisiteWaived, ""))
		require.Equal(t, registry.PrerequisiteWaived, got.State)
		require.Equal(t, "why", got.Reason)
		require.False(t, got.Stops())
	})
	t.Run("what was opened again is proven only by what comes after", func(t *testing.T) {
		row := registry.Prerequisite{Key: "agreement", Required: true, Proof: registry.ProofConnection}
		f := word(registry.PrerequisiteOpen, "")
		f.ConnectionTested, f.ConnectionHow = f.Records[0].At.Add(-time.Hour), "a test passed"
		require.Equal(t, registry.PrerequisiteOpen, item(t, clinic(registry.Site{ID: "a"}), row, f).State)
		f.ConnectionTested = f.Records[0].At.Add(time.Hour)
		got := item(t, clinic(registry.Site{ID: "a"}), row, f)
		require.Equal(t, registry.PrerequisiteDone, got.State)
		require.Equal(t, "a test passed", got.Found)
	})
	t.Run("a row that is off is not asked, and the ten digits are where names carry them", func(t *testing.T) {
		p := clinic(registry.Site{ID: "a"})
		p.IISID = ""
		row := registry.Prerequisite{Key: "iis-id", Proof: registry.ProofIISID}
		require.False(t, item(t, p, row, registry.PrerequisiteFacts{}).Stops())
		require.True(t, item(t, p, row, registry.PrerequisiteFacts{NamesCarryIIS: true}).Stops())
		row.Off = true
		require.Empty(t, registry.Checklist(p, []registry.Prerequisite{row}, registry.PrerequisiteFacts{}))
	})
	t.Run("contacts: the registry's may stand in the profile", func(t *testing.T) {
		p := clinic(registry.Site{ID: "a"})
		vendor := registry.Prerequisite{Key: "v", Proof: registry.ProofContactVendor}
		require.Equal(t, registry.PrerequisiteOpen, item(t, p, vendor, registry.PrerequisiteFacts{RegistryContact: true}).State)
		p.Contacts = []registry.Contact{{Role: registry.ContactVendor, Name: "Desk", Email: "d@x.example"}}
		require.Equal(t, registry.PrerequisiteDone, item(t, p, vendor, registry.PrerequisiteFacts{}).State)
		own := registry.Prerequisite{Key: "r", Proof: registry.ProofContactRegistry}
		require.Equal(t, registry.PrerequisiteOpen, item(t, p, own, registry.PrerequisiteFacts{}).State)
		require.Equal(t, registry.PrerequisiteDone, item(t, p, own, registry.PrerequisiteFacts{RegistryContact: true}).State)
	})
	t.Run("prescribers: one wrong digit keeps it open, without being repeated", func(t *testing.T) {
		row := registry.Prerequisite{Key: "p", PerSite: true, Proof: registry.ProofPrescribers}
		good := item(t, clinic(registry.Site{ID: "a", Prescribers: []string{"1234567893", "A12345"}}), row, registry.PrerequisiteFacts{})
		require.Equal(t, registry.PrerequisiteDone, good.State)
		bad := item(t, clinic(registry.Site{ID: "a", Prescribers: []string{"1234567893", "1234567890"}}), row, registry.PrerequisiteFacts{})
		require.Equal(t, registry.PrerequisiteOpen, bad.State)
		require.Equal(t, "1 of 2 are neither an NPI nor a licence number", bad.Why)
	})
}

func TestPrescriberFault(t *testing.T) {
	t.Parallel()
	// 1234567893 is the example of CMS's own description of the check digit.
	for _, good := range []string{"1234567893", "1245319599", "A1234", "TX123456", "12345", "123456789"} {
		require.Empty(t, registry.PrescriberFault(good), good)
	}
	for _, bad := range []string{"", "1234567890", "1234567894", "12345678931", "123", "a1234", "ABCDE1234", "1234 5678"} {
		require.NotEmpty(t, registry.PrescriberFault(bad), bad)
	}
}

func TestEventsTo(t *testing.T) {
	t.Parallel()
	for _, p := range registry.Phases() {
		events, err := registry.EventsTo(p)
		if p == registry.PhaseWithdrawn {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		at := registry.PhaseRegistered
		for _, e := range events {
			at, err = registry.Next(at, e)
			require.NoError(t, err)
		}
		require.Equal(t, p, at)
	}
}
