// Package watchdog notices that a client has gone while a handler of the serving side runs
// and nobody reads from the connection. It belongs to the shelf of frames: cpic and wsrfc use
// it for their accepting sides. It reads nothing itself; the connection does, when told to.
package watchdog
