package rfc_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// system starts a built-in system and logs on to it; programs use destination.Dial.
func system() (*rfctest.System, *rfc.Conn) {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{})
	if err != nil {
		return nil, nil
	}
	conn, err := sys.Connect(ctx)
	if err != nil {
		return nil, nil
	}
	return sys, conn
}

// A typed call: the tags name the parameters.
func ExampleCall() {
	sys, conn := system()
	defer func() { _, _ = conn.Close(), sys.Close() }()

	type in struct {
		Start   int32 `rfc:"START_VALUE"`
		Counter int32 `rfc:"COUNTER"`
	}
	type out struct {
		Counter int32 `rfc:"COUNTER"`
		Result  int32 `rfc:"RESULT"`
	}
	res, err := rfc.Call[out](context.Background(), conn, "STFC_CHANGING", in{Start: 33, Counter: 88})
	fmt.Println(res.Counter, res.Result, err)
	// Output: 89 121 <nil>
}

// A dynamic call, and what can be learned from its error.
func ExampleConn_Call() {
	sys, conn := system()
	defer func() { _, _ = conn.Close(), sys.Close() }()

	_, err := conn.Call(context.Background(), "RFC_READ_TABLE", rfc.Params{"QUERY_TABLE": "T008X"})
	if e, ok := errors.AsType[*rfc.Error](err); ok {
		fmt.Println(e.Class, e.Key, e.MessageClass, e.MessageNumber, e.MessageV[0])
		fmt.Println("retry:", rfc.SafeToRetry(err), "connection:", conn.Alive())
	}
	// Output:
	// ABAP exception TABLE_NOT_AVAILABLE SV 029 T008X
	// retry: false connection: true
}

// Rows of a large table are decoded while the network delivers them.
func ExampleRows() {
	sys, conn := system()
	defer func() { _, _ = conn.Close(), sys.Close() }()

	res, err := conn.Call(context.Background(), "STFC_PERFORMANCE",
		rfc.Params{"CHECKTAB": "X", "LGET1000": "50000"}, rfc.Stream("ETAB1000"))
	if err != nil {
		fmt.Println(err)
		return
	}
	n := 0
	for _, err := range rfc.Rows[rfc.Params](res, "ETAB1000") {
		if err != nil {
			fmt.Println(err)
			return
		}
		n++
	}
	fmt.Println(n)
	// Output: 50000
}

// Serving reads like net/http; the interface of the module follows from the types.
func ExampleHandle() {
	sys, conn := system()
	defer func() { _, _ = conn.Close(), sys.Close() }()

	type in struct {
		Name string `rfc:"NAME,char=40"`
	}
	type out struct {
		Greeting string `rfc:"GREETING,char=60"`
	}
	err := rfc.Handle(sys.Mux(), "Z_GREET", func(_ context.Context, in in) (out, error) {
		if in.Name == "" {
			return out{}, rfc.RaiseException("NAME_MISSING")
		}
		return out{Greeting: "Hello, " + in.Name}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := rfc.Call[out](context.Background(), conn, "Z_GREET", in{Name: "Ada"})
	fmt.Println(res.Greeting, err)
	_, err = rfc.Call[out](context.Background(), conn, "Z_GREET", in{})
	fmt.Println(err)
	// Output:
	// Hello, Ada <nil>
	// Z_GREET: ABAP exception NAME_MISSING:  Number:000
}
