// Package abap holds the ABAP values that Go has no type for: dates and times that
// keep what ABAP holds, time stamps and the other compact types of time, exact
// decimals with their packed and floating forms, numeric texts and language keys, and
// the range rules of integers and floats.
//
// It is the lowest of the value shelves: no I/O, no metadata, no structures or
// tables, no code pages, no byte order. [Date], [Time], [Decimal], [Timestamp],
// [TimeOfDay], [Week], [Month] and [MonthDay] are plain comparable values without
// pointers; all functions are safe for concurrent use.
//
// Wire documents: spec 20.2 to 20.6 (characters, numbers, packed and floating
// decimals), 20.8 (compact types of time), 20.9 (what is accepted and refused), 03
// (languages).
package abap
