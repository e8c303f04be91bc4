//go:build !race

package rfctest_test

const raceEnabled = false
