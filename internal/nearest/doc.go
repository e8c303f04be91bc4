// Package nearest finds the name that was probably meant, for "did you mean" in errors
// about parameters, fields, flags and settings. One rule for all of them, so that every
// error of the house guesses alike.
package nearest
