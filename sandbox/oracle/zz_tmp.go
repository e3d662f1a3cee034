package oracle

import "context"

// Sabotage is temporary.
type Sabotage struct {
	Name, Words string
	Break       func(context.Context, World) error
}

// Sabotages is temporary.
func Sabotages() []Sabotage { return nil }
