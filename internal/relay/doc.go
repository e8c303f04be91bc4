// Package relay passes bytes between two connections in both directions. It knows nothing of
// what they mean.
package relay
