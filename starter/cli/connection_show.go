package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/transfer"
	"immtrail/transfer/byhand"
)

// detailedConnection is a connection with what concerns people about it.
type detailedConnection struct {
	shownConnection
	Practices []string      `json:"practices"`
	Expiries  []shownExpiry `json:"expiries"`
	// Pins are the accepted host keys, each with the day until which it holds.
	Pins    []shownPin    `json:"pins"`
	Hold    *shownHold    `json:"hold,omitempty"`
	Waiting *shownWaiting `json:"waiting"`
}

type shownPin struct {
	Fingerprint string `json:"fingerprint"`
	Until       string `json:"until,omitempty"`
}

func (a *app) connectionShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show one: who uses it, who waits for it, what of it ends when", Args: cobra.ExactArgs(1),
		Example: "  starter connection show dshs",
		RunE: func(cmd *cobra.Command, args []string) error {
			out, err := a.detailConnection(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.show(out, func(s *screen) { s.connection(a.now(), out) })
		},
	}
}

func (a *app) detailConnection(ctx context.Context, name string) (detailedConnection, error) {
	var out detailedConnection
	store, err := a.store(ctx)
	if err != nil {
		return out, err
	}
	c, err := store.Connection(ctx, name)
	if err != nil {
		return out, err
	}
	out.shownConnection, out.Pins = showConnection(c), []shownPin{}
	for _, line := range c.HostKeys {
		if pin, err := transfer.ParsePin(line); err == nil {
			out.Pins = append(out.Pins, shownPin{Fingerprint: pin.Fingerprint(), Until: day(pin.Until)})
		}
	}
	if out.Practices, err = store.ConnectionPractices(ctx, name); err != nil {
		return out, err
	}
	expiries, err := store.Expiries(ctx, name, time.Time{})
	if err != nil {
		return out, err
	}
	out.Expiries = a.showExpiries(expiries)
	waiting, err := store.WaitingFor(ctx, name, firstWaiting)
	if err != nil {
		return out, err
	}
	out.Waiting = showWaiting(waiting)
	holds, err := store.Holds(ctx, "", true)
	if err != nil {
		return out, err
	}
	if h := heldBy(holds, c); h != nil {
		out.Hold = &showHolds([]db.Hold{*h})[0]
	}
	return out, nil
}

func (s *screen) connection(now time.Time, c detailedConnection) {
	if c.Protocol == byhand.Protocol {
		s.line("%s: a person uploads by hand at %s.", s.paint(headStyle, c.Name), c.server())
	} else {
		s.line("%s: %s at %s as %s. The secret lies at %s.", s.paint(headStyle, c.Name), c.Protocol, c.server(), c.User, c.Secret)
	}
	for _, p := range c.Pins {
		until := ""
		if p.Until != "" {
			until = ", until " + p.Until
		}
		s.line("  accepted key: %s%s", p.Fingerprint, until)
	}
	for _, e := range c.Expiries {
		s.line("  %s.", e.words())
	}
	if len(c.Expiries) == 0 {
		s.line("  When its credentials end is not known: starter connection expires %s --help", c.Name)
	}
	s.line("  %s", plural(len(c.Practices), "practice uses it", "practices use it"))
	for _, p := range c.Practices {
		s.line("    %s", p)
	}
	if c.Hold != nil {
		s.raw("")
		s.holds(now, []shownHold{*c.Hold})
	}
	if c.Hold != nil || c.Waiting.Files > 0 {
		s.waiting(c.Waiting)
	}
}
