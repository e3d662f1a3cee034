package db_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/internal/dbtest"
	"immtrail/registry"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

var (
	day0  = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	maria = registry.Actor{Name: "Maria Ortega", Via: "cli"}
)

// bundle is a store on a database of its own, and a plain connection beside it
// for what the store would never do.
type bundle struct {
	*db.Store
	url string
	sql *pgx.Conn
}

func open(t *testing.T) *bundle {
	t.Helper()
	url := dbtest.New(t, db.Migrate)
	store, err := db.Open(t.Context(), db.Options{URL: url, Sealer: sealer(t)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	sql, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sql.Close(context.Background()) })
	return &bundle{Store: store, url: url, sql: sql}
}

func sealer(t *testing.T) *db.Sealer {
	t.Helper()
	s, err := db.NewSealer([]byte(strings.Repeat("d", 32)), db.SealKey{ID: "k1", Key: []byte(strings.Repeat("k", 32))})
	require.NoError(t, err)
	return s
}

func act(key string) db.Act { return db.Act{Key: key, By: maria, At: day0} }

// practice adds a connection and a practice that stands in phase.
func (b *bundle) practice(t *testing.T, id string, phase registry.Phase) *registry.Practice {
	t.Helper()
	require.NoError(t, b.SaveConnection(t.Context(), db.Connection{
		Name: "texas-sftp", Protocol: "sftp", Host: "sftp.example.org", Port: 22, Username: "burl",
		SecretRef: "env:SFTP_PASSWORD", HostKeys: []string{"ssh-ed25519 AAAA"},
	}, act("connection/"+id)))
	p := &registry.Practice{
		ID: id, Name: "Sunrise Pediatrics", Registry: "texas", OrgCode: orgCode(id), IISID: "0001112000",
		Zone: "America/Chicago", Connection: "texas-sftp", Phase: phase,
		Sites: []registry.Site{
			{ID: "plano", Name: "Plano", Facilities: []string{"PL1", "PL2"}, Prescribers: []string{"1234567893"}, Agreement: "2027-01-31"},
			{ID: "allen", Name: "Allen", Facilities: []string{"AL1"}, From: "2026-01-01"},
		},
		Contacts: []registry.Contact{{Role: registry.ContactVendor, Name: "Vendor", Email: "hl7@vendor.example"}},
		History:  registry.HistoryNotAsked, Submission: registry.SubmissionOff,
	}
	require.NoError(t, b.SavePractice(t.Context(), p, act("practice-added/"+id)))
	return p
}

// orgCode is a code that differs from practice to practice.
func orgCode(id string) string {
	n := 0
	for _, c := range id {
		n = (n*31 + int(c)) % 10000
	}
	return fmt.Sprintf("BURL%04d", n)
}

// digest is what a test calls c: a hexadecimal digit stands for itself.
func digest(c string) string {
	if len(c) == 1 {
		return strings.Repeat(c, 64)
	}
	sum := sha256.Sum256([]byte(c))
	return hex.EncodeToString(sum[:])
}

// file stages a file and marks it as checked.
func (b *bundle) file(t *testing.T, practice string, lane registry.Lane, c string) registry.FileRef {
	t.Helper()
	staged, err := b.StageFile(t.Context(), db.NewFile{
		Practice: practice, Lane: lane, Digest: digest(c), Size: 10, VaultKey: "sha256/" + c, At: day0,
	})
	require.NoError(t, err)
	return staged.File
}

func newDelivery(practice string, f registry.FileRef, lane registry.Lane, attempt int, content string) db.NewDelivery {
	return db.NewDelivery{
		FileID: f.ID, Practice: practice, Lane: lane, Attempt: attempt, Connection: "texas-sftp", Folder: "in",
		ContentDigest: digest(content), Digest: digest(content), VaultKey: "sha256/out-" + content, Size: 20,
		Messages: 2, At: day0,
		Name: func(seq int64) (string, error) { return fmt.Sprintf("BURL_%06d.HL7", seq), nil },
	}
}

func requireKind(t *testing.T, want registry.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, registry.KindOf(err), err.Error())
}
