package rfctest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// Script is a peer that does one thing after the other: it expects bytes, sends bytes and
// closes. It stands for peers that misbehave in a way no server of ours would. The zero
// value is an empty script; steps are added in the order of the calls. A Script that is
// not changed any more is safe for concurrent use.
//
//	peer := new(rfctest.Script).ExpectFrame(nil).SendFrame([]byte("\x00")).Close()
//	address := peer.Listen(t)
type Script struct {
	steps []step
}

type step struct {
	name string
	run  func(nc net.Conn) error
}

// maxScriptFrame bounds what ExpectFrame keeps of a frame.
const maxScriptFrame = 16 << 20

func (s *Script) add(name string, run func(nc net.Conn) error) *Script {
	s.steps = append(s.steps, step{name, run})
	return s
}

// Expect reads as many bytes as want has and compares them.
func (s *Script) Expect(want []byte) *Script {
	want = bytes.Clone(want)
	return s.add("expect", func(nc net.Conn) error {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(nc, got); err != nil {
			return err
		}
		if !bytes.Equal(want, got) {
			return fmt.Errorf("want % x, got % x", want, got)
		}
		return nil
	})
}

// ExpectFrame reads one NI frame, a 4-byte big-endian length and the payload, and shows
// the payload to check; a nil check takes any.
func (s *Script) ExpectFrame(check func(payload []byte) error) *Script {
	return s.add("expect a frame", func(nc net.Conn) error {
		var head [4]byte
		if _, err := io.ReadFull(nc, head[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxScriptFrame {
			return fmt.Errorf("frame of %d bytes, at most %d", n, maxScriptFrame)
		}
		payload, err := io.ReadAll(io.LimitReader(nc, int64(n)))
		if err != nil {
			return err
		}
		if len(payload) < int(n) {
			return io.ErrUnexpectedEOF
		}
		if check == nil {
			return nil
		}
		return check(payload)
	})
}

// ExpectClose waits for the other side to close; what it sends before is dropped.
func (s *Script) ExpectClose() *Script {
	return s.add("expect the end", func(nc net.Conn) error {
		_, err := io.Copy(io.Discard, nc)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil // an orderly end and a reset are both an end
	})
}

// Send writes bytes as they are.
func (s *Script) Send(b []byte) *Script {
	b = bytes.Clone(b)
	return s.add("send", func(nc net.Conn) error {
		_, err := nc.Write(b)
		return err
	})
}

// SendFrame writes a payload as one NI frame.
func (s *Script) SendFrame(payload []byte) *Script {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	return s.Send(append(b, payload...))
}

// Close ends the connection in order.
func (s *Script) Close() *Script {
	return s.add("close", func(nc net.Conn) error { return nc.Close() })
}

// Reset ends a TCP connection with a reset, any other as Close does.
func (s *Script) Reset() *Script {
	return s.add("reset", func(nc net.Conn) error {
		if tcp, ok := nc.(*net.TCPConn); ok {
			if err := tcp.SetLinger(0); err != nil {
				return err
			}
		}
		return nc.Close()
	})
}

// Run plays the script on a connection and closes it. The error names the step. The end of
// ctx ends the connection.
func (s *Script) Run(ctx context.Context, nc net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	defer func() { _ = nc.Close() }()
	for i, st := range s.steps {
		if err := st.run(nc); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return fmt.Errorf("script step %d (%s): %w", i+1, st.name, err)
		}
	}
	return nil
}

// Listen plays the script on every connection to the returned loopback address until the
// test ends. Steps that fail are logged with the test and do not fail it: the other side
// often leaves early, which is what such tests are about.
func (s *Script) Listen(t testing.TB) (address string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", DefaultAddress)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				if err := s.Run(ctx, nc); err != nil && ctx.Err() == nil {
					t.Log(err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		group.Wait()
	})
	return l.Addr().String()
}
