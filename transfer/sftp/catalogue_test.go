package sftp_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// catalogue says which test shows what becomes of a fault. Tests are named by
// package, function and, after a slash, words of the subtest.
var catalogue = []struct{ fault, outcome, test string }{
	{"login refused", "unauthorised, offered once, never tried again", "sftp TestRefusedLoginIsNeverTriedAgain"},
	{"login refused", "unauthorised, offered once, never tried again", "sftp TestLogin/a wrong password is offered once"},
	{"host key changed", "no bytes sent, a person", "sftp TestHostKey/a changed host key sends no bytes"},
	{"host key of another type than pinned", "a right pin never fails because of it", "sftp TestHostKey/a right pin holds"},
	{"host key unknown", "no bytes sent, a person", "remotetest dials/no pinned host key stops everything"},
	{"host key rotated", "both accepted in the window, the old one not after it", "sftp TestRotatedHostKey"},
	{"address that is not allowed", "nothing is dialled", "sftp TestOutboundStaysInTheAllowedAddresses"},
	{"handshake that never speaks", "ends at its deadline", "sftp TestSilentServer/handshake that never speaks"},
	{"network silent or trickling", "ends at its deadline", "sftp TestSilentServer/a network that goes silent or trickles"},
	{"cut at byte 0, 1, N, last", "retried, once", "sftp TestCutAtEveryPlace"},
	{"stalled in the middle of a write", "ends at its deadline, retried, once", "sftp TestSilentServer/stalled upload"},
	{"disk full on a 10-byte file and in the last chunk", "busy, temporary file removed", "sftp TestNoSpace/disk full"},
	{"quota on a 10-byte file and in the last chunk", "busy, with the free space told", "sftp TestNoSpace/quota"},
	{"no space told at close", "busy", "sftp TestNoSpace/no space shown at close only"},
	{"rename refused", "refused, nothing under the final name", "sftp TestUploadFails/denied rename"},
	{"cut before the rename", "retried, once", "sftp TestUploadFails/connection cut before the rename"},
	{"answer to the rename lost", "both names looked at, delivered once", "sftp TestLastStep/lost rename reply"},
	{"answer lost and file swept", "delivery-unknown, never sent again blindly", "sftp TestLastStepUnclear/swept and the reply lost"},
	{"target exists, same bytes", "delivered, not sent again", "remotetest uploads/repeated is delivered once"},
	{"target exists, other bytes", "conflict, untouched", "remotetest uploads/never overwrites another file"},
	{"target appears while sending", "conflict, untouched", "remotetest byRename/a file that appears meanwhile"},
	{"server replaces silently on rename", "conflict, untouched", "sftp TestAgainstFakeThatReplaces"},
	{"directory missing", "refused", "remotetest uploadsStop/does not go into a folder"},
	{"directory read-only", "refused", "sftp TestUploadFails/refused write"},
	{"swept between rename and confirmation", "confirmed: swept", "sftp TestLastStep/swept between rename and confirmation"},
	{"swept at once", "confirmed: swept", "sftp TestConfirm/gone is picked up"},
	{"renamed by the server", "confirmed, with the new name", "sftp TestConfirm/renamed by the server"},
	{"short reads", "put together", "sftp TestDownloadFaults/short answers"},
	{"short reads in the library itself", "lost without an error: why reads are ours", "sftp TestTheLibraryLosesBytesOnShortReads"},
	{"listing with 100,000 entries", "listed, bounded memory", "sftp TestListingOf100000Entries"},
	{"listing that never ends", "refused", "sftp TestListingThatNeverEnds"},
	{"hostile names in a listing", "refused and reported", "sftp TestHostileNamesAreRefusedAndReported"},
	{"server's clock years off", "no difference", "sftp TestServerClockYearsOff"},
	{"most sessions reached", "retried; the pool's bound keeps below it", "sftp TestMaxSessionsReached"},
	{"server lies about a size", "corrupt, nothing under the final name", "sftp TestUploadFails/server that lost bytes"},
	{"server lies about a size", "corrupt", "sftp TestDownloadFaults/a size that is too"},
	{"file still written while it is fetched", "corrupt, fetched again later", "remotetest downloads/download of a file that is still written"},
	{"server without extensions", "plain rename when the target is free", "sftp TestAgainstFakeWithoutExtensions"},
	{"server that takes one small write at a time", "that is the default", "sftp TestWritesOnTheirWay/one, where nobody knows"},
	{"server killed while it writes in parallel", "never resumed from its size, once", "sftp TestServerKilledWhileItWritesInParallel"},
	{"hole before the place of a resume", "found by reading back, begun again", "sftp TestResume/reads back what it resumed"},
	{"our file changed since it was checked", "corrupt, temporary file removed", "remotetest uploadsStop/leaves nothing when our file is not what it was"},
	{"client killed at every step", "once, or delivery-unknown", "sftp TestClientKilled"},
	{"client killed at every step", "once, or delivery-unknown", "ftps TestClientKilled"},
	{"client killed, and the server renamed the file", "delivered, not sent again", "sftp TestClientKilled/gave it another name"},
	{"client killed, and somebody took the name", "conflict, untouched", "sftp TestClientKilled/somebody takes the name"},
	{"client killed on a full disk, and at a refused rename", "once", "sftp TestClientKilled/when the disk was full"},
	{"server without strict key exchange (Terrapin)", "AES, or refused before the login", "sftp TestCiphers/alone is refused"},
	{"name that leads nowhere, nobody listens", "retried", "remotetest dials/a name that leads nowhere"},
	{"login refused", "unauthorised, said once", "ftps TestLogin/refused is said once"},
	{"certificate changed", "no login sent, both named", "ftps TestCertificate/that changed stops before the login"},
	{"certificate rotated", "both accepted in the window, the old one not after it", "ftps TestRotatedCertificate"},
	{"handshake that never speaks", "ends at its deadline", "ftps TestSilentServer/at the handshake"},
	{"cut at byte 0, 1, N, last", "retried, once", "ftps TestUploadThatBreaks/data connection cut at the last byte"},
	{"stalled in the middle of a write", "ends at its deadline", "ftps TestSilentServer/in the middle of an upload"},
	{"disk full and quota", "busy", "ftps TestUploadThatBreaks/quota is used up (552)"},
	{"disk full and quota on a 10-byte file", "busy, nothing under the final name", "ftps TestNoSpaceForSmallFiles"},
	{"rename refused", "refused", "ftps TestUploadThatBreaks/rename refused (553)"},
	{"answer to the last step lost, swept, renamed", "delivered, swept, renamed or unknown, judged once for both drivers", "remotetest lastSteps"},
	{"what lies there at a confirmation", "each sight has one name", "remotetest proofsOfRenamed/renamed by the server is recognised"},
	{"server lies about a size", "corrupt", "ftps TestUploadThatBreaks/server keeps less than it took"},
	{"listing with 100,000 entries", "listed, bounded memory", "ftps TestListingOf100000Entries"},
	{"listing that never ends", "refused", "ftps TestDownloadThatLies/listing that never ends is refused"},
	{"hostile names in a listing", "refused and reported", "remotetest looks/listing skips folders and links"},
	{"names with blanks", "refused and reported, unless the profile allows them", "remotetest looks/names with blanks and brackets"},
	{"most sessions reached", "busy, and no refused login", "ftps TestProFTPDIsToldApart/one session too many"},
	{"server's clock years off", "no difference", "ftps TestServerClockYearsOff"},
	{"key missing, locked, of a wrong form", "unauthorised before the server hears of us", "sftp TestLogin/a key with a passphrase"},
}

// Every fault's test exists.
func TestCatalogueOfFaults(t *testing.T) {
	folders := map[string]string{"sftp": ".", "ftps": filepath.Join("..", "ftps"), "remotetest": filepath.Join("..", "remotetest")}
	for _, c := range catalogue {
		where, test, _ := strings.Cut(c.test, " ")
		function, words, _ := strings.Cut(test, "/")
		body, ok := functionBody(t, folders[where], function)
		require.True(t, ok, "%s: there is no %s", c.fault, c.test)
		require.Contains(t, body, words, "%s: %s", c.fault, c.test)
	}
}

// functionBody finds a function in the Go files of a folder.
func functionBody(t *testing.T, folder, name string) (body string, ok bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, path := range files {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, isFunc := d.(*ast.FuncDecl); isFunc && f.Name.Name == name {
				return string(source[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset]), true
			}
		}
	}
	return "", false
}
