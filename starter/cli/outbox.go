package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// sharer is a practice as it takes part in a shared folder (file.shared_outbox).
type sharer struct {
	Practice string
	Files    registry.FileSettings
}

// sharedFolders are the folders that practices share, with those that name each.
func (a *app) sharedFolders(practices []*registry.Practice) (map[string][]sharer, error) {
	out := map[string][]sharer{}
	for _, p := range practices {
		if p.Phase == registry.PhaseWithdrawn {
			continue
		}
		loaded, err := a.loadProfile(p.ID)
		if err != nil {
			return nil, err
		}
		if file := loaded.Profile.File; file.SharedOutbox != "" {
			out[file.SharedOutbox] = append(out[file.SharedOutbox], sharer{p.ID, file})
		}
	}
	return out, nil
}

// makeOutboxes makes the folders of a practice that is new or was changed, and the
// one that it shares.
func (a *app) makeOutboxes(ctx context.Context, store *db.Store, practice string) error {
	if err := a.makeOutbox(practice); err != nil {
		return err
	}
	loaded, err := a.loadProfile(practice)
	if err != nil {
		return err
	}
	dir := loaded.Profile.File.SharedOutbox
	if dir == "" {
		return nil
	}
	if exists(dir) {
		return activities.CheckSharedOutbox(dir)
	}
	all, err := store.Practices(ctx)
	if err != nil {
		return err
	}
	folders, err := a.sharedFolders(all)
	if err != nil {
		return err
	}
	return makeShared(ctx, store, dir, folders[dir])
}

// makeShared makes a shared folder from which no file ever came, or else looks
// whether it is all there.
func makeShared(ctx context.Context, store *db.Store, dir string, among []sharer) error {
	if exists(dir) {
		return activities.CheckSharedOutbox(dir)
	}
	for _, s := range among {
		sent, err := store.Files(ctx, s.Practice, 1)
		if err != nil {
			return err
		}
		if len(sent) > 0 { // it may be a share that is not mounted
			return activities.CheckSharedOutbox(dir)
		}
	}
	return activities.MakeSharedOutbox(dir)
}

// setupShared makes or looks at every shared folder.
func (a *app) setupShared(ctx context.Context, store *db.Store, practices []*registry.Practice) error {
	folders, err := a.sharedFolders(practices)
	if err != nil {
		return err
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if err := makeShared(ctx, store, dir, folders[dir]); err != nil {
			return couldNot("%w", err)
		}
	}
	return nil
}

// showOutbox adds where files of a practice are taken from.
func (a *app) showOutbox(shown *shownPractice) error {
	loaded, err := a.loadProfile(shown.ID)
	if err != nil {
		return err
	}
	if a.cfg.Outbox.Dir != "" {
		shown.Outbox = filepath.Join(a.cfg.Outbox.Dir, shown.ID)
	}
	shown.SharedOutbox, shown.SharedPatterns = loaded.Profile.File.SharedOutbox, loaded.Profile.File.SharedPatterns
	return nil
}

// sharedWords are empty where it shares no folder.
func (p shownPractice) sharedWords() string {
	switch {
	case p.SharedOutbox == "":
		return ""
	case len(p.SharedPatterns) == 0:
		return p.SharedOutbox + ", what names it in MSH-4 or MSH-22"
	}
	return p.SharedOutbox + ", " + strings.Join(p.SharedPatterns, " and ") + ", else what names it in MSH-4 or MSH-22"
}

// outboxes looks at the folders of all practices that send.
func (p *patient) outboxes(ctx context.Context) {
	if p.store == nil || p.cfg.Outbox.Dir == "" {
		return
	}
	practices, err := p.store.Practices(ctx)
	if err != nil {
		return // the look at the database says so
	}
	p.ownOutboxes(practices)
	folders, err := p.sharedFolders(practices)
	if err != nil {
		p.found("outbox", lookWrong, "correct the file that is named", "%v", err)
		return
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		p.sharedOutbox(dir, folders[dir])
	}
}

// ownOutboxes looks at the folder of each practice for the stage at which it is.
func (p *patient) ownOutboxes(practices []*registry.Practice) {
	sending, wrong := 0, []string{}
	var first error
	for _, each := range practices {
		lane, sends := registry.LaneOf(each.Phase)
		if !sends {
			continue
		}
		sending++
		folder := filepath.Join(p.cfg.Outbox.Dir, each.ID, string(lane))
		_, err := os.Stat(folder)
		if err == nil {
			err = activities.CheckMarker(p.cfg.Outbox.Dir, each.ID, lane)
		}
		if err != nil {
			if wrong = append(wrong, each.ID); first == nil {
				first = err
			}
		}
	}
	switch {
	case sending == 0:
	case len(wrong) > 0:
		p.found("outbox", lookWrong, "mount what is missing; then: starter setup", "nothing can be taken from the outbox of %s: %s",
			some(wrong), strings.TrimPrefix(first.Error(), "outbox: "))
	default:
		p.found("outbox", lookOK, "", "%s and marked", plural(sending, "outbox is there", "outboxes are there"))
	}
}

// some names the first few of names.
func some(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// sharedOutbox looks at one shared folder and at what is said of it.
func (p *patient) sharedOutbox(dir string, among []sharer) {
	const name = "outbox"
	if err := activities.CheckSharedOutbox(dir); err != nil {
		p.found(name, lookWrong, "mount the share; then: starter doctor", "%s", strings.TrimPrefix(err.Error(), "outbox: "))
		return
	}
	for _, folder := range []string{dir, filepath.Join(dir, string(registry.LaneProduction))} {
		f, err := os.CreateTemp(folder, ".doctor-*.part")
		if err != nil {
			p.found(name, lookWrong, "let the worker's user write to "+folder+": what is taken moves to taken/", "%v", err)
			return
		}
		_ = errors.Join(f.Close(), os.Remove(f.Name())) // empty
	}
	names, of := []string{}, map[string]string{}
	for _, s := range among {
		names = append(names, s.Practice)
		if first := among[0]; s.Files.DoneSuffix != first.Files.DoneSuffix || s.Files.ChecksumSuffix != first.Files.ChecksumSuffix {
			p.found(name, lookWarn, "say the same in profile.dir/practices/ of both",
				"%s: %s and %s differ in file.done_suffix or file.checksum_suffix, so one takes the other's companions for files", dir, first.Practice, s.Practice)
		}
		for _, pattern := range s.Files.SharedPatterns {
			if other, twice := of[pattern]; twice {
				p.found(name, lookWarn, "leave file.shared_patterns to one of them",
					"%s: %s and %s both have the pattern %s; what fits it is of two, and is not taken", dir, other, s.Practice, pattern)
			}
			of[pattern] = s.Practice
		}
	}
	if len(names) == 1 {
		p.found(name, lookWarn, "name it for the others in profile.dir/practices/, or use its own outbox",
			"%s: only %s shares it; files of other practices there are nobody's", dir, names[0])
		return
	}
	p.found(name, lookOK, "", "%s take from %s, which they share", some(names), dir)
}
