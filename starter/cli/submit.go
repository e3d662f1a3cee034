package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/hl7"
	"immtrail/registry"
)

func (a *app) submitCommand() *cobra.Command {
	var test, production, historical bool
	cmd := &cobra.Command{
		Use: "submit PRACTICE FILE", Short: "Put a file into the practice's outbox and send it now", Args: cobra.ExactArgs(2),
		Long: `Copies a file into the practice's outbox, complete or not at all, and starts the
submission that else runs on schedule. Your file stays where it is. Without a
flag the file goes the way of the practice's stage: a test file while it tests,
a production file afterwards.`,
		Example: `  starter submit sunrise-plano batch.hl7
  starter submit sunrise-plano batch.hl7 --test
  starter submit sunrise-plano 2020-2025.hl7 --historical`,
		RunE: func(cmd *cobra.Command, args []string) error {
			lane := registry.Lane("")
			switch {
			case test:
				lane = registry.LaneTest
			case production:
				lane = registry.LaneProduction
			case historical:
				lane = registry.LaneHistorical
			}
			return a.submit(cmd.Context(), args[0], args[1], lane)
		},
	}
	cmd.Flags().BoolVar(&test, "test", false, "a test file")
	cmd.Flags().BoolVar(&production, "production", false, "a production file: true patient data")
	cmd.Flags().BoolVar(&historical, "historical", false, "a file of the one-time historical load")
	cmd.MarkFlagsMutuallyExclusive("test", "production", "historical")
	return cmd
}

// submitted is what `submit --output json` prints.
type submitted struct {
	Practice string        `json:"practice"`
	For      registry.Lane `json:"for"`
	Size     int64         `json:"size"`
	// Started says that a submission was started at once.
	Started bool   `json:"started"`
	Words   string `json:"words"`
}

func (a *app) submit(ctx context.Context, id, path string, lane registry.Lane) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	if lane, err = laneFor(p, lane); err != nil {
		return err
	}
	size, err := a.intoOutbox(path, id, lane)
	if err != nil {
		return err
	}
	// The name is left out: an EHR may put a patient into it.
	if err := store.RecordAct(ctx, id, "", "file-submitted", a.act(by, "submit/"+id, string(lane))); err != nil {
		a.note("The file is in the outbox, but the audit log could not be written: %v", err)
	}
	out := submitted{Practice: id, For: lane, Size: size}
	out.Started, out.Words = a.startSubmission(ctx, id, lane)
	return a.show(out, func(s *screen) {
		s.line("%s: the %s file is in the outbox (%d bytes). %s", id, lane, size, out.Words)
		if lane == registry.LaneHistorical {
			s.line("Next: starter history status %s", id)
			return
		}
		s.line("Next: starter status %s", id)
	})
}

// loadEnded says why a historical load takes nothing more.
var loadEnded = map[registry.HistoryState]string{
	registry.HistoryClosed: "the historical load is closed for ever",
	registry.HistoryNone:   "the EHR's vendor has no historical load",
}

// laneFor refuses, before anything is copied, what the process would refuse.
func laneFor(p *registry.Practice, lane registry.Lane) (registry.Lane, error) {
	if lane == "" {
		var ok bool
		if lane, ok = registry.LaneOf(p.Phase); !ok {
			return "", refused("%s is %s: nothing is sent; begin with: starter onboard %s", p.ID, p.Phase.Words(), p.ID)
		}
	}
	if lane == registry.LaneHistorical && (p.History == registry.HistoryClosed || p.History == registry.HistoryNone) {
		return "", refused("%s: %s; nothing is taken for it%s", p.ID, loadEnded[p.History], reopenHint(p))
	}
	if lane.OpenIn(p.Phase) {
		return lane, nil
	}
	switch p.Phase {
	case registry.PhaseRegistered:
		return "", refused("%s is not testing yet; begin with: starter onboard %s", p.ID, p.ID)
	case registry.PhaseProduction:
		return "", refused("%s is in production: only true patient data is sent, no test files", p.ID)
	case registry.PhaseWithdrawn:
		return "", refused("%s is withdrawn: nothing is sent", p.ID)
	default:
	}
	return "", refused("%s is %s: true patient data is sent only after the registry's Production email (starter production approve %s --email FILE.eml)",
		p.ID, p.Phase.Words(), p.ID)
}

// startSubmission starts what the schedule starts, now. That it cannot is no
// failure: the file lies where the next submission finds it.
func (a *app) startSubmission(ctx context.Context, practice string, lane registry.Lane) (started bool, words string) {
	if lane == registry.LaneHistorical {
		return false, "It becomes part of the plan of the historical load when the outbox is looked into: once a day, or now (starter history look " + practice + ")."
	}
	eng, err := a.engine(ctx)
	if err == nil {
		err = eng.Trigger(ctx, activities.CycleScheduleID(practice))
	}
	switch {
	case err == nil:
		return true, "A submission has been started."
	case errors.Is(err, errGone):
		return false, "It is taken as soon as the practice is on its way (starter onboard " + practice + ")."
	}
	return false, "The next submission on schedule takes it; it could not be started now, since Temporal did not answer."
}

// intoOutbox copies a file into the outbox: under a hidden name first, then, when
// every byte is on the disk, under its own. It never overwrites.
func (a *app) intoOutbox(path, practice string, lane registry.Lane) (int64, error) {
	if a.cfg.Outbox.Dir == "" {
		return 0, couldNot("outbox.dir is not set: where does the worker look for files?")
	}
	src, size, name, err := a.openInput(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = src.Close() }() // only read from
	if path == "-" {
		name = "stdin-" + a.env.Now().UTC().Format("20060102T150405.000000000") + ".hl7"
	}
	if strings.HasPrefix(name, ".") {
		return 0, refused("%s: hidden files are not taken out of the outbox; give it another name", name)
	}
	dir := filepath.Join(a.cfg.Outbox.Dir, practice, string(lane))
	if _, err := os.Stat(dir); err != nil {
		return 0, couldNot("the outbox %s is not there: %w (starter setup makes it)", dir, err)
	}
	if err := activities.CheckMarker(a.cfg.Outbox.Dir, practice, lane); err != nil {
		return 0, couldNot("%w", err)
	}
	final := filepath.Join(dir, name)
	if exists(final) {
		return 0, refused("a file of that name is in the outbox already; wait until it is taken, or give yours another name")
	}
	content, err := looksLikeHL7(src, name, lane)
	if err != nil {
		return 0, err
	}
	watched, done := a.progress(content, size, "copying")
	defer done()
	temp, err := a.copyAside(dir, watched)
	if err != nil {
		return 0, err
	}
	if err := os.Rename(temp, final); err != nil {
		return 0, couldNot("%w", errors.Join(err, os.Remove(temp)))
	}
	info, err := os.Stat(final)
	if err != nil {
		return size, nil // taken already: all the better
	}
	return info.Size(), nil
}

// headBytes is how much of a file is looked at before it goes into the outbox.
const headBytes = 64 << 10

// looksLikeHL7 refuses what is plainly no HL7 file. In the outbox it would be
// refused as well, but with a letter to the EHR vendor, whose fault it is not. A
// historical load may come packed.
func looksLikeHL7(src io.Reader, name string, lane registry.Lane) (io.Reader, error) {
	if lane == registry.LaneHistorical {
		return src, nil
	}
	whole := bufio.NewReaderSize(src, headBytes)
	head, err := whole.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, couldNot("%w", err)
	}
	_, err = hl7.NewReader(bytes.NewReader(head), hl7.Limits{}).Next()
	var wrong *hl7.FormatError
	switch {
	case errors.Is(err, hl7.ErrEmpty):
		return nil, refused("%s is empty; it is not put into the outbox", name)
	case errors.As(err, &wrong):
		return nil, refused("%s is no HL7 file: it is %s. It is not put into the outbox", name, wrong.Found)
	}
	return whole, nil
}

// copyAside copies src to a hidden file in dir. The file's time is set back, so
// that it counts as complete at once: its rename proves that it is.
func (a *app) copyAside(dir string, src io.Reader) (string, error) {
	f, err := os.CreateTemp(dir, ".submit-*.part")
	if err != nil {
		return "", couldNot("%w", err)
	}
	_, err = io.Copy(f, src)
	err = errors.Join(err, f.Chmod(0o660), f.Sync(), f.Close())
	if err == nil {
		old := a.env.Now().Add(-a.cfg.Outbox.Stable - time.Second)
		err = os.Chtimes(f.Name(), old, old)
	}
	if err != nil {
		return "", couldNot("copy into the outbox: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return f.Name(), nil
}
