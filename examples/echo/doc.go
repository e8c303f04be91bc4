// Command echo calls STFC_CONNECTION: the example of the README. It needs a system, for
// example the built-in one:
//
//	RFC_PASSWORD=secret go run ./cmd/rfcping serve --cpic 127.0.0.1:3300 --user DEVELOPER --password-env RFC_PASSWORD
package main
