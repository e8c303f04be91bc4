// Package destination is the front door: it turns the settings of a destination into a
// logged-on connection, step by step, so that an error says how far it got.
//
// This release dials single connections over CPIC. Settings are a Go struct here.
package destination
