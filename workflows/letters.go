package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// UpdateSendLetter sends a letter to the registry that waits for a person. To
// onboarding/<practice>.
var UpdateSendLetter = Message[SendLetter]{"send-letter"}

// SendLetter is a person's word that a letter goes out as it was written.
type SendLetter struct {
	// Event names the letter: first-file/<practice>.
	Event string         `json:"event"`
	By    registry.Actor `json:"by"`
}

// writeRegistry sends a letter to the registry: by itself where the policy says so,
// else when a person has looked at it and said so. Silence sends nothing.
func (o *onboarding) writeRegistry(ctx workflow.Context, in activities.SendNoticeInput) error {
	if o.policy.RegistryLetters == registry.LettersAsk && o.SentLetter != in.Event {
		if err := o.awaitSend(ctx, in); err != nil {
			return err
		}
	}
	return o.notice(ctx, in)
}

// awaitSend writes the letter down, shows where it can be read, and waits for a
// person, who is reminded of it as of a hold.
func (o *onboarding) awaitSend(ctx workflow.Context, in activities.SendNoticeInput) error {
	in.Scope = o.scope()
	if _, err := must(ctx, o.process, noticeWork, "write the letter: "+string(in.Kind), notices.WriteNotice, in); err != nil {
		return err
	}
	o.Waiting = in.Event
	o.notes = []string{
		fmt.Sprintf("The letter is written: `starter letter show %s`", in.Event),
		fmt.Sprintf("In the Web UI: Send an Update, name `%s`, with `{\"event\": %q, \"by\": {\"name\": \"YOUR NAME\"}}`",
			UpdateSendLetter.Name, in.Event),
	}
	defer func() { o.notes = nil }()
	if err := o.say(ctx, activities.Progress{
		Stage: o.phase.Words() + ": a letter to the registry is written", Next: "read it and send it", Whose: "you",
		Move: "starter letter send " + in.Event, Attention: true, Wait: registry.WaitHold,
	}); err != nil {
		return err
	}
	return o.wait(ctx, func() bool { return o.SentLetter == in.Event })
}

func (o *onboarding) checkSend(s SendLetter) error {
	if err := named(s.By); err != nil {
		return err
	}
	if s.Event == "" || s.Event != o.Waiting {
		return errors.New("no letter of that name waits for you here; `starter letter list` shows them")
	}
	return nil
}

func (o *onboarding) sendLetter(ctx workflow.Context, s SendLetter) (Answer, error) {
	if o.SentLetter == s.Event {
		return Answer{Words: "it was said before; the letter goes out once", Phase: o.phase, Again: true}, nil
	}
	o.SentLetter = s.Event
	if err := o.recordAct(ctx, "letter-sent", actor(s.By), s.Event, "letter-sent/"+s.Event); err != nil {
		return Answer{}, err
	}
	return Answer{Words: "the letter goes out", Phase: o.phase}, nil
}
