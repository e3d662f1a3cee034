package week

import (
	"context"
	"fmt"
	"time"
)

// Runner runs one command of the starter and returns what it printed on both
// outputs, in the order of a terminal, and its exit code.
type Runner func(ctx context.Context, args []string) (printed string, exit int)

// Options say how a week is played.
type Options struct {
	// Known are names that the page cannot tell, such as the path of a mail.
	Known Names
	// Patience bounds the repeats of one waiting command; zero is a minute.
	Patience time.Duration
	// Pause is the time between two repeats; zero is half a second.
	Pause time.Duration
	// Day, when set, is told each day as it begins.
	Day func(name string)
}

// Play runs the commands in order. It ends with the first that does not print
// what stands in the page, and says which line of it that is.
func Play(ctx context.Context, days []Day, run Runner, o Options) error {
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.Pause == 0 {
		o.Pause = 500 * time.Millisecond
	}
	known := Names{}
	for name, word := range o.Known {
		known[name] = word
	}
	for _, day := range days {
		if o.Day != nil {
			o.Day(day.Name)
		}
		for _, step := range day.Steps {
			var err error
			if known, err = play(ctx, step, run, known, o); err != nil {
				return fmt.Errorf("%s: %w", day.Name, err)
			}
		}
	}
	return nil
}

func play(ctx context.Context, s Step, run Runner, known Names, o Options) (Names, error) {
	args, err := s.Expand(known)
	if err != nil {
		return known, err
	}
	deadline := time.NewTimer(o.Patience)
	defer deadline.Stop()
	for {
		printed, exit := run(ctx, args)
		learned, err := s.Match(printed, known)
		if err == nil && exit != s.Exit {
			err = fmt.Errorf("line %d: exit code %d instead of %d; printed:\n%s", s.Line, exit, s.Exit, printed)
		}
		if err == nil || !s.Wait {
			return learned, err
		}
		pause := time.NewTimer(o.Pause)
		select {
		case <-pause.C:
		case <-deadline.C:
			return known, fmt.Errorf("after %s: %w", o.Patience, err)
		case <-ctx.Done():
			pause.Stop()
			return known, ctx.Err()
		}
	}
}
