// Package bapi has what calls of BAPIs need beside the calls: messages in RETURN parameters as
// errors, and transactions that are committed or rolled back in the ABAP session that made them.
//
//	err := bapi.Transaction(ctx, dest, func(s *destination.Session) error {
//		_, err := bapi.Call[Out](ctx, s, "BAPI_USER_CHANGE", in)
//		return err
//	})
//
// A BAPI changes nothing in the database by itself: it leaves that to BAPI_TRANSACTION_COMMIT,
// which has to be called in the same session. Over a pool the commit could reach another session
// and would have no effect there, so that Commit and Rollback take a Session only. A BAPI does not
// raise exceptions either: it returns messages, and those of type E, A and X mean that it failed.
//
// Layer: front door. It knows no bytes and no pools; whatever has sessions, as
// *destination.Destination, has transactions.
//
// Source: the structures BAPIRET2, BAPIRET1, BAPIRETURN and BAPIRETURN1, their message types, and
// the interfaces of BAPI_TRANSACTION_COMMIT and BAPI_TRANSACTION_ROLLBACK are public
// documentation of the BAPI programming model [doc].
package bapi
