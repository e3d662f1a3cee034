package main

import "bytes"

// scan is the peer that the checker is measured against: what a program would
// do that knows 17 conditions, no positions and no findings. It splits every
// segment into its fields, allocates nothing, and counts the conditions broken.
func scan(file []byte) (messages, broken int) {
	var f [64][]byte
	for len(file) > 0 {
		var line []byte
		if i := bytes.IndexByte(file, '\r'); i >= 0 {
			line, file = file[:i], file[i+1:]
		} else {
			line, file = file, nil
		}
		if len(line) < 4 {
			continue
		}
		n := 0
		for rest := line; n < len(f); n++ {
			i := bytes.IndexByte(rest, '|')
			if i < 0 {
				f[n] = rest
				n++
				break
			}
			f[n], rest = rest[:i], rest[i+1:]
		}
		clear(f[n:])
		switch string(line[:3]) {
		case "MSH":
			messages++
			broken += fails(string(f[1]) == `^~\&`) + fails(date(f[6])) + fails(string(f[8]) == "VXU^V04^VXU_V04") +
				fails(len(f[9]) > 0) + fails(string(f[11]) == "2.5.1")
		case "PID":
			broken += fails(len(f[3]) > 0) + fails(len(part(f[5], 1)) > 0 && len(part(f[5], 2)) > 0) +
				fails(date(f[7])) + fails(oneOf(f[8], "F", "M", "U"))
		case "ORC":
			broken += fails(string(f[1]) == "RE") + fails(len(f[3]) > 0)
		case "RXA":
			broken += fails(date(f[3])) + fails(len(part(f[5], 1)) > 0 && oneOf(part(f[5], 3), "CVX", "NDC")) +
				fails(oneOf(f[20], "CP", "PA", "RE", "NA")) + fails(oneOf(f[21], "A", "U", "D"))
		case "OBX":
			broken += fails(len(part(f[3], 1)) > 0) + fails(string(f[11]) == "F")
		}
	}
	return messages, broken
}

func fails(ok bool) int {
	if ok {
		return 0
	}
	return 1
}

func part(b []byte, n int) []byte {
	for ; n > 1; n-- {
		i := bytes.IndexByte(b, '^')
		if i < 0 {
			return nil
		}
		b = b[i+1:]
	}
	if i := bytes.IndexByte(b, '^'); i >= 0 {
		return b[:i]
	}
	return b
}

func oneOf(b []byte, codes ...string) bool {
	for _, c := range codes {
		if string(b) == c {
			return true
		}
	}
	return false
}

func date(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	n := 0
	for _, c := range b[:8] {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	month, day := n/100%100, n%100
	return n > 1000_0000 && month >= 1 && month <= 12 && day >= 1 && day <= 31
}
