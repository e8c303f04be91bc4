// Package abap holds the ABAP values that Go has no type for: dates and times that
// keep what ABAP holds, exact decimals, packed numbers, numeric texts and language
// keys, and the range rules of integers and floats.
//
// It is the lowest of the value shelves: no I/O, no metadata, no structures or
// tables, no code pages. [Date], [Time] and [Decimal] are plain comparable values
// without pointers; all functions are safe for concurrent use.
//
// Wire documents: spec 20.2 to 20.5 (characters, numbers, packed decimals), 20.9
// (what is accepted and refused), 03 (languages).
package abap
