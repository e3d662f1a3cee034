package activities

import (
	"fmt"
	"strings"
	"time"

	"immtrail/registry"
)

// partTakes is what a part is taken to need from its first byte to its
// confirmation where the profile sets no pace: an assumption, and called so.
const partTakes = 10 * time.Second

// paceOf says how long parts take from a date on at the registry's pace: files
// an hour, bytes a second, quiet hours, and parts at once. Kind Invalid where the
// profile's quiet hours are none.
func paceOf(profile *registry.Profile, from time.Time, parts int, bytes int64) (seconds int64, words string, err error) {
	quiet, err := registry.ParseQuietHours(profile.Host.QuietHours, profile.Zone)
	if err != nil {
		return 0, "", registry.Errorf(registry.Invalid, "history pace", "host.quiet_hours: %w", err)
	}
	window := max(1, profile.Policy.HistoryWindow)
	if profile.Host.Sessions > 0 {
		window = min(window, profile.Host.Sessions)
	}
	step := partTakes / time.Duration(window)
	said := []string{fmt.Sprintf("%d at once, %d s each (assumed)", window, int(partTakes.Seconds()))}
	if profile.Host.FilesPerHour > 0 {
		step = max(step, time.Hour/time.Duration(profile.Host.FilesPerHour))
		said = append(said, fmt.Sprintf("%d files an hour", profile.Host.FilesPerHour))
	}
	if rate := profile.Host.BytesPerSecond; rate > 0 && parts > 0 {
		step = max(step, time.Duration(float64(bytes)/float64(parts)/float64(rate)*float64(time.Second)))
		said = append(said, fmt.Sprintf("%d bytes a second", rate))
	}
	if len(profile.Host.QuietHours) > 0 {
		said = append(said, "not "+strings.Join(profile.Host.QuietHours, ", "))
	}
	at := from
	for range parts {
		if end, is := quiet.Until(at); is {
			at = end
		}
		at = at.Add(step)
	}
	return int64(at.Sub(from).Seconds()), strings.Join(said, "; "), nil
}
