package db

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// RuleGrade is a rule that a person graded anew for a practice.
type RuleGrade struct {
	Practice string    `db:"practice"`
	Rule     string    `db:"rule"`
	Grade    string    `db:"grade"`
	By       string    `db:"set_by"`
	Reason   string    `db:"reason"`
	At       time.Time `db:"at"`
}

// RuleGrades lists the rules graded anew for a practice, or for all practices
// where practice is empty, by practice and rule.
func (s *Store) RuleGrades(ctx context.Context, practice string) ([]RuleGrade, error) {
	rows, err := many[RuleGrade](ctx, s.pool, `
		select practice, rule, grade, set_by, reason, at from rule_grades
		where @practice = '' or practice = @practice order by practice, rule`, pgx.NamedArgs{"practice": practice})
	return rows, fault("rule grades", err)
}

// SetRuleGrade grades a rule (or a family) anew for a practice, in place of what
// was there, with its audit event in the same transaction. again says that the
// rule stood at that grade already: nothing changed. That there is such a rule
// is for the caller to know. Kind Invalid without a person or a reason, Missing
// without such a practice.
func (s *Store) SetRuleGrade(ctx context.Context, practice, rule, grade string, act Act) (again bool, err error) {
	const op = "rule set"
	if err := reasoned(op, "a rule is graded anew", act); err != nil {
		return false, err
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		before, err := ruleGrade(ctx, tx, practice, rule)
		if err != nil || before == grade {
			again = err == nil
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into rule_grades (practice, rule, grade, set_by, reason, at)
			values (@practice, @rule, @grade, @by, @reason, @at)
			on conflict (practice, rule) do update set grade = excluded.grade, set_by = excluded.set_by,
				reason = excluded.reason, at = excluded.at, recorded_at = now()`,
			pgx.NamedArgs{
				"practice": practice, "rule": rule, "grade": grade, "by": act.By.Name, "reason": act.Reason, "at": act.At,
			})
		if err != nil {
			return err
		}
		_, err = record(ctx, tx, event{
			practice: practice, kind: "rule-graded", from: before, to: grade, act: act,
			detail: map[string]any{"rule": rule},
		})
		return err
	})
	return again, err
}

// ClearRuleGrade takes a person's grade back. again says that there was none.
// Kinds as [Store.SetRuleGrade].
func (s *Store) ClearRuleGrade(ctx context.Context, practice, rule string, act Act) (again bool, err error) {
	const op = "rule clear"
	if err := reasoned(op, "a rule's grade is taken back", act); err != nil {
		return false, err
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		before, err := ruleGrade(ctx, tx, practice, rule)
		if err != nil || before == "" {
			again = err == nil
			return err
		}
		args := pgx.NamedArgs{"practice": practice, "rule": rule}
		if _, err := tx.Exec(ctx, `delete from rule_grades where practice = @practice and rule = @rule`, args); err != nil {
			return err
		}
		_, err = record(ctx, tx, event{
			practice: practice, kind: "rule-cleared", from: before, act: act, detail: map[string]any{"rule": rule},
		})
		return err
	})
	return again, err
}

func ruleGrade(ctx context.Context, tx pgx.Tx, practice, rule string) (string, error) {
	return value[string](ctx, tx, `
		select coalesce((select grade from rule_grades where practice = @practice and rule = @rule), '')`,
		pgx.NamedArgs{"practice": practice, "rule": rule})
}

// reasoned refuses an act without a person or a reason.
func reasoned(op, what string, act Act) error {
	if strings.TrimSpace(act.By.Name) == "" || strings.TrimSpace(act.Reason) == "" {
		return registry.Errorf(registry.Invalid, op, "%s by a named person and with a reason", what)
	}
	return nil
}

// shortGrades are as many as a summary names.
func shortGrades(all []registry.RuleGrade) []registry.RuleGrade {
	if len(all) == 0 {
		return nil
	}
	return all[:min(len(all), 10)]
}
