package saprouter

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/purerfc/purerfc/ni"
)

// HopFacts is what Probe learned of one hop.
type HopFacts struct {
	// Hop counts from 1; the last one is the target.
	Hop int
	// Address is host:service as in the route.
	Address string
	Target  bool
	// Reached: a connection to this hop stands, through all hops before it.
	Reached bool
	// NIVersion is what a router answered when it was asked for its version; 0 if it did not
	// say, which breaks nothing.
	NIVersion uint8
	// Connect is the time to the connection through all hops before this one.
	Connect time.Duration
	// Err says why the hop was not reached; an *Error.
	Err error
}

// Probe looks at the hops of the way to address one after the other, over a connection of
// its own for each, and stops behind the first one it cannot reach. Routers are asked for
// their version; of the target only the connection is tried. Permission tables have to allow
// no more than the route itself needs.
func (d *Dialer) Probe(ctx context.Context, address string) []HopFacts {
	var list []HopFacts
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return []HopFacts{{Hop: len(d.Routers) + 1, Address: address, Target: true, Err: &Error{kind: kindConfig, Text: "the target is no host:port", Err: err}}}
	}
	route := d.Routers.To(host, service)
	for i, h := range route {
		f := HopFacts{Hop: i + 1, Address: h.Address(), Target: i == len(route)-1}
		start := time.Now()
		nc, err := d.reach(ctx, route[:i+1])
		f.Connect = time.Since(start)
		f.Reached, f.Err = err == nil, err
		if err == nil {
			if !f.Target {
				f.NIVersion = askVersion(ctx, nc)
			}
			_ = nc.Close()
		}
		list = append(list, f)
		if err != nil {
			break
		}
	}
	return list
}

// reach connects to the last hop of a part of a route.
func (d *Dialer) reach(ctx context.Context, part Route) (net.Conn, error) {
	last := part[len(part)-1]
	if len(part) > 1 {
		return d.dial(ctx, "tcp", part[:len(part)-1].To(last.Host, last.Service), new(Facts))
	}
	first, err := part.FirstHop()
	if err != nil {
		return nil, &Error{kind: kindConfig, Text: "it cannot be travelled", Err: err}
	}
	return d.first(ctx, "tcp", first)
}

// askVersion asks a router for its version of NI; 0 if it does not tell.
//
// Source: spec 10 section 4.3 [dissector], the request as one open tool sends it [impl].
func askVersion(ctx context.Context, nc net.Conn) (version uint8) {
	_ = bound(ctx, nc, versionTimeout, func() error {
		if _, err := nc.Write(ni.AppendRecord(nil, control(opVersionRequest))); err != nil {
			return err
		}
		in := recordReader{r: nc}
		for range maxPings {
			payload, err := in.next(maxAnswer)
			if err != nil {
				return err
			}
			if e, ok := ni.ParseRouterError(payload); ok {
				if e.Opcode == opVersionResponse || e.Opcode == opError {
					version = e.Version
				}
				return nil
			}
		}
		return fmt.Errorf("no answer among %d records", maxPings)
	})
	return version
}
