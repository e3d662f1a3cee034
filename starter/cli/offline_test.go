package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"immtrail/starter/cli"
)

const (
	// cleanMessage is one invented dose for one invented patient; every field
	// that has a rule of grade error holds what it should.
	cleanMessage = "MSH|^~\\&|EHR|BURL6343|IIS|TEXIIS|20260330080000-0600||VXU^V04^VXU_V04|m-1|T|2.5.1|||ER|AL|||||Z22^CDCPHINVS|BURL6343\r" +
		"PID|1||4711^^^CLINIC^MR||Quarrow^Zebedine^^^^^L|Mallow^Tess^^^^^M|20200115|F||2106-3^White^CDCREC|12 Elm St^^Plano^TX^75023^USA^H||^PRN^PH^^^972^2348765|||||||||2186-5^Not Hispanic^CDCREC||N\r" +
		"PD1|||||||||||02^Reminder/Recall^HL70215|N|20260330|||A|20260330|20260330\r" +
		"NK1|1|Quarrow^Tess^^^^^L|MTH^Mother^HL70063|12 Elm St^^Plano^TX^75023^USA^H|^PRN^PH^^^972^2348765\r" +
		"ORC|RE|p-1^EHR|d-1^EHR|||||||1234567893^Grey^Ann^^^^^^CMS^^^^NPI||1234567893^Grey^Ann^^^^^^CMS^^^^NPI|||||CLINIC^Clinic^HL70362\r" +
		"RXA|0|1|20260329||140^Influenza, seasonal, injectable, preservative free^CVX|0.5|mL^milliliter^UCUM||00^New immunization record^NIP001|1234567893^Grey^Ann^^^^^^CMS^^^^NPI|^^^CLINIC||||L1234|20270101|PMC^Sanofi Pasteur^MVX|||CP|A\r" +
		"RXR|C28161^Intramuscular^NCIT|LD^Left Deltoid^HL70163\r" +
		"OBX|1|CE|64994-7^Vaccine funding program eligibility category^LN|1|V01^Not VFC eligible^HL70064||||||F|||20260329|||VXC40^Eligibility captured at the immunization level^CDCPHINVS\r" +
		"OBX|2|CE|69764-9^Document type^LN|2|253088698300010311250131^Influenza, inactivated^cdcgs1vis||||||F|||20260329\r" +
		"OBX|3|TS|29769-7^Date vaccine information statement presented^LN|2|20260329||||||F|||20260329\r"
	practiceFile = `
id: sunrise-plano
name: Sunrise Pediatrics of Plano
org_code: BURL6343
iis_id: "0001112000"
connection: dshs
sites:
  - id: plano
    name: Sunrise Plano
    facilities: [BURL6343]
contacts:
  - {role: ehr-vendor, name: EHR Desk, email: desk@ehr.example}
  - {role: practice, name: Ann Grey, email: ann@sunrise.example}
`
)

func TestHelp(t *testing.T) {
	h := newHarness(t)
	t.Run("teaches by example", func(t *testing.T) {
		h.run(t, "--help").exits(0).fits().shows("Examples:", "starter check batch.hl7", "Exit codes:")
	})
	t.Run("without a command shows the same", func(t *testing.T) {
		h.run(t).exits(0).shows("Examples:")
		h.run(t, "keys").exits(0).shows("starter keys rotate")
	})
	t.Run("every command has an example and fits the screen", func(t *testing.T) {
		for _, words := range cli.Commands() {
			h.run(t, append(words, "--help")...).exits(0).fits().shows("Examples:", "starter "+strings.Join(words[:1], " "))
		}
	})
}

func TestUsage(t *testing.T) {
	h := newHarness(t)
	for name, args := range map[string][]string{
		"an unknown command":      {"bogus"},
		"an unknown subcommand":   {"keys", "bogus"},
		"an unknown flag":         {"check", "--bogus"},
		"a missing argument":      {"check"},
		"too many arguments":      {"version", "now"},
		"an unknown output":       {"version", "--output", "xml"},
		"csv where there is none": {"version", "--output", "csv"},
		"an unknown lane":         {"check", "x.hl7", "--lane", "fun"},
		"a missing flag":          {"keys", "new"},
	} {
		t.Run(name+" exits with 2", func(t *testing.T) {
			h.run(t, args...).exits(2).complains("Error:", "--help")
		})
	}
	t.Run("errors are JSON where JSON was asked for", func(t *testing.T) {
		r := h.run(t, "profile", "show", "--config", "no.yaml", "--output", "json").exits(3)
		require.Contains(t, r.stderr, `"exit":3`)
		require.Empty(t, r.stdout)
	})
}

func TestConfigCheck(t *testing.T) {
	h := newHarness(t)
	t.Run("without a file says so", func(t *testing.T) {
		h.run(t, "config", "check").exits(0).shows("no file of settings")
	})
	t.Run("reports every fault at once and exits with 1", func(t *testing.T) {
		h.file(t, "immtrail.yaml", "temporal: {addresz: x}\nlog: {level: loud}\nnotify: {smtp: {user: u, password: 'env:NOPE'}}")
		h.run(t, "config", "check").exits(1).fits().
			shows("temporal.addresz (immtrail.yaml:1)", "log.level (immtrail.yaml:2)", "NOPE is not set", "3 faults")
		var got struct {
			OK     bool
			Faults []struct{ Key, Place, Words string }
		}
		h.run(t, "config", "check", "-o", "json").exits(1).json(&got)
		require.False(t, got.OK)
		require.Len(t, got.Faults, 3)
	})
	t.Run("print shows what is in force without secrets", func(t *testing.T) {
		h.file(t, "immtrail.yaml", "database: {url: 'postgres://u@h/d', password: hunter2}")
		r := h.run(t, "config", "print").exits(1).fits().line("database.url", "postgres://u@h/d", "immtrail.yaml:1")
		require.NotContains(t, r.stdout+r.stderr, "hunter2")
	})
}

func TestKeys(t *testing.T) {
	h := newHarness(t)
	t.Run("an identity is a private file, and its recipient is shown", func(t *testing.T) {
		var got struct{ File, Recipient, Settings string }
		h.run(t, "keys", "new", "--kind", "identity", "-o", "json").exits(0).json(&got)
		info, err := os.Stat(got.File)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		text, err := os.ReadFile(got.File)
		require.NoError(t, err)
		identity, err := age.ParseX25519Identity(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		require.Equal(t, identity.Recipient().String(), got.Recipient)
		require.NotContains(t, got.Settings, identity.String())
	})
	t.Run("no key is ever overwritten", func(t *testing.T) {
		before, err := os.ReadFile("keys/identity.key")
		require.NoError(t, err)
		h.run(t, "keys", "new", "--kind", "identity").exits(1).complains("not overwritten")
		after, err := os.ReadFile("keys/identity.key")
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
	t.Run("what is printed makes settings that are in order", func(t *testing.T) {
		var all strings.Builder
		for _, kind := range []string{"codec", "sealing", "digest"} {
			var got struct{ Settings string }
			h.run(t, "keys", "new", "--kind", kind, "--id", "a", "--dir", "k", "-o", "json").exits(0).json(&got)
			if kind == "digest" { // belongs into the same group as the sealing keys
				got.Settings = strings.TrimPrefix(got.Settings, "sealing:\n")
			}
			all.WriteString(got.Settings + "\n")
		}
		h.file(t, "immtrail.yaml", all.String())
		h.run(t, "config", "check").exits(0)
		h.run(t, "keys", "list").exits(0).fits().line("codec", "a", "in use", "readable").line("digest")
	})
	t.Run("rotating puts the new key first and keeps the old one", func(t *testing.T) {
		r := h.run(t, "keys", "rotate", "--kind", "sealing", "--id", "b", "--dir", "k").exits(0)
		require.Less(t, strings.Index(r.stdout, `id: "b"`), strings.Index(r.stdout, `id: "a"`))
		require.FileExists(t, filepath.Join("k", "sealing-b.key"))
		h.run(t, "keys", "rotate", "--kind", "sealing", "--id", "a").exits(1).complains("already")
	})
	t.Run("the digest key is never rotated", func(t *testing.T) {
		h.run(t, "keys", "rotate", "--kind", "digest").exits(1).complains("never changed")
	})
	t.Run("a key that others can read is shown as faulty", func(t *testing.T) {
		require.NoError(t, os.Chmod("k/digest.key", 0o644))
		h.run(t, "keys", "list").exits(1).shows("chmod 600")
	})
	t.Run("an ID cannot climb out of the folder", func(t *testing.T) {
		h.run(t, "keys", "new", "--kind", "codec", "--id", "../x").exits(2)
	})
}

func TestProfileShow(t *testing.T) {
	h := newHarness(t)
	t.Run("names sources and what nobody has confirmed", func(t *testing.T) {
		h.run(t, "profile", "show").exits(0).fits().
			line("policy.test_files_min", "3").shows("nobody has confirmed with DSHS", "folders.test")
	})
	t.Run("shows your override as such, for one practice only", func(t *testing.T) {
		h.file(t, "immtrail.yaml", "profile: {dir: p}")
		h.file(t, "p/practices/sunrise-plano.yaml", "policy.test_files_min: 4\nconfirmed: {folders.test: 'call with DSHS, 2026-03-02'}")
		h.run(t, "profile", "show", "--practice", "sunrise-plano").exits(0).
			line("policy.test_files_min", "4", "your override").line("folders.test", "yes")
		h.run(t, "profile", "show").exits(0).line("policy.test_files_min", "3")
	})
	t.Run("--unconfirmed lists only those", func(t *testing.T) {
		var values []struct {
			Key       string
			Confirmed bool
		}
		h.run(t, "profile", "show", "--unconfirmed", "-o", "json").exits(0).json(&values)
		require.NotEmpty(t, values)
		for _, v := range values {
			require.False(t, v.Confirmed, v.Key)
		}
	})
	t.Run("a folder that is not there is said", func(t *testing.T) {
		h.file(t, "immtrail.yaml", "profile: {dir: gone}")
		h.run(t, "profile", "show").exits(3).complains("profile.dir")
	})
}

func TestVersion(t *testing.T) {
	var got struct{ Build, Go, Platform string }
	newHarness(t).run(t, "version", "-o", "json").exits(0).json(&got)
	require.NotEmpty(t, got.Build)
}
