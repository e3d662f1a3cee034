package roster_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"immtrail/internal/roster"
	"immtrail/registry"
)

const head = "practice,name,org_code,iis_id,connection,vendor_contact,vendor_email,from,since,history,site,facilities,prescribers,site_agreement_expires\n"

const group = head +
	"lone,Lone Star Clínica,LONE0001,0001112000,dshs,Desk,desk@ehr.example,production,2025-09-15,done,austin,LONE0001|AU,1234567893,2028-12-31\n" +
	"lone,,,,,,,,,,buda,BU,A12345,\n" +
	"sun,Sunrise,SUNR0002,,dshs,,,,,,main,SUNR0002,,\n"

func read(t *testing.T, text string) (*roster.List, []string) {
	t.Helper()
	list, faults, err := roster.Read(strings.NewReader(text))
	require.NoError(t, err)
	var said []string
	for _, f := range faults {
		said = append(said, f.String())
	}
	return list, said
}

func TestRead(t *testing.T) {
	t.Run("rows with the same practice are its sites", func(t *testing.T) {
		list, faults := read(t, group)
		require.Empty(t, faults)
		require.Len(t, list.Entries, 2)
		p := list.Entries[0].Onto(nil)
		require.Equal(t, "Lone Star Clínica", p.Name)
		require.Equal(t, []string{"LONE0001", "AU"}, p.Sites[0].Facilities)
		require.Equal(t, "buda", p.Sites[1].ID)
		require.Equal(t, []registry.Contact{{Role: registry.ContactVendor, Name: "Desk", Email: "desk@ehr.example"}}, p.Contacts)
		require.Equal(t, "America/Chicago", p.Zone)
		require.Empty(t, p.Check())
		require.Equal(t, roster.Asked{From: "production", Since: "2025-09-15", History: "done"}, list.Entries[0].Asked())
		require.Empty(t, list.Entries[1].Asked().From)
	})

	semicolons := strings.ReplaceAll(group, ",", ";")
	latin, err := charmap.Windows1252.NewEncoder().String(semicolons)
	require.NoError(t, err)
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(strings.ReplaceAll(group, ",", "\t"))
	require.NoError(t, err)
	want, _ := read(t, group)
	for what, text := range map[string]string{
		"a byte order mark":                 "\xef\xbb\xbf" + group,
		"semicolons":                        semicolons,
		"semicolons in Windows-1252":        latin,
		"Excel's Unicode text":              wide,
		"Excel's hint":                      "sep=;\n" + semicolons,
		"Windows' line ends":                strings.ReplaceAll(group, "\n", "\r\n"),
		"comments, also in quotation marks": "# a, \"b\"\n\"# c, d\"\n" + group,
		"blank rows":                        group + ",,,,,,\n\n",
		"a text mark of an export":          strings.Replace(group, ",0001112000,", ",'0001112000,", 1),
	} {
		t.Run(what+" changes nothing", func(t *testing.T) {
			got, faults := read(t, text)
			if what == "a text mark of an export" {
				require.Len(t, faults, 1, "only what may be a formula has a mark")
				return
			}
			require.Empty(t, faults)
			require.Len(t, got.Entries, 2)
			for i := range got.Entries {
				require.Empty(t, cmp.Diff(want.Entries[i].Onto(nil), got.Entries[i].Onto(nil)))
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Run("all at once, each with line, column and remedy", func(t *testing.T) {
		_, faults := read(t, head+
			"Lone Star,,LONE1,12,dshs,Desk,desk,live,15.9.2025,yes,main,,1234567890,soon\n"+
			"sun,Sunrise,SUNR0002,,,Desk,,production,,,main,SUNR0002,,\n"+
			"sun,Sunset,,,,,,,,,main,SUNR0002,,\n"+
			"moon,Moon,SUNR0002,,dshs,,,,2025-01-01,,main,MOON,,\n"+
			"star,Star,STAR0004,,dshs,,,in-review,2026-01-01,done,main,STAR,,\n")
		require.Equal(t, []string{
			"line 2, column practice: must be lower-case letters, digits and hyphens, at most 48, such as sunrise-plano",
			"line 2, column org_code: must be four capital letters and four digits, such as BURL6343",
			"line 2, column iis_id: must be ten digits; format the column as text, so that leading zeros stay",
			"line 2, column vendor_email: must be an address such as name@example.org",
			"line 2, column from: must be registered, testing, in-review or production, or nothing",
			"line 2, column since: must be a date as 2026-03-31; format the column as text, so that the spreadsheet does not rewrite it",
			"line 2, column history: must be none, due or done",
			"line 2, column facilities: is empty: how messages name the clinic (MSH-4), several with | between",
			"line 2, column prescribers: one of them is not an NPI: its last digit does not check; compare it with the card",
			"line 2, column site_agreement_expires: must be a date as 2026-03-31; format the column as text, so that the spreadsheet does not rewrite it",
			"line 2, column name: is empty: the organization as letters address it",
			"line 2, column history: before production there is no load that was sent: leave it empty",
			"line 3, column connection: is empty: name of the connection (starter connection list)",
			"line 3, column since: is empty: the day on which it reached that stage",
			"line 3, column history: is empty: none, due or done",
			"line 3, column vendor_email: is empty: a contact needs an address",
			"line 4, column name: is another than in line 3 of the same practice: write the same, or leave it empty",
			"line 4, column site: stands in line 3 already",
			"line 4, column facilities: one of them is named in line 3 already: it must name one site",
			"line 5, column org_code: belongs to the practice of line 3 already: sites of one organization have one practice",
			"line 5, column since: goes with a stage in the column from (testing, in-review, production)",
			"line 6, column history: before production there is no load that was sent: leave it empty",
		}, faults)
	})
	for column := range strings.SplitSeq("password,Passphrase,sftp_secret,private_key,api_key,token,login_password,ssh-key,pwd", ",") {
		t.Run("a column "+column+" is refused by its name", func(t *testing.T) {
			_, faults := read(t, strings.TrimSpace(head)+","+column+"\n")
			require.Len(t, faults, 1)
			if column != "pwd" && column != "ssh-key" {
				require.Contains(t, faults[0], "secrets never go through a list")
			}
		})
	}
	t.Run("a private key in a cell is refused without being repeated", func(t *testing.T) {
		_, faults := read(t, strings.Replace(group, "Sunrise", "-----BEGIN OPENSSH PRIVATE KEY-----hunter2", 1))
		require.Len(t, faults, 1)
		require.Contains(t, faults[0], "private key")
		require.NotContains(t, faults[0], "hunter2")
	})
	for what, text := range map[string]string{
		"an empty list": "", "an unknown column": strings.TrimSpace(head) + ",colour\n", "a column twice": strings.TrimSpace(head) + ",name\n",
		"a missing column": "practice,name\n", "an open quotation mark": group + "\"x\n", "a cell too many": group + strings.Repeat("x,", 30) + "x\n",
	} {
		t.Run(what+" is a fault", func(t *testing.T) {
			_, faults := read(t, text)
			require.NotEmpty(t, faults)
		})
	}
}

func TestOnto(t *testing.T) {
	base := &registry.Practice{
		ID: "sun", Name: "Old name", Registry: "texas", OrgCode: "SUNR0002", Zone: "America/Denver", Connection: "dshs", Agreement: "2027-01-01",
		Phase:    registry.PhaseProduction,
		Sites:    []registry.Site{{ID: "main", Name: "Main", Facilities: []string{"SUNR0002"}}, {ID: "gone", Facilities: []string{"G"}}},
		Contacts: []registry.Contact{{Role: registry.ContactCoordinator, Name: "Mary", Email: "mary@example.org"}},
	}
	list, _ := read(t, group)
	got := list.Entries[1].Onto(base)

	t.Run("what the list has no column for stays", func(t *testing.T) {
		require.Equal(t, "America/Denver", got.Zone)
		require.Equal(t, "2027-01-01", got.Agreement)
		require.Equal(t, "Main", got.Sites[0].Name)
		require.Equal(t, base.Contacts, got.Contacts)
		require.Equal(t, registry.PhaseProduction, got.Phase)
	})
	t.Run("the differences are told by column", func(t *testing.T) {
		require.Equal(t, []roster.Change{{"name", "Old name", "Sunrise"}, {"site gone", "known", "taken out"}}, roster.Changes(base, got))
		require.Empty(t, roster.Changes(got, got))
	})
	t.Run("the base is not touched", func(t *testing.T) {
		require.Equal(t, "Old name", base.Name)
		require.Len(t, base.Sites, 2)
	})
}

// The list of the documentation is one that can be imported.
func TestTheListOfTheWeek(t *testing.T) {
	text, err := os.ReadFile("../../docs/sixty-sites.csv")
	require.NoError(t, err)
	list, faults := read(t, string(text))
	require.Empty(t, faults)
	require.Len(t, list.Entries, 1)
	p := list.Entries[0].Onto(nil)
	require.Len(t, p.Sites, 60)
	require.Empty(t, p.Check())
}

func TestTemplate(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, roster.Template(&out))
	_, faults := read(t, out.String())
	require.Len(t, faults, 1, "it is without faults but for the example that is not meant")
	require.Contains(t, faults[0], "the example of the template: take the row out")
	for line := range strings.SplitSeq(strings.TrimSpace(out.String()), "\n") {
		if strings.HasPrefix(line, "#") {
			require.LessOrEqual(t, len(line), 130)
		}
	}
}

func TestWrite(t *testing.T) {
	list, _ := read(t, group)
	practices := []*registry.Practice{list.Entries[0].Onto(nil), list.Entries[1].Onto(nil)}
	practices[1].Name = "=HYPERLINK(\"http://x\")"
	practices[0].Contacts[0].Phone = "+1 512 555 0100"
	var out bytes.Buffer
	require.NoError(t, roster.Write(&out, practices, func(p *registry.Practice) roster.Asked {
		if p.ID == "lone" {
			return roster.Asked{From: "in_review", Since: "2026-01-02"}
		}
		return roster.Asked{}
	}))
	t.Run("no cell is a formula", func(t *testing.T) {
		require.Contains(t, out.String(), "'=HYPERLINK")
		require.Contains(t, out.String(), "'+1 512")
	})
	t.Run("what is written is read back as it was", func(t *testing.T) {
		got, faults := read(t, out.String())
		require.Empty(t, faults)
		for i, e := range got.Entries {
			require.Empty(t, cmp.Diff(practices[i], e.Onto(nil)))
		}
		require.Equal(t, roster.Asked{From: "in_review", Since: "2026-01-02"}, got.Entries[0].Asked())
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(group))
	f.Add([]byte("sep=;\npractice;name\n\"a\nb\";c"))
	f.Add([]byte("\xff\xfep\x00r\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, faults, err := roster.Read(bytes.NewReader(data))
		if err != nil || len(faults) > 0 {
			return
		}
		for _, e := range list.Entries {
			p := e.Onto(nil)
			require.NotEmpty(t, p.ID)
			require.Empty(t, roster.Changes(p, p))
		}
	})
}
