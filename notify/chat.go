package notify

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"

	"immtrail/registry"
)

// Chat tells alerts in chat rooms beside the mail. What is said there is the
// subject of a letter, so nothing of a patient. It proves nothing: a room may be
// told twice or never.
type Chat struct {
	urls []string
	// Timeout bounds all rooms together; 0 means 5 s.
	Timeout time.Duration
}

// OpenChat takes the addresses of rooms as shoutrrr writes them, such as
// slack://…. It talks to nobody. It fails with kind Invalid when an address is of
// no service that is known, or is not whole; the error does not repeat the address,
// which holds a secret.
func OpenChat(urls []string) (*Chat, error) {
	var known router.ServiceRouter
	for i, url := range urls {
		service, _, err := known.ExtractServiceName(url)
		if err != nil || !slices.Contains(known.ListServices(), service) {
			return nil, registry.Errorf(registry.Invalid, "chat", "room %d is no address of a chat such as slack://…", i+1)
		}
		if service == "matrix" {
			continue // to look at its address is to log in
		}
		if _, err := known.Locate(url); err != nil {
			return nil, registry.Errorf(registry.Invalid, "chat", "room %d: the address is not whole, or not as shoutrrr writes those of %s", i+1, service)
		}
	}
	return &Chat{urls: urls}, nil
}

// Say says text in every room at the same time. It fails with kind Transient and
// the numbers of the rooms that did not take it in time, and with kind Invalid,
// saying nothing, when the text looks like part of an HL7 message.
func (c *Chat) Say(ctx context.Context, text string) error {
	if strings.TrimSpace(text) == "" || hl7Line.MatchString(text) {
		return registry.Errorf(registry.Invalid, "chat", "the text is empty or holds part of an HL7 message")
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	said := make([]chan error, len(c.urls))
	for i, url := range c.urls {
		said[i] = make(chan error, 1) // the library cannot be called off; whoever is late speaks to nobody
		go func() { said[i] <- shoutrrr.Send(url, text) }()
	}
	var silent []string
	for i := range said {
		var err error
		select {
		case err = <-said[i]:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil { // its words repeat the address
			silent = append(silent, strconv.Itoa(i+1))
		}
	}
	if len(silent) > 0 {
		return registry.Errorf(registry.Transient, "chat", "rooms that did not take it: %s of %d", strings.Join(silent, ", "), len(c.urls))
	}
	return nil
}
