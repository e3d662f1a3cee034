package fakeregistry

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func (b Behaviour) perFile() bool { return b.Per == "" || b.Per == PerFile }

// weekday is the day that ends a week; ok is false where it is none.
func (b Behaviour) weekday() (day time.Weekday, ok bool) {
	if b.Weekday == "" {
		return time.Friday, true
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(day.String(), b.Weekday) {
			return day, true
		}
	}
	return 0, false
}

// periodEnd is the midnight after the day or week that holds the date.
func (b Behaviour) periodEnd(date time.Time) time.Time {
	local := date.In(zone)
	days := 1
	if b.Per == PerWeek {
		last, _ := b.weekday() // checked with the account
		days += (int(last) - int(local.Weekday()) + 7) % 7
	}
	y, m, d := local.Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, zone)
}

// next is the end of the period after the one that ends at end.
func (b Behaviour) next(end time.Time) time.Time { return b.periodEnd(end) }

// before is the end of the period before the one that ends at end.
func (b Behaviour) before(end time.Time) time.Time {
	days := 1
	if b.Per == PerWeek {
		days = 7
	}
	return end.AddDate(0, 0, -days)
}

// due is when an answer comes: After days later.
func (b Behaviour) due(from time.Time) time.Time {
	return from.Add(time.Duration(b.After * float64(24*time.Hour)))
}

// periodName carries the last day of the period. Where the form changes its
// ending does not tell it, since files know the name before it is its turn.
func (b Behaviour) periodName(orgCode string, end time.Time) string {
	what := "DAILY"
	if b.Per == PerWeek {
		what = "WEEKLY"
	}
	ending := b.ending()
	if len(b.InTurn) > 0 {
		ending = ".rpt"
	}
	return fmt.Sprintf("DQA_%s_%s_%s%s", what, orgCode, end.AddDate(0, 0, -1).Format(dayForm), ending)
}

// A note is what the report of a day or week will say of one file: a line
// about the file, then one for each verdict.
type note struct{ to *json.Encoder }

func (n note) begin(reportInfo) error   { return nil }
func (n note) file(of fileInfo) error   { return n.to.Encode(of) }
func (n note) verdict(v *verdict) error { return n.to.Encode(v) }
func (n note) end() error               { return nil }

func writeNote(path string, of fileInfo, fill func(answer) error) error {
	return writeStreamed(path, func(w io.Writer) error {
		n := note{json.NewEncoder(w)}
		if err := n.file(of); err != nil {
			return err
		}
		return fill(n)
	})
}

// readNote tells a report what a note says.
func readNote(path string, out answer) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read a note: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	dec := json.NewDecoder(bufio.NewReader(f))
	var of fileInfo
	if err := dec.Decode(&of); err != nil {
		return fmt.Errorf("read a note: %w", err)
	}
	if err := out.file(of); err != nil {
		return err
	}
	for {
		var v verdict
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a note: %w", err)
		}
		if err := out.verdict(&v); err != nil {
			return err
		}
	}
}

// periodFile says up to when an account's reports of days or weeks were written.
type periodFile struct {
	Through time.Time `json:"through"`
	// Reports is how many were written.
	Reports int `json:"reports"`
}

func (s store) notesDir(user string, end time.Time) string {
	return filepath.Join(s.dir, "notes", user, end.In(zone).Format(dayForm))
}

func (s store) notePath(user string, end time.Time, id string) string {
	// The ID ends with the moment of the taking, so that notes lie in its order.
	return filepath.Join(s.notesDir(user, end), filepath.Base(id))
}

func (s store) periodPath(user string) string {
	return filepath.Join(s.dir, "periods", user+".json")
}

// written holds reports that are whole and only have to be put into the
// account's folder.
func (s store) writtenDir(user string) string { return filepath.Join(s.dir, "periods", user) }

// publishPeriods writes the reports of the days and weeks that are over and
// publishes them. The line in the account's period file is what makes a report
// written: before it a kill has it written again, after it only moved.
func (r *Registry) publishPeriods(now time.Time) error {
	if r.silent {
		return nil
	}
	var errs []error
	for _, user := range r.users() {
		a, _ := r.account(user)
		first, sent := r.first[user]
		if a.Behaviour.perFile() || !sent {
			continue
		}
		errs = append(errs, r.writePeriods(&a, first, r.calendar.Date(now)), r.store.publishWritten(user))
	}
	return errors.Join(errs...)
}

func (r *Registry) writePeriods(a *Account, first, today time.Time) error {
	var done periodFile
	if err := readJSON(r.store.periodPath(a.User), &done); err != nil {
		return err
	}
	end := a.Behaviour.periodEnd(first)
	if a.Behaviour.Lists == ListsBadOnly {
		end = a.Behaviour.before(end)
	}
	if !done.Through.IsZero() {
		end = a.Behaviour.next(done.Through)
	}
	for ; !a.Behaviour.due(end).After(today); end = a.Behaviour.next(end) {
		notes, err := os.ReadDir(r.store.notesDir(a.User, end))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read notes: %w", err)
		}
		// Silence about a file means something only where a report comes of every
		// day: what was sent just before midnight is often taken after it, and
		// what was taken before it is confirmed after it.
		if len(notes) > 0 || a.Behaviour.Lists == ListsBadOnly {
			if err := r.writePeriod(a, end, notes, done.Reports); err != nil {
				return err
			}
			done.Reports++
		}
		done.Through = end
		if err := writeJSON(r.store.periodPath(a.User), done); err != nil {
			return err
		}
		if err := os.RemoveAll(r.store.notesDir(a.User, end)); err != nil {
			return fmt.Errorf("remove notes: %w", err)
		}
	}
	return nil
}

func (r *Registry) writePeriod(a *Account, end time.Time, notes []fs.DirEntry, number int) error {
	name := a.Behaviour.periodName(a.OrgCode, end)
	info := reportInfo{OrgCode: a.OrgCode, ID: "R" + short(a.User + name)[:12], At: a.Behaviour.due(end)}
	return writeAnswer(filepath.Join(r.store.writtenDir(a.User), name), a.Behaviour.turn(number), info, func(out answer) error {
		for _, n := range notes {
			if err := readNote(filepath.Join(r.store.notesDir(a.User, end), n.Name()), out); err != nil {
				return err
			}
		}
		return nil
	})
}

// publishWritten puts written reports into the account's folder.
func (s store) publishWritten(user string) error {
	reports, err := os.ReadDir(s.writtenDir(user))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("publish a report: %w", err)
	}
	for _, e := range reports {
		if strings.HasPrefix(e.Name(), ".") {
			continue // half written
		}
		if err := os.Rename(filepath.Join(s.writtenDir(user), e.Name()), filepath.Join(s.reports(user), e.Name())); err != nil {
			return fmt.Errorf("publish a report: %w", err)
		}
	}
	return nil
}
