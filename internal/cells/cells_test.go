package cells_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/cells"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1":               "'=1+1",
		"+1":                 "'+1",
		"-2":                 "'-2",
		"@SUM(A1)":           "'@SUM(A1)",
		"  =1":               "'  =1",
		"\u3000\uff1dcmd":    "'\u3000\uff1dcmd",
		"plain words":        "plain words",
		"":                   "",
		"two\nlines\x00":     "two?lines?",
		"no UTF-8 \xff here": "no UTF-8 ? here",
		"\t=1":               "?=1",
	} {
		require.Equal(t, want, cells.Plain(in))
	}
}
