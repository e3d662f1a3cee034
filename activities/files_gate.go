package activities

import (
	"fmt"

	"immtrail/db"
	"immtrail/registry"
)

// gateShown bounds what of the gate goes into history.
const gateShown = 10

// judge counts test files, newest first. What our checker refuses is not sent
// and does not count; what is sent counts once the registry has answered every
// message of it and refused none.
func judge(files []db.TestFile, least int) GateResult {
	var r GateResult
	for _, f := range files {
		counts, waits, because := judgeFile(f)
		if counts {
			r.Counted++
		}
		if waits {
			r.Waiting++
		}
		if len(r.Files) < gateShown {
			r.Files = append(r.Files, GateFile{FileID: f.ID, Counts: counts, Because: because})
		}
	}
	r.Open = r.Counted >= max(1, least)
	return r
}

func judgeFile(f db.TestFile) (counts, waits bool, because string) {
	switch {
	case f.State == registry.FileDropped && !f.Delivered:
		return false, false, "given up, or its content was delivered before"
	case f.Anyway != "" && f.Delivered:
		return false, false, "sent by " + f.Anyway + " in spite of our check"
	case f.State == registry.FileRefused:
		return false, false, "refused by our checker: " + countOf(f.Errors, "error")
	case !f.Checked:
		return false, false, "not checked yet"
	case !f.Delivered:
		return false, false, "not delivered yet"
	case f.Bad > 0:
		return false, false, fmt.Sprintf("the registry refused %d of %s", f.Bad, countOf(f.Sent, "message"))
	case f.Answered < f.Sent || f.Sent == 0:
		return false, true, fmt.Sprintf("delivered; the registry has answered %d of %s", f.Answered, countOf(f.Sent, "message"))
	case !f.ErrorFree:
		return false, false, "our checker found " + countOf(f.Errors, "error")
	}
	return true, false, "answered without an error"
}

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
