package oracle

import (
	"context"
	"fmt"
)

// Counts is a practice's journey in numbers.
type Counts struct {
	// FilesSent are files that reached the registry, by its own ledger, and
	// Messages what they held; Test, Production and Historical count files.
	FilesSent  int `json:"files_sent"`
	Test       int `json:"test"`
	Production int `json:"production"`
	Historical int `json:"historical"`
	Messages   int `json:"messages"`
	// Verified are deliveries that PostgreSQL calls confirmed.
	Verified int `json:"verified"`
	// Refused files were stopped by our checker.
	Refused int `json:"refused"`
	// Reports were imported and speak of the practice's files.
	Reports int `json:"reports"`
	// ErrorsOpened is how many causes were opened, ErrorsSettled how many of
	// them were verified or waived since.
	ErrorsOpened  int `json:"errors_opened"`
	ErrorsSettled int `json:"errors_settled"`
	// Letters that were sent, by their Message-IDs.
	Letters int `json:"letters"`
}

// Count counts what is known of a practice, by its ID. A practice that the
// world does not name is an error.
func Count(ctx context.Context, w World, practice string) (Counts, error) {
	var c Counts
	f := &facts{w: &w}
	account := f.account(practice)
	if account == "" {
		return c, fmt.Errorf("oracle: no practice %q in this rehearsal", practice)
	}
	sh, err := readShore(w.RegistryDir, w.Practices)
	if err != nil {
		return c, fmt.Errorf("oracle: %w", err)
	}
	for _, a := range sh.all {
		if a.account == account {
			c.add(a)
		}
	}
	conn, err := connect(ctx, w.DatabaseURL)
	if err != nil {
		return c, fmt.Errorf("oracle: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read
	err = conn.QueryRow(ctx, `
		select (select count(*) from deliveries where practice = $1 and state = 'confirmed'),
			(select count(*) from files where practice = $1 and state = 'refused'),
			(select count(distinct r.id) from reports r join report_covers c on c.report_id = r.id
				join files f on f.id = c.file_id where f.practice = $1 and r.state = 'imported'),
			(select count(*) from errors where practice = $1),
			(select count(*) from errors where practice = $1 and state in ('verified', 'waived')),
			(select count(*) from notices where practice = $1 and state = 'sent')`, practice).
		Scan(&c.Verified, &c.Refused, &c.Reports, &c.ErrorsOpened, &c.ErrorsSettled, &c.Letters)
	if err != nil {
		return c, fmt.Errorf("oracle: count: %w", err)
	}
	return c, nil
}

func (c *Counts) add(a arrived) {
	c.FilesSent++
	switch a.lane {
	case "test":
		c.Test++
	case "production":
		c.Production++
	case "historical":
		c.Historical++
	}
	if a.entry != nil {
		c.Messages += len(a.entry.Messages)
	}
}
