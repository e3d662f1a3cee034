package mailfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"net/mail"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/richardlehane/mscfb"
)

// oleMagic begins every compound file (MS-CFB 2.2).
var oleMagic = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}

// Properties of a message (MS-OXPROPS), as the names of its streams end.
const (
	propHeaders = "007D" // PidTagTransportMessageHeaders
	propSubject = "0037" // PidTagSubject
	propBody    = "1000" // PidTagBody
	propSMTP    = "5D01" // PidTagSenderSmtpAddress
	propSender  = "0C1F" // PidTagSenderEmailAddress
	propName    = "0C1A" // PidTagSenderName
	propID      = "1035" // PidTagInternetMessageId
)

var wanted = map[string]bool{
	propHeaders: true, propSubject: true, propBody: true, propSMTP: true, propSender: true, propName: true, propID: true,
}

// readMSG reads Outlook's own form. The head that the email came with is
// believed before Outlook's own fields, which an email that was never sent has
// alone.
func readMSG(data []byte) (m Mail) {
	defer func() {
		if recover() != nil { // a broken compound file must not stop anybody
			m = Mail{Format: Other}
		}
	}()
	props, fixed := streams(data)
	if len(props) == 0 {
		return Mail{Format: Other}
	}
	m.Format = MSG
	if head, err := mail.ReadMessage(strings.NewReader(strings.TrimLeft(props[propHeaders], "\r\n ") + "\r\n\r\n")); err == nil {
		m.head(head.Header)
	}
	if address := strings.ToLower(cmp.Or(props[propSMTP], props[propSender])); m.From == "" && strings.Contains(address, "@") {
		m.From = address // "/O=…" is a name inside an Exchange
	}
	m.Name = cmp.Or(m.Name, props[propName])
	m.Subject = cmp.Or(props[propSubject], m.Subject)
	m.Text = props[propBody]
	m.MessageID = cmp.Or(append([]string{m.MessageID}, ids(props[propID])...)...)
	if m.Date.IsZero() {
		m.Date = submitted(fixed)
	}
	return m
}

// streams reads the texts of the message itself, by property, and its fixed
// properties.
func streams(data []byte) (texts map[string]string, fixed []byte) {
	texts = map[string]string{}
	doc, err := mscfb.New(bytes.NewReader(data))
	if err != nil {
		return texts, nil
	}
	for entry, err := doc.Next(); err == nil; entry, err = doc.Next() {
		if len(entry.Path) != 0 {
			continue // of a recipient or an attachment
		}
		if entry.Name == "__properties_version1.0" && fixed == nil {
			fixed, _ = io.ReadAll(io.LimitReader(entry, maxText)) // what is there is looked at
			continue
		}
		name, ok := strings.CutPrefix(entry.Name, "__substg1.0_")
		if !ok || len(name) != 8 || name[4:] != "001F" && name[4:] != "001E" || !wanted[name[:4]] {
			continue
		}
		if _, again := texts[name[:4]]; again {
			continue // bounds what a hostile file makes us read
		}
		raw, _ := io.ReadAll(io.LimitReader(entry, maxText)) // likewise
		text := string(raw)
		if name[4:] == "001F" {
			text = fromUTF16(raw)
		}
		texts[name[:4]] = strings.TrimRight(text, "\x00")
	}
	return texts, fixed
}

func fromUTF16(raw []byte) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}

// submitted is PidTagClientSubmitTime or PidTagMessageDeliveryTime among the
// fixed properties: 32 bytes of head, then 16 bytes each (MS-OXMSG 2.4).
func submitted(fixed []byte) time.Time {
	var delivered time.Time
	for i := 32; i+16 <= len(fixed); i += 16 {
		tag := binary.LittleEndian.Uint32(fixed[i:])
		if tag != 0x00390040 && tag != 0x0E060040 {
			continue
		}
		ticks := int64(binary.LittleEndian.Uint64(fixed[i+8:])) // 100 ns since 1601
		const to1970 = 116444736000000000
		if ticks <= to1970 {
			continue
		}
		at := time.Unix((ticks-to1970)/1e7, 0).UTC()
		if tag == 0x00390040 {
			return at
		}
		delivered = at
	}
	return delivered
}
