//go:build race

package sapcompress

const raceEnabled = true
