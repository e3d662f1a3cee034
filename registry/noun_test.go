package registry_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func sunrise() registry.Practice {
	return registry.Practice{
		ID: "sunrise-plano", Name: "Sunrise", OrgCode: "SUNR1001", IISID: "1900000001", Connection: "dshs",
		Sites:    []registry.Site{{ID: "plano", Facilities: []string{"SUNR1001-1"}}},
		Contacts: []registry.Contact{{Role: registry.ContactVendor, Email: "a@b.example"}},
	}
}

func TestPracticeTellsAllItsFaultsAtOnce(t *testing.T) {
	t.Parallel()
	good := sunrise()
	require.Empty(t, good.Check())
	bad := registry.Practice{
		ID: "Sunrise Plano", OrgCode: "sunr1001", IISID: "12",
		Sites: []registry.Site{
			{ID: "a", Facilities: []string{"F1"}}, {ID: "B!", Facilities: []string{"F1"}}, {ID: "c"},
		},
		Contacts: []registry.Contact{{Email: "nobody"}},
	}
	faults := fmt.Sprint(bad.Check())
	for _, place := range []string{
		"id:", "name:", "org_code:", "iis_id:", "connection:", "sites[1].id", "already belongs to site a",
		"sites[2].facilities", "contacts[0].email",
	} {
		require.Contains(t, faults, place)
	}
}

func TestRemoteName(t *testing.T) {
	t.Parallel()
	p := sunrise()
	f := registry.FileSettings{NameTemplate: "{org}_{lane}_{date}{time}_{seq}.HL7", TestWord: "TEST", ProductionWord: "PROD", HistoricalWord: "HIST"}
	name, err := registry.RemoteName(f, &p, registry.LaneProduction, monday, 7)
	require.NoError(t, err)
	require.Equal(t, "SUNR1001_PROD_20260302140000_000007.HL7", name)
	f.NameTemplate = "../{org}"
	_, err = registry.RemoteName(f, &p, registry.LaneTest, monday, 7)
	require.Equal(t, registry.Invalid, registry.KindOf(err))
}

func TestCheckListedName(t *testing.T) {
	for _, name := range []string{"DQA Report (1).csv", "a b.txt", "a,b@c.txt"} {
		require.Error(t, registry.CheckRemoteName(name), name)
		require.NoError(t, registry.CheckListedName(name, registry.NameCharacters), name)
	}
	for _, name := range []string{" a", "a ", "a  b", "a/b", `a\\b`, "a\tb", "..", "-a b", ".a b", "a*b", "a;b", "a'b", "a\u00a0b"} {
		require.Error(t, registry.CheckListedName(name, registry.NameCharacters), "%q", name)
	}
	require.Error(t, registry.CheckListedName("a b/c", " /"), "a profile cannot allow what leads out")
	require.NoError(t, registry.CheckListedName("a.csv", ""))
}

func FuzzCheckRemoteName(f *testing.F) {
	for _, s := range []string{"A.HL7", "../x", "/etc/passwd", "a/b", "a\\b", "-rf", ".hidden", "", "a\x00b", "a\nb", "\u202etxt"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := registry.CheckRemoteName(s)
		if err != nil {
			if len(s) > 8 {
				require.NotContains(t, err.Error(), s, "a hostile name is not repeated")
			}
			return
		}
		require.NotContains(t, s, "/")
		require.NotContains(t, s, "..\x00")
		require.NotEqual(t, "..", s)
		require.LessOrEqual(t, len(s), 200)
	})
}

func TestKindsSurviveWrapping(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("while sending: %w", registry.Errorf(registry.Conflict, "upload", "%w", errors.New("there")))
	require.Equal(t, registry.Conflict, registry.KindOf(err))
	require.Equal(t, registry.Transient, registry.KindOf(errors.New("unknown")), "an unknown failure is worth another try")
	require.False(t, registry.Unauthorised.Retryable(), "accounts get locked")
	require.False(t, registry.DeliveryUnknown.Retryable(), "never sent again blindly")
}

func TestApproval(t *testing.T) {
	t.Parallel()
	a := registry.Approval{Practice: "sunrise-plano", ApprovedBy: "J. Doe", EmailDate: "2026-03-20"}
	require.Empty(t, a.Fault("sunrise-plano"))
	require.Contains(t, a.Fault("somebody-else"), "another practice")
	for _, broken := range []registry.Approval{
		{Practice: "sunrise-plano", EmailDate: "2026-03-20"},
		{Practice: "sunrise-plano", ApprovedBy: "J. Doe"},
		{Practice: "sunrise-plano", ApprovedBy: "J. Doe", EmailDate: "20 March"},
	} {
		require.NotEmpty(t, broken.Fault("sunrise-plano"))
	}
	later := a
	later.MessageID = "<m@x>"
	require.True(t, a.Same(later), "what one leaves open is no difference")
	require.Equal(t, later, a.Merge(later))
	other := later
	other.MessageID = "<n@x>"
	require.False(t, later.Same(other))
	require.Equal(t, later, later.Merge(other), "what is there is not replaced")
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]registry.Outcome{
		"FIR-1": registry.OutcomeFileRejected, "MER-2": registry.OutcomeMessageRejected, "CLR-100": registry.OutcomePatientRejected,
		"IMR-111": registry.OutcomeDoseRejected, "IEE-519": registry.OutcomeWarned, "XYZ-1": registry.OutcomeUnknown, "CLR": registry.OutcomeUnknown,
	} {
		require.Equal(t, want, registry.FamilyOf(code).Outcome(), code)
		require.Equal(t, want != registry.OutcomeWarned && want != registry.OutcomeUnknown, want.Bad(), code)
	}
}
