package activities

import (
	"context"
	"time"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/vault"
)

// releaseAtOnce bounds a page of files to be released.
const releaseAtOnce = 100

// ReleaseSettled destroys the bytes of a practice's files that were settled more
// than afterDays before now, and counts them: never of a file that is not
// answered, has an open error or a message that waits for a decision. Repeating it
// finds nothing more. Kind Invalid without days.
func ReleaseSettled(ctx context.Context, store *db.Store, v *vault.Vault, practice string, afterDays int, now time.Time) (int, error) {
	if afterDays <= 0 {
		return 0, registry.Errorf(registry.Invalid, "release files", "after how many days?")
	}
	before := now.AddDate(0, 0, -afterDays)
	total := 0
	for {
		ids, err := store.Releasable(ctx, practice, before, releaseAtOnce)
		if err != nil || len(ids) == 0 {
			return total, err
		}
		done := 0
		for _, id := range ids {
			released, err := store.ReleaseFile(ctx, id, before, now, func(key string) error {
				return v.Delete(ctx, key)
			})
			if err != nil {
				return total, err
			}
			if released {
				done++
			}
		}
		total += done
		if done == 0 {
			return total, nil // another worker was faster
		}
	}
}
