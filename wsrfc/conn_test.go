package wsrfc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
	"github.com/purerfc/purerfc/wsrfc"
)

const (
	final    = 0x80
	binaryOp = 0x02
)

// frame is an unmasked frame, or one masked with zeros.
func frame(head byte, payload []byte, masked bool) []byte {
	b := []byte{head}
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, bit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, bit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), uint64(n))
	}
	if masked {
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, payload...)
}

func closeFrame(code uint16, reason string) []byte {
	return frame(0x88, append(binary.BigEndian.AppendUint16(nil, code), reason...), false)
}

// wild is a server that writes what it likes behind the upgrade.
type wild struct {
	net.Conn
	r *bufio.Reader
}

// wildServer opens a client on it. wrap, if not nil, changes the client's end.
func wildServer(t testing.TB, cfg wsrfc.Config, wrap func(net.Conn) net.Conn) (*wsrfc.Conn, *wild) {
	t.Helper()
	a, b := netfault.Pipe()
	if wrap != nil {
		a = wrap(a)
	}
	w := &wild{b, bufio.NewReader(b)}
	go func() {
		readHead(w.r)
		_, _ = io.WriteString(b, switching)
	}()
	c, err := wsrfc.Open(context.Background(), a, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close(); c.Abort() })
	return c, w
}

// wildClient opens a server on one that writes what it likes.
func wildClient(t testing.TB, srv wsrfc.AcceptConfig) (*wsrfc.Conn, *wild) {
	t.Helper()
	a, b := netfault.Pipe()
	w := &wild{a, bufio.NewReader(a)}
	_, err := io.WriteString(a, goldenUpgrade)
	require.NoError(t, err)
	c, err := wsrfc.Accept(context.Background(), b, srv)
	require.NoError(t, err)
	readHead(w.r)
	t.Cleanup(func() { _ = a.Close(); c.Abort() })
	return c, w
}

// read returns the next frame of the peer: head, and the payload unmasked.
func (w *wild) read() (head byte, payload []byte, err error) {
	var h [2]byte
	if _, err = io.ReadFull(w.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1] & 0x7f)
	ext := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
	if _, err = io.ReadFull(w.r, ext); err != nil {
		return 0, nil, err
	}
	if len(ext) > 0 {
		n = 0
		for _, b := range ext {
			n = n<<8 | uint64(b)
		}
	}
	var key [4]byte
	if h[1]&0x80 != 0 {
		if _, err = io.ReadFull(w.r, key[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(w.r, payload)
	for i := range payload {
		payload[i] ^= key[i&3]
	}
	return h[0], payload, err
}

// must writes.
func (w *wild) must(t testing.TB, parts ...[]byte) {
	t.Helper()
	_, err := w.Write(bytes.Join(parts, nil))
	require.NoError(t, err)
}

// expect reads the next frame and compares it.
func (w *wild) expect(t testing.TB, head byte, payload []byte) {
	t.Helper()
	h, p, err := w.read()
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%02x %x", head, payload), fmt.Sprintf("%02x %x", h, p))
}

// expectClose reads pongs and then a close frame.
func (w *wild) expectClose(t testing.TB, code uint16) {
	t.Helper()
	for {
		h, p, err := w.read()
		require.NoError(t, err)
		if h != 0x8a {
			require.Equal(t, fmt.Sprintf("88 %04x", code), fmt.Sprintf("%02x %x", h, p))
			return
		}
	}
}

func TestMessagesOfAllSizesTravelBothWays(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		for name, split := range map[string]int64{"one message": 0, "split": 1000} {
			cfg, srv := ca.config(), ca.serverConfig(t)
			cfg.Split, srv.Split = split, split
			client, server := pair(t, cfg, srv)
			done := make(chan error, 1)
			go func() { done <- echo(server) }()
			for _, n := range []int{0, 1, 100, 112, 113, 114, 1000, 16 << 10, 65_500, 65_535, 65_536, 256 << 10, 300_000, 1 << 20} {
				want := records(n)
				got, err := ask(context.Background(), client, want)
				require.NoError(t, err, "%s %d", name, n)
				requireEqualBytes(t, want, got)
				require.Positive(t, client.BytesSent())
			}
			require.True(t, client.Usable())
			sent, received := client.Traffic()
			require.Greater(t, sent, int64(1_700_000))
			require.Greater(t, received, int64(1_700_000))
			require.NoError(t, client.Close())
			require.Equal(t, io.EOF, <-done)
			require.False(t, client.Usable())
			require.NoError(t, client.Close(), "idempotent")
			require.ErrorIs(t, client.Begin(context.Background()), net.ErrClosed)
		}
	})
}

func TestStreamedMessagesInPieces(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg, srv := plainConfig(), plainServer()
		cfg.Split = 100_000
		a, b := netfault.Pipe()
		client, server := over(t, netfault.New(a, netfault.Faults{MaxRead: 4099, MaxWrite: 3001}), b, cfg, srv)
		go func() { _ = echo(server) }()
		want := records(900_000)
		require.NoError(t, client.Begin(context.Background()))
		rest := want
		for step := 1000; ; step += 7777 {
			n, err := client.Send(rest[:min(step, len(rest))])
			require.NoError(t, err)
			require.True(t, n == 0 || n == min(step, len(rest)), "all or nothing")
			if rest = rest[n:]; len(rest) < step+7777 {
				break
			}
		}
		require.NoError(t, client.SendLast(rest))
		got, err := receive(client)
		require.NoError(t, client.End(err))
		requireEqualBytes(t, want, got)
		require.NoError(t, client.Close())
	})
}

func TestFramesOfARequest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := plainConfig()
		cfg.Split = 600_000
		c, w := wildServer(t, cfg, nil)
		want := records(700_000)
		go func() {
			_ = c.Begin(context.Background())
			_ = c.SendLast(want)
			_ = c.End(nil)
		}()
		var all []byte
		var heads strings.Builder
		for len(all) < len(want) {
			head, payload, err := w.read()
			require.NoError(t, err)
			fmt.Fprintf(&heads, "%02x:%d ", head, len(payload))
			all = append(all, payload...)
		}
		requireEqualBytes(t, want, all)
		require.Equal(t, fmt.Sprintf("02:262144 00:262144 80:75712 82:%d ", len(want)-600_000), heads.String(), "frames of 256 KiB, a second message behind 600,000 bytes")
	})
}

func TestStreamOverSeveralMessagesCutAtEveryByte(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		want := chain.AppendEnd(chain.Append(chain.AppendEmpty(nil, chain.Reply), chain.ParameterValue, chain.AppendEnd(nil)))
		for cut := range len(want) + 1 {
			for _, empty := range []bool{false, true} {
				go func() {
					if _, _, err := w.read(); err != nil {
						return
					}
					_, _ = w.Write(frame(final|binaryOp, want[:cut], false))
					if empty {
						_, _ = w.Write(frame(final|binaryOp, nil, false))
					}
					if cut < len(want) {
						_, _ = w.Write(frame(final|binaryOp, want[cut:], false))
					}
				}()
				if cut == len(want) && empty {
					break // the second one nobody asked for
				}
				got, err := ask(context.Background(), c, records(1))
				require.NoError(t, err, cut)
				require.Equal(t, want, got)
			}
		}
	})
}

func TestEndOfAnOlderClientsRequest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildClient(t, plainServer())
		want := records(10)
		w.must(t, frame(final|binaryOp, want[:len(want)-2], true))
		got, err := receive(c)
		require.NoError(t, err)
		require.Equal(t, want, got, "ffff 0000 is completed")
		require.NoError(t, c.SendLast(want))
		w.expect(t, final|binaryOp, want)
		// The next request is not disturbed.
		w.must(t, frame(final|binaryOp, want, true))
		got, err = receive(c)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestMessageThatIsNoChainEndsWithItself(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		go func() {
			_, _, _ = w.read()
			_, _ = w.Write(frame(final|binaryOp, []byte("\xc6\xd9\xc5\xc5@ no chain at all"), false))
		}()
		got, err := ask(context.Background(), c, records(1))
		require.NoError(t, err)
		require.Equal(t, "\xc6\xd9\xc5\xc5@ no chain at all", string(got))
	})
}

func TestEmptyMessagesHaveAnEnd(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		go func() {
			_, _, _ = w.read()
			_, _ = w.Write(bytes.Repeat(frame(final|binaryOp, nil, false), 1025))
		}()
		_, err := ask(context.Background(), c, records(1))
		require.ErrorIs(t, err, wire.ErrLimit)
		w.expectClose(t, 1009)
		require.False(t, c.Usable())
	})
}

func TestLimitsOfMessageAndStream(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := plainConfig()
		cfg.MessageLimit, cfg.StreamLimit = 1000, 2500
		answer := func(parts ...int) (*wsrfc.Conn, *wild, error) {
			c, w := wildServer(t, cfg, nil)
			go func() {
				_, _, _ = w.read()
				rest := records(2400 - 16)
				for _, n := range parts {
					_, _ = w.Write(frame(final|binaryOp, rest[:min(n, len(rest))], false))
					rest = rest[min(n, len(rest)):]
				}
			}()
			_, err := ask(context.Background(), c, records(1))
			return c, w, err
		}
		_, _, err := answer(1000, 1000, 1000)
		require.NoError(t, err)
		_, w, err := answer(1000, 1001)
		require.ErrorIs(t, err, wire.ErrLimit)
		w.expectClose(t, 1009)
		cfg.StreamLimit = 2000
		_, w, err = answer(1000, 1000, 1000)
		require.ErrorIs(t, err, wire.ErrLimit)
		w.expectClose(t, 1009)
		require.Equal(t, "limit", kindOf(err))
	})
}

// A frame that announces much and brings little costs little.
func TestB94MemoryFollowsTheBytesThatArrived(t *testing.T) { //nolint:paralleltest // it counts the memory of the process
	bubble(t, func(t *testing.T) {
		cfg := plainConfig()
		cfg.PingPeriod = -1
		c, w := wildServer(t, cfg, nil)
		go func() {
			_, _, _ = w.read()
			_, _ = w.Write(append([]byte{final | binaryOp, 127, 0, 0, 0, 0, 7, 0, 0, 0}, "begin"...))
		}()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := ask(context.Background(), c, records(1))
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
		// 30 s and one more for each KiB that was announced.
		require.InDelta(t, 30*time.Second+time.Duration(7<<24>>10)*time.Second, time.Since(start), float64(2*time.Second))
	})
}

func TestB125F35HostileFramesOfAServer(t *testing.T) {
	t.Parallel()
	long := func(n uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{final | binaryOp, 127}, n)
	}
	for _, tc := range []struct {
		name  string
		bytes []byte
		code  uint16
		class string
		text  string
	}{
		{"64-bit length with top bit", long(1 << 63), 1002, "protocol", "highest bit"},
		{"length 2^63-1", long(1<<63 - 1), 1009, "limit", "134217728"},
		{"text frame", frame(0x81, []byte("hello"), false), 1003, "protocol", "binary messages"},
		{"continuation without start", frame(0x80, []byte("hello"), false), 1002, "protocol", "start of a message"},
		{"close code 999", closeFrame(999, ""), 1002, "protocol", "999"},
		{"close of one byte", frame(0x88, []byte{3}, false), 1002, "protocol", "two bytes"},
		{"masked frame", frame(final|binaryOp, []byte("hello"), true), 1002, "protocol", "unmasked frame of a server"},
		{"reserved bits", frame(0xc2, []byte("hello"), false), 1002, "protocol", "no extension"},
		{"ping above 125", frame(0x89, make([]byte, 126), false), 1002, "protocol", "125"},
		{"fragmented ping", frame(0x09, nil, false), 1002, "protocol", "in one frame"},
		{"message in a message", append(frame(0x02, []byte("a"), false), frame(0x82, []byte("b"), false)...), 1002, "protocol", "rest of the message"},
		{"unknown opcode", frame(0x8b, nil, false), 1002, "protocol", "known one"},
		{"F-34 ping flood", bytes.Repeat(frame(0x89, nil, false), 1001), 1008, "limit", "at most 1000"},
		{"1,025 fragments", append(frame(0x02, []byte("a"), false), bytes.Repeat(frame(0x00, []byte("a"), false), 1024)...), 1009, "limit", "at most 1024"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c, w := wildServer(t, plainConfig(), nil)
				go func() {
					_, _, _ = w.read()
					_, _ = w.Write(tc.bytes)
				}()
				_, err := ask(context.Background(), c, records(1))
				require.ErrorContains(t, err, tc.text)
				silentAbout(t, err)
				require.Equal(t, tc.class, kindOf(err))
				w.expectClose(t, tc.code)
				require.False(t, c.Usable())
				require.ErrorIs(t, c.Begin(context.Background()), net.ErrClosed)
			})
		})
	}
}

// L6: one hard limit for messages; a length that overflows is refused, not added up.
func TestB125F35HostileFramesOfAClient(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		bytes []byte
		code  uint16
	}{
		{"unmasked frame", frame(final|binaryOp, []byte("hello"), false), 1002},
		{"text frame", frame(0x81, []byte("hello"), true), 1003},
		{"64-bit length with top bit", binary.BigEndian.AppendUint64([]byte{final | binaryOp, 0xff}, 1<<63)[:10], 1002},
		{"above the limit before the logon", frame(final|binaryOp, make([]byte, 64<<10+1), true), 1009},
		{"continuation without start", frame(0x80, []byte("hello"), true), 1002},
		{"close code 999", frame(0x88, []byte{3, 0xe7}, true), 1002},
		{"F-34 ping flood", bytes.Repeat(frame(0x89, nil, true), 1001), 1008},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				srv := plainServer()
				srv.BeforeLogon = 64 << 10
				c, w := wildClient(t, srv)
				done := make(chan error, 1)
				go func() {
					_, err := receive(c)
					c.Reject(err)
					_ = c.Close()
					done <- err
				}()
				data := tc.bytes
				if tc.name == "64-bit length with top bit" {
					data = append(data, 0, 0, 0, 0)
				}
				_, _ = w.Write(data) // the refusal may come before the last of them
				w.expectClose(t, tc.code)
				_ = w.Close()
				require.Error(t, <-done)
			})
		})
	}
}

func TestLimitRisesWithTheLogon(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		srv := plainServer()
		srv.BeforeLogon, srv.MessageLimit = 1000, 2000
		c, w := wildClient(t, srv)
		w.must(t, frame(final|binaryOp, records(980), true))
		_, err := receive(c)
		require.NoError(t, err)
		c.LoggedOn()
		w.must(t, frame(final|binaryOp, records(1980), true))
		_, err = receive(c)
		require.NoError(t, err)
		w.must(t, frame(final|binaryOp, records(2000), true))
		_, err = receive(c)
		require.ErrorIs(t, err, wire.ErrLimit)
	})
}

func TestF33CloseFrameInACall(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code uint16
		text string
	}{{1000, "normal closure"}, {1001, "going away"}, {1009, "message too big"}, {1011, "internal error): RABAX_STATE:Error when receiving data for an RFC."}, {1012, "service restart"}, {4711, "code 4711"}} {
		t.Run(fmt.Sprint(tc.code), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c, w := wildServer(t, plainConfig(), nil)
				go func() {
					_, _, _ = w.read()
					_, _ = w.Write(closeFrame(tc.code, "RABAX_STATE:Error when receiving data for an RFC."))
				}()
				_, err := ask(context.Background(), c, records(1))
				var e *wsrfc.CloseError
				require.ErrorAs(t, err, &e)
				require.Equal(t, int(tc.code), e.Code)
				require.ErrorContains(t, err, tc.text)
				require.Positive(t, c.BytesSent(), "the outcome is unknown")
				require.Equal(t, "communication", kindOf(err))
				require.False(t, c.Usable())
				w.expectClose(t, tc.code) // the echo
			})
		})
	}
}

func TestCloseRightBehindTheAnswer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		client, server := pair(t, ca.config(), ca.serverConfig(t))
		want := records(50)
		done := make(chan error, 1)
		go func() {
			_, err := receive(server)
			if err == nil {
				err = server.SendEnd(want)
			}
			_ = server.Close()
			done <- err
		}()
		require.NoError(t, client.Begin(context.Background()))
		require.NoError(t, client.SendLast(want))
		synctest.Wait() // the answer and the close frame have arrived
		got, err := receive(client)
		require.NoError(t, client.End(err), "the answer comes first")
		require.Equal(t, want, got)
		require.False(t, client.Usable(), "the close frame came in the same breath")
		var e *wsrfc.CloseError
		require.ErrorAs(t, client.Begin(context.Background()), &e)
		require.NoError(t, client.Close())
		require.NoError(t, <-done)
	})
}

func TestPingsAreAnsweredInACall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		want := records(30)
		go func() {
			_, _, _ = w.read()
			_, _ = w.Write(frame(0x89, []byte("one"), false))
			head, payload, _ := w.read()
			if head != 0x8a || string(payload) != "one" {
				t.Errorf("%02x %q", head, payload)
			}
			_, _ = w.Write(append(frame(0x02, want[:5], false), frame(0x89, []byte("two"), false)...)) // between fragments
			head, payload, _ = w.read()
			if head != 0x8a || string(payload) != "two" {
				t.Errorf("%02x %q", head, payload)
			}
			_, _ = w.Write(frame(0x80, want[5:], false))
		}()
		got, err := ask(context.Background(), c, records(1))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestPingRightInFrontOfAMessage(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildClient(t, plainServer())
		w.must(t, frame(0x89, []byte("a"), true), frame(0x89, []byte("b"), true), frame(final|binaryOp, records(3), true))
		_, err := receive(c)
		require.NoError(t, err)
		for {
			head, payload, err := w.read()
			require.NoError(t, err)
			require.Equal(t, byte(0x8a), head)
			if string(payload) == "b" {
				break // the last one is answered in any case
			}
		}
		client, v := wildServer(t, plainConfig(), nil)
		go func() {
			_, _, _ = v.read()
			_, _ = v.Write(append(frame(0x89, []byte("c"), false), frame(final|binaryOp, records(3), false)...))
		}()
		_, err = ask(context.Background(), client, records(1))
		require.NoError(t, err)
		v.expect(t, 0x8a, []byte("c"))
	})
}

func TestF34ManyPingsAtOnceCostFewPongs(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		// With TLS between, what came in one record is answered with one pong.
		client, server := pair(t, ca.config(), ca.serverConfig(t))
		want := records(10)
		before, _ := client.Traffic()
		go func() {
			_, _ = receive(server)
			for range 900 {
				_ = wsrfc.WritePing(server, []byte("payload"))
			}
			_ = server.SendLast(want)
		}()
		require.NoError(t, client.Begin(context.Background()))
		require.NoError(t, client.SendLast(records(1)))
		synctest.Wait()
		_, err := receive(client)
		require.NoError(t, client.End(err))
		after, _ := client.Traffic()
		require.Less(t, after-before, int64(5000), "not 900 pongs")
		client.Abort()
		server.Abort()
	})
}

func TestUnexpectedMessagesAreFoundBeforeTheNextCall(t *testing.T) {
	t.Parallel()
	for name, unasked := range map[string][]byte{
		"a message":        frame(final|binaryOp, records(5), false),
		"part of a head":   {final | binaryOp},
		"empty message":    frame(final|binaryOp, nil, false),
		"broken frame":     {0xff, 0xff},
		"close":            closeFrame(1001, "going"),
		"L2 a late answer": frame(final|binaryOp, records(30), false),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c, w := wildServer(t, plainConfig(), nil)
				go func() {
					_, _, _ = w.read()
					_, _ = w.Write(frame(final|binaryOp, records(5), false))
				}()
				_, err := ask(context.Background(), c, records(1))
				require.NoError(t, err)
				require.NoError(t, c.Idle())
				pass(time.Second)
				w.must(t, unasked)
				if strings.HasPrefix(name, "a") {
					err = c.Idle()
				} else {
					err = c.Begin(context.Background())
				}
				require.Error(t, err)
				require.NotErrorIs(t, err, net.ErrClosed, "the reason is told")
				if !strings.HasPrefix(name, "a") {
					require.Zero(t, c.BytesSent())
					require.ErrorIs(t, c.End(err), err, "as package rfc does")
				}
				require.False(t, c.Usable())
				require.ErrorIs(t, c.Idle(), net.ErrClosed)
			})
		})
	}
}

func TestPartOfAPingIsNoReasonToWorry(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		w.must(t, []byte{0x89, 3, 'a'})
		go func() {
			_, _, _ = w.read()
			_, _ = w.Write(append([]byte("bc"), frame(final|binaryOp, records(5), false)...))
		}()
		_, err := ask(context.Background(), c, records(1))
		require.NoError(t, err)
		w.expect(t, 0x8a, []byte("abc"))
	})
}

func TestF56PeerLeavesInACall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		go func() {
			_, _, _ = w.read()
			_ = w.Close()
		}()
		_, err := ask(context.Background(), c, records(1))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.False(t, c.Usable())
	})
}

func TestF59AnswerCutAtEveryByte(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		answer := append(frame(0x02, records(200)[:150], false), frame(0x80, records(200)[150:], false)...)
		for n := range answer {
			c, w := wildServer(t, plainConfig(), nil)
			go func() {
				_, _, _ = w.read()
				_, _ = w.Write(answer[:n])
				_ = w.Close()
			}()
			_, err := ask(context.Background(), c, records(1))
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
			require.False(t, c.Usable())
		}
	})
}

func TestF52RequestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		srv := ca.serverConfig(t)
		srv.TLS = wsrfc.ServerTLS(srv.TLS)
		for cut := int64(1); cut < 400; cut += 13 {
			a, b := netfault.Pipe()
			gate := &gate{Conn: a}
			gate.left.Store(1 << 30)
			client, server := over(t, gate, b, ca.config(), srv)
			gate.left.Store(cut)
			served := make(chan error, 1)
			go func() {
				_, err := receive(server)
				served <- err
				server.Abort()
			}()
			require.NoError(t, client.Begin(context.Background()))
			err := client.SendLast(records(500))
			require.Error(t, client.End(err))
			require.Equal(t, cut, client.BytesSent(), "exactly what the system took")
			client.Abort()
			require.Error(t, <-served, "half a request is none")
		}
		// Nothing at all left.
		a, b := netfault.Pipe()
		gate := &gate{Conn: a}
		gate.left.Store(1 << 30)
		client, server := over(t, gate, b, ca.config(), srv)
		gate.left.Store(0)
		require.NoError(t, client.Begin(context.Background()))
		require.Error(t, client.End(client.SendLast(records(500))))
		require.Zero(t, client.BytesSent())
		client.Abort()
		server.Abort()
	})
}

// gate lets a number of bytes out.
type gate struct {
	net.Conn
	left atomic.Int64
}

func (g *gate) Write(p []byte) (int, error) {
	n := min(g.left.Load(), int64(len(p)))
	m, err := g.Conn.Write(p[:n])
	g.left.Add(-int64(m))
	if err == nil && m < len(p) {
		err = errors.New("cut")
	}
	return m, err
}

func TestF55CancelInACall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		client, server := pair(t, ca.config(), ca.serverConfig(t))
		mine := errors.New("my reason")
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() {
			pass(time.Minute)
			cancel(mine)
		}()
		start := time.Now()
		_, err := ask(ctx, client, records(1))
		require.Equal(t, time.Minute, time.Since(start))
		require.ErrorIs(t, err, mine)
		require.ErrorIs(t, err, context.Canceled)
		var c *ni.ContextError
		require.ErrorAs(t, err, &c)
		require.Equal(t, "canceled", kindOf(err))
		require.False(t, client.Usable())
		require.ErrorIs(t, client.Begin(context.Background()), net.ErrClosed)

		again, other := pair(t, ca.config(), ca.serverConfig(t))
		ctx, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		_, err = ask(ctx, again, records(1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, again.Begin(ctx), net.ErrClosed)
		require.Error(t, again.Begin(nil)) //nolint:staticcheck // the mistake
		for _, c := range []*wsrfc.Conn{client, server, again, other} {
			c.Abort()
		}
	})
}

func TestB62ContextThatHasEnded(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client, server := pair(t, plainConfig(), plainServer())
		go func() { _ = echo(server) }()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		before, _ := client.Traffic()
		require.ErrorIs(t, client.Begin(ctx), context.Canceled)
		after, _ := client.Traffic()
		require.Equal(t, before, after)
		require.True(t, client.Usable(), "nothing has happened")
		_, err := ask(context.Background(), client, records(1))
		require.NoError(t, err)
		require.NoError(t, client.Begin(context.Background()))
		require.ErrorIs(t, client.Begin(context.Background()), net.ErrClosed, "one exchange at a time")
		require.ErrorIs(t, client.Idle(), net.ErrClosed, "not during an exchange")
		require.NoError(t, client.End(nil))
		require.NoError(t, client.Close())
	})
}

func TestF53PeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		client, server := pair(t, ca.config(), ca.serverConfig(t))
		start := time.Now()
		require.NoError(t, client.Begin(context.Background()))
		err := client.End(client.SendLast(records(1 << 20)))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, "timeout", kindOf(err))
		require.InDelta(t, 45*time.Second, time.Since(start), float64(15*time.Second), "between half a minute and a whole one")
		require.Positive(t, client.BytesSent())
		client.Abort()
		server.Abort()
	})
}

func TestSilentPeerWhileAMessageIsSent(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := plainConfig()
		cfg.PingPeriod, cfg.PongTimeout = 5*time.Second, 5*time.Second
		c, _ := wildServer(t, cfg, nil)
		require.NoError(t, c.Begin(context.Background()))
		err := c.End(c.SendLast(records(1 << 20)))
		var silent *wsrfc.SilentError
		require.ErrorAs(t, err, &silent)
		require.False(t, c.Usable())
	})
}

func TestOutOfTurn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client, server := pair(t, plainConfig(), plainServer())
		require.NoError(t, client.Begin(context.Background()))
		require.NoError(t, client.SendLast(records(1)))
		require.ErrorContains(t, client.SendLast(records(1)), "the peer's turn")
		_, err := client.Send(make([]byte, 1<<20))
		require.ErrorContains(t, err, "the peer's turn")
		require.Error(t, client.SendEnd(nil))
		_, err = receive(server)
		require.NoError(t, err)
		require.NoError(t, server.SendEnd(records(2)))
		require.ErrorIs(t, server.SendLast(nil), net.ErrClosed)
		_, _, err = server.Receive()
		require.ErrorIs(t, err, net.ErrClosed)
		client.Abort()
		server.Abort()
		require.ErrorIs(t, server.Begin(context.Background()), net.ErrClosed)
		require.Equal(t, "12345678", server.ID())
		require.NotNil(t, server.LocalAddr())
		require.NotNil(t, client.RemoteAddr())
		require.True(t, client.BareLogon())
		user, _ := client.Established()
		require.Empty(t, user)
	})
}

// Keep-alive.

func TestKeeperAnswersPingsOfIdleConnections(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		w.must(t, frame(0x89, []byte("there?"), false), frame(0x89, []byte("hello?"), false))
		start := time.Now()
		w.expect(t, 0x8a, []byte("hello?"))
		require.LessOrEqual(t, time.Since(start), wsrfc.DefaultPingCheck+time.Second)
		require.True(t, c.Usable())
	})
}

func TestKeeperNoticesThatAnIdlePeerLeft(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		w.must(t, closeFrame(1001, "maintenance"))
		w.expectClose(t, 1001)
		synctest.Wait()
		require.False(t, c.Usable())
		_, _, err := w.read()
		require.Error(t, err, "the descriptor is given back")
		var e *wsrfc.CloseError
		require.ErrorAs(t, c.Begin(context.Background()), &e)
		require.Equal(t, "maintenance", e.Reason)
	})
}

// A connection of a kind of its own, which cannot be asked without waiting.
func TestKeeperLooksAtConnectionsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), func(nc net.Conn) net.Conn { return &turns{Conn: nc} })
		w.must(t, frame(0x89, []byte("there?"), false))
		require.NoError(t, c.Idle(), "counts as quiet")
		w.expect(t, 0x8a, []byte("there?"))
		require.True(t, c.Usable())
		go func() {
			_, _, _ = w.read()
			_, _ = w.Write(frame(final|binaryOp, records(5), false))
		}()
		_, err := ask(context.Background(), c, records(1))
		require.NoError(t, err, "the look leaves it in order")
		_ = w.Close()
		require.True(t, c.Usable())
		pass(wsrfc.DefaultPingCheck + time.Second)
		require.False(t, c.Usable())
	})
}

func TestF58F116KeepAlivePingsOfIdleAndWaitingConnections(t *testing.T) {
	t.Parallel()
	for _, waiting := range []bool{false, true} {
		t.Run(fmt.Sprintf("waiting=%t", waiting), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				cfg := plainConfig()
				cfg.PingPeriod, cfg.PongTimeout = 100*time.Second, 20*time.Second
				c, w := wildServer(t, cfg, nil)
				failed := make(chan error, 1)
				if waiting {
					go func() {
						_, err := ask(context.Background(), c, records(1))
						failed <- err
					}()
					_, _, err := w.read()
					require.NoError(t, err)
				}
				start := time.Now()
				for range 3 {
					w.expect(t, 0x89, nil)
					require.LessOrEqual(t, time.Since(start), 120*time.Second)
					require.GreaterOrEqual(t, time.Since(start), 70*time.Second)
					w.must(t, frame(0x8a, nil, false))
					start = time.Now()
				}
				w.expect(t, 0x89, nil) // and no answer
				start = time.Now()
				if waiting {
					err := <-failed
					var silent *wsrfc.SilentError
					require.ErrorAs(t, err, &silent)
					require.Equal(t, "timeout", kindOf(err))
				} else {
					_, _, err := w.read()
					require.Error(t, err, "closed")
					require.ErrorContains(t, c.Begin(context.Background()), "no sign of life from the partner for 20s")
				}
				require.LessOrEqual(t, time.Since(start), 31*time.Second)
				require.False(t, c.Usable())
			})
		})
	}
}

func TestKeepAliveCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		cfg := plainConfig()
		cfg.PingPeriod = -1
		c, w := wildServer(t, cfg, nil)
		pass(24 * time.Hour)
		require.NoError(t, w.SetReadDeadline(time.Now()))
		_, _, err := w.read()
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.True(t, c.Usable())
		cfg.PingPeriod, cfg.PongTimeout = time.Minute, -1
		c, w = wildServer(t, cfg, nil)
		pass(time.Hour)
		w.expect(t, 0x89, nil)
		require.True(t, c.Usable(), "no answer is demanded")
	})
}

func TestKeepAliveOfTheServingSide(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		srv := plainServer()
		srv.PingPeriod, srv.Keeper = time.Minute, new(wsrfc.Keeper)
		c, w := wildClient(t, srv)
		done := make(chan error, 1)
		go func() {
			_, err := receive(c)
			done <- err
		}()
		w.expect(t, 0x89, nil)
		w.must(t, frame(0x8a, nil, true))
		w.expect(t, 0x89, nil)
		require.ErrorContains(t, <-done, "no sign of life from the partner for 1m0s")
	})
}

// One goroutine serves all idle connections; it ends with the last of them.
func TestNoGoroutineForEachIdleConnection(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		keeper := new(wsrfc.Keeper)
		cfg := plainConfig()
		cfg.Keeper = keeper
		before := runtime.NumGoroutine()
		var list []*wsrfc.Conn
		for range 200 {
			client, server := pair(t, cfg, plainServer())
			list = append(list, client, server)
		}
		synctest.Wait()
		require.Less(t, runtime.NumGoroutine()-before, 100) // other tests run beside this one
		pass(time.Hour)
		for _, c := range list {
			c.Abort()
		}
	})
}

// The serving side.

func TestClientLeavesInOrderOrNot(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bytes []byte
		want  string
	}{
		"close 1000":          {frame(0x88, []byte{3, 0xe8}, true), "EOF"},
		"close without code":  {frame(0x88, nil, true), "EOF"},
		"close 1001":          {frame(0x88, []byte{3, 0xe9}, true), "EOF"},
		"hangs up":            {nil, "EOF"},
		"close 1011":          {frame(0x88, []byte{3, 0xf3}, true), "code 1011"},
		"inside a head":       {[]byte{0x82}, "unexpected EOF"},
		"inside a message":    {frame(0x02, records(5), true), "unexpected EOF"},
		"inside a stream":     {frame(0x82, records(50)[:20], true), "unexpected EOF"},
		"inside a ping":       {[]byte{0x89, 0x85, 0, 0, 0, 0, 'a'}, "unexpected EOF"},
		"close in a message":  {append(frame(0x02, records(5), true), frame(0x88, []byte{3, 0xe8}, true)...), "code 1000"},
		"behind an odd ping":  {frame(0x89, []byte("x"), true), "EOF"},
		"close in the stream": {append(frame(0x82, records(50)[:20], true), frame(0x88, []byte{3, 0xe8}, true)...), "code 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c, w := wildClient(t, plainServer())
				w.must(t, tc.bytes)
				go func() { _, _ = io.Copy(io.Discard, w.r) }()
				pass(time.Second)
				_ = w.Close()
				_, err := receive(c)
				require.Error(t, err)
				require.Equal(t, tc.want == "EOF", err == io.EOF, "%v", err) //nolint:errorlint // the very value is the contract
				require.ErrorContains(t, err, tc.want)
				require.NoError(t, c.Close())
			})
		})
	}
}

func TestF90SlowFramesAndIdleLimits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bytes []byte
		limit time.Duration
		want  time.Duration
	}{
		"idle":                  {nil, time.Minute, time.Minute},
		"half a head":           {[]byte{0x82}, 0, 30 * time.Second},
		"half a mask":           {[]byte{0x82, 0x85, 1, 2}, 0, 30 * time.Second},
		"half a payload":        {frame(0x82, records(20), true)[:10], 0, 30 * time.Second},
		"half a message":        {frame(0x02, records(20), true), 0, 30 * time.Second},
		"half a stream":         {frame(0x82, records(20)[:7], true), 0, 30 * time.Second},
		"half a ping":           {[]byte{0x89, 0x85, 1, 2, 3, 4, 5}, time.Minute, 30 * time.Second},
		"idle limit is shorter": {[]byte{0x82}, 5 * time.Second, 5 * time.Second},
		"64 KiB announced":      {frame(0x82, make([]byte, 64<<10), true)[:100], 0, (30 + 63) * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c, w := wildClient(t, plainServer())
				require.NoError(t, c.SetIdleLimit(tc.limit))
				w.must(t, tc.bytes)
				start := time.Now()
				_, err := receive(c)
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.InDelta(t, tc.want, time.Since(start), float64(2*time.Second))
			})
		})
	}
}

func TestWatchNoticesThatTheClientLeft(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do   func(w *wild)
		want string
	}{
		"hangs up":    {func(w *wild) { _ = w.Close() }, "closed the connection"},
		"close":       {func(w *wild) { _, _ = w.Write(frame(0x88, []byte{3, 0xe8}, true)) }, "code 1000"},
		"speaks":      {func(w *wild) { _, _ = w.Write(frame(0x82, records(3), true)) }, "silence while the call runs"},
		"half a ping": {func(w *wild) { _, _ = w.Write([]byte{0x89}); _ = w.Close() }, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				c, w := wildClient(t, plainServer())
				w.must(t, frame(0x82, records(3), true))
				_, err := receive(c)
				require.NoError(t, err)
				gone := make(chan error, 1)
				stop := c.Watch(func(err error) { gone <- err })
				pass(time.Second)
				tc.do(w)
				require.ErrorContains(t, <-gone, tc.want)
				stop()
			})
		})
	}
}

func TestWatchLeavesTheConnectionInOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		client, server := pair(t, ca.config(), ca.serverConfig(t))
		done := make(chan error, 1)
		go func() {
			defer func() { _ = server.Close() }()
			for {
				data, err := receive(server)
				if err != nil {
					done <- err
					return
				}
				stop := server.Watch(func(err error) { t.Errorf("gone: %v", err) })
				pass(time.Second) // long enough for the watch to start
				stop()
				if err := server.SendLast(data); err != nil {
					done <- err
					return
				}
			}
		}()
		for n := range 5 {
			want := records(n * 1000)
			got, err := ask(context.Background(), client, want)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		// Pings are answered while a handler runs.
		require.NoError(t, client.Begin(context.Background()))
		require.NoError(t, client.SendLast(records(1)))
		pass(500 * time.Millisecond)
		_, before := client.Traffic()
		require.NoError(t, wsrfc.WritePing(client, []byte("?")))
		synctest.Wait()
		_, err := receive(client)
		require.NoError(t, client.End(err))
		_, after := client.Traffic()
		require.Greater(t, after, before)
		require.NoError(t, client.Close())
		require.Equal(t, io.EOF, <-done)
	})
}

func TestCloseWaitsAMomentForTheAnswer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, w := wildServer(t, plainConfig(), nil)
		start := time.Now()
		require.NoError(t, c.Close())
		require.Equal(t, time.Second, time.Since(start), "no longer")
		w.expectClose(t, 1000)
		_, _, err := w.read()
		require.Equal(t, io.EOF, err)

		c, w = wildServer(t, plainConfig(), nil)
		go func() {
			_, _, _ = w.read()
			_, _ = w.Write(append(frame(final|binaryOp, records(5), false), closeFrame(1000, "")...))
		}()
		start = time.Now()
		require.NoError(t, c.Close())
		require.Zero(t, time.Since(start), "what still comes is thrown away")

		c, _ = wildServer(t, plainConfig(), nil)
		require.NoError(t, c.Begin(context.Background()))
		start = time.Now()
		require.NoError(t, c.Close(), "during a call")
		require.Zero(t, time.Since(start))
		require.ErrorIs(t, c.End(c.SendLast(records(1))), net.ErrClosed)
	})
}

func TestCloseAndAbortFromOutside(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		ca := newAuthority(t, "ca")
		for _, end := range []func(c *wsrfc.Conn){(*wsrfc.Conn).Abort, func(c *wsrfc.Conn) { _ = c.Close() }} {
			client, server := pair(t, ca.config(), ca.serverConfig(t))
			failed := make(chan error, 2)
			go func() {
				_, err := ask(context.Background(), client, records(1))
				failed <- err
			}()
			synctest.Wait()
			end(client)
			require.ErrorIs(t, <-failed, net.ErrClosed)
			go func() {
				_, err := receive(server)
				if err == nil {
					_, err = receive(server)
				}
				failed <- err
			}()
			synctest.Wait()
			end(server)
			require.Error(t, <-failed)
		}
	})
}

func TestConversationsUnderRandomFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 7))
				ca := newAuthority(t, "ca")
				a, b := netfault.Pipe()
				gate := &gate{Conn: netfault.New(a, netfault.Faults{MaxRead: 1 + rng.IntN(3000), MaxWrite: 1 + rng.IntN(3000)})}
				gate.left.Store(1 << 40)
				client, server := over(t, gate, netfault.New(b, netfault.Faults{MaxRead: 1 + rng.IntN(3000), MaxWrite: 1 + rng.IntN(3000)}), ca.config(), ca.serverConfig(t))
				served := make(chan struct{})
				go func() {
					defer close(served)
					_ = echo(server)
				}()
				gate.left.Store(int64(rng.IntN(60_000)))
				for n := 0; ; n++ {
					want := records(rng.IntN(5000))
					got, err := ask(context.Background(), client, want)
					if err != nil {
						silentAbout(t, err)
						require.False(t, client.Usable())
						break
					}
					requireEqualBytes(t, want, got)
				}
				client.Abort()
				<-served
			})
		})
	}
}

func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	cfg := plainConfig()
	cfg.Proxy = wsrfc.Proxy{Host: "p", Port: "1", User: "u", Password: canary}
	cfg.KeyStore.Password = canary
	caller := wsrfc.Caller{User: "u", Password: canary, Token: canary}
	for _, v := range []any{cfg, &cfg, cfg.Proxy, cfg.KeyStore, caller, &caller, wsrfc.Secret(canary)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			s := fmt.Sprintf(verb, v)
			require.NotContains(t, s, canary)
			require.NotContains(t, s, fmt.Sprintf("%x", canary))
		}
	}
	require.Empty(t, wsrfc.Secret("").String())
	require.Equal(t, canary, wsrfc.Secret(canary).Reveal())
	b, err := wsrfc.Secret(canary).MarshalText()
	require.NoError(t, err)
	require.Equal(t, "***", string(b)+strings.TrimSpace(wsrfc.Secret("").LogValue().String()))
}

func TestCallsWaitForTheKeeperAsLongAsTheirContext(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client, server := pair(t, plainConfig(), plainServer())
		go func() { _ = echo(server) }()
		release := wsrfc.Hold(client)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, client.Begin(ctx), context.DeadlineExceeded)
		require.True(t, client.Usable())
		go func() {
			pass(time.Second)
			release()
		}()
		_, err := ask(context.Background(), client, records(1))
		require.NoError(t, err)
		release = wsrfc.Hold(client)
		start := time.Now()
		require.NoError(t, client.Close(), "Close waits for nobody")
		require.Zero(t, time.Since(start))
		release()
	})
}
