//go:build !race

package sapcompress

const raceEnabled = false
