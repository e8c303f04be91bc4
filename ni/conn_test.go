package ni_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// The records of spec 01 section 3 [capture].
const (
	pingHex = "000000084e495f50494e4700"
	pongHex = "000000084e495f504f4e4700"
)

func record(payload string) []byte { return ni.AppendRecord(nil, []byte(payload)) }

// pipe gives a Conn and the far end of its connection; both are closed with the test.
func pipe(t testing.TB, cfg ni.Config) (*ni.Conn, net.Conn) {
	t.Helper()
	near, far := netfault.Pipe()
	c := ni.NewConn(near, cfg)
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		_ = far.Close()
	})
	return c, far
}

// tcp is pipe over the loopback interface.
func tcp(t testing.TB) (*ni.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	far, err := l.Accept()
	require.NoError(t, err)
	c := ni.NewConn(near, ni.Config{})
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		_ = far.Close()
	})
	return c, far
}

func send(t testing.TB, far net.Conn, b []byte) {
	t.Helper()
	_, err := far.Write(b)
	require.NoError(t, err)
}

func expect(t testing.TB, far net.Conn, want string) {
	t.Helper()
	b, err := hex.DecodeString(want)
	require.NoError(t, err)
	got := make([]byte, len(b))
	_, err = io.ReadFull(far, got)
	require.NoError(t, err)
	require.Equal(t, want, hex.EncodeToString(got))
}

func TestControlRecordsAreGolden(t *testing.T) {
	t.Parallel()
	c, far := pipe(t, ni.Config{})
	require.NoError(t, c.Ping())
	expect(t, far, pingHex)
	send(t, far, append(record("NI_PING\x00"), record("data")...))
	got, err := c.ReadRecord()
	require.NoError(t, err)
	require.Equal(t, "data", string(got))
	expect(t, far, pongHex)
	require.EqualValues(t, 24, c.Sent())
	require.EqualValues(t, 20, c.Received())
	for payload, want := range map[string]ni.Control{
		"": ni.Idle, "NI_PING\x00": ni.Ping, "NI_PONG\x00": ni.Pong, "NI_WHAT?": ni.UnknownControl,
		"NI_PING": ni.NoControl, "NI_PING\x00\x00": ni.NoControl, "ABCDEFGH": ni.NoControl, "N": ni.NoControl,
	} {
		require.Equal(t, want, ni.ControlOf([]byte(payload)), "%q", payload)
	}
}

func TestB95ControlRecordsNeverReachTheLayerAbove(t *testing.T) {
	t.Parallel()
	c, far := pipe(t, ni.Config{})
	var stream []byte
	for _, p := range []string{"NI_PONG\x00", "", "NI_WHAT?", "NI_PING\x00", "one", "", "NI_PING\x00", "NI_PING", "two"} {
		stream = append(stream, record(p)...)
	}
	send(t, far, stream)
	for _, want := range []string{"one", "NI_PING", "two"} { // a ping of the wrong length is the upper layer's to refuse
		got, err := c.ReadRecord()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.NoError(t, c.Close())
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, pongHex+pongHex, hex.EncodeToString(got), "one pong for each ping, nothing else is answered")
}

func TestAnySegmentationGivesTheSameRecords(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	var want [][]byte
	var stream []byte
	for range 60 {
		p := bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, 1+rng.IntN(1<<rng.IntN(17)))
		want = append(want, p)
		stream = ni.AppendRecord(stream, p)
	}
	for _, maxRead := range []int{0, 1, 3, 5, 28_083, 28_084} {
		near, far := netfault.PipeSize(len(stream))
		c := ni.NewConn(netfault.New(near, netfault.Faults{MaxRead: maxRead}), ni.Config{})
		send(t, far, stream)
		require.NoError(t, far.Close())
		for i, w := range want {
			got, err := c.ReadRecord()
			require.NoError(t, err)
			require.True(t, bytes.Equal(w, got), "record %d with reads of %d", i, maxRead)
			require.Equal(t, len(got), cap(got))
			if i%7 == 0 {
				c.Release()
			}
		}
		_, err := c.ReadRecord()
		require.Equal(t, io.EOF, err)
		require.EqualValues(t, len(stream), c.Received())
		require.NoError(t, c.Close())
	}
}

func TestRecordsOverTCP(t *testing.T) {
	t.Parallel()
	c, far := tcp(t)
	big := strings.Repeat("x", 200_000)
	go func() {
		for _, p := range []string{"a", "NI_PING\x00", big, "b", "c"} {
			_, _ = far.Write(record(p))
		}
	}()
	for _, want := range []string{"a", big, "b", "c"} {
		got, err := c.ReadRecord()
		require.NoError(t, err)
		require.True(t, want == string(got))
	}
	expect(t, far, pongHex)
	room := make([]byte, 4, 16)
	n, err := c.WriteRecord(append(room, "hi"...))
	require.NoError(t, err)
	require.Equal(t, 6, n)
	expect(t, far, "000000026869")
	_, err = c.WriteRecord(nil)
	require.Error(t, err)
	require.NoError(t, far.Close())
	_, err = c.ReadRecord()
	require.Equal(t, io.EOF, err)
	require.Equal(t, c.LocalAddr().String(), far.RemoteAddr().String())
	require.Equal(t, c.RemoteAddr().String(), far.LocalAddr().String())
}

func TestTruncatedRecords(t *testing.T) {
	t.Parallel()
	whole := record("a record")
	for n := range whole {
		c, far := pipe(t, ni.Config{})
		send(t, far, whole[:n])
		require.NoError(t, far.Close())
		_, err := c.ReadRecord()
		if n == 0 {
			require.Equal(t, io.EOF, err)
			continue
		}
		require.ErrorIs(t, err, wire.ErrTruncated)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NotErrorIs(t, err, io.EOF)
	}
}

func TestB93Lengths(t *testing.T) {
	t.Parallel()
	for _, length := range []uint32{ni.DefaultMaxRecord + 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x48545450} {
		c, far := pipe(t, ni.Config{})
		send(t, far, append(binary.BigEndian.AppendUint32(nil, length), "more"...))
		_, err := c.ReadRecord()
		require.ErrorIs(t, err, wire.ErrLimit)
		var e *wire.Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, e.Got, hex.EncodeToString(binary.BigEndian.AppendUint32(nil, length))[:2])
	}
	for n := 1; n <= 3; n++ { // tiny records are legal here
		c, far := pipe(t, ni.Config{})
		send(t, far, record("abc"[:n]))
		got, err := c.ReadRecord()
		require.NoError(t, err)
		require.Len(t, got, n)
	}
	c, far := pipe(t, ni.Config{MaxRecord: 10})
	send(t, far, append(record("1234567890"), record("12345678901")...))
	_, err := c.ReadRecord()
	require.NoError(t, err)
	_, err = c.ReadRecord()
	require.ErrorIs(t, err, wire.ErrLimit)
}

func TestB94MemoryIsBoundedByTheBytesReceived(t *testing.T) {
	const arrived = 100_000
	stream := append(binary.BigEndian.AppendUint32(nil, ni.DefaultMaxRecord), make([]byte, arrived)...)
	near, far := netfault.PipeSize(len(stream))
	c := ni.NewConn(near, ni.Config{})
	send(t, far, stream)
	require.NoError(t, far.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := c.ReadRecord()
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, wire.ErrTruncated)
	// Old and new buffer while it grows, each twice what arrived and a step.
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*arrived+4*(64<<10)))
	require.NoError(t, c.Close())
}

func TestPingFloodIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, far := pipe(t, ni.Config{})
		go func() { _, _ = io.Copy(io.Discard, far) }()
		go func() {
			for {
				if _, err := far.Write(record("NI_PING\x00")); err != nil {
					return
				}
			}
		}()
		_, err := c.ReadRecord()
		require.ErrorIs(t, err, wire.ErrLimit)
		require.NoError(t, c.Close())
	})
}

func TestKeepAlivePingsOfManyWeeksAreNoFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, far := pipe(t, ni.Config{})
		go func() { _, _ = io.Copy(io.Discard, far) }()
		go func() {
			for range 30_000 {
				<-time.After(time.Minute)
				_, _ = far.Write(record("NI_PING\x00"))
			}
			_, _ = far.Write(record("at last"))
		}()
		got, err := c.ReadRecord()
		require.NoError(t, err)
		require.Equal(t, "at last", string(got))
		require.NoError(t, c.Close())
	})
}

func TestSlowPeers(t *testing.T) {
	t.Parallel()
	t.Run("a record that never ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, far := pipe(t, ni.Config{FrameTimeout: 7 * time.Second})
			start := time.Now()
			done := make(chan struct{})
			go func() { // drip a byte each second: the clock runs from the first byte
				defer close(done)
				for _, b := range record(strings.Repeat("x", 100)) {
					<-time.After(time.Second)
					if _, err := far.Write([]byte{b}); err != nil {
						return
					}
				}
			}()
			_, err := c.ReadRecord()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			// One second for the first byte, then the limit of the header, whose end starts
			// the limit of the payload.
			require.Equal(t, 4*time.Second+7*time.Second, time.Since(start))
			require.NoError(t, far.Close())
			<-done
		})
	})
	t.Run("silence between records is no slowness", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, far := pipe(t, ni.Config{})
			go func() {
				<-time.After(1000 * time.Hour)
				_, _ = far.Write(record("x")[:2])
				<-time.After(20 * time.Second)
				_, _ = far.Write(record("x")[2:])
				<-time.After(1000 * time.Hour)
				_, _ = far.Write(record("y"))
			}()
			for range 2 {
				_, err := c.ReadRecord()
				require.NoError(t, err)
			}
		})
	})
	t.Run("a large record may take longer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, far := pipe(t, ni.Config{FrameTimeout: time.Second})
			rec := record(strings.Repeat("x", 50<<10))
			go func() {
				_, _ = far.Write(rec[:100])
				<-time.After(49 * time.Second)
				_, _ = far.Write(rec[100:])
			}()
			_, err := c.ReadRecord()
			require.NoError(t, err)
		})
	})
	t.Run("a peer that does not read", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			near, far := netfault.PipeSize(100)
			defer far.Close()
			c := ni.NewConn(near, ni.Config{WriteTimeout: 10 * time.Second})
			start := time.Now()
			n, err := c.WriteRecord(make([]byte, 4+200))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Equal(t, 100, n)
			require.EqualValues(t, 100, c.Sent())
			require.Equal(t, 10*time.Second, time.Since(start))
			require.NoError(t, c.Close())
		})
	})
	t.Run("pings without reading the pongs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			near, far := netfault.PipeSize(1000)
			defer far.Close()
			c := ni.NewConn(near, ni.Config{WriteTimeout: 10 * time.Second})
			go func() {
				for {
					if _, err := far.Write(record("NI_PING\x00")); err != nil {
						return
					}
				}
			}()
			_, err := c.ReadRecord()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NoError(t, c.Close())
		})
	})
	t.Run("read limit without a context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, far := pipe(t, ni.Config{})
			start := time.Now()
			require.NoError(t, c.SetReadLimit(5*time.Second))
			<-time.After(6 * time.Second)
			_, err := c.WriteRecord(make([]byte, 8)) // writes do not care
			require.NoError(t, err)
			_, err = c.ReadRecord()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Equal(t, 6*time.Second, time.Since(start))
			require.NoError(t, c.SetReadLimit(0))
			send(t, far, record("x"))
			_, err = c.ReadRecord()
			require.NoError(t, err)
		})
	})
}

var errWhy = errors.New("the user pressed a key")

func TestContextEndsBeforeAnything(t *testing.T) {
	t.Parallel()
	c, far := pipe(t, ni.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errWhy)
	err := c.Begin(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errWhy)
	var ce *ni.ContextError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, errWhy.Error(), ce.Error())
	require.Zero(t, c.Sent())
	require.False(t, c.Interrupted(), "nothing happened, the connection is as good as before")
	require.NoError(t, c.Begin(t.Context()))
	send(t, far, record("x"))
	_, err = c.ReadRecord()
	require.NoError(t, c.End(err))
	require.Error(t, c.Begin(nil)) //nolint:staticcheck // a mistake of callers that must not panic
}

func TestContextEndsAtEachMoment(t *testing.T) {
	t.Parallel()
	moments := map[string]func(c *ni.Conn, far net.Conn) error{
		"waiting for the first byte": func(c *ni.Conn, _ net.Conn) error {
			_, err := c.ReadRecord()
			return err
		},
		"inside a header": func(c *ni.Conn, far net.Conn) error {
			_, _ = far.Write(record("x")[:2])
			_, err := c.ReadRecord()
			return err
		},
		"inside a payload": func(c *ni.Conn, far net.Conn) error {
			_, _ = far.Write(record("xyz")[:6])
			_, err := c.ReadRecord()
			return err
		},
		"between records": func(c *ni.Conn, far net.Conn) error {
			_, _ = far.Write(record("xyz"))
			if _, err := c.ReadRecord(); err != nil {
				return nil
			}
			_, err := c.ReadRecord()
			return err
		},
		"writing": func(c *ni.Conn, _ net.Conn) error {
			_, err := c.WriteRecord(make([]byte, 2*netfault.DefaultBuffer))
			return err
		},
		"waiting only": func(c *ni.Conn, _ net.Conn) error { return c.Wait() },
	}
	for name, moment := range moments {
		t.Run("canceled "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, far := pipe(t, ni.Config{})
				start := time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				require.NoError(t, c.Begin(ctx))
				go func() {
					synctest.Wait()
					cancel(errWhy)
				}()
				err := c.End(moment(c, far))
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, errWhy)
				require.ErrorIs(t, err, os.ErrDeadlineExceeded, "what the connection said is kept")
				require.Zero(t, time.Since(start), "at once")
				require.True(t, c.Interrupted())
				require.ErrorIs(t, c.Begin(t.Context()), net.ErrClosed, "the connection is useless")
			})
		})
		t.Run("deadline "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, far := pipe(t, ni.Config{FrameTimeout: time.Hour, WriteTimeout: time.Hour})
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				require.NoError(t, c.Begin(ctx))
				err := c.End(moment(c, far))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				var ce *ni.ContextError
				require.ErrorAs(t, err, &ce)
				require.Equal(t, 3*time.Second, time.Since(start))
			})
		})
	}
}

func TestContextEndsAfterSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, far := pipe(t, ni.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, c.Begin(ctx))
		send(t, far, record("x"))
		_, err := c.ReadRecord()
		require.NoError(t, err)
		cancel()
		synctest.Wait()
		require.NoError(t, c.End(nil), "the result stands")
		require.True(t, c.Interrupted(), "the connection does not")
	})
}

func TestContextsFollowEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, far := pipe(t, ni.Config{})
		for i := range 4 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if i%2 == 1 {
				ctx, cancel = context.WithCancel(t.Context())
			}
			require.NoError(t, c.Begin(ctx))
			_, err := c.WriteRecord([]byte("\x00\x00\x00\x00x"))
			require.NoError(t, err)
			expect(t, far, "0000000178")
			send(t, far, record("y"))
			_, err = c.ReadRecord()
			require.NoError(t, c.End(err))
			cancel()
			<-time.After(time.Hour) // the deadline of the one before must not linger
		}
		boom := errors.New("boom")
		require.NoError(t, c.Begin(t.Context()))
		require.Equal(t, boom, c.End(boom), "errors of others stay as they are")
		require.Equal(t, boom, c.End(boom), "End without Begin")
	})
}

func TestWaitLosesNothing(t *testing.T) {
	t.Parallel()
	stream := append(record("NI_PING\x00"), record("hello")...)
	for n := 0; n <= len(stream); n++ {
		synctest.Test(t, func(t *testing.T) {
			c, far := pipe(t, ni.Config{})
			done := make(chan error, 1)
			go func() { done <- c.Wait() }()
			send(t, far, stream[:n])
			synctest.Wait()
			c.InterruptRead()
			err := <-done
			if n == len(stream) {
				require.NoError(t, err)
				require.True(t, c.Buffered())
			} else {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			}
			if n >= 12 {
				expect(t, far, pongHex)
			}
			require.NoError(t, c.ResumeRead())
			send(t, far, stream[n:])
			got, err := c.ReadRecord()
			require.NoError(t, err)
			require.Equal(t, "hello", string(got))
		})
	}
}

func TestInterruptReadBeforeWait(t *testing.T) {
	t.Parallel()
	c, _ := pipe(t, ni.Config{})
	c.InterruptRead()
	require.NoError(t, c.SetReadLimit(time.Hour), "a new limit does not undo the interruption")
	require.ErrorIs(t, c.Wait(), os.ErrDeadlineExceeded)
	require.NoError(t, c.ResumeRead())
}

func TestWaitSeesThePeerLeave(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(testing.TB) (*ni.Conn, net.Conn){
		"tcp": tcp, "pipe": func(t testing.TB) (*ni.Conn, net.Conn) { return pipe(t, ni.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, far := make(t)
			require.NoError(t, far.Close())
			require.Equal(t, io.EOF, c.Wait())
		})
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Poll asks sockets only on Unix")
	}
	// until polls as long as the kernel has not delivered what the peer did.
	until := func(t *testing.T, c *ni.Conn, done func(err error) bool) {
		t.Helper()
		for {
			require.NoError(t, t.Context().Err())
			if done(c.Poll()) {
				return
			}
			runtime.Gosched()
		}
	}
	t.Run("quiet", func(t *testing.T) {
		t.Parallel()
		c, _ := tcp(t)
		require.NoError(t, c.Poll())
		require.False(t, c.Buffered())
	})
	t.Run("control records are served", func(t *testing.T) {
		t.Parallel()
		c, far := tcp(t)
		send(t, far, slicesConcat(record("NI_PING\x00"), record(""), record("NI_PONG\x00")))
		until(t, c, func(err error) bool {
			require.NoError(t, err)
			return c.Received() == 28
		})
		expect(t, far, pongHex)
		require.False(t, c.Buffered())
	})
	t.Run("a record stays", func(t *testing.T) {
		t.Parallel()
		c, far := tcp(t)
		send(t, far, slicesConcat(record("NI_PING\x00"), record("stale record")))
		until(t, c, func(err error) bool {
			require.NoError(t, err)
			return c.Buffered()
		})
		require.NoError(t, c.Poll(), "again")
		got, err := c.ReadRecord()
		require.NoError(t, err)
		require.Equal(t, "stale record", string(got))
	})
	t.Run("the peer has left", func(t *testing.T) {
		t.Parallel()
		c, far := tcp(t)
		require.NoError(t, far.Close())
		until(t, c, func(err error) bool {
			if err != nil {
				require.Equal(t, io.EOF, err)
			}
			return err != nil
		})
	})
	t.Run("closed here", func(t *testing.T) {
		t.Parallel()
		c, _ := tcp(t)
		require.NoError(t, c.Close())
		require.ErrorIs(t, c.Poll(), net.ErrClosed)
		_, err := c.ReadRecord()
		require.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("other connections count as quiet", func(t *testing.T) {
		t.Parallel()
		c, far := pipe(t, ni.Config{})
		send(t, far, record("x"))
		require.NoError(t, c.Poll())
	})
}

func slicesConcat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestResetIsASocketError(t *testing.T) {
	t.Parallel()
	near, far := netfault.Pipe()
	defer far.Close()
	c := ni.NewConn(netfault.New(near, netfault.Faults{CutReadAfter: 3, CutWriteAfter: 5, CutError: syscall.ECONNRESET}), ni.Config{})
	send(t, far, record("x"))
	_, err := c.ReadRecord()
	require.ErrorIs(t, err, syscall.ECONNRESET)
	n, err := c.WriteRecord(make([]byte, 10))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Equal(t, 5, n)
	require.EqualValues(t, 5, c.Sent())
	require.NoError(t, c.Close())
	require.NoError(t, c.Close(), "closing twice is fine")
	require.ErrorIs(t, c.Begin(t.Context()), net.ErrClosed)
}

func TestPeerErrors(t *testing.T) {
	t.Parallel()
	info := &ni.ErrorInfo{
		Text: "program MYPROG not registered", ReturnCode: "679", Component: "SAP-Gateway", Release: "793", Version: "2",
		Module: "gwr3cpic.c", Line: "1694", Detail: "TP MYPROG not registered", Time: "Tue Jan 30 01:16:34 2011",
		SystemCall: "connect", ErrorNumber: "111", ErrorMessage: "Connection refused", Counter: "6268",
		Location: "SAP-Gateway on host myhost / sapgw00",
	}
	block, err := info.AppendBinary(nil)
	require.NoError(t, err)
	require.Len(t, bytes.Split(bytes.TrimSuffix(block, []byte{0}), []byte{0}), 21)
	router := &ni.RouterError{Version: 40, Code: -94, Info: info}
	routed, err := router.AppendBinary(nil)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		payload []byte
		want    *ni.PeerError
		text    string
	}{
		"bare block":  {block, &ni.PeerError{Info: info}, "peer answered with an error: program MYPROG not registered, return code 679, component SAP-Gateway, detail TP MYPROG not registered, location SAP-Gateway on host myhost / sapgw00"},
		"from router": {routed, &ni.PeerError{Router: router, Info: info}, "peer answered NIEROUT_PERM_DENIED (-94): program MYPROG not registered, return code 679, component SAP-Gateway, detail TP MYPROG not registered, location SAP-Gateway on host myhost / sapgw00"},
		"no text":     {[]byte("NI_RTERR\x00\x28\x00\x00\xff\xff\xff\x00\x00\x00\x00\x00"), &ni.PeerError{Router: &ni.RouterError{Version: 40, Code: -256}}, "peer answered NI error (-256)"},
	} {
		c, far := pipe(t, ni.Config{})
		send(t, far, record(string(tc.payload)))
		_, err := c.ReadRecord()
		var pe *ni.PeerError
		require.ErrorAs(t, err, &pe, name)
		if diff := cmp.Diff(tc.want, pe); diff != "" {
			t.Error(name, diff)
		}
		require.Equal(t, tc.text, pe.Error())
	}
}

func TestB122TruncatedErrorBlocks(t *testing.T) {
	t.Parallel()
	info := &ni.ErrorInfo{Text: "partner not reached", ReturnCode: "-10", Location: "here"}
	routed, err := (&ni.RouterError{Version: 40, Code: -92, Info: info}).AppendBinary(nil)
	require.NoError(t, err)
	for n := range routed {
		rt, ok := ni.ParseRouterError(routed[:n])
		require.Equal(t, n >= 9, ok)
		if n >= 16 {
			require.EqualValues(t, -92, rt.Code)
		}
		if n > bytes.Index(routed, []byte("-10")) {
			require.Equal(t, "partner not reached", rt.Info.Text)
		}
	}
	for name, tc := range map[string]struct {
		block string
		want  ni.ErrorInfo
	}{
		"nothing":           {"*ERR*", ni.ErrorInfo{}},
		"version only":      {"*ERR*\x001", ni.ErrorInfo{}},
		"not terminated":    {"*ERR*\x001\x00text", ni.ErrorInfo{Text: "text"}},
		"closed early":      {"*ERR*\x001\x00text\x00*ERR*\x00not this", ni.ErrorInfo{Text: "text"}},
		"closed at once":    {"*ERR*\x00*ERR*\x00not this", ni.ErrorInfo{}},
		"8-bit and escapes": {"*ERR*\x001\x00\x1b[31mgr\xfcn\x9b\x00 7 ", ni.ErrorInfo{Text: "[31mgrün", ReturnCode: "7"}},
		"long":              {"*ERR*\x001\x00" + strings.Repeat("x", 5000), ni.ErrorInfo{Text: strings.Repeat("x", 1024)}},
	} {
		got, ok := ni.ParseErrorInfo([]byte(tc.block))
		require.True(t, ok)
		if diff := cmp.Diff(&tc.want, got); diff != "" {
			t.Error(name, diff)
		}
		got, ok = ni.FindErrorInfo([]byte("garbage" + tc.block))
		require.True(t, ok)
		require.Equal(t, &tc.want, got)
	}
	eye, err := (&ni.ErrorInfo{Text: "*ERR*", Detail: "a\x00€"}).AppendBinary(nil)
	require.NoError(t, err)
	got, ok := ni.ParseErrorInfo(eye)
	require.True(t, ok)
	require.Equal(t, &ni.ErrorInfo{Text: "?ERR*", Detail: "a??"}, got)
	_, ok = ni.FindErrorInfo([]byte("*ERR"))
	require.False(t, ok)
	require.Empty(t, (*ni.ErrorInfo)(nil).String())
}

func TestB120ErrorBlockOfZerosCostsNothing(t *testing.T) {
	block := append([]byte("*ERR*\x00"), make([]byte, 4<<20)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, ok := ni.ParseErrorInfo(block)
	runtime.ReadMemStats(&after)
	require.True(t, ok)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func BenchmarkReadRecord(b *testing.B) {
	c, far := tcp(b)
	go func() {
		chunk := bytes.Repeat(record(strings.Repeat("x", 1356)), 20)
		for {
			if _, err := far.Write(chunk); err != nil {
				return
			}
		}
	}()
	b.SetBytes(1360)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.ReadRecord(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	c, far := tcp(b)
	go func() { _, _ = io.Copy(far, far) }()
	ctx := b.Context()
	buf := make([]byte, 740)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Begin(ctx); err != nil {
			b.Fatal(err)
		}
		_, err := c.WriteRecord(buf)
		if err == nil {
			_, err = c.ReadRecord()
		}
		if err := c.End(err); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPoll(b *testing.B) {
	c, _ := tcp(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Poll(); err != nil {
			b.Fatal(err)
		}
	}
}
