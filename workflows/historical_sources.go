package workflows

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// ask puts the job aide's questions to the vendor of the present EHR.
func (h *historical) ask(ctx workflow.Context) error {
	if err := h.notice(ctx, activities.SendNoticeInput{
		Kind: activities.NoticeHistoryQuestions, Event: "history-questions/" + h.practice,
	}); err != nil {
		return err
	}
	h.Sources[0].AskedAt = h.now(ctx)
	ehr := h.Sources[0].known()
	if _, err := must(ctx, h.process, ledgerWork, "note that the vendor was asked", practices.RecordAct, activities.RecordActInput{
		Scope: h.scope(), Kind: "history-asked", By: registry.System, Reason: h.Sources[0].called(), Key: h.key(ctx, "source/0"), EHR: &ehr,
	}); err != nil {
		return err
	}
	return h.set(ctx, registry.HistoryAsked, registry.System, nil)
}

// unanswered is the first EHR whose vendor was asked and has not answered, can the
// first that can send something; below 0 where there is none.
func (h *historical) unanswered() int {
	return slices.IndexFunc(h.Sources, func(s HistorySource) bool { return s.Answer == nil })
}

func (h *historical) can() int {
	return slices.IndexFunc(h.Sources, func(s HistorySource) bool { return s.Answer != nil && s.Answer.Can })
}

// noneCan says that every vendor has said no, though one had said yes before.
func (h *historical) noneCan() bool { return h.unanswered() < 0 && h.can() < 0 }

// awaitAnswer waits until one vendor can send something, or none can.
func (h *historical) awaitAnswer(ctx workflow.Context) error {
	for {
		switch {
		case h.can() >= 0:
			s := h.Sources[h.can()]
			return h.set(ctx, registry.HistoryAsked, h.answeredBy, s.Answer)
		case h.unanswered() < 0:
			return h.set(ctx, registry.HistoryNone, h.answeredBy, h.Sources[0].Answer)
		}
		// Before the line is said: an answer may come meanwhile.
		before := h.unanswered()
		asked := h.Sources[before]
		if err := h.say(ctx, activities.Progress{
			Stage: "historical load: the EHR vendor was asked", Next: "can it send one, and how far back?",
			Whose: "EHR vendor", Since: asked.AskedAt, Wait: registry.WaitHistory,
			Move: fmt.Sprintf("starter history answer %s%s --yes --since YYYY-MM-DD (or --no)", h.practice, asked.flag()),
		}); err != nil {
			return err
		}
		if err := h.wait(ctx, func() bool { return h.can() >= 0 || h.unanswered() != before }); err != nil {
			return err
		}
	}
}

// known is a source as it is kept.
func (s HistorySource) known() activities.HistoryEHR {
	return activities.HistoryEHR{
		EHR: s.EHR, Vendor: s.Vendor, From: s.From, To: s.To, Contact: s.Contact, Files: s.Files, AskedAt: s.AskedAt, Answer: s.Answer,
	}
}

// flag names a source in a command.
func (s HistorySource) flag() string {
	if s.EHR == "" {
		return ""
	}
	return fmt.Sprintf(" --ehr %q", s.EHR)
}

// called is how an EHR is named in sentences.
func (s HistoryEHR) called() string {
	words := "the present EHR"
	if s.EHR != "" {
		words = s.EHR
	}
	if s.Vendor != "" {
		words += " of " + s.Vendor
	}
	switch {
	case s.From != "" && s.To != "":
		words += ", used from " + s.From + " to " + s.To
	case s.To != "":
		words += ", used until " + s.To
	case s.From != "":
		words += ", used since " + s.From
	}
	return words
}

// mostSources and mostWords bound what persons type, which goes into history.
const (
	mostSources = 10
	mostWords   = 200
)

func (h *historical) source(ehr string) int {
	return slices.IndexFunc(h.Sources, func(s HistorySource) bool { return strings.EqualFold(s.EHR, ehr) })
}

func (h *historical) checkAsking(a AskHistorical) error {
	if err := named(a.By); err != nil {
		return err
	}
	if a.EHR == "" {
		return errors.New("which EHR? give its name; the present one is asked by itself")
	}
	if name, domain, at := strings.Cut(a.Contact, "@"); a.Contact != "" &&
		(!at || name == "" || domain == "" || strings.ContainsAny(a.Contact, " <>,")) {
		return errors.New("the contact is no email address")
	}
	if _, err := path.Match(a.Files, ""); err != nil || strings.Contains(a.Files, "/") {
		return errors.New("the files are a pattern of names, such as old*.hl7")
	}
	for _, text := range []string{a.EHR, a.Vendor, a.Contact, a.Files} {
		if len(text) > mostWords || strings.ContainsAny(text, "\r\n") {
			return fmt.Errorf("names have one line of at most %d bytes", mostWords)
		}
	}
	for _, day := range []string{a.From, a.To} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return errors.New("give days as YYYY-MM-DD")
		}
	}
	if a.From != "" && a.To != "" && a.From > a.To {
		return errors.New("it was used from a day after its last")
	}
	switch {
	case h.State == registry.HistoryClosed || h.State == registry.HistoryNone:
		return fmt.Errorf("the load is %s", h.State)
	case h.source(a.EHR) < 0 && len(h.Sources) >= mostSources:
		return fmt.Errorf("%d EHRs were asked; more are not meant to be", mostSources)
	}
	return nil
}

// takeAsking writes the questions about another EHR.
func (h *historical) takeAsking(ctx workflow.Context, a AskHistorical) (Answer, error) {
	if h.source(a.EHR) >= 0 {
		return Answer{Words: "this EHR was asked about before", Again: true}, nil
	}
	n := len(h.Sources)
	h.Sources = append(h.Sources, HistorySource{HistoryEHR: a.HistoryEHR, AskedAt: h.now(ctx)})
	key := fmt.Sprintf("source/%d", n)
	ehr := h.Sources[n].known()
	if _, err := must(ctx, h.process, ledgerWork, "note another EHR of the load", practices.RecordAct, activities.RecordActInput{
		Scope: h.scope(), Kind: "history-asked", By: actor(a.By), Reason: a.called(), Key: h.key(ctx, key), EHR: &ehr,
	}); err != nil {
		return Answer{}, err
	}
	// Beside the answer: a mail server that is down keeps nobody waiting.
	h.chores = append(h.chores, func(ctx workflow.Context) error {
		return h.notice(ctx, activities.SendNoticeInput{
			Kind: activities.NoticeHistoryQuestions, Event: "history-questions/" + h.practice + "/" + key,
			EHR:   a.EHR,
			Words: "These questions are about the records of " + a.called() + ".",
		})
	})
	return Answer{Words: "noted; the questions about " + a.called() + " are being sent"}, nil
}

func (h *historical) checkAnswer(a AnswerHistorical) error {
	if err := named(a.By); err != nil {
		return err
	}
	if a.Can {
		if _, err := time.Parse(time.DateOnly, a.Since); err != nil {
			return errors.New("how far back? give the first day as YYYY-MM-DD")
		}
	}
	if len(a.Form) > mostWords || len(a.Size) > mostWords {
		return fmt.Errorf("form and size have at most %d bytes each", mostWords)
	}
	if h.source(a.EHR) < 0 {
		return errors.New("nobody was asked about that EHR; ask first (starter history ask)")
	}
	if h.State == registry.HistoryClosed || h.State == registry.HistoryNone || h.State == "" {
		return fmt.Errorf("the vendor's answer is on record; the load is %s", h.State)
	}
	return nil
}

// takeAnswer keeps what a vendor said: in the state, and in the audit as evidence.
// Another answer than the one on record takes its place: vendors think again, and
// persons mistype.
func (h *historical) takeAnswer(ctx workflow.Context, a AnswerHistorical) (Answer, error) {
	i := h.source(a.EHR)
	s := &h.Sources[i]
	answer := a.HistoryAnswer
	key := fmt.Sprintf("answer/%d", i)
	if s.Answer != nil {
		if *s.Answer == answer {
			return Answer{Words: "this answer was noted before", Again: true}, nil
		}
		s.Changed++
		key += fmt.Sprintf("/%d", s.Changed)
	}
	s.Answer, s.AnsweredBy, s.AnsweredAt = &answer, a.By.Name, h.now(ctx)
	h.answeredBy = actor(a.By)
	ehr := s.known()
	if _, err := must(ctx, h.process, ledgerWork, "keep the vendor's answer", practices.RecordAct, activities.RecordActInput{
		Scope: h.scope(), Kind: "history-answered", By: h.answeredBy, Reason: answered(s.HistoryEHR, answer),
		Key: h.key(ctx, key), EHR: &ehr,
	}); err != nil {
		return Answer{}, err
	}
	switch {
	case answer.Can:
		return Answer{Words: "noted; put the files of the load into the practice's historical outbox"}, nil
	case len(h.Sources) == 1:
		return Answer{Words: "noted: there is no historical load"}, nil
	}
	return Answer{Words: "noted: there is nothing of " + h.Sources[i].called()}, nil
}

// answered is an answer as the audit keeps it.
func answered(s HistoryEHR, a activities.HistoryAnswer) string {
	words := s.called() + ": no"
	if a.Can {
		words = s.called() + ": yes, back to " + a.Since
	}
	if a.Form != "" {
		words += "; form: " + a.Form
	}
	if a.Size != "" {
		words += "; size: " + a.Size
	}
	return words
}
