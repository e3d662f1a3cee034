package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"immtrail/registry"
	"immtrail/workflows"
)

// watchHistory shows how far the load is until its parts have left, or whoever
// watches has seen enough: a bar on a terminal, else a line for each change.
func (a *app) watchHistory(ctx context.Context, id string, every time.Duration) error {
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	show, done := a.historyBar()
	defer done()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		p, err := query(ctx, eng, workflows.HistoryID(id), workflows.QueryHistoryProgress)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return a.explainLoad(ctx, id, err)
		}
		show(p)
		if p.State != registry.HistoryLoading {
			done()
			if p, err = a.countedNow(ctx, id, p); err != nil {
				return err
			}
			return a.show(p, func(s *screen) { s.history(id, p) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// historyBar returns what shows a state of the load; done may be called twice.
func (a *app) historyBar() (show func(workflows.HistoryProgress), done func()) {
	pace := &historyPace{now: a.env.Now}
	if !a.env.IsTerminal || a.output != outputText {
		last := ""
		return func(p workflows.HistoryProgress) {
			line := pace.words(p)
			if sign := fmt.Sprint(p.Sent, p.InFlight, p.State, p.Paused != nil, p.Stopped); sign != last {
				last = sign
				a.note("%s", line)
			}
		}, func() {}
	}
	var words atomic.Value
	words.Store("")
	bars := mpb.New(mpb.WithOutput(a.env.Stderr), mpb.WithWidth(18))
	// Without a total at first: one that is given here cannot grow.
	bar := bars.AddBar(0, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name("load ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return short(words.Load().(string), 74) })))
	return func(p workflows.HistoryProgress) {
			words.Store(pace.words(p))
			bar.SetTotal(int64(max(1, p.Parts)), false)
			bar.SetCurrent(int64(p.Sent))
		}, sync.OnceFunc(func() {
			bar.Abort(true)
			bars.Wait()
		})
}

// historyPace tells rate and time left from what left since the watch began, or
// since the load last stood still: hours of a pause say nothing of its pace.
type historyPace struct {
	now   func() time.Time
	begun time.Time
	first int // parts that had left then
}

func (h *historyPace) words(p workflows.HistoryProgress) string {
	now := h.now()
	if h.begun.IsZero() || p.Stopped != "" || p.Paused != nil {
		h.begun, h.first = now, p.Sent
	}
	words := []string{fmt.Sprintf("%d of %s", p.Sent, plural(p.Parts, "part", "parts"))}
	if p.InFlight > 0 {
		words = append(words, fmt.Sprintf("%d on their way", p.InFlight))
	}
	switch gone, took := p.Sent-h.first, now.Sub(h.begun); {
	case p.State != registry.HistoryLoading:
		words = append(words, historyWords(p.State))
	case p.Stopped != "":
		why, _, _ := strings.Cut(p.Stopped, ";") // the rest would not fit
		words = append(words, "stopped: "+why)
	case p.Paused != nil:
		words = append(words, "paused by "+p.Paused.By.Name)
	case gone > 0 && took > 0:
		left := time.Duration(float64(took) / float64(gone) * float64(p.Parts-p.Sent))
		words = append(words, fmt.Sprintf("%.1f a minute", float64(gone)/took.Minutes()), "about "+lasting(left)+" left")
	}
	return strings.Join(words, ", ")
}
