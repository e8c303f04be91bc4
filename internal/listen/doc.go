// Package listen is what every server of this module has in front of its connections: a
// listener that strangers do not reach by accident, and a loop that accepts until the server
// is closed, whatever becomes scarce meanwhile.
package listen
