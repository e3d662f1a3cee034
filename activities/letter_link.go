package activities

import (
	"context"
	"slices"
	"strings"

	"immtrail/db"
	"immtrail/registry"
)

// maxWaiting bounds the practices, connections and files that a letter names.
const maxWaiting = 20

// heldLink tells of the connection or the server that h holds, if it holds one.
func (w *writer) heldLink(ctx context.Context, h db.Hold) error {
	switch {
	case h.Connection != "":
		return w.connection(ctx, h.Connection)
	case h.Server != "":
		return w.server(ctx, h.Server)
	}
	return nil
}

// connection tells which practices, sites and files wait for a connection, and
// writes to the coordinators of all practices that use it.
func (w *writer) connection(ctx context.Context, name string) error {
	w.data.Practice.ID, w.data.Practice.Name = name, "Connection "+name
	waiting, err := w.DB.WaitingFor(ctx, name, maxWaiting)
	if err != nil {
		return err
	}
	w.waits(waiting)
	w.data.Commands = append(w.data.Commands, "starter connection test "+name)
	return w.tellUsersOf(ctx, name)
}

// server tells the same of every connection that leads to a server.
func (w *writer) server(ctx context.Context, server string) error {
	w.data.Practice.ID, w.data.Practice.Name = server, "The server "+server
	waiting, err := w.DB.WaitingForServer(ctx, server, maxWaiting)
	if err != nil {
		return err
	}
	w.waits(waiting)
	connections, err := w.DB.ConnectionsAt(ctx, server)
	if err != nil {
		return err
	}
	w.data.Connections = connections[:min(len(connections), maxWaiting)]
	w.data.MoreConnections = len(connections) - len(w.data.Connections)
	if len(connections) > 0 {
		w.data.Commands = append(w.data.Commands, "starter connection test "+connections[0])
	}
	return w.tellUsersOf(ctx, connections...)
}

func (w *writer) waits(waiting db.Waiting) {
	for _, p := range waiting.Practices[:min(len(waiting.Practices), maxWaiting)] {
		w.data.Waiting = append(w.data.Waiting, registry.LetterWaiting{ID: p.ID, Name: p.Name, Files: p.Files, Sites: p.Sites})
	}
	w.data.MorePractices = len(waiting.Practices) - len(w.data.Waiting)
	w.data.WaitingFiles = waiting.Names
}

// tellUsersOf makes the coordinators of the practices on connections the
// recipients.
func (w *writer) tellUsersOf(ctx context.Context, connections ...string) error {
	for _, name := range connections {
		practices, err := w.DB.ConnectionPractices(ctx, name)
		if err != nil {
			return err
		}
		for _, id := range practices {
			p, err := w.DB.Practice(ctx, id)
			if err != nil {
				return err
			}
			c, ok := p.Contact(registry.ContactCoordinator)
			if ok && !slices.ContainsFunc(w.concerned, func(o registry.Contact) bool { return strings.EqualFold(o.Email, c.Email) }) {
				w.concerned = append(w.concerned, c)
			}
		}
	}
	return nil
}
