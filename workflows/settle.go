package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// UpdateSettlePrerequisite records one item of the checklist as there, or waives
// it. To onboarding/<practice>. It can be typed in the Web UI.
var UpdateSettlePrerequisite = Message[SettlePrerequisite]{"settle-prerequisite"}

// SettlePrerequisite is a person's word on one item: with evidence it is there,
// with a reason testing begins without it.
type SettlePrerequisite struct {
	Item string `json:"item"`
	// Site narrows an item that is asked of each site; empty: all that are open.
	Site     string         `json:"site,omitempty"`
	Evidence string         `json:"evidence,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Expires  string         `json:"expires,omitempty"`
	By       registry.Actor `json:"by"`
}

// prerequisiteJSON is what to paste for one item.
func prerequisiteJSON(w activities.WantedPrerequisite) string {
	return fmt.Sprintf(`{"item": %q, "evidence": "…", "by": {"name": "YOUR NAME"}}`, w.Key)
}

func (o *onboarding) checkSettle(s SettlePrerequisite) error {
	if err := named(s.By); err != nil {
		return err
	}
	if o.phase != registry.PhaseRegistered {
		return fmt.Errorf("nothing to settle: the practice is %s", o.phase.Words())
	}
	if s.Item == "" {
		return errors.New(`which one? give "item": the current details name those that are missing`)
	}
	if s.Evidence == "" && s.Reason == "" {
		return errors.New(`give "evidence" (what shows that it is there) or "reason" (why to go on without it)`)
	}
	return nil
}

func (o *onboarding) settlePrerequisite(ctx workflow.Context, s SettlePrerequisite) (Answer, error) {
	o.Settlings++
	key := o.key(ctx, fmt.Sprintf("settled/%d", o.Settlings))
	got, err := do(ledgerWork.on(ctx, o.policy.Patience, "settle a prerequisite"), practices.SettlePrerequisite,
		activities.SettlePrerequisiteInput{
			Scope: o.scope(), Item: s.Item, Site: s.Site, Evidence: s.Evidence, Reason: s.Reason, Expires: s.Expires,
			By: actor(s.By), Key: key,
		})
	switch {
	case err != nil:
		return Answer{}, refusal{fmt.Errorf("it could not be recorded (%s); nothing changed, try again", wordsOf(err))}
	case got.Refused != "":
		return Answer{}, refusal{errors.New(got.Refused)}
	}
	o.looks++
	words := s.Item + " is done"
	if s.Evidence == "" {
		words = s.Item + " is waived"
	}
	return Answer{Words: words, Phase: o.phase, Again: got.Changed == 0}, nil
}
