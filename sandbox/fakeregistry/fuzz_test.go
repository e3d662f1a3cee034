package fakeregistry_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/fakeregistry"
)

// Whatever is sent, the registry judges it: each message once, and no rejected
// file without a code.
func FuzzJudge(f *testing.F) {
	f.Add([]byte(batch(good(1), good(2))))
	f.Add([]byte("FHS|\rBHS|\rMSH|\rPID\rRXA\rBTS|1\rFTS|1"))
	f.Add([]byte("FHS\rBHS\rMSH\rORC|||\rRXA|0|1|2\rNK1\rBTS\rFTS"))
	f.Add([]byte("FHS|^~\\&\nBHS|\nMSH|^~\\&||||||||~^~|^^\nPID|||~^~||^~^||||||||^^^^^^~||\nRXA|||2026\nBTS\nFTS"))
	f.Fuzz(func(t *testing.T, content []byte) {
		var ack, rows bytes.Buffer
		file, messages, err := fakeregistry.JudgeBytes(content, fakeregistry.Behaviour{}, &ack)
		require.NoError(t, err)
		require.Len(t, lines(ack.String(), "MSA"), len(messages))
		if file == "" {
			require.NotEmpty(t, messages)
		}
		delimited := fakeregistry.Behaviour{Answer: fakeregistry.AnswerDelimited}
		again, same, err := fakeregistry.JudgeBytes(content, delimited, &rows)
		require.NoError(t, err)
		require.Equal(t, file, again)
		require.Equal(t, messages, same, "the form of the answer changed the judgement")
	})
}
