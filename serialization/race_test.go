//go:build race

package serialization

const raceEnabled = true
