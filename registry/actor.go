package registry

// Actor is who did something. Whoever changes anything is a named person.
type Actor struct {
	// Name is the person, or "immtrail" for what the process does by itself.
	Name string `json:"name"`
	// Via is the road: "cli", "web-ui", "workflow".
	Via string `json:"via"`
	// Claimed is set where nobody has checked that it is that person, as with
	// a signal typed in the Web UI.
	Claimed bool `json:"claimed,omitempty"`
}

// System is the actor of what the process does by itself.
var System = Actor{Name: "immtrail", Via: "workflow"}
