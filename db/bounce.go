package db

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// NoticeUndelivered is the state of a letter that a mail server took and of which every
// mailbox failed later.
const NoticeUndelivered = "undelivered"

// BouncedMailbox is a mailbox that a letter did not reach, as a mail server said later.
type BouncedMailbox struct {
	Address string `db:"address"` // empty: all of the letter
	Status  string `db:"status"`  // RFC 3463, such as 5.1.1; empty where none was told
}

// Bounced is what recording a bounce came to.
type Bounced struct {
	Notice
	// New are the mailboxes of it that were not known to have failed.
	New []string
}

// RecordBounce keeps that a letter did not reach mailboxes of it, each with an audit
// event; where it reached nobody its state is undelivered. The same again changes
// nothing. Kind Missing where no letter of ours has the Message-ID, Invalid where a
// mailbox is none of its.
func (s *Store) RecordBounce(ctx context.Context, messageID string, failed []BouncedMailbox, act Act) (Bounced, error) {
	const op = "bounce"
	var out Bounced
	err := s.tx(ctx, op, func(tx pgx.Tx) error {
		out = Bounced{}
		n, err := one[Notice](ctx, tx, `select `+noticeColumns+` from notices where message_id = @id for no key update`, pgx.NamedArgs{"id": messageID})
		if errors.Is(err, pgx.ErrNoRows) {
			return registry.Errorf(registry.Missing, op, "no letter of ours has the Message-ID that it returns")
		}
		if err != nil {
			return err
		}
		mailboxes, err := mailboxesOf(n, failed)
		if err != nil {
			return err
		}
		for _, m := range mailboxes {
			tag, err := tx.Exec(ctx, `
				insert into bounces (event, address, status, at, by_name) values (@event, @address, @status, @at, @by)
				on conflict (event, address) do nothing`,
				pgx.NamedArgs{"event": n.Event, "address": m.Address, "status": m.Status, "at": act.At, "by": act.By.Name})
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				continue
			}
			out.New = append(out.New, m.Address)
			said := act
			said.Key = "letter-bounced/" + n.Event + "/" + m.Address
			if _, err := record(ctx, tx, event{practice: n.Practice, kind: "letter-bounced", act: said, detail: map[string]any{
				"letter": n.Event, "status": m.Status,
			}}); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			update notices n set state = 'undelivered' where event = @event and state = 'sent'
			  and not exists (select from unnest(n.recipients) r where not exists (
				select from bounces b where b.event = n.event and lower(b.address) = lower(r)))`, pgx.NamedArgs{"event": n.Event})
		if err != nil {
			return err
		}
		out.Notice, err = one[Notice](ctx, tx, `select `+noticeColumns+` from notices where event = @event`, pgx.NamedArgs{"event": n.Event})
		return err
	})
	return out, err
}

// mailboxesOf are those of the letter that failed. A server may name the mailbox behind
// the one that we wrote to; a letter to one person has no other.
func mailboxesOf(n Notice, failed []BouncedMailbox) ([]BouncedMailbox, error) {
	var out []BouncedMailbox
	for _, f := range failed {
		known := false
		for _, r := range n.Recipients {
			if f.Address == "" || strings.EqualFold(r, f.Address) || len(n.Recipients) == 1 {
				known, out = true, append(out, BouncedMailbox{Address: r, Status: f.Status})
			}
		}
		if !known {
			return nil, registry.Errorf(registry.Invalid, "bounce", "it names a mailbox that the letter %s did not go to", n.Event)
		}
	}
	return out, nil
}

// UntoldBounce is a bounce of which nobody was told yet.
type UntoldBounce struct {
	Event string `db:"event"`
	BouncedMailbox
}

// UntoldBounces lists them, oldest first, at most limit.
func (s *Store) UntoldBounces(ctx context.Context, limit int) ([]UntoldBounce, error) {
	rows, err := many[UntoldBounce](ctx, s.pool, `
		select event, address, status from bounces where told_at is null order by at, event, address limit @limit`,
		pgx.NamedArgs{"limit": atMost(limit)})
	return rows, fault("bounces", err)
}

// BounceTold notes that somebody was told. Again changes nothing.
func (s *Store) BounceTold(ctx context.Context, b UntoldBounce, at time.Time) error {
	_, err := s.pool.Exec(ctx, `update bounces set told_at = @at where event = @event and address = @address and told_at is null`,
		pgx.NamedArgs{"event": b.Event, "address": b.Address, "at": at})
	return fault("bounce told", err)
}

// BounceDays is how long a mail server tries before it gives a letter up: the five days
// of RFC 5321 4.5.4.1.
const BounceDays = 5

// StillBounces reports whether nothing proves that an address works again since its
// last bounce: that is a letter which has not come back for [BounceDays].
func (s *Store) StillBounces(ctx context.Context, address string, date time.Time) (bool, error) {
	yes, err := value[bool](ctx, s.pool, `
		select coalesce((select not exists (
				select from notices n where n.state = 'sent' and n.sent_at > b.last and n.sent_at <= @before
				  and exists (select from unnest(n.recipients) r where lower(r) = lower(@address)))
			from (select max(n.sent_at) as last from bounces x join notices n using (event) where lower(x.address) = lower(@address)) b
			where b.last is not null), false)`,
		pgx.NamedArgs{"address": address, "before": date.AddDate(0, 0, -BounceDays)})
	return yes, fault("bounces", err)
}
