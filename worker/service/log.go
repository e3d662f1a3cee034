package service

import (
	"io"
	"log/slog"

	"immtrail/config"
)

// logger writes as the settings say. Names, counts and places only: nothing
// here ever logs a payload or a line of a file.
func logger(cfg config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo // the settings were checked
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "text" {
		return slog.New(slog.NewTextHandler(out, opts))
	}
	return slog.New(slog.NewJSONHandler(out, opts))
}
