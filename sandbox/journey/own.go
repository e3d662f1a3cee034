package journey

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"immtrail/registry"
)

// OwnFiles sorts the files of a folder into lanes, by their first message's
// MSH-11: P is production, anything else is for the test folder, where the
// checker may say what is wrong with it. Folders and hidden files are left out.
// An empty name is no folder; a folder without files is an error.
func OwnFiles(dir string) (map[registry.Lane][]string, error) {
	if dir == "" {
		return nil, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	own := map[registry.Lane][]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		id, err := processingID(path)
		if err != nil {
			return nil, err
		}
		lane := registry.LaneTest
		if id == "P" {
			lane = registry.LaneProduction
		}
		own[lane] = append(own[lane], path)
	}
	if len(own) == 0 {
		return nil, fmt.Errorf("%s holds no files", dir)
	}
	return own, nil
}

// headBytes is how far into a file its first MSH segment is looked for.
const headBytes = 64 << 10

// processingID is MSH-11.1 of a file's first message, or "".
func processingID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(bufio.NewReader(io.LimitReader(f, headBytes)))
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	lines := strings.FieldsFunc(string(head), func(r rune) bool { return r == '\r' || r == '\n' || r == '\v' })
	for _, line := range lines {
		if !strings.HasPrefix(line, "MSH") || len(line) < len("MSH|^~\\&|") {
			continue
		}
		// MSH-1 is the separator itself, so MSH-11 is the eleventh part.
		fields := strings.Split(line, line[3:4])
		if len(fields) > 10 {
			id, _, _ := strings.Cut(fields[10], line[4:5])
			return id, nil
		}
	}
	return "", nil
}
