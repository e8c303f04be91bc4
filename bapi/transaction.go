package bapi

import (
	"context"
	"errors"
	"time"

	"github.com/purerfc/purerfc/rfc"
)

// Session is a caller whose calls all run in one ABAP session: *destination.Session, *rfc.Conn.
// A *destination.Destination is none, and does not compile in its place: each of its calls may
// run in another session, where a commit finds nothing to commit.
type Session interface {
	rfc.Caller
	// Alive reports whether the session can make another call. A session never gets another
	// connection: what ABAP kept for it would be lost.
	Alive() bool
}

// rollbackTimeout bounds a rollback behind an error: the context of the work has perhaps ended.
const rollbackTimeout = 10 * time.Second

// Commit calls BAPI_TRANSACTION_COMMIT in the session. With wait ABAP answers when the changes
// are in the database and tells whether they could be made; without it they are made later, and
// nobody learns of a failure.
//
// The error is an *Error if the commit itself failed, else an *rfc.Error. If that may have been
// executed (rfc.Error.MayHaveExecuted), nobody here knows whether the changes were made: look
// before you repeat them.
func Commit(ctx context.Context, s Session, wait bool) error {
	in := rfc.Params{}
	if wait {
		in["WAIT"] = "X"
	}
	return control(ctx, s, "BAPI_TRANSACTION_COMMIT", in)
}

// Rollback calls BAPI_TRANSACTION_ROLLBACK in the session: what was changed since the last commit
// and is not in the database yet is forgotten.
func Rollback(ctx context.Context, s Session) error {
	return control(ctx, s, "BAPI_TRANSACTION_ROLLBACK", nil)
}

func control(ctx context.Context, s Session, function string, in any) error {
	if s == nil {
		return &rfc.Error{
			Class: rfc.ClassState, Step: rfc.StepConfig, Function: function, Outcome: rfc.NotSent, Key: "RFC_INVALID_HANDLE",
			Message: "there is no session; make one with destination.Destination.Session or Pin",
		}
	}
	type out struct {
		Return Message `rfc:"RETURN"`
	}
	_, err := Call[out](ctx, s, function, in)
	return err
}

// Sessions is what has sessions of a type: *destination.Destination has those of
// *destination.Session.
type Sessions[S Session] interface {
	// Session runs fn with a session of its own. What ABAP kept for it is gone afterwards.
	Session(ctx context.Context, fn func(s S) error) error
}

// Transaction runs fn in a session of its own and commits what it did, waiting for the database.
// If fn returns an error, panics or ends its goroutine, or the commit fails, everything is rolled
// back. The error is that of fn, to the letter unless the rollback failed as well, or that of
// Commit.
//
// With a session that was lost there is nothing left to roll back: ABAP has done it. fn must not
// use the session behind its return, commits what is to be kept in any case itself (Commit), and
// closes the responses that it streams.
func Transaction[S Session](ctx context.Context, dest Sessions[S], fn func(s S) error) error {
	return dest.Session(ctx, func(s S) error {
		done := false
		defer func() {
			if !done {
				_ = undo(ctx, s)
			}
		}()
		err := fn(s)
		if err == nil {
			err = Commit(ctx, s, true)
		}
		done = true
		if err == nil {
			return nil
		}
		if undone := undo(ctx, s); undone != nil {
			return errors.Join(err, undone)
		}
		return err
	})
}

// undo rolls back what there may be to roll back.
func undo(ctx context.Context, s Session) error {
	if !s.Alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	return Rollback(ctx, s)
}
