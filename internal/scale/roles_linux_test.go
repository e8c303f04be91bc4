package scale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

var errCommand = errors.New("no such command")

func numbers(args []string) ([]int, error) {
	n := make([]int, len(args))
	for i, a := range args {
		var err error
		if n[i], err = strconv.Atoi(a); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// system is an ABAP-like system without limits of its own.
type system struct{ sys *rfctest.System }

func (s *system) do(name string, _ []string) (any, error) {
	switch name {
	case "listen":
		var err error
		s.sys, err = rfctest.Start(context.Background(), rfctest.Config{Configure: func(g *gateway.Server) {
			g.MaxConnections, g.MaxPerAddress = -1, -1
		}})
		if err != nil {
			return nil, err
		}
		return s.sys.Address(), nil
	case "open":
		return s.sys.Server().Stats().Open, nil
	}
	return nil, errCommand
}

func (s *system) close() {
	if s.sys != nil {
		_ = s.sys.Close()
	}
}

// echoServer answers every request of a size with an answer of a size.
type echoServer struct{ l net.Listener }

func (s *echoServer) do(name string, args []string) (any, error) {
	switch name {
	case "listen": // request and answer in bytes
		n, err := numbers(args)
		if err != nil {
			return nil, err
		}
		if s.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
		go s.serve(n[0], n[1])
		return s.l.Addr().String(), nil
	}
	return nil, errCommand
}

func (s *echoServer) serve(request, answer int) {
	for {
		nc, err := s.l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = nc.Close() }()
			in, out := make([]byte, request), make([]byte, answer)
			for {
				if _, err := io.ReadFull(nc, in); err != nil {
					return
				}
				if _, err := nc.Write(out); err != nil {
					return
				}
			}
		}()
	}
}

func (s *echoServer) close() {
	if s.l != nil {
		_ = s.l.Close()
	}
}

// histogram counts durations in classes of a sixteenth of their size.
type histogram struct {
	classes [64 << 4]int64
	n       int64
}

func (h *histogram) add(d time.Duration) {
	v := uint64(max(d, 16))
	top := bits.Len64(v) - 5
	h.classes[top<<4|int(v>>top)&15]++
	h.n++
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.classes {
		h.classes[i] += n
	}
	h.n += o.n
}

// quantile is the upper end of the class in which it lies.
func (h *histogram) quantile(q float64) time.Duration {
	left := int64(q * float64(h.n))
	for i, n := range h.classes {
		if left -= n; left < 0 {
			return time.Duration(17+i&15) << (i >> 4)
		}
	}
	return 0
}

// result is what a client has measured.
type result struct {
	Calls    int64
	Took     time.Duration
	P50, P99 time.Duration
}

func (r result) rate() float64 { return float64(r.Calls) / r.Took.Seconds() }

// drive lets so many workers make requests, for a time or until there were enough of them.
func drive(workers int, d time.Duration, limit int64, request func(worker int) error) (result, error) {
	var group sync.WaitGroup
	var mu sync.Mutex
	var total histogram
	var failed error
	var made atomic.Int64
	var stop atomic.Bool
	if d > 0 {
		t := time.AfterFunc(d, func() { stop.Store(true) })
		defer t.Stop()
	}
	began := time.Now()
	for i := range workers {
		group.Go(func() {
			var own histogram
			var err error
			for err == nil && !stop.Load() && (limit == 0 || made.Add(1) <= limit) {
				start := time.Now()
				if err = request(i); err == nil {
					own.add(time.Since(start))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total.merge(&own)
			failed = errors.Join(failed, err)
		})
	}
	group.Wait()
	return result{total.n, time.Since(began), total.quantile(0.5), total.quantile(0.99)}, failed
}

// measure is the command "run WORKERS MILLISECONDS CALLS" of both clients.
func measure(args []string, request func(worker int) error) (any, error) {
	n, err := numbers(args)
	if err != nil {
		return nil, err
	}
	return drive(n[0], time.Duration(n[1])*time.Millisecond, int64(n[2]), request)
}

// checkPeriod is a twelfth of the standard one, so that its cost is seen.
const checkPeriod = 5 * time.Second

// pooled is a client with a destination for each system.
type pooled struct {
	dests []*destination.Destination
	next  atomic.Uint64
}

type echoIn struct {
	Text string `rfc:"REQUTEXT"`
}

type echoOut struct {
	Echo string `rfc:"ECHOTEXT"`
	Resp string `rfc:"RESPTEXT"`
}

func (c *pooled) do(name string, args []string) (any, error) {
	switch name {
	case "open": // connections for each address
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, err
		}
		return c.open(n, args[1:])
	case "run":
		in := &echoIn{"saprfc_capture_test"}
		return measure(args, func(int) error {
			d := c.dests[c.next.Add(1)%uint64(len(c.dests))]
			out, err := rfc.Call[echoOut](context.Background(), d, "STFC_CONNECTION", in)
			if err == nil && out.Echo != in.Text {
				err = fmt.Errorf("a wrong answer: %q", out.Echo)
			}
			return err
		})
	case "count":
		total := 0
		for _, d := range c.dests {
			total += d.Stats().Open
		}
		return total, nil
	}
	return nil, errCommand
}

func (c *pooled) open(n int, addresses []string) (time.Duration, error) {
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return 0, err
		}
		d, err := destination.New(destination.Config{
			ApplicationServer: host, SystemNumber: "00", GatewayService: port, Client: rfctest.DefaultClient,
			User: rfctest.DefaultUser, Password: rfctest.DefaultPassword, Language: "EN",
			Pool: destination.PoolConfig{Capacity: new(n), Expiration: new(time.Hour), CheckPeriod: new(checkPeriod), MaxWait: new(time.Hour)},
		})
		if err != nil {
			return 0, err
		}
		c.dests = append(c.dests, d)
	}
	began := time.Now()
	var group sync.WaitGroup
	errs := make([]error, len(c.dests))
	for i, d := range c.dests {
		group.Go(func() { errs[i] = d.Warm(context.Background(), n) })
	}
	group.Wait()
	return time.Since(began), errors.Join(errs...)
}

func (c *pooled) close() {
	for _, d := range c.dests {
		_ = d.Close(context.Background())
	}
}

// plain is a client that keeps sockets as a pool does, the last one returned on top, and
// moves bytes.
type plain struct {
	stacks []*stack
	out    []byte
	in     sync.Pool
	next   atomic.Uint64
}

type stack struct {
	mu    sync.Mutex
	freed *sync.Cond
	conns []net.Conn
}

func (c *plain) do(name string, args []string) (any, error) {
	switch name {
	case "open": // connections for each address, sizes of request and answer
		n, err := numbers(args[:3])
		if err != nil {
			return nil, err
		}
		return c.open(n[0], n[1], n[2], args[3:])
	case "run":
		return measure(args, func(int) error { return c.request() })
	case "count":
		total := 0
		for _, s := range c.stacks {
			total += len(s.conns)
		}
		return total, nil
	}
	return nil, errCommand
}

func (c *plain) open(n, request, answer int, addresses []string) (time.Duration, error) {
	c.out = make([]byte, request)
	c.in.New = func() any { b := make([]byte, answer); return &b }
	began := time.Now()
	for _, address := range addresses {
		s := new(stack)
		s.freed = sync.NewCond(&s.mu)
		c.stacks = append(c.stacks, s)
		for range n {
			nc, err := net.Dial("tcp", address)
			if err != nil {
				return 0, err
			}
			s.conns = append(s.conns, nc)
		}
	}
	return time.Since(began), nil
}

func (c *plain) request() error {
	s := c.stacks[c.next.Add(1)%uint64(len(c.stacks))]
	nc := s.pop()
	defer s.push(nc)
	if _, err := nc.Write(c.out); err != nil {
		return err
	}
	in := c.in.Get().(*[]byte)
	defer c.in.Put(in)
	_, err := io.ReadFull(nc, *in)
	return err
}

func (s *stack) pop() net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) == 0 {
		s.freed.Wait()
	}
	nc := s.conns[len(s.conns)-1]
	s.conns = s.conns[:len(s.conns)-1]
	return nc
}

func (s *stack) push(nc net.Conn) {
	s.mu.Lock()
	s.conns = append(s.conns, nc)
	s.mu.Unlock()
	s.freed.Signal()
}

func (c *plain) close() {
	for _, s := range c.stacks {
		for _, nc := range s.conns {
			_ = nc.Close()
		}
	}
}
