package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// DeliveryState is how far a delivery is.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPrepared  DeliveryState = "prepared"  // written down; nothing was sent
	DeliveryUploading DeliveryState = "uploading" // bytes may be on their way, under a temporary name
	DeliveryUploaded  DeliveryState = "uploaded"  // whole under the temporary name; it may appear at any moment
	DeliveryRenamed   DeliveryState = "renamed"   // the server acknowledged it under its own name
	DeliveryConfirmed DeliveryState = "confirmed" // seen on another connection, or on a person's word
	DeliveryUnknown   DeliveryState = "unknown"   // nobody can tell
	DeliveryAbandoned DeliveryState = "abandoned" // given up; another attempt may follow
)

// DeliveryStates lists every state.
func DeliveryStates() []DeliveryState {
	return []DeliveryState{
		DeliveryPrepared, DeliveryUploading, DeliveryUploaded, DeliveryRenamed, DeliveryConfirmed,
		DeliveryUnknown, DeliveryAbandoned,
	}
}

// Delivery is one attempt to bring a file to the registry.
type Delivery struct {
	ID       string
	FileID   string
	Practice string
	Lane     registry.Lane
	Attempt  int
	// Connection, Folder and RemoteName say where it goes; fixed for ever.
	Connection, Folder, RemoteName string
	// ContentDigest is over the messages, Digest over the file as it travels.
	ContentDigest, Digest string
	VaultKey              string
	Size                  int64
	Messages, Held        int
	State                 DeliveryState
	PreparedAt            time.Time
	// SentAt and ConfirmedAt are nil where that has not happened.
	SentAt, ConfirmedAt *time.Time
	ConfirmedHow        registry.Confirmation
	ConfirmedBy         string
	// First says that it was the practice's first confirmed production file.
	First bool
}

const deliveryColumns = `id, file_id, practice, lane, attempt, connection, folder, remote_name, content_digest,
	digest, vault_key, size, messages, held, state, prepared_at, sent_at, confirmed_at,
	coalesce(confirmed_how, '') as confirmed_how, coalesce(confirmed_by, '') as confirmed_by, first`

// NewDelivery is a delivery about to be prepared; its bytes are safe in the
// file store.
type NewDelivery struct {
	FileID                string
	Practice              string
	Lane                  registry.Lane
	Attempt               int
	Connection, Folder    string
	ContentDigest, Digest string
	VaultKey              string
	Size                  int64
	Messages, Held        int
	At                    time.Time
	// Seen is of [LeftBehind], where it was decided which messages stay behind; else 0.
	Seen int64
	// Name makes the remote name from a number that no other delivery has.
	Name func(seq int64) (string, error)
}

// FindDelivery reads the delivery of a file's attempt; ok is false where it was
// not prepared yet.
func (s *Store) FindDelivery(ctx context.Context, fileID string, attempt int) (d Delivery, ok bool, err error) {
	found, err := many[Delivery](ctx, s.pool, `
		select `+deliveryColumns+` from deliveries where file_id = @file and attempt = @attempt`,
		pgx.NamedArgs{"file": fileID, "attempt": attempt})
	if err != nil || len(found) == 0 {
		return d, false, fault("delivery", err)
	}
	return found[0], true, nil
}

// PrepareDelivery writes the intent down and fixes the remote name. The same
// attempt of a file again is the delivery that was prepared then. already is
// set where the same content was confirmed in this lane by another delivery,
// which is the one returned, or where a person recorded that it was sent before
// immtrail was there: the delivery then has a name in words and nothing else.
//
// Kinds: NotAllowed when the lane is not open in the practice's phase or when
// an earlier attempt of the file was not given up; Transient while the same
// content is on its way in another delivery, or where one began after n.Seen that
// carries a dose of it; what Name returns keeps its kind.
func (s *Store) PrepareDelivery(ctx context.Context, n NewDelivery) (d Delivery, already bool, err error) {
	const op = "prepare delivery"
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		// One at a time with the same content: what a second one must see is there.
		if err := lockVaultKey(ctx, tx, "content/"+n.Practice+"/"+string(n.Lane)+"/"+n.ContentDigest); err != nil {
			return err
		}
		if err := laneIsOpen(ctx, tx, n.Practice, n.Lane); err != nil {
			return err
		}
		same, err := many[Delivery](ctx, tx, `
			select `+deliveryColumns+` from deliveries
			where (file_id = @file and attempt = @attempt)
				or (practice = @practice and lane = @lane and content_digest = @content and state <> 'abandoned')
			order by file_id = @file and attempt = @attempt desc`,
			pgx.NamedArgs{
				"file": n.FileID, "attempt": n.Attempt, "practice": n.Practice, "lane": n.Lane, "content": n.ContentDigest,
			})
		if err != nil {
			return err
		}
		if len(same) > 0 {
			d = same[0]
			if already, err = sameContent(op, n, d); already {
				return duplicate(ctx, tx, n, d)
			}
			return err
		}
		digest, err := value[string](ctx, tx, `select digest from files where id = @id`, pgx.NamedArgs{"id": n.FileID})
		if err != nil {
			return err
		}
		d.RemoteName, already, err = wasSentBefore(ctx, tx, n.Practice, n.FileID, n.Lane, digest, n.ContentDigest, n.At)
		if err != nil || already {
			return err
		}
		if n.Seen > 0 {
			if err := meetsNone(ctx, tx, op, n.Practice, n.Lane, n.FileID, n.Seen); err != nil {
				return err
			}
		}
		d, err = insertDelivery(ctx, tx, n)
		return err
	})
	return d, already, err
}

// sameContent says what a delivery that is there means for the one asked for.
func sameContent(op string, n NewDelivery, d Delivery) (already bool, err error) {
	switch {
	case d.FileID == n.FileID && d.Attempt == n.Attempt:
		return false, nil
	case d.State == DeliveryConfirmed:
		return true, nil
	case d.FileID == n.FileID:
		return false, registry.Errorf(registry.NotAllowed, op, "attempt %d (%s) was not given up", d.Attempt, d.ID)
	}
	return false, registry.Errorf(registry.Transient, op, "the same content is on its way in %s of file %s", d.ID, d.FileID)
}

// laneIsOpen keeps the practice in its phase until the transaction ends. Kind
// NotAllowed where nothing may be sent in the lane.
func laneIsOpen(ctx context.Context, tx pgx.Tx, practice string, lane registry.Lane) error {
	phase, err := value[registry.Phase](ctx, tx, `select phase from practices where id = @id for share`,
		pgx.NamedArgs{"id": practice})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return noPractice(practice)
	case err != nil:
		return err
	case !lane.OpenIn(phase):
		return registry.Errorf(registry.NotAllowed, "delivery", "no %s file is sent while %s is in phase %q",
			lane, practice, phase.Words())
	}
	return nil
}

func insertDelivery(ctx context.Context, tx pgx.Tx, n NewDelivery) (Delivery, error) {
	seq, err := value[int64](ctx, tx, `select nextval('delivery_numbers')`, nil)
	if err != nil {
		return Delivery{}, err
	}
	name, err := n.Name(seq)
	if err != nil {
		return Delivery{}, err
	}
	return one[Delivery](ctx, tx, `
		insert into deliveries (id, file_id, practice, lane, attempt, connection, folder, remote_name,
			content_digest, digest, vault_key, size, messages, held, prepared_at)
		values ('d-' || @seq::bigint, @file, @practice, @lane, @attempt, @connection, @folder, @name,
			@content, @digest, @vault_key, @size, @messages, @held, @at)
		returning `+deliveryColumns,
		pgx.NamedArgs{
			"seq": seq, "file": n.FileID, "practice": n.Practice, "lane": n.Lane, "attempt": n.Attempt,
			"connection": n.Connection, "folder": n.Folder, "name": name, "content": n.ContentDigest,
			"digest": n.Digest, "vault_key": n.VaultKey, "size": n.Size, "messages": n.Messages, "held": n.Held,
			"at": n.At,
		})
}

// Delivery reads one of a practice. Kind Missing when there is none.
func (s *Store) Delivery(ctx context.Context, practice, id string) (Delivery, error) {
	d, err := deliveryWhere(ctx, s.pool, practice, id, "")
	return d, fault("delivery", err)
}

// Deliveries lists the deliveries of a file in the order of their attempts.
func (s *Store) Deliveries(ctx context.Context, fileID string) ([]Delivery, error) {
	all, err := many[Delivery](ctx, s.pool, `
		select `+deliveryColumns+` from deliveries where file_id = @file order by attempt`,
		pgx.NamedArgs{"file": fileID})
	return all, fault("deliveries", err)
}

// deliveryWhere reads a delivery; lock is "" or "for update".
func deliveryWhere(ctx context.Context, q querier, practice, id, lock string) (Delivery, error) {
	d, err := one[Delivery](ctx, q, `
		select `+deliveryColumns+` from deliveries where id = @id and practice = @practice `+lock,
		pgx.NamedArgs{"id": id, "practice": practice})
	if errors.Is(err, pgx.ErrNoRows) {
		return d, registry.Errorf(registry.Missing, "delivery", "%s has no delivery %q", practice, id)
	}
	return d, err
}
