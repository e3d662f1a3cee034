package cli

import (
	"context"
	"strings"

	"immtrail/db"
)

// stayedBehind is what of a file stays behind although no rule holds it back.
type stayedBehind struct {
	Why   string `json:"why"`
	Count int    `json:"count"`
}

// stayedBehindWords say why, by what the database calls it.
var stayedBehindWords = map[string]string{
	"sent-with-load": "the historical load has sent the same",
	"sent-since":     "the same was sent since the plan was made",
	"sent-before":    "the same was sent before",
	"repeated":       "a newer message of the load says the same",
}

func stayedBehindIn(ctx context.Context, store *db.Store, file string) ([]stayedBehind, error) {
	found, err := store.LeftOut(ctx, file)
	out := []stayedBehind{}
	for _, f := range found {
		out = append(out, stayedBehind(f))
	}
	return out, err
}

// stayedWords are empty where nothing stayed behind.
func stayedWords(all []stayedBehind) string {
	var told []string
	for _, l := range all {
		told = append(told, plural(l.Count, "message: ", "messages: ")+orWord(stayedBehindWords[l.Why], l.Why))
	}
	if len(told) == 0 {
		return ""
	}
	return strings.Join(told, "; ") + ". Nothing waits for you"
}

// withLoadWords say what of daily files stayed behind in the last days; empty where
// nothing did.
func withLoadWords(n int) string {
	if n == 0 {
		return ""
	}
	return plural(n, "message of a daily file", "messages of daily files") +
		" stayed behind, since the historical load had sent the same; none waits for you."
}
