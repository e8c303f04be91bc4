// Package fuzz holds the fuzz targets of the module, one file for each area. It has
// no code of its own and nothing imports it.
//
// It stands beside the shelves and may import every package. The targets sit here,
// not next to the codecs, because many of them cross packages: what one codec
// accepts, another one has to print, and both directions have to agree. Seeds are
// made by encoding real values with the codecs themselves, so a target keeps its
// reach when a format is extended. Each target asserts that no input panics, that
// memory stays within a multiple of the bytes received, and, where a codec has both
// directions, that decoding, encoding and decoding again gives the same value.
//
// It does not replace the table tests and golden vectors that live with the codecs:
// a value that survives its own round trip may still not be what a peer sends. An
// input that broke a target is kept under testdata/fuzz and runs with go test from
// then on.
//
// Run one target for longer with
//
//	go test -run='^$' -fuzz='^FuzzName$' -fuzztime=10m ./fuzz
//
// and all of them for ten seconds each with make fuzz.
package fuzz
