package mailfile_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"immtrail/internal/mailfile"
)

const plainMail = "From: \"J. Ortiz\" <J.Ortiz@dshs.texas.gov>\r\nTo: casey@example.org\r\n" +
	"Date: Tue, 31 Mar 2026 17:05:00 -0500\r\nMessage-ID: <m1@dshs.texas.gov>\r\nIn-Reply-To: <abc@sunrise.example>\r\n" +
	"References: <root@x.example> <abc@sunrise.example>\r\nSubject: =?utf-8?q?Production_approval?=\r\n\r\n" +
	"Sunrise\r\nPediatrics (BURL6343) is moved to Production.\r\n"

func TestRead(t *testing.T) {
	t.Parallel()

	t.Run("an email says who, when, what it answers and whom it names", func(t *testing.T) {
		t.Parallel()
		m := mailfile.Read([]byte(plainMail))
		require.Equal(t, mailfile.EML, m.Format)
		require.Equal(t, "j.ortiz@dshs.texas.gov", m.From)
		require.Equal(t, "J. Ortiz", m.Name)
		require.Equal(t, "2026-03-31", m.Day())
		require.Equal(t, "m1@dshs.texas.gov", m.MessageID)
		require.Equal(t, []string{"abc@sunrise.example", "root@x.example", "abc@sunrise.example"}, m.Answers)
		require.Equal(t, "Production approval", m.Subject)
		require.True(t, m.Readable())
		require.True(t, m.Names("", "BURL6343"))
		require.True(t, m.Names("sunrise pediatrics"), "blanks and case do not matter")
		require.False(t, m.Names("BURL634", "Sun"), "whole words only")
		require.False(t, m.Names(), "nothing is named by nothing")
	})
	t.Run("words of HTML and of encoded parts are read, those of attachments are not mistaken for them", func(t *testing.T) {
		t.Parallel()
		m := mailfile.Read([]byte("From: a@b.example\r\nDate: Tue, 31 Mar 2026 17:05:00 -0500\r\n" +
			"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=windows-1252\r\n" +
			"Content-Transfer-Encoding: base64\r\n\r\nPHA+VGhlIDxiPkJVUkw2MzQzPC9iPiAmYW1wOyBjbzwvcD4=\r\n--x\r\n" +
			"Content-Type: application/pdf\r\n\r\nHIDE1234\r\n--x--\r\n"))
		require.True(t, m.Names("BURL6343"))
		require.False(t, m.Names("HIDE1234", "p"))
	})
	t.Run("a PDF and a text are known by their form", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, mailfile.Mail{Format: mailfile.PDF}, mailfile.Read([]byte("%PDF-1.7 …")))
		require.Equal(t, mailfile.Mail{Format: mailfile.Other}, mailfile.Read([]byte("just a note\n")))
		require.False(t, mailfile.Read(nil).Readable())
	})
}

func TestReadMSG(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 3, 31, 22, 5, 0, 0, time.UTC)

	t.Run("the head that an Outlook message came with is believed", func(t *testing.T) {
		t.Parallel()
		m := mailfile.Read(msg(t, sent, map[string]string{
			"007D": plainMail[:strings.Index(plainMail, "\r\n\r\n")], "0037": "Production approval", "1000": "BURL6343 is moved.",
			"0C1F": "/O=DSHS/CN=ORTIZ", "0C1A": "Ortiz, J",
		}))
		require.Equal(t, mailfile.MSG, m.Format)
		require.Equal(t, "j.ortiz@dshs.texas.gov", m.From)
		require.Equal(t, "m1@dshs.texas.gov", m.MessageID)
		require.Equal(t, "2026-03-31", m.Day())
		require.Contains(t, m.Answers, "abc@sunrise.example")
		require.True(t, m.Names("BURL6343"))
	})
	t.Run("without one Outlook's own fields serve", func(t *testing.T) {
		t.Parallel()
		m := mailfile.Read(msg(t, sent, map[string]string{
			"5D01": "J.Ortiz@dshs.texas.gov", "0C1A": "Ortiz, J", "1035": "<m2@dshs.texas.gov>",
		}))
		require.Equal(t, "j.ortiz@dshs.texas.gov", m.From)
		require.Equal(t, "Ortiz, J", m.Name)
		require.Equal(t, sent, m.Date)
		require.Equal(t, "m2@dshs.texas.gov", m.MessageID)
	})
	t.Run("a broken one is no email", func(t *testing.T) {
		t.Parallel()
		whole := msg(t, sent, map[string]string{"0037": "x"})
		for _, n := range []int{8, 100, 600, 1100} {
			require.False(t, mailfile.Read(whole[:n]).Readable())
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(plainMail))
	f.Add([]byte("%PDF-1.4"))
	f.Add(msg(f, time.Unix(1e9, 0), map[string]string{"0037": "x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := mailfile.Read(data)
		require.NotEmpty(t, m.Format)
		m.Names("BURL6343", m.Subject)
	})
}

// msg writes a small compound file (MS-CFB, version 3) as Outlook saves a
// message: each stream is padded to the 4,096 bytes from which it lies in sectors
// of its own.
func msg(tb testing.TB, sent time.Time, props map[string]string) []byte {
	tb.Helper()
	const sector, least = 512, 4096
	type stream struct {
		name string
		data []byte
	}
	fixed := make([]byte, 48)
	binary.LittleEndian.PutUint32(fixed[32:], 0x00390040)
	binary.LittleEndian.PutUint64(fixed[40:], uint64(sent.Unix()*1e7+116444736000000000))
	all := []stream{{"__properties_version1.0", fixed}}
	for id, text := range props {
		var b bytes.Buffer
		require.NoError(tb, binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(text))))
		all = append(all, stream{"__substg1.0_" + id + "001F", b.Bytes()})
	}
	const end, free = 0xFFFFFFFE, 0xFFFFFFFF
	var body bytes.Buffer
	fat := []uint32{0xFFFFFFFD} // sector 0 is the FAT itself
	dirs := (len(all) + 1 + 3) / 4
	for i := range dirs {
		fat = append(fat, uint32(i+2))
	}
	fat[len(fat)-1] = end
	dir := make([]byte, dirs*sector)
	entry := func(n int, name string, kind byte, right, child, start uint32, size int) {
		e := dir[n*128:]
		units := utf16.Encode([]rune(name + "\x00"))
		for i, u := range units {
			binary.LittleEndian.PutUint16(e[2*i:], u)
		}
		binary.LittleEndian.PutUint16(e[64:], uint16(2*len(units)))
		e[66], e[67] = kind, 1
		for off, v := range map[int]uint32{68: free, 72: right, 76: child, 116: start, 120: uint32(size)} {
			binary.LittleEndian.PutUint32(e[off:], v)
		}
	}
	entry(0, "Root Entry", 5, free, 1, end, 0)
	for i, s := range all {
		data := append(s.data, make([]byte, max(0, least-len(s.data)))...)
		data = append(data, make([]byte, (sector-len(data)%sector)%sector)...)
		right := uint32(i + 2)
		if i == len(all)-1 {
			right = free
		}
		entry(i+1, s.name, 2, right, free, uint32(len(fat)), len(data))
		for range len(data)/sector - 1 {
			fat = append(fat, uint32(len(fat)+1))
		}
		fat = append(fat, end)
		body.Write(data)
	}
	require.LessOrEqual(tb, len(fat), sector/4)
	head := make([]byte, sector)
	copy(head, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	for off, v := range map[int]uint16{24: 0x3E, 26: 3, 28: 0xFFFE, 30: 9, 32: 6} {
		binary.LittleEndian.PutUint16(head[off:], v)
	}
	for off, v := range map[int]uint32{44: 1, 48: 1, 56: least, 60: end, 68: end, 76: 0} {
		binary.LittleEndian.PutUint32(head[off:], v)
	}
	for off := 80; off < sector; off += 4 {
		binary.LittleEndian.PutUint32(head[off:], free)
	}
	table := make([]byte, sector)
	for i := range sector / 4 {
		v := uint32(free)
		if i < len(fat) {
			v = fat[i]
		}
		binary.LittleEndian.PutUint32(table[4*i:], v)
	}
	return bytes.Join([][]byte{head, table, dir, body.Bytes()}, nil)
}
