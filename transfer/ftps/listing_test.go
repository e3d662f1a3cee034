package ftps_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer/ftps"
)

func FuzzListing(f *testing.F) {
	f.Add([]byte("type=file;size=3;modify=20260101000000; a.csv\r\ntype=dir; sub\r\n"))
	f.Add([]byte("Type=OS.unix=slink:/etc/passwd;Size=1; link.csv\n"))
	f.Add([]byte("type=file;size=3; new\nline\n"))
	f.Add([]byte("type=file;size=-1; a\ntype=cdir; .\n;;; x\n type=file; ../x\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, e := range ftps.ParseListing(raw).Entries {
			require.NoError(t, registry.CheckRemoteName(e.Name))
			require.GreaterOrEqual(t, e.Size, int64(0))
		}
	})
}

func FuzzPorts(f *testing.F) {
	f.Add("5000-5010")
	f.Add("")
	f.Add("5-4")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ftps.ParsePorts(text)
		if err == nil && text != "" {
			require.True(t, p.First >= 1 && p.First <= p.Last && p.Last <= 65535)
		}
	})
}

func TestListingTellsLinksAndBrokenNames(t *testing.T) {
	l := ftps.ParseListing([]byte("type=file;size=3; new\nline\ntype=OS.unix=slink:/x;size=1; link.csv\ntype=file;size=7; a.csv\n"))
	require.Len(t, l.Entries, 1)
	require.Equal(t, "a.csv", l.Entries[0].Name)
	require.Equal(t, 1, l.Skipped)
	require.Equal(t, 1, l.Refused)
}
