package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"immtrail/registry"
)

// SQLSTATEs that our own triggers raise; their messages hold no value.
const (
	codeNotAllowed = "IT001"
	codeInvalid    = "IT002"
)

// rules are the constraints whose violation is no bug but somebody's mistake,
// or a rule of the process, with the words for it.
var rules = map[string]struct {
	kind  registry.Kind
	words string
}{
	"deliveries_same_content":         {registry.NotAllowed, "the same content is on its way in this lane, or has arrived"},
	"practices_registry_org_code_key": {registry.NotAllowed, "another practice of this registry has that org code"},
	"practices_connection_fkey":       {registry.Missing, "there is no such connection; `starter connection list` shows them"},
	"holds_reason_action_fkey":        {registry.NotAllowed, "a hold for that reason cannot be ended so"},
}

// fault gives err its kind and a text without values: what PostgreSQL says may
// quote a row, so only codes and names of the schema are kept. It leaves an
// error of ours as it is, and nil nil. Causes stay visible to errors.Is.
func fault(op string, err error) error {
	if err == nil {
		return nil
	}
	var ours *registry.Error
	if errors.As(err, &ours) {
		return ours
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		kind, text := serverFault(pg)
		return &registry.Error{Kind: kind, Op: op, Err: silent{text, err}}
	}
	return &registry.Error{Kind: clientKind(err), Op: op, Err: silent{clientText(err), err}}
}

// serverFault is the kind and the words for what the server refused.
func serverFault(pg *pgconn.PgError) (registry.Kind, string) {
	switch pg.Code {
	case codeNotAllowed:
		return registry.NotAllowed, pg.Message
	case codeInvalid:
		return registry.Invalid, pg.Message
	case "53100", "53300", "53400": // disk full, too many connections, limit
		return registry.Busy, "the server is full (SQLSTATE " + pg.Code + ")"
	case "55P03", "25006": // lock not available; read-only, as after a failover
		return registry.Transient, "the server is not free (SQLSTATE " + pg.Code + ")"
	case "40001", "40P01": // two transactions wanted the same rows in another order
		return registry.Transient, "somebody else changed the same at that moment; nothing was changed, do it again"
	case "42P01", "42703", "42883": // no such table, column, function
		return registry.Invalid, "the schema is not the one of this build; run `starter migrate`"
	}
	if rule, ok := rules[pg.ConstraintName]; ok {
		return rule.kind, rule.words
	}
	text := "SQLSTATE " + pg.Code
	for _, name := range []struct{ what, is string }{
		{"table", pg.TableName}, {"column", pg.ColumnName}, {"constraint", pg.ConstraintName},
	} {
		if name.is != "" {
			text += fmt.Sprintf(", %s %s", name.what, name.is)
		}
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22", "23", "42", "0A", "2F", "P0": // data, constraint, statement
		return registry.Invalid, text
	}
	// 08 connection, 28 login, 40 serialization, 57 shutdown or timeout, 58
	// system, XX internal: all of them may pass, and a login that is refused is
	// put right by an operator while we go on trying.
	return registry.Transient, text
}

func clientKind(err error) registry.Kind {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return registry.Missing
	case errors.Is(err, pgx.ErrTooManyRows):
		return registry.Invalid
	}
	return registry.Transient
}

// clientText says what the driver met. Texts of errors that are not known to
// be free of values are not repeated.
func clientText(err error) string {
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "there is no such row"
	case errors.Is(err, context.Canceled):
		return "stopped before it was done"
	case errors.Is(err, context.DeadlineExceeded):
		return "the time ran out"
	case errors.As(err, &connect):
		return fmt.Sprintf("no connection to %s", connect.Config.Host)
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke"
	}
	return fmt.Sprintf("the driver failed (%T)", err)
}

// silent is a cause whose own text must not be shown.
type silent struct {
	text  string
	cause error
}

func (s silent) Error() string { return s.text }
func (s silent) Unwrap() error { return s.cause }
