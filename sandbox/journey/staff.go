package journey

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"immtrail/sandbox/mailcatcher"
	"immtrail/sandbox/stage"
	"immtrail/workflows"
)

// reviewDays is how long the registry's staff take for a review.
const reviewDays = 4

// inReview plays the registry's staff, who read the review request and send
// the Production email, and the coordinator, who relays it.
func (p *player) inReview(ctx context.Context) error {
	asked, there := p.journal.done("request-read")
	if !there {
		if !p.requestArrived() {
			return nil
		}
		return p.journal.did("request-read", p.today())
	}
	if p.today().Sub(asked) < reviewDays*24*time.Hour {
		return nil
	}
	if _, sent := p.journal.done("production-mail"); !sent {
		if err := p.sendProductionMail(); err != nil {
			return err
		}
		return p.journal.did("production-mail", p.today())
	}
	if p.opts.Manual {
		return p.saveMail()
	}
	return p.relay(ctx)
}

// saveMail puts the Production email where the person who plays the coordinator
// finds it, as if saved in the mail program.
func (p *player) saveMail() error {
	saved := p.stage.Path("saved", p.practice.ID+".eml")
	m, there := p.productionMail()
	if _, err := os.Stat(saved); err == nil || !there {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(p.stage.MailDir(), m.Name))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(saved), 0o755); err != nil {
		return err
	}
	// Renamed into its place: whoever waits for it must not read a half.
	if err := os.WriteFile(saved+".part", data, 0o600); err != nil {
		return err
	}
	return os.Rename(saved+".part", saved)
}

// productionMail is the practice's Production email, once it lies in the mailbox.
func (p *player) productionMail() (mailcatcher.Mail, bool) {
	for _, m := range p.mails() {
		if isProductionMail(m) && strings.Contains(m.MessageID, p.productionMessageID()) {
			return m, true
		}
	}
	return mailcatcher.Mail{}, false
}

// requestArrived says whether the letter lies in the registry's mailbox.
func (p *player) requestArrived() bool {
	for _, m := range p.mails() {
		if strings.Contains(m.Text, p.practice.OrgCode) && strings.Contains(strings.ToLower(m.Subject), "review") &&
			!isProductionMail(m) {
			return true
		}
	}
	return false
}

func (p *player) mails() []mailcatcher.Mail { return p.stage.Mail().List() }

const productionSubject = "Production approval"

func isProductionMail(m mailcatcher.Mail) bool {
	return strings.HasPrefix(m.Subject, productionSubject)
}

func (p *player) productionMessageID() string {
	return fmt.Sprintf("production-%s@registry.example", p.practice.ID)
}

// sendProductionMail is the email that opens Production.
func (p *player) sendProductionMail() error {
	m := mail.NewMsg()
	if err := m.FromFormat("Registry Reviewer", "reviewer@registry.example"); err != nil {
		return err
	}
	if err := m.To(stage.CoordinatorMail); err != nil {
		return err
	}
	m.Subject(productionSubject + " " + p.practice.OrgCode)
	m.SetMessageIDWithValue(p.productionMessageID())
	m.SetDateWithValue(p.today())
	m.SetBodyString(mail.TypeTextPlain, fmt.Sprintf(
		"The test files of %s (%s) were reviewed. The connection is moved to Production.\n", p.practice.Name, p.practice.OrgCode))
	c, err := mail.NewClient("127.0.0.1", mail.WithPort(p.stage.MailPort()), mail.WithTLSPolicy(mail.NoTLS))
	if err != nil {
		return err
	}
	return c.DialAndSend(m)
}

// relay tells the process of the Production email: as a signal that is typed in
// the Web UI, or with the starter and the email itself as evidence.
func (p *player) relay(ctx context.Context) error {
	m, there := p.productionMail()
	switch {
	case !there:
		return nil
	case p.approve == "signal":
		return p.signalApproval(ctx)
	}
	_, err := p.stage.Starter(ctx, "production", "approve", p.practice.ID, "--email", filepath.Join(p.stage.MailDir(), m.Name))
	return tolerate(err)
}

// signalApproval sends what a person types into the Web UI's dialog: plain JSON.
func (p *player) signalApproval(ctx context.Context) error {
	if _, done := p.journal.done("signalled"); done {
		return nil
	}
	typed := fmt.Sprintf(`{"practice": %q, "approved_by": "Registry Reviewer", "email_date": %q, "message_id": %q}`,
		p.practice.ID, p.today().Format(time.DateOnly), "<"+p.productionMessageID()+">")
	if err := p.plain.SignalWorkflow(ctx, workflows.OnboardingID(p.practice.ID), "",
		workflows.SignalProductionApproved.Name, json.RawMessage(typed)); err != nil {
		return err
	}
	return p.journal.did("signalled", p.today())
}
