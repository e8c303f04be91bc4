package bapi_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/bapi"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// What is done in a transaction is committed together, or not at all.
func ExampleTransaction() {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sys.Close() }()
	dest, err := destination.New(sys.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = dest.Close(ctx) }()

	type out struct {
		Value  int64        `rfc:"VALUE"`
		Return bapi.Message `rfc:"RETURN"`
	}
	book := func(names ...string) error {
		return bapi.Transaction(ctx, dest, func(s *destination.Session) error {
			for _, name := range names {
				if _, err := bapi.Call[out](ctx, s, "Z_COUNTER_ADD", rfc.Params{"NAME": name}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	fmt.Println(book("APPLES", "PEARS"), sys.Counters())
	err = book("APPLES", "")
	if e, ok := errors.AsType[*bapi.Error](err); ok {
		fmt.Println(e.First().Parameter, sys.Counters())
	}
	fmt.Println(err)
	// Output:
	// <nil> map[APPLES:1 PEARS:1]
	// NAME map[APPLES:1 PEARS:1]
	// Z_COUNTER_ADD: E 00 055: Fill out all required entry fields (parameter NAME)
}
