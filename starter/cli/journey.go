package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/mail"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) reviewCommand() *cobra.Command {
	request := &cobra.Command{
		Use: "request PRACTICE", Short: "Ask the registry to review the test files", Args: cobra.ExactArgs(1),
		Long: `Asks the registry to review the practice's error-free test files. The letter lists
them with the registry's own answers. It is refused until enough test files are
answered without an error.`,
		Example: "  starter review request sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.actOn(cmd.Context(), args[0], workflows.OnboardingID(args[0]), workflows.UpdateRequestReview, "")
		},
	}
	var reason string
	changes := &cobra.Command{
		Use: "changes PRACTICE", Short: "Record that the registry wants changes: back to testing", Args: cobra.ExactArgs(1),
		Example: `  starter review changes sunrise-plano --reason "consent is missing in two messages"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.actOn(cmd.Context(), args[0], workflows.OnboardingID(args[0]), workflows.UpdateRecordRevision, reason)
		},
	}
	changes.Flags().StringVar(&reason, "reason", "", "what the registry asked for, without patients' names")
	_ = changes.MarkFlagRequired("reason")
	return folder("review", "Ask for the registry's review, or record that it wants changes",
		"  starter review request sunrise-plano", request, changes)
}

type approveOptions struct {
	approvedBy, emailDate, messageID, email string
}

func (a *app) productionCommand() *cobra.Command {
	var o approveOptions
	approve := &cobra.Command{
		Use: "approve PRACTICE...", Short: "Relay the registry's Production email", Args: cobra.MinimumNArgs(1),
		Long: `Relays the registry's Production email: the practice's connection is live from
then on. With --email the email itself is kept as evidence in the file store,
and who approved, its date and its Message-ID are read from it. Without it they
are given by hand, and the email may follow later with the same command.

An approval that comes before the review is kept and applied when its time
comes. The same approval again changes nothing; a different one is refused.`,
		Example: `  starter production approve sunrise-plano --email production.eml
  starter production approve sunrise-plano --approved-by "J. Ortiz, DSHS" --email-date 2026-03-31`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.approveProduction(cmd.Context(), args, o)
		},
	}
	approve.Flags().StringVar(&o.approvedBy, "approved-by", "", "who at the registry approved")
	approve.Flags().StringVar(&o.emailDate, "email-date", "", "date of the email, YYYY-MM-DD")
	approve.Flags().StringVar(&o.messageID, "message-id", "", "the email's Message-ID")
	approve.Flags().StringVar(&o.email, "email", "", "the email itself (.eml); kept in the file store")
	return folder("production", "Relay the registry's Production email",
		"  starter production approve sunrise-plano --email production.eml", approve)
}

// approved is what came of one practice's approval.
type approved struct {
	Practice string           `json:"practice"`
	Accepted bool             `json:"accepted"`
	Answer   workflows.Answer `json:"answer"`
	Refused  string           `json:"refused,omitempty"`
}

func (a *app) approveProduction(ctx context.Context, practices []string, o approveOptions) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	common, email, err := a.readApproval(ctx, o)
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	results, bad := []approved{}, 0
	for _, id := range practices {
		result := approved{Practice: id}
		result.Answer, err = a.approveOne(ctx, store, eng, id, common, email, by)
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

// approveOne relays the approval for one practice. What the command line leaves
// open is taken from the approval on record, so that the evidence may follow,
// and else from the email.
func (a *app) approveOne(
	ctx context.Context, store *db.Store, eng Engine, id string, approval, email registry.Approval, by registry.Actor,
) (workflows.Answer, error) {
	if _, err := a.practice(ctx, store, id); err != nil {
		return workflows.Answer{}, err
	}
	known, ok, err := store.Approval(ctx, id) // zero where there is none
	if err != nil {
		return workflows.Answer{}, err
	}
	if ok && approval.EmailDate == "" && email.EmailDate != "" && email.EmailDate != known.EmailDate {
		a.note("%s: the email is of %s, the approval on record says %s.", id, email.EmailDate, known.EmailDate)
	}
	approval.ApprovedBy = cmp.Or(approval.ApprovedBy, known.ApprovedBy, email.ApprovedBy)
	approval.EmailDate = cmp.Or(approval.EmailDate, known.EmailDate, email.EmailDate)
	approval.MessageID = cmp.Or(approval.MessageID, email.MessageID)
	approval.Practice = id
	if why := approval.Fault(id); why != "" {
		return workflows.Answer{}, refused("%s (--approved-by, --email-date, or --email with the email itself)", why)
	}
	answer, err := update(ctx, eng, workflows.OnboardingID(id), workflows.UpdateApproveProduction,
		workflows.ApproveProduction{Approval: approval, By: by})
	if errors.Is(err, errGone) && ok && known.Same(approval) {
		// The onboarding is over; the answer stays what it was.
		return workflows.Answer{Words: "it was approved before; the connection is live", Again: true}, nil
	}
	if err != nil {
		return answer, a.explain(ctx, id, err)
	}
	return answer, nil
}

// maxEmail is the size in bytes above which a file is no approval email.
const maxEmail = 25 << 20

// readApproval takes what the flags say. The email goes into the file store as
// it is, and what its head says comes back beside.
func (a *app) readApproval(ctx context.Context, o approveOptions) (flags, email registry.Approval, err error) {
	flags = registry.Approval{ApprovedBy: o.approvedBy, EmailDate: o.emailDate, MessageID: o.messageID}
	if o.email == "" {
		return flags, email, nil
	}
	f, err := os.Open(o.email)
	if err != nil {
		return flags, email, couldNot("%w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxEmail+1))
	if err != nil {
		return flags, email, couldNot("%w", err)
	}
	if len(data) == 0 || len(data) > maxEmail {
		return flags, email, refused("%s is empty or larger than an email (25 MB)", o.email)
	}
	vault, err := a.fileStore(ctx)
	if err != nil {
		return flags, email, err
	}
	kept, err := vault.Put(ctx, bytes.NewReader(data))
	if err != nil {
		return flags, email, err
	}
	flags.EvidenceID = kept.Key
	email.ApprovedBy, email.EmailDate, email.MessageID = emailHead(data)
	return flags, email, nil
}

// emailHead reads sender, date and Message-ID of an email; what it does not
// have stays empty, as with a PDF of one.
func emailHead(data []byte) (from, date, id string) {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return "", "", ""
	}
	if list, err := m.Header.AddressList("From"); err == nil && len(list) > 0 {
		from = cmp.Or(list[0].Name, list[0].Address)
	}
	if t, err := m.Header.Date(); err == nil {
		date = t.Format(time.DateOnly)
	}
	return from, date, strings.TrimSpace(m.Header.Get("Message-Id"))
}
