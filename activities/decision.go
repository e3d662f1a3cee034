package activities

import (
	"context"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// JudgeApprovalInput asks whether a Production email can be used.
type JudgeApprovalInput struct {
	Scope
	Approval registry.Approval `json:"approval"`
}

// JudgeApprovalResult says why it cannot; Fault is empty where it can.
type JudgeApprovalResult struct {
	Fault string `json:"fault,omitempty"`
}

// JudgeApproval holds a Production email against what is stored: the practice,
// another approval, the last review, and who at the registry decides. A person
// may override the age and the sender (registry.Approval.OverrideBy).
func (a *Practices) JudgeApproval(ctx context.Context, in JudgeApprovalInput) (JudgeApprovalResult, error) {
	why, err := a.judgeApproval(ctx, in)
	return JudgeApprovalResult{Fault: why}, fail(ctx, err)
}

func (a *Practices) judgeApproval(ctx context.Context, in JudgeApprovalInput) (string, error) {
	if why := in.Approval.Fault(in.Practice); why != "" {
		return why, nil
	}
	stored, ok, err := a.DB.Approval(ctx, in.Practice)
	if err != nil {
		return "", err
	}
	if ok && !stored.Same(in.Approval) {
		return "another approval is already recorded for this practice, with other facts", nil
	}
	// A day of grace is for time zones.
	if day := in.Approval.EmailDate; day > in.date(a.Clock).AddDate(0, 0, 1).Format(time.DateOnly) {
		return "the email is of " + day + ", and that day has not come: is the year right?", nil
	}
	if in.Approval.OverrideBy != "" {
		return "", nil
	}
	practice, err := a.DB.Practice(ctx, in.Practice)
	if err != nil {
		return "", err
	}
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return "", err
	}
	_, asked, changes, err := a.DB.Reviews(ctx, in.Practice)
	if err != nil {
		return "", err
	}
	if why := tooOld(in.Approval.EmailDate, asked, changes, profile.BusinessDays().Location()); why != "" {
		return why + override, nil
	}
	if from := in.Approval.From; from != "" && !registry.SenderKnown(from, registry.DecisionSenders(profile, practice)) {
		return "its sender is none of the registry's contacts and of no domain in policy.approval_senders" + override, nil
	}
	return "", nil
}

// override is the way around for a person who knows better.
const override = " (a named person may accept it all the same, with a reason: --override-by NAME --reason WHY)"

// tooOld says why an email of day (YYYY-MM-DD) cannot be the decision on the last
// review; "" where it can, or where none was asked for.
func tooOld(day string, asked, changes time.Time, zone *time.Location) string {
	if changes.After(asked) {
		asked = time.Time{}
		if since := changes.In(zone).Format(time.DateOnly); day < since {
			return "the email is of " + day + ", and on " + since + " the registry asked for changes"
		}
	}
	if asked.IsZero() {
		return ""
	}
	if since := asked.In(zone).Format(time.DateOnly); day < since {
		return "the email is of " + day + ", older than the review request of " + since
	}
	return ""
}

// FirstFileNotice is the event of the letter that tells the registry of a
// practice's first production file.
func FirstFileNotice(practice string) string { return "first-file/" + practice }

// Second says whether further production files may go while the first one is
// new: they wait until it is confirmed, the registry was told of it, and has
// answered it or had time to.
type Second struct {
	// FirstOnly: nothing is on its way yet; one file may go.
	FirstOnly bool `json:"first_only,omitempty"`
	// Waits says why none may go; empty where they may.
	Waits string `json:"waits,omitempty"`
	// Until is when they may at the latest; zero where no day ends the wait.
	Until time.Time `json:"until,omitzero"`
}

// second judges it. Practices that were live before they came here have had
// their first file long ago.
func second(ctx context.Context, store *db.Store, practice string, profile *registry.Profile, date time.Time) (Second, error) {
	f, err := store.FirstFileFacts(ctx, practice, FirstFileNotice(practice))
	if err != nil || !f.Approved {
		return Second{}, err
	}
	switch {
	case f.File == "" && f.UnderWay == 0:
		return Second{FirstOnly: true}, nil
	case f.File == "":
		return Second{Waits: "the first production file is on its way; the next one waits until it is confirmed and the registry was told of it"}, nil
	case !f.Told:
		return Second{Waits: "the next production file waits until the registry was told of the first"}, nil
	case f.Answered || profile.Policy.SecondFileDays == 0:
		return Second{}, nil
	}
	until := profile.BusinessDays().After(*f.At, profile.Policy.SecondFileDays)
	if !until.After(date) {
		return Second{}, nil
	}
	return Second{
		Waits: "the next production file waits for the registry's report on the first, until " + until.Format(time.DateOnly) + " at the latest",
		Until: until,
	}, nil
}

// behindFirst refuses a production file that overtakes the practice's first one
// (sent in spite of our check, or started by hand): kind NotAllowed.
func (a *Deliveries) behindFirst(ctx context.Context, practice, file string, profile *registry.Profile, date time.Time) error {
	s, err := second(ctx, a.DB, practice, profile, date)
	if err != nil || s.Waits == "" {
		return err
	}
	others, err := a.DB.OtherDeliveries(ctx, practice, registry.LaneProduction, file)
	if err == nil && others {
		err = registry.Errorf(registry.NotAllowed, opPrepare, "%s", s.Waits)
	}
	return err
}
