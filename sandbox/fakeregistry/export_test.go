package fakeregistry

import (
	"bytes"
	"errors"
	"io"
	"time"

	"immtrail/registry"
)

var fuzzDay = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)

// JudgeBytes judges a file of the test folder without touching the disk, and
// returns the codes of the file and of each message.
func JudgeBytes(content []byte, b Behaviour, out io.Writer) (file string, messages [][]string, err error) {
	env, err := readEnvelope(bytes.NewReader(content))
	if err != nil {
		return "", nil, err
	}
	if env.fault != nil {
		file = env.fault.Code
	}
	a := Account{Behaviour: b}
	j := newJudge(&a, registry.LaneTest, "T", fuzzDay, func(doseKey) bool { return false })
	report := newAnswer(b, out)
	if err := errors.Join(report.begin(reportInfo{}), report.file(fileInfo{})); err != nil {
		return "", nil, err
	}
	err = eachMessage(bytes.NewReader(content), func(m *message) error {
		v := j.judgeMessage(m)
		messages = append(messages, v.codes())
		return report.verdict(&v)
	})
	if len(env.digests) != env.messages {
		panic("a message without a digest")
	}
	if err != nil {
		return file, messages, err
	}
	return file, messages, report.end()
}

// WriteAccountsChecked writes an account and reads it again.
func WriteAccountsChecked(dir string, a Account) error {
	if err := WriteAccounts(dir, []Account{a}); err != nil {
		return err
	}
	_, err := ReadAccounts(dir)
	return err
}
