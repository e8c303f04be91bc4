//go:build !race

package rfc_test

const raceEnabled = false
