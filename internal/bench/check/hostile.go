package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// A hostile file is made of a head and a piece that comes again and again.
type hostile struct {
	name, head string
	// piece makes the n-th piece.
	piece func(n int) string
}

// hostiles are twelve files that break careless readers.
func hostiles() ([]hostile, error) {
	o, err := newOrdinary()
	if err != nil {
		return nil, err
	}
	sound := string(o.messages[:bytes.Index(o.messages[1:], []byte("\rMSH|"))+2])
	from, to, _ := strings.Cut(sound, "|VXU^V04^VXU_V04|")
	id, rest, _ := strings.Cut(to, "|")
	_ = id
	again := func(s string) func(int) string { return func(int) string { return s } }
	msh := "MSH|^~\\&|A|" + orgCode + "|B|TEXIIS|20260304120000-0600||VXU^V04^VXU_V04|"
	numbered := func(n int) string { return fmt.Sprintf("%s|VXU^V04^VXU_V04|N%09d|%s", from, n, rest) }
	return []hostile{
		{"ordinary, for comparison", "", numbered},
		{"one segment without end", msh + "1\rNTE|1||", again(strings.Repeat("x", 4096))},
		{"empty segments", msh + "1\r", again(strings.Repeat("\r", 4096))},
		{"segments of three letters", "", func(n int) string { return fmt.Sprintf("%s%d\r", msh, n) + strings.Repeat("OBX\r", 15_000) }},
		{"repetitions", "", func(n int) string {
			return fmt.Sprintf("%s%d\rPID|1||", msh, n) + strings.Repeat("a~", 400_000) + "\r"
		}},
		{"escapes", "", func(n int) string {
			return fmt.Sprintf("%s%d\rPID|1||1^^^A^MR||", msh, n) + strings.Repeat(`\T\`, 200_000) + "^" + strings.Repeat(`\X41\`, 50_000) + "\r"
		}},
		{"every message bad", "", func(n int) string {
			return strings.NewReplacer("|VXU^V04^VXU_V04|", "|ADT^A01|"+strconv.Itoa(n)+"#", "^^^^^L", "^^^^^Q", "|CP|A", "|XX|Q", "|RE||", "|OK||").Replace(sound)
		}},
		{"headers only", "", again("MSH|^~\\&\r")},
		{"separators only", "", func(n int) string { return fmt.Sprintf("%s%d\rPID", msh, n) + strings.Repeat("|", 900_000) + "\r" }},
		{"components only", "", func(n int) string {
			return fmt.Sprintf("%s%d\rPID|1||", msh, n) + strings.Repeat("^&", 400_000) + "\r"
		}},
		{"NUL and control bytes", numbered(100_000_000), func(n int) string {
			return strings.ReplaceAll(strings.ReplaceAll(numbered(n), "OBX|", "OBX|\x00\x01\x7f"), "^Nurse", "^\xe9\xff\x0b")
		}},
		{"one control ID and one patient", "", again(sound)},
		{"framing and blank lines", "", func(n int) string { return "\x0b" + numbered(n) + strings.Repeat("\x1c\r\r\n", 200) }},
	}, nil
}

// write writes about so many bytes.
func (h *hostile) write(w io.Writer, size int) error {
	b := []byte(h.head)
	for n, written := 0, 0; written < size; n++ {
		b = append(b, h.piece(n)...)
		if len(b) > mega/4 || written+len(b) >= size {
			if _, err := w.Write(b); err != nil {
				return err
			}
			written += len(b)
			b = b[:0]
		}
	}
	return nil
}

// measureHostile judges each file in a process of its own. Seconds are those of
// the whole file, so also of one that is refused before its end.
func measureHostile(size, workers int) error {
	all, err := hostiles()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "immtrail-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fmt.Println("| file | MB read | peak memory | seconds per 100 MB | ratio |\n| --- | ---: | ---: | ---: | ---: |")
	ordinary := 0.0
	for i := range all {
		name := dir + "/" + strconv.Itoa(i)
		if err := all[i].toFile(name, size*mega); err != nil {
			return err
		}
		per, mb, memory, err := judgeFile(name, workers)
		if err != nil {
			return fmt.Errorf("%s: %w", all[i].name, err)
		}
		_ = os.Remove(name)
		if i == 0 {
			ordinary = per
		}
		fmt.Printf("| %s | %s | %s | %.2f | %.2f |\n", all[i].name, mb, memory, per, per/ordinary)
	}
	return nil
}

// judgeFile gives the best of three, in seconds for 100 MB of the file.
func judgeFile(name string, workers int) (per float64, read, memory string, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", "", err
	}
	info, err := os.Stat(name)
	if err != nil {
		return 0, "", "", err
	}
	for range 3 {
		src, err := os.Open(name)
		if err != nil {
			return 0, "", "", err
		}
		child := exec.Command(self, "-child", "check", "-workers", strconv.Itoa(workers))
		child.Stdin, child.Stderr = src, os.Stderr
		out, err := child.Output()
		_ = src.Close()
		if err != nil {
			return 0, "", "", err
		}
		cells := strings.Split(string(out), "|")
		seconds, err := strconv.ParseFloat(strings.TrimSpace(cells[len(cells)-1]), 64)
		if err != nil {
			return 0, "", "", err
		}
		if one := seconds / float64(info.Size()) * 1e8; per == 0 || one < per {
			per = one
		}
		read, memory = strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
	}
	return per, read, memory, nil
}

func (h *hostile) toFile(name string, size int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := h.write(f, size); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
