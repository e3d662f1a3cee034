package cli

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/internal/mailfile"
	"immtrail/registry"
	"immtrail/workflows"
)

type approveOptions struct {
	approvedBy, emailDate, messageID, from, email string
	overriding
}

func (a *app) productionCommand() *cobra.Command {
	var o approveOptions
	approve := &cobra.Command{
		Use: "approve PRACTICE...", Short: "Relay the registry's Production email", Args: cobra.MinimumNArgs(1),
		Long: `Relays the registry's Production email: the practice's connection is live from
then on. One email may approve several practices. With --email it is kept as
evidence in the file store, as it is; sender, date and Message-ID are read from
an .eml or an Outlook .msg. Of a PDF, or without the email, they are given by hand;
the email may follow later with the same command.

An approval that comes before the review is kept and applied when its time comes.
The same approval again changes nothing. Refused is one for another practice,
one that is older than the review request, one from a sender who is none of the
registry's contacts, and a second, different one. A sender can be forged: this
check finds mistakes, no crime. Age and sender may be overridden by a named
person with a reason.`,
		Example: `  starter production approve sunrise-plano --email production.eml
  starter production approve sunrise-plano hill-country --email production.msg
  starter production approve sunrise-plano --approved-by "J. Ortiz, DSHS" --email-date 2026-03-31
  starter production approve sunrise-plano --email fwd.eml --override-by mary --reason "forwarded"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.approveProduction(cmd.Context(), args, o)
		},
	}
	approve.Flags().StringVar(&o.approvedBy, "approved-by", "", "who at the registry approved")
	approve.Flags().StringVar(&o.emailDate, "email-date", "", "date of the email, YYYY-MM-DD")
	approve.Flags().StringVar(&o.from, "from", "", "address that the email came from, where it cannot be read")
	approve.Flags().StringVar(&o.messageID, "message-id", "", "the email's Message-ID")
	approve.Flags().StringVar(&o.email, "email", "", "the email itself (.eml, .msg, .pdf); kept in the file store")
	o.flags(approve)
	return folder("production", "Relay the registry's Production email",
		"  starter production approve sunrise-plano --email production.eml", approve)
}

func (o *overriding) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.by, "override-by", "", "who accepts the email in spite of its age or its sender")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why it is accepted")
}

// approved is what came of one practice's approval.
type approved struct {
	Practice string           `json:"practice"`
	Accepted bool             `json:"accepted"`
	Answer   workflows.Answer `json:"answer"`
	Refused  string           `json:"refused,omitempty"`
}

// approving is one run of the command.
type approving struct {
	*app
	o     approveOptions
	store *db.Store
	eng   Engine
	by    registry.Actor
	over  string
	email *handedEmail
	whose *whose
}

func (a *app) approveProduction(ctx context.Context, practices []string, o approveOptions) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	run := &approving{app: a, o: o, by: by}
	if run.over, err = o.actor(a); err != nil {
		return err
	}
	if run.email, err = a.readEmail(o.email); err != nil {
		return err
	}
	if run.store, err = a.store(ctx); err != nil {
		return err
	}
	if run.eng, err = a.engine(ctx); err != nil {
		return err
	}
	if run.whose, err = a.whose(ctx, run.store); err != nil {
		return err
	}
	results, bad := []approved{}, 0
	for _, id := range practices {
		result := approved{Practice: id}
		result.Answer, err = run.one(ctx, id)
		switch {
		case err == nil:
			result.Accepted = true
		case exitCode(err) != ExitRefused:
			return err
		default:
			result.Refused = err.Error()
			bad++
		}
		results = append(results, result)
	}
	err = a.show(results, func(s *screen) {
		for _, r := range results {
			if r.Accepted {
				s.line("%s: %s.", r.Practice, strings.TrimSuffix(r.Answer.Words, "."))
				continue
			}
			s.line("%s: %s: %s", r.Practice, s.paint(badStyle, "refused"), r.Refused)
		}
	})
	if err == nil && bad > 0 {
		return errFound
	}
	return err
}

// one relays the approval for one practice. What the command line leaves open is
// taken from the approval on record, so that the evidence may follow, and else
// from the email.
func (r *approving) one(ctx context.Context, id string) (workflows.Answer, error) {
	p, err := r.practice(ctx, r.store, id)
	if err != nil {
		return workflows.Answer{}, err
	}
	if why, final := r.whose.fault(r.email, id); why != "" && (final || r.over == "") {
		return workflows.Answer{}, refused("%s", why)
	}
	known, ok, err := r.store.Approval(ctx, id) // zero where there is none
	if err != nil {
		return workflows.Answer{}, err
	}
	if !ok { // the evidence of one that is kept may follow, too
		early, _, err := r.store.EarlyApproval(ctx, id)
		if err != nil {
			return workflows.Answer{}, err
		}
		known = early.Approval
	}
	approval, err := r.approval(ctx, id, known)
	if err != nil {
		return workflows.Answer{}, err
	}
	answer, err := update(ctx, r.eng, workflows.OnboardingID(id), workflows.UpdateApproveProduction,
		workflows.ApproveProduction{Approval: approval, By: r.by})
	if errors.Is(err, errGone) && ok && known.Same(approval) {
		return r.afterwards(ctx, p, known, approval)
	}
	if errors.Is(err, errGone) && ok {
		return answer, refused("another approval is already recorded for this practice, with other facts")
	}
	if err != nil {
		return answer, r.explain(ctx, id, err)
	}
	return answer, nil
}

// afterwards answers for an onboarding that is over: the answer stays what it was,
// and evidence may still follow.
func (r *approving) afterwards(ctx context.Context, p *registry.Practice, known, approval registry.Approval) (workflows.Answer, error) {
	again := workflows.Answer{Words: "it was approved before; the connection is live", Again: true}
	if known.Merge(approval) == known {
		return again, nil
	}
	if approval.From != "" {
		if err := r.knownSender(p, approval.From, r.over); err != nil {
			return workflows.Answer{}, err
		}
	}
	err := r.store.RecordEvidence(ctx, approval, r.act(r.by, "evidence/"+known.Practice, r.o.reason))
	if registry.KindOf(err) == registry.NotAllowed {
		return workflows.Answer{}, refused("%s", err)
	}
	return workflows.Answer{Words: "it was approved before; what was missing of the evidence is filed now"}, err
}

func (r *approving) approval(ctx context.Context, id string, known registry.Approval) (registry.Approval, error) {
	approval := registry.Approval{
		Practice: id, EmailDate: cmp.Or(r.o.emailDate, known.EmailDate, r.email.day("")),
		ApprovedBy: cmp.Or(r.o.approvedBy, known.ApprovedBy), From: r.email.sender(r.o.from),
		MessageID: cmp.Or(r.o.messageID, r.email.id()), OverrideBy: r.over, OverrideReason: r.o.reason,
	}
	if approval.ApprovedBy == "" && r.email != nil {
		approval.ApprovedBy = cmp.Or(r.email.Name, r.email.From)
	}
	if day := r.email.day(""); day != "" && day != approval.EmailDate {
		where := ""
		if known.EmailDate == approval.EmailDate {
			where = " on record"
		}
		r.note("%s: the email is of %s, the approval%s says %s.", id, day, where, approval.EmailDate)
	}
	if why := approval.Fault(id); why != "" {
		return approval, refused("%s (--approved-by, --email-date, or --email with the email itself)", why)
	}
	if why := inFuture(approval.EmailDate, r.now()); why != "" {
		return approval, refused("%s", why)
	}
	if r.email != nil && (r.email.Format == mailfile.PDF || r.email.Format == mailfile.Other) {
		r.note("%s: whom this file names cannot be read; that it is about %s is your word.", id, id)
	}
	var err error
	approval.EvidenceID, err = r.keep(ctx, r.email)
	return approval, err
}
