// Package remotetest is what every driver of package transfer must pass,
// against every server that it is said to work with. It looks at the server's
// disk, not only at what the driver says.
//
// It holds what is the same everywhere. What only a server that misbehaves on
// demand can show (cut connections, lost answers) is tested beside the driver.
package remotetest
