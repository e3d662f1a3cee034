package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"immtrail/hl7"
)

// input is one file to be judged.
type input struct {
	path    string // "-" is standard input
	size    int64  // 0 where nobody knows
	regular bool   // can be read a second time
	problem string // why it cannot be read
}

// leftOut is a file of a folder that is not judged, and why.
type leftOut struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// hl7Names are endings that promise HL7: such a file of a folder is judged, and
// an error where it holds something else. Other files are looked into.
var hl7Names = []string{".hl7", ".vxu", ".er7"}

// headLen is how much of a file tells what it is.
const headLen = 1024

// inputs are the files that args name, each once, in that order.
func (d *desk) inputs(args []string) ([]input, []leftOut, error) {
	w := walk{seen: map[string]bool{}}
	for _, arg := range args {
		if arg == "-" {
			if d.reveal {
				return nil, nil, misused("--reveal reads the file a second time, which standard input does not allow: save it to a file first")
			}
			if w.seen["-"] {
				return nil, nil, misused("standard input (-) can be read only once")
			}
			w.seen["-"] = true
			w.inputs = append(w.inputs, input{path: "-"})
			continue
		}
		for _, path := range expand(arg) {
			w.named(path)
		}
	}
	return w.inputs, w.out, nil
}

// expand resolves patterns that no shell has resolved (on Windows none does).
func expand(arg string) []string {
	if _, err := os.Lstat(arg); err == nil || !strings.ContainsAny(arg, "*?[") {
		return []string{arg}
	}
	found, _ := filepath.Glob(arg) // a pattern that is none matches nothing
	found = slices.DeleteFunc(found, func(path string) bool {
		return strings.HasPrefix(filepath.Base(path), ".") && !strings.HasPrefix(filepath.Base(arg), ".")
	})
	if len(found) > 0 {
		return found
	}
	return []string{arg}
}

type walk struct {
	inputs []input
	out    []leftOut
	seen   map[string]bool
}

func (w *walk) add(in input) {
	if clean := filepath.Clean(in.path); !w.seen[clean] {
		w.seen[clean] = true
		w.inputs = append(w.inputs, in)
	}
}

// named takes what the user named: a file is judged whatever it is.
func (w *walk) named(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		w.add(input{path: path, problem: cause(path, err)})
	case info.IsDir():
		before := len(w.inputs)
		w.folder(path)
		if len(w.inputs) == before {
			w.add(input{path: path, problem: path + ": there is no HL7 file in this folder" + w.why(path)})
		}
	default:
		w.add(input{path: path, size: info.Size(), regular: info.Mode().IsRegular()})
	}
}

// why adds up what was left out of a folder.
func (w *walk) why(path string) string {
	n := 0
	for _, l := range w.out {
		if strings.HasPrefix(l.File, path) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return " (" + plural(n, "other file", "other files") + " left out; name a file to have it judged all the same)"
}

// folder takes every HL7 file in a folder and below it. What it leaves out it
// notes with the reason.
func (w *walk) folder(root string) {
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error { // its function returns no errors
		hidden := path != root && strings.HasPrefix(entry.Name(), ".")
		switch {
		case err != nil:
			w.add(input{path: path, problem: cause(path, err)})
		case entry.IsDir() && hidden:
			w.out = append(w.out, leftOut{path, "a hidden folder"})
		case entry.IsDir():
			return nil
		case hidden:
			w.out = append(w.out, leftOut{path, "a hidden file"})
		default:
			w.found(path)
			return nil
		}
		if entry != nil && entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// found takes a file of a folder if it is HL7 or says so by its name.
func (w *walk) found(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		w.add(input{path: path, problem: cause(path, err)})
		return
	case info.IsDir():
		w.out = append(w.out, leftOut{path, "a link to a folder"})
		return
	case !info.Mode().IsRegular():
		w.out = append(w.out, leftOut{path, "not a regular file"})
		return
	}
	in := input{path: path, size: info.Size(), regular: true}
	if !slices.Contains(hl7Names, strings.ToLower(filepath.Ext(path))) {
		head, err := headOf(path)
		if err != nil {
			w.add(input{path: path, problem: cause(path, err)})
			return
		}
		if is := whatIs(head); is != "" {
			w.out = append(w.out, leftOut{path, is})
			return
		}
	}
	w.add(in)
}

// cause is an error of the file system with the path in front.
func cause(path string, err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return path + ": " + err.Error()
}

func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, headLen)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// whatIs names what a file is that is not HL7, such as "a gzip archive"; "" for
// one that is.
func whatIs(head []byte) string {
	_, err := hl7.NewReader(bytes.NewReader(head), hl7.Limits{}).Next()
	var format *hl7.FormatError
	switch {
	case errors.As(err, &format):
		return format.Found
	case errors.Is(err, hl7.ErrEmpty):
		return "empty"
	}
	return ""
}

// open gives what is to be judged and the first bytes of it.
func (d *desk) open(in input) (src io.Reader, head []byte, closer func(), err error) {
	if in.path == "-" {
		b := bufio.NewReaderSize(d.app.env.Stdin, 64<<10)
		head, _ = b.Peek(headLen) // what is wrong with it shows when it is read
		return b, bytes.Clone(head), func() {}, nil
	}
	f, err := os.Open(in.path)
	if err != nil {
		return nil, nil, nil, err
	}
	if in.regular {
		head = make([]byte, headLen)
		n, _ := f.ReadAt(head, 0) // as above
		return f, head[:n], func() { _ = f.Close() }, nil
	}
	b := bufio.NewReaderSize(f, 64<<10)
	head, _ = b.Peek(headLen)
	return b, bytes.Clone(head), func() { _ = f.Close() }, nil
}

// openInput opens one file, or standard input.
func (a *app) openInput(path string) (src io.ReadCloser, size int64, name string, err error) {
	if path == "-" {
		return io.NopCloser(a.env.Stdin), 0, "standard input", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, "", couldNot("%w", err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		_ = f.Close()
		return nil, 0, "", couldNot("%s is a folder; name one file", path)
	}
	return f, info.Size(), filepath.Base(path), nil
}
