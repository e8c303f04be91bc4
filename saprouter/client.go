package saprouter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/purerfc/purerfc/internal/foreign"
	"github.com/purerfc/purerfc/internal/services"
	"github.com/purerfc/purerfc/ni"
)

// Dialer reaches targets through routers. Its DialContext has the form of net.Dialer's, so
// that it can stand wherever a network may be replaced, above a proxy or another Dialer. It
// is safe for concurrent use as long as its fields are left alone.
type Dialer struct {
	// Routers are the stations on the way, as ParseRouters gives them. At least one.
	Routers Route
	// Dial connects to the first router. Default: net.Dialer with keepalive.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// AnswerTimeout is how long the routers may take together. Default
	// DefaultAnswerTimeout.
	AnswerTimeout time.Duration
	// TalkMode is MessageIO, the default, or RawIO.
	TalkMode TalkMode
	// Done, if set, is told about every connection: the facts as far as it got, and why it
	// failed. It must not block.
	Done func(Facts, error)
}

// Facts say what happened on the way to a target.
type Facts struct {
	// Route is the whole route, passwords masked; Hops its length, the target included.
	Route string
	Hops  int
	// Router is the address of the first router as it was dialled, Remote the one of the
	// connection.
	Router, Remote string
	// Connect is the time to the connection with the first router, Answer the time from the
	// request to the answer: that the whole route took.
	Connect, Answer time.Duration
	// Pings is how many pings came before the answer.
	Pings int
}

// FirstHop is the address to dial for a route: host:port of the first router. Service names
// are looked up on this machine; saprouter and sapdpNN have their usual ports.
func (r Route) FirstHop() (string, error) {
	if len(r) == 0 {
		return "", errors.New("route: no hops")
	}
	port, err := services.Resolve(r[0].service())
	if err != nil {
		return "", fmt.Errorf("route: service of hop 1: %w", err)
	}
	return net.JoinHostPort(r[0].Host, fmt.Sprint(port)), nil
}

// DialContext connects to the first router and goes on to address, host:port or
// host:service, which is known to the last router and not looked up here. The network is
// "tcp". Every step obeys ctx; the error is an *Error.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Error{kind: kindConfig, Route: d.Routers.String(), Text: "the target is no host:port", Err: err}
	}
	route := d.Routers.To(host, service)
	facts := Facts{Route: route.String(), Hops: len(route)}
	nc, err := d.dial(ctx, network, route, &facts)
	if d.Done != nil {
		d.Done(facts, err)
	}
	return nc, err
}

func (d *Dialer) dial(ctx context.Context, network string, route Route, facts *Facts) (net.Conn, error) {
	if err := route.Validate(); err != nil {
		return nil, &Error{kind: kindConfig, Route: facts.Route, Text: "it cannot be travelled", Err: err}
	}
	first, err := route.FirstHop()
	if err != nil {
		return nil, &Error{kind: kindConfig, Route: facts.Route, Text: "it cannot be travelled", Err: err}
	}
	facts.Router = first
	start := time.Now()
	nc, err := d.first(ctx, network, first)
	facts.Connect = time.Since(start)
	if err != nil {
		return nil, err
	}
	if err := d.travel(ctx, nc, route, facts); err != nil {
		return nil, err
	}
	return nc, nil
}

// first connects to the first router.
func (d *Dialer) first(ctx context.Context, network, address string) (net.Conn, error) {
	dial := d.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}).DialContext
	}
	nc, err := dial(ctx, network, address)
	if err != nil {
		return nil, &Error{kind: kindOf(err), Router: address, Hop: 1, Text: "not reached", Err: err}
	}
	return nc, nil
}

// Connect asks the router behind nc, a connection to the first hop of the route, for the
// rest of the way, and waits for its answer. Behind it nc is the connection to the target:
// no byte of that has been read. On an error, an *Error, nc is closed. Dial and Done of the
// Dialer are not used, its Routers neither.
func (d *Dialer) Connect(ctx context.Context, nc net.Conn, route Route) (Facts, error) {
	facts := Facts{Route: route.String(), Hops: len(route)}
	if len(route) > 0 {
		facts.Router = route[0].Address()
	}
	return facts, d.travel(ctx, nc, route, &facts)
}

func (d *Dialer) travel(ctx context.Context, nc net.Conn, route Route, facts *Facts) error {
	if a := nc.RemoteAddr(); a != nil {
		facts.Remote = a.String()
	}
	q, err := NewRequest(route, d.TalkMode)
	if err != nil {
		_ = nc.Close()
		return &Error{kind: kindConfig, Route: facts.Route, Text: "it cannot be travelled", Err: err}
	}
	payload, err := q.AppendBinary(nil)
	if err != nil {
		_ = nc.Close()
		return &Error{kind: kindConfig, Route: facts.Route, Text: "it cannot be travelled", Err: err}
	}
	timeout := d.AnswerTimeout
	if timeout <= 0 {
		timeout = DefaultAnswerTimeout
	}
	start := time.Now()
	err = bound(ctx, nc, timeout, func() error {
		if _, err := nc.Write(ni.AppendRecord(nil, payload)); err != nil {
			return fmt.Errorf("sending the route: %w", err)
		}
		return answer(nc, route, &facts.Pings)
	})
	facts.Answer = time.Since(start)
	if err == nil {
		return nil
	}
	_ = nc.Close()
	return asError(err, timeout, route, facts)
}

// asError says what a failed exchange means.
func asError(err error, timeout time.Duration, route Route, facts *Facts) *Error {
	e, known := errors.AsType[*Error](err)
	ended, _ := errors.AsType[*ni.ContextError](err)
	cut, _ := errors.AsType[*cutError](err)
	switch {
	case known:
	case ended != nil:
		e = &Error{kind: kindOf(ended), Text: "no answer to the route", Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		e = &Error{kind: kindTimeout, Err: err, Text: fmt.Sprintf("no answer to the route within %v: a router answers when the connection behind it stands or has failed", timeout)}
	case cut != nil:
		// What came may be the beginning of a refusal (case B-122).
		if e = cutRefusal(cut, route); e != nil {
			break
		}
		if name := foreign.Name(cut.first); name != "" && name != "SAP NI" {
			e = notNI(cut.first)
			break
		}
		e = &Error{kind: kindCommunication, Hop: 1, Text: "the answer to the route is cut off", Err: err}
	case errors.Is(err, io.EOF):
		e = &Error{kind: kindCommunication, Hop: 1, Err: err, Text: "the connection was closed in place of an answer to the route: is that a SAProuter, and does it know this machine?"}
	default:
		e = &Error{kind: kindCommunication, Hop: 1, Text: "no answer to the route", Err: err}
	}
	e.Router, e.Route = facts.Router, facts.Route
	return e
}

// cutRefusal reads an error record that the end of the connection cut off; nil if it is none.
func cutRefusal(cut *cutError, route Route) *Error {
	if len(cut.first) < ni.HeaderLength {
		return nil
	}
	e, ok := ni.ParseRouterError(cut.first[ni.HeaderLength:])
	if !ok || e.Opcode != opError {
		return nil
	}
	return refusal(e, route)
}

// bound runs an exchange on nc that ends with ctx or after a time limit. Behind a success nc
// has no deadline.
func bound(ctx context.Context, nc net.Conn, limit time.Duration, exchange func() error) error {
	if ctx.Err() != nil {
		return &ni.ContextError{Cause: context.Cause(ctx), Err: ctx.Err()}
	}
	if err := nc.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err := exchange()
	if !stop() { // the connection is of no use any more
		return &ni.ContextError{Cause: context.Cause(ctx), Err: errors.Join(ctx.Err(), err)}
	}
	if err != nil {
		return err
	}
	return nc.SetDeadline(time.Time{})
}

// answer reads records until the router has accepted or refused the route. It reads exactly
// these: the next byte belongs to the target.
func answer(nc net.Conn, route Route, pings *int) error {
	in := recordReader{r: nc}
	for {
		payload, err := in.next(maxAnswer)
		if err != nil {
			return err
		}
		if e, ok := ni.ParseRouterError(payload); ok {
			if e.Opcode != opError {
				return strange("NI_PONG or an error record", fmt.Sprintf("NI_RTERR with opcode %d", e.Opcode))
			}
			return refusal(e, route)
		}
		switch ni.ControlOf(payload) {
		case ni.Pong:
			return nil
		case ni.Ping:
			if _, err := nc.Write(ni.AppendRecord(nil, pong)); err != nil {
				return err
			}
		case ni.Idle:
		case ni.NoControl, ni.UnknownControl:
			return strange("NI_PONG or an error record", fmt.Sprintf("%d bytes that begin with % x", len(payload), payload[:min(16, len(payload))]))
		}
		if *pings++; *pings > maxPings {
			return strange("an answer to the route", fmt.Sprintf("more than %d records that carry nothing", maxPings))
		}
	}
}

func strange(want, got string) *Error {
	return &Error{kind: kindProtocol, Hop: 1, Text: fmt.Sprintf("want %s, got %s: is that the port of a SAProuter (usually 3299)?", want, got)}
}

// pongRecord is the length of the record that accepts a route, in bytes.
const pongRecord = ni.HeaderLength + 8

// recordReader reads NI records without taking a byte behind a pong: a record has at least 4
// bytes and a pong 12, so that 12 bytes from the start of any record that is not the last
// one end before the end of the pong.
type recordReader struct {
	r   io.Reader
	buf []byte // read and not returned, less than a pong behind the first record
}

// next returns the payload of a record, valid until it is called again. Memory grows with
// what arrives.
func (in *recordReader) next(limit int) ([]byte, error) {
	if err := in.fill(ni.HeaderLength, pongRecord); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(in.buf)
	if uint64(length) > uint64(limit) {
		return nil, notNI(in.buf)
	}
	n := ni.HeaderLength + int(length)
	if err := in.fill(n, n); err != nil {
		return nil, err
	}
	payload := in.buf[ni.HeaderLength:n:n]
	in.buf = in.buf[n:]
	return payload, nil
}

// fill reads until the buffer has at least so many bytes, and none behind most.
func (in *recordReader) fill(least, most int) error {
	for len(in.buf) < least {
		have := len(in.buf)
		room := min(most-have, readStep)
		in.buf = append(in.buf, make([]byte, room)...)
		n, err := in.r.Read(in.buf[have:])
		in.buf = in.buf[:have+n]
		switch {
		case n > 0:
		case errors.Is(err, io.EOF) && have > 0:
			return &cutError{got: have, first: in.buf}
		case err != nil:
			return err
		default:
			return io.ErrNoProgress
		}
	}
	return nil
}

// notNI is the error of a peer that speaks something else.
func notNI(first []byte) *Error {
	who := "is no SAProuter"
	if name := foreign.Name(first); name != "" {
		who = "speaks " + name
	}
	return &Error{kind: kindProtocol, Hop: 1, Text: fmt.Sprintf("the peer %s, its first bytes are % x: is that the right port (usually 3299)?", who, first)}
}

// cutError is a record that ended too early.
type cutError struct {
	got   int
	first []byte
}

func (e *cutError) Error() string {
	return fmt.Sprintf("the connection ended behind %d bytes of a record", e.got)
}

func (e *cutError) Unwrap() error { return io.ErrUnexpectedEOF }
