package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// SentFile is a file that was sent before immtrail was there, known by digests.
type SentFile struct {
	Lane registry.Lane
	// Digest is the hex SHA-256 of its bytes, ContentDigest that of its messages
	// alone, as deliveries have it.
	Digest, ContentDigest string
	Size                  int64
	Messages              int
	// SentOn is YYYY-MM-DD.
	SentOn string
}

// RecordSent keeps that files were sent before, so that they are never sent
// again; one that is known is left as it is and not counted. Kind Missing without
// such a practice.
func (s *Store) RecordSent(ctx context.Context, practice string, files []SentFile, act Act) (fresh int, err error) {
	err = s.tx(ctx, "record sent files", func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		for _, f := range files {
			tag, err := tx.Exec(ctx, `
				insert into sent_before (practice, lane, digest, content_digest, size, messages, sent_on, by_name, at)
				values (@practice, @lane, @digest, @content, @size, @messages, @sent::text::date, @by, @at)
				on conflict do nothing`,
				pgx.NamedArgs{
					"practice": practice, "lane": f.Lane, "digest": f.Digest, "content": f.ContentDigest, "size": f.Size,
					"messages": f.Messages, "sent": f.SentOn, "by": act.By.Name, "at": act.At,
				})
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				continue
			}
			fresh++
			one := act
			one.Key += "/" + string(f.Lane) + "/" + f.Digest
			if _, err := record(ctx, tx, event{
				practice: practice, kind: "file-sent-before", to: string(f.Lane), act: one, recorded: true,
				detail: map[string]any{"digest": f.Digest, "messages": f.Messages, "sent_on": f.SentOn},
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return fresh, err
}

// sentBefore says when and on whose word a file was sent before immtrail was
// there; ok is false where nobody said so. content may be empty.
func sentBefore(ctx context.Context, tx pgx.Tx, practice string, lane registry.Lane, digest, content string) (on, by string, ok bool, err error) {
	type row struct{ SentOn, ByName string }
	found, err := many[row](ctx, tx, `
		select sent_on::text as sent_on, by_name from sent_before
		where practice = @practice and lane = @lane and (digest = @digest or content_digest = @content)
		order by sent_on limit 1`,
		pgx.NamedArgs{"practice": practice, "lane": lane, "digest": digest, "content": content})
	if err != nil || len(found) == 0 {
		return "", "", false, err
	}
	return found[0].SentOn, found[0].ByName, true, nil
}

// dropSentBefore gives a file of a historical load up that was sent before, so
// that no plan is made of it. fresh says that it was not.
func dropSentBefore(ctx context.Context, tx pgx.Tx, f NewFile, id string) (fresh bool, err error) {
	_, sent, err := wasSentBefore(ctx, tx, f.Practice, id, f.Lane, f.Digest, "", f.At)
	if err == nil && !sent { // a daily file, handed in by mistake
		_, sent, err = wasSentBefore(ctx, tx, f.Practice, id, registry.LaneProduction, f.Digest, "", f.At)
	}
	if err != nil || !sent {
		return true, err
	}
	_, err = tx.Exec(ctx, `update files set state = 'dropped', settled_at = @at where id = @id`,
		pgx.NamedArgs{"id": id, "at": f.At})
	return false, err
}

// wasSentBefore notes in the audit that a file is not sent, since a person
// recorded that it was before. name is what takes the place of a remote name.
func wasSentBefore(ctx context.Context, tx pgx.Tx, practice, fileID string, lane registry.Lane, digest, content string, at time.Time) (name string, ok bool, err error) {
	on, by, ok, err := sentBefore(ctx, tx, practice, lane, digest, content)
	if err != nil || !ok {
		return "", false, err
	}
	name = "a file of " + on
	_, err = record(ctx, tx, event{
		practice: practice, kind: EventDuplicate,
		act: Act{
			Key: EventDuplicate + "/" + fileID + "/before", By: registry.System, At: at,
			Reason: "rule F-09: it was sent on " + on + ", before immtrail was there, as " + by + " recorded",
		},
		detail: map[string]any{"file": fileID, "sent_on": on},
	})
	return name, true, err
}

// FileSentOn is the day (YYYY-MM-DD) on which a file of true patient data with
// this digest was sent, empty where none was; recorded says that it was before
// immtrail was there, on a person's word.
func (s *Store) FileSentOn(ctx context.Context, practice, digest string) (on string, recorded bool, err error) {
	type day struct {
		SentOn   string
		Recorded bool
	}
	days, err := many[day](ctx, s.pool, `
		select sent_on::text as sent_on, recorded from (
			select sent_on, true as recorded from sent_before where practice = @practice and lane <> 'test' and digest = @digest
			union all
			select d.confirmed_at::date, false from files f join deliveries d on d.file_id = f.id and d.state = 'confirmed'
			where f.practice = @practice and f.lane <> 'test' and f.digest = @digest and f.held = 0
		) s order by sent_on limit 1`, pgx.NamedArgs{"practice": practice, "digest": digest})
	if err != nil || len(days) == 0 {
		return "", false, fault("file sent", err)
	}
	return days[0].SentOn, days[0].Recorded, nil
}
