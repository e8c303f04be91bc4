package rfctest_test

import (
	"context"
	"fmt"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// A system that serves WebSocket RFC beside classic RFC, and a call over it.
func ExampleSystem_ConnectWebSocket() {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{WebSocketAddress: rfctest.DefaultAddress})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sys.Close() }()
	conn, err := sys.ConnectWebSocket(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	res, err := conn.Call(ctx, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "hello"})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := res.Values()
	fmt.Println(out["ECHOTEXT"], err)
	// Output: hello <nil>
}
