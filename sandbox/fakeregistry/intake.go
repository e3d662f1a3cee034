package fakeregistry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"immtrail/registry"
)

// judgeAll judges what lies in the spool of one account and lane.
func (r *Registry) judgeAll(user string, l registry.Lane) error {
	files, err := r.store.spooledFiles(user, l)
	if err != nil {
		return err
	}
	for _, p := range files {
		if !r.ledger.have[p.id()] {
			if err := r.receive(p); err != nil {
				return err
			}
		}
		if err := r.store.putAway(p); err != nil {
			return err
		}
	}
	return nil
}

// receive judges one file and writes answer, doses and, last, the line in the
// ledger, which settles it.
func (r *Registry) receive(p spooled) error {
	a, _ := r.account(p.user)
	rec, err := r.firstPass(p, &a)
	if err != nil {
		return err
	}
	known := r.world(p.user, p.lane)
	j := newJudge(&a, p.lane, r.message.ProcessingID(p.lane), rec.Date, func(k doseKey) bool { return known[k] })
	if err := r.writeAnswer(p, rec, j, &a); err != nil {
		return err
	}
	if err := r.store.writeDoses(p.id(), j.accepted); err != nil {
		return err
	}
	if err := r.ledger.append(&rec.Received); err != nil {
		return err
	}
	for _, k := range j.accepted {
		known[k] = true
	}
	if _, sent := r.first[p.user]; !sent {
		r.first[p.user] = p.date
	}
	if a.Behaviour.perFile() {
		r.waiting = append(r.waiting, waitingFor(&rec.Received))
	}
	return nil
}

// writeAnswer judges the file into its report, or into what the report of its
// day or week will say of it.
func (r *Registry) writeAnswer(p spooled, rec *draft, j *judge, a *Account) error {
	of := fileInfo{Name: p.name, ControlID: rec.env.controlID}
	if !a.Behaviour.perFile() {
		end := a.Behaviour.periodEnd(p.date)
		return writeNote(r.store.notePath(p.user, end, p.id()), of, func(out answer) error {
			return r.judgeFile(p, rec, j, out)
		})
	}
	info := reportInfo{OrgCode: a.OrgCode, ID: reportID(&rec.Received), At: rec.AnswerDue, Only: &of}
	b := a.Behaviour.turn(r.ledger.count[p.user])
	return writeAnswer(r.store.answerPath(p.id()), b, info, func(out answer) error {
		if err := out.file(of); err != nil {
			return err
		}
		return r.judgeFile(p, rec, j, out)
	})
}

// draft is an entry of the ledger in the making.
type draft struct {
	Received
	env envelope
}

// firstPass takes digests and looks at the envelope. What it fills in depends
// on the file and the moment of its taking only, so that a repetition after a
// kill gives the same.
func (r *Registry) firstPass(p spooled, a *Account) (*draft, error) {
	f, err := os.Open(r.store.spoolPath(p))
	if err != nil {
		return nil, fmt.Errorf("open a spooled file: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	whole := sha256.New()
	counted := &counter{r: io.TeeReader(f, whole)}
	env, err := readEnvelope(counted)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, counted); err != nil { // what an unreadable file holds beyond
		return nil, fmt.Errorf("read a spooled file: %w", err)
	}
	d := &draft{env: env, Received: Received{
		ID: p.id(), Time: p.at, Date: p.date, Account: p.user, OrgCode: a.OrgCode, Lane: p.lane,
		Folder: r.store.folders.For(p.lane), Name: p.name, Size: counted.n,
		SHA256: hex.EncodeToString(whole.Sum(nil)), ContentSHA256: env.content,
		Messages: []Message{}, ProcessingIDs: map[string]int{},
		Verdicts: map[registry.Outcome]int{}, Codes: map[string]int{},
	}}
	d.Answer, d.AnswerDue = r.answerName(p, a)
	return d, nil
}

// answerName is how the report is called that will answer the file, and when
// it comes. A report of rows about one file is called after the file, since
// one without rows could not tell otherwise which it is.
func (r *Registry) answerName(p spooled, a *Account) (string, time.Time) {
	day, number := p.date.In(zone).Format(dayForm), r.ledger.count[p.user]+1
	b := a.Behaviour.turn(number - 1)
	switch {
	case !b.perFile():
		end := b.periodEnd(p.date)
		return a.Behaviour.periodName(a.OrgCode, end), b.due(end)
	case b.Answer == "" || b.Answer == AnswerACK:
		return fmt.Sprintf("DQA_%s_%s_%d.txt", a.OrgCode, day, number), b.due(p.date)
	}
	stem := strings.TrimSuffix(p.name, filepath.Ext(p.name))
	return fmt.Sprintf("%s_DQA_%d%s", stem, number, b.ending()), b.due(p.date)
}

func reportID(rec *Received) string { return "R" + short(rec.ID)[:12] }

// judgeFile is the second pass: message by message, or the file as a whole.
func (r *Registry) judgeFile(p spooled, d *draft, j *judge, out answer) error {
	f, err := os.Open(r.store.spoolPath(p))
	if err != nil {
		return fmt.Errorf("open a spooled file: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	fault := d.env.fault
	if fault != nil {
		v := verdict{Complaints: []complaint{*fault}}
		d.Codes[fault.Code]++
		if err := out.verdict(&v); err != nil {
			return err
		}
	}
	err = eachMessage(f, func(m *message) error {
		v := j.judgeMessage(m)
		if fault != nil {
			v.Complaints = []complaint{*fault}
		}
		d.note(m, &v)
		if fault != nil {
			return nil
		}
		return out.verdict(&v)
	})
	if fault != nil {
		j.accepted = nil
		return ignoreUnreadable(err)
	}
	return err
}

// ignoreUnreadable: a rejected file is noted as far as it can be read.
func ignoreUnreadable(err error) error {
	if errors.Is(err, errSegmentTooLong) {
		return nil
	}
	return err
}

// note writes one message into the entry.
func (d *draft) note(m *message, v *verdict) {
	msh := m.segments[0]
	entry := Message{
		ControlID: v.ControlID, ProcessingID: v.Processing, Facility: msh.part(4, 1),
		Outcome: v.outcome(), Codes: v.codes(),
	}
	if i := m.ordinal - 1; i < len(d.env.digests) {
		entry.SHA256 = d.env.digests[i]
	}
	d.Messages = append(d.Messages, entry)
	d.ProcessingIDs[v.Processing]++
	d.Verdicts[entry.Outcome]++
	if d.env.fault == nil {
		for _, c := range entry.Codes {
			d.Codes[c]++
		}
	}
	if pid := m.first("PID"); pid != nil && testPatient(pid) {
		d.TestPatients++
	}
}

// counter counts the bytes that pass.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
