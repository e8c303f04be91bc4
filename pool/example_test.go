package pool_test

import (
	"context"
	"fmt"
	"time"

	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// A pool of connections to one system. Programs use a destination, which has one.
func Example() {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{})
	if err != nil {
		return
	}
	defer func() { _ = sys.Close() }()

	p, err := pool.New(pool.Config[*rfc.Conn]{
		Open:     func(ctx context.Context) (*rfc.Conn, error) { return sys.Connect(ctx) },
		Reset:    func(ctx context.Context, c *rfc.Conn) error { return c.Reset(ctx) },
		Capacity: 2, Peak: 5, MaxWait: 30 * time.Second,
		Expiration: time.Minute, CheckPeriod: time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		lease, err := p.Acquire(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		if c, err := lease.Value(); err == nil {
			err = c.Ping(ctx)
			fmt.Println("ping:", err)
		}
		fmt.Println("release:", lease.Release())
	}
	s := p.Stats()
	fmt.Println("opened", s.Opened, "lent", s.Acquired, "idle", s.Idle)
	fmt.Println("close:", p.Close(ctx))
	_, err = p.Acquire(ctx)
	fmt.Println(err)
	// Output:
	// ping: <nil>
	// release: <nil>
	// ping: <nil>
	// release: <nil>
	// ping: <nil>
	// release: <nil>
	// opened 1 lent 3 idle 1
	// close: <nil>
	// the pool is closed
}

// Settings that may be absent, as jco.destination.pool_capacity and peak_limit.
func ExampleLimits() {
	fmt.Println(pool.Limits(nil, nil))
	fmt.Println(pool.Limits(new(5), nil))
	fmt.Println(pool.Limits(new(5), new(3)))
	fmt.Println(pool.Limits(nil, new(20)))
	// Output:
	// 1 0
	// 5 5
	// 5 5
	// 1 20
}
