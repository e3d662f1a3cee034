package fakeregistry

import (
	"fmt"

	"immtrail/registry"
)

// Duplicate is content that reached one folder of one account more than once.
type Duplicate struct {
	Account string
	Folder  string
	// SHA256 is the digest that they share: of the messages, whatever their
	// envelopes.
	SHA256 string
	// IDs and Names of the entries, in the order of their coming.
	IDs, Names []string
}

// Duplicates finds files whose messages are the same, per account and folder.
// The envelope does not count: a new FHS does not make a new file.
func Duplicates(ledger []Received) []Duplicate {
	at := map[[3]string]int{}
	var all []Duplicate
	for i := range ledger {
		r := &ledger[i]
		key := [3]string{r.Account, r.Folder, r.ContentSHA256}
		n, ok := at[key]
		if !ok {
			n = len(all)
			at[key] = n
			all = append(all, Duplicate{Account: r.Account, Folder: r.Folder, SHA256: r.ContentSHA256})
		}
		all[n].IDs = append(all[n].IDs, r.ID)
		all[n].Names = append(all[n].Names, r.Name)
	}
	var twice []Duplicate
	for _, d := range all {
		if len(d.IDs) > 1 {
			twice = append(twice, d)
		}
	}
	return twice
}

// DuplicateMessages finds messages, byte for byte the same, that reached one
// folder of one account in more than one file; it returns how many per account
// and folder ("account/folder").
func DuplicateMessages(ledger []Received) map[string]int {
	type place struct{ where, digest string }
	first := map[place]string{}
	again := map[string]int{}
	for i := range ledger {
		r := &ledger[i]
		where := r.Account + "/" + r.Folder
		for _, m := range r.Messages {
			k := place{where, m.SHA256}
			if id, ok := first[k]; !ok {
				first[k] = r.ID
			} else if id != r.ID {
				again[where]++
			}
		}
	}
	return again
}

// ProcessingIDs counts the messages of an account by folder and MSH-11.
func ProcessingIDs(ledger []Received, account string) map[string]map[string]int {
	counts := map[string]map[string]int{}
	for _, r := range Of(ledger, account) {
		if counts[r.Folder] == nil {
			counts[r.Folder] = map[string]int{}
		}
		for id, n := range r.ProcessingIDs {
			counts[r.Folder][id] += n
		}
	}
	return counts
}

// Of is what one account sent, oldest first; with lanes, in these lanes only.
func Of(ledger []Received, account string, lanes ...registry.Lane) []Received {
	var own []Received
	for i := range ledger {
		r := &ledger[i]
		in := len(lanes) == 0
		for _, l := range lanes {
			in = in || r.Lane == l
		}
		if r.Account == account && in {
			own = append(own, *r)
		}
	}
	return own
}

// First is the first file of an account in one of the lanes; ok is false where
// there is none. Its Time and Date say when the registry took it.
func First(ledger []Received, account string, lanes ...registry.Lane) (r Received, ok bool) {
	own := Of(ledger, account, lanes...)
	if len(own) == 0 {
		return Received{}, false
	}
	return own[0], true
}

// Review is what the registry's staff find when they are asked for a review.
type Review struct {
	Approved bool
	// Reason is a sentence for the answer. It names no patient.
	Reason string
	// Files are the names of the test files that were looked at, oldest first.
	Files []string
}

// Reviewer decides as staff would: the last n test files of the account must
// be different from each other and free of errors.
func Reviewer(ledger []Received, account string, n int) Review {
	tests := Of(ledger, account, registry.LaneTest)
	if len(tests) < n {
		return Review{Reason: fmt.Sprintf("%d test files are wanted, %d came", n, len(tests))}
	}
	tests = tests[len(tests)-n:]
	var rv Review
	contents := map[string]bool{}
	for i := range tests {
		r := &tests[i]
		rv.Files = append(rv.Files, r.Name)
		if contents[r.ContentSHA256] {
			rv.Reason = "the test file " + r.Name + " repeats another one"
		}
		contents[r.ContentSHA256] = true
		if !r.ErrorFree() {
			rv.Reason = "the test file " + r.Name + " is not free of errors"
		}
	}
	if rv.Reason == "" {
		rv.Approved = true
		rv.Reason = fmt.Sprintf("the last %d test files are free of errors", n)
	}
	return rv
}
