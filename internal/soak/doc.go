// Package soak calls a few systems for a long time over roads that fail, and holds every
// answer, every error and everything that is left behind against what must be.
//
// It stands beside the shelves, has no code of its own and nothing imports it. Its one test
// drives destinations of package destination against systems of package rfctest: typed,
// dynamic, deep, streamed and sent tables, sequences of calls in one session, other users,
// exceptions, callbacks, contexts that end, answers that come too late. Between both runs a
// TCP relay that cuts connections at any byte, resets them, falls silent, dawdles and
// crumbles; systems refuse logons, drop calls and are restarted.
//
// What must hold:
//
//   - an answer carries the number and the text of its own call, and the user who made it;
//   - a call runs at most once: exactly once if it was answered, never if its error says
//     NotSent;
//   - every error has a cause that was put there: the caller's own context, what the caller
//     asked for, or a fault of the very connection that the error names;
//   - behind each round, when the destinations are closed, no goroutine, descriptor or
//     connection is left, the counters of the pools add up, and over the rounds the heap does
//     not grow.
//
// go test ./internal/soak is a short form. The full one is make soak; SOAK_CALLS,
// SOAK_ROUNDS, SOAK_WORKERS, SOAK_FAULTS (one fault in so many calls) and SOAK_SEED change it.
// The seed gives each worker the same operations again; which of them meet is up to the
// scheduler.
package soak
