package notify_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/notify"
	"immtrail/registry"
)

// room is a chat that answers with a status; its address carries a secret.
func room(t *testing.T, status int, hang <-chan struct{}) (url string, said chan string) {
	t.Helper()
	said = make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said <- string(body)
		if hang != nil {
			<-hang
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return "generic://" + strings.TrimPrefix(s.URL, "http://") + "/hook/s3cret?disabletls=yes", said
}

func TestChat(t *testing.T) {
	open := func(t *testing.T, urls ...string) *notify.Chat {
		t.Helper()
		c, err := notify.OpenChat(urls)
		require.NoError(t, err)
		return c
	}
	t.Run("every room is told the words", func(t *testing.T) {
		one, heardOne := room(t, http.StatusOK, nil)
		two, heardTwo := room(t, http.StatusOK, nil)
		require.NoError(t, open(t, one, two).Say(context.Background(), "Sunrise: no report for 5 days"))
		require.Equal(t, "Sunrise: no report for 5 days", <-heardOne)
		require.Equal(t, "Sunrise: no report for 5 days", <-heardTwo)
	})
	t.Run("a room that refuses is named by its number and keeps no other from hearing", func(t *testing.T) {
		bad, _ := room(t, http.StatusForbidden, nil)
		good, heard := room(t, http.StatusOK, nil)
		err := open(t, bad, good).Say(context.Background(), "words")
		require.Equal(t, registry.Transient, registry.KindOf(err))
		require.ErrorContains(t, err, "1 of 2")
		require.NotContains(t, err.Error(), "s3cret")
		require.Equal(t, "words", <-heard)
	})
	t.Run("a room that hangs delays nobody for long", func(t *testing.T) {
		hang := make(chan struct{})
		slow, _ := room(t, http.StatusOK, hang)
		t.Cleanup(func() { close(hang) }) // before the server waits for its last call
		c := open(t, slow)
		c.Timeout = 50 * time.Millisecond
		begun := time.Now()
		err := c.Say(context.Background(), "words")
		require.Equal(t, registry.Transient, registry.KindOf(err))
		require.Less(t, time.Since(begun), 10*time.Second)
	})
	t.Run("part of a message is not said", func(t *testing.T) {
		url, heard := room(t, http.StatusOK, nil)
		for _, text := range []string{"see PID|1||4711", " "} {
			err := open(t, url).Say(context.Background(), text)
			require.Equal(t, registry.Invalid, registry.KindOf(err))
		}
		require.Empty(t, heard)
	})
	t.Run("an address of no chat is told without repeating it", func(t *testing.T) {
		for _, url := range []string{"", "carrier-pigeon://s3cret@x", "::s3cret", "s3cret", "slack://s3cret", "telegram://s3cret"} {
			_, err := notify.OpenChat([]string{"matrix://user:word@nowhere.invalid", url})
			require.Equal(t, registry.Invalid, registry.KindOf(err), url)
			require.ErrorContains(t, err, "room 2")
			require.NotContains(t, err.Error(), "s3cret")
		}
	})
}
