package capture

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/purerfc/purerfc/internal/wire"
)

// assembler puts the byte streams of the TCP connections of a packet capture together
// again and cuts them into NI records. Bytes count once: what was delivered first wins
// over a later segment that says otherwise.
type assembler struct {
	c     *collector
	conns []*conn
	open  map[connKey]*conn
	early tally
	full  error // the limit that ended the reading
}

// connKey holds the two ends of a connection, the lower one first.
type connKey [2]netip.AddrPort

// conn is one TCP connection. Side i sends from ends[i].
type conn struct {
	index     int
	ends      connKey
	half      [2]half
	client    int // side that opened the connection, by its SYN; -1 when not seen
	firstData int // side that sent the first bytes; -1 when none did
}

// half is what one side of a connection sends.
type half struct {
	known   bool   // base is set
	syn     bool   // base comes from a SYN
	base    uint32 // sequence number of the first byte
	off     int64  // stream offset of the next byte
	end     int64  // highest stream offset that the capture proves to exist
	split   splitter
	waiting []piece // segments behind a hole, by offset
	bytes   int     // bytes in waiting, with pendingOverhead for each
	cut     int     // first packet of which the capture kept too little; 0 when none
	dead    error
}

type piece struct {
	off  int64
	data []byte
}

func newAssembler(c *collector) *assembler {
	return &assembler{c: c, open: map[connKey]*conn{}}
}

// usualPort tells the ports on which SAP programs speak NI: dispatcher and SAProuter
// 32NN, gateway 33NN, message server 36NN and 39NN, secured gateway 48NN [doc].
func usualPort(p uint16) bool {
	switch p / 100 {
	case 32, 33, 36, 39, 48:
		return true
	}
	return false
}

func (a *assembler) serverPort(p uint16) bool {
	if a.c.opts.Port != 0 {
		return p == a.c.opts.Port
	}
	return usualPort(p)
}

// segment takes the next segment of the capture. An error ends the reading.
func (a *assembler) segment(s *segment) error {
	if a.c.opts.Port != 0 && s.src.Port() != a.c.opts.Port && s.dst.Port() != a.c.opts.Port {
		return nil
	}
	key, side := connKey{s.src, s.dst}, 0
	if s.dst.Compare(s.src) < 0 {
		key, side = connKey{s.dst, s.src}, 1
	}
	cn := a.open[key]
	if cn == nil || (s.syn && cn.replacedBy(s, side)) {
		if len(a.conns) >= a.c.opts.MaxStreams {
			return fail("tcp", fmt.Sprintf("packet %d", s.packet), "", a.c.pos(), wire.ErrLimit,
				fmt.Sprintf("at most %d connections", a.c.opts.MaxStreams), "more")
		}
		cn = &conn{index: len(a.conns), ends: key, client: -1, firstData: -1}
		for i := range cn.half {
			cn.half[i].split.max = a.c.opts.MaxRecordBytes
		}
		a.conns = append(a.conns, cn)
		a.open[key] = cn
	}
	h, peer := &cn.half[side], &cn.half[1-side]
	seq := s.seq
	if s.syn {
		seq++
		if !h.known {
			h.known, h.base = true, seq
		}
		h.syn = true
		cn.client = side
		if s.acks {
			cn.client = 1 - side
		}
	}
	if s.rst {
		return nil
	}
	if s.acks && peer.known {
		// An acknowledged FIN counts as one byte.
		peer.end = max(peer.end, peer.offset(s.ack)-1)
	}
	if s.length == 0 && !s.fin {
		return nil
	}
	if !h.known {
		h.known, h.base = true, seq
	}
	off := h.offset(seq)
	if s.length > 0 && cn.firstData < 0 {
		cn.firstData = side
	}
	if off < 0 && !h.syn {
		a.early.add(fmt.Sprintf("packet %d", s.packet))
	}
	h.end = max(h.end, off+int64(s.length))
	if s.cut && len(s.payload) < s.length && h.cut == 0 {
		h.cut = s.packet
	}
	return a.deliver(cn, side, off, s)
}

// replacedBy tells whether a SYN opens a new connection between the same two ends.
func (cn *conn) replacedBy(s *segment, side int) bool {
	h, peer := &cn.half[side], &cn.half[1-side]
	if h.known {
		return h.base != s.seq+1
	}
	return !s.acks && peer.end > 0
}

// offset is the stream offset of a sequence number near the current one.
func (h *half) offset(seq uint32) int64 {
	return h.off + int64(int32(seq-(h.base+uint32(h.off))))
}

func (a *assembler) deliver(cn *conn, side int, off int64, s *segment) error {
	h := &cn.half[side]
	if h.dead != nil || len(s.payload) == 0 || off+int64(len(s.payload)) <= h.off {
		return nil
	}
	if off > h.off {
		i := sort.Search(len(h.waiting), func(i int) bool { return h.waiting[i].off > off })
		if i > 0 && h.waiting[i-1].off == off && len(h.waiting[i-1].data) >= len(s.payload) {
			return nil
		}
		h.bytes += len(s.payload) + pendingOverhead
		h.waiting = slices.Insert(h.waiting, i, piece{off, slices.Clone(s.payload)})
		if h.bytes > a.c.opts.MaxPendingBytes || len(h.waiting) > maxPendingSegments {
			h.dead = h.gap()
			h.waiting, h.bytes = nil, 0
		}
		return nil
	}
	if err := a.feed(cn, side, s.payload[h.off-off:], s.time); err != nil {
		return err
	}
	used := 0
	for _, p := range h.waiting {
		if p.off > h.off || h.dead != nil {
			break
		}
		used++
		h.bytes -= len(p.data) + pendingOverhead
		if skip := h.off - p.off; skip < int64(len(p.data)) {
			if err := a.feed(cn, side, p.data[skip:], s.time); err != nil {
				return err
			}
		}
	}
	h.waiting = slices.Delete(h.waiting, 0, used)
	if h.dead != nil {
		h.waiting, h.bytes = nil, 0
	}
	return nil
}

// feed gives the next bytes of one side to its splitter. An error ends the reading; a
// record that cannot be right ends this side only.
func (a *assembler) feed(cn *conn, side int, data []byte, at time.Time) error {
	h := &cn.half[side]
	h.off += int64(len(data))
	err := h.split.feed(data, func(off int64, payload []byte) error {
		dir := ClientToServer
		if side == 1 {
			dir = ServerToClient
		}
		a.full = a.c.add(Frame{Direction: dir, Stream: cn.index, Time: utc(at), Offset: off, Payload: payload})
		return a.full
	})
	h.dead = err
	return a.full
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// gap says which bytes are missing.
func (h *half) gap() error {
	want := "the segment at this place"
	got := fmt.Sprintf("nothing up to offset %d", h.end)
	if len(h.waiting) > 0 {
		want = fmt.Sprintf("%d bytes", h.waiting[0].off-h.off)
		got = fmt.Sprintf("the segment at offset %d next", h.waiting[0].off)
	}
	if h.cut > 0 {
		got += fmt.Sprintf(" (the capture cut packet %d short: capture with a larger snap length)", h.cut)
	}
	return fail("tcp", "", "stream", h.off, ErrGap, want, got)
}

// finish numbers the conversations, settles the directions and reports what is
// incomplete.
func (a *assembler) finish() error {
	number := make([]int, len(a.conns))
	clientIsSide1 := make([]bool, len(a.conns))
	var errs []error
	var skipped tally
	next := 0
	for i, cn := range a.conns {
		number[i] = -1
		if cn.firstData < 0 && !cn.lost() {
			continue
		}
		if cn.foreign() && !a.serverPort(cn.ends[0].Port()) && !a.serverPort(cn.ends[1].Port()) {
			skipped.add(fmt.Sprintf("%v and %v", cn.ends[0], cn.ends[1]))
			continue
		}
		number[i] = next
		next++
		client := a.clientSide(cn)
		clientIsSide1[i] = client == 1
		for _, side := range []int{client, 1 - client} {
			if a.full != nil {
				break // what lacks behind the limit is no damage
			}
			if err := cn.half[side].damage(); err != nil {
				dir := ClientToServer
				if side != client {
					dir = ServerToClient
				}
				errs = append(errs, &Error{
					Name: a.c.name, Stream: number[i], Direction: dir, Offset: cn.half[side].place(), Err: err,
					Connection: fmt.Sprintf("%s (%v to %v)", connectionName(number[i], dir), cn.ends[side], cn.ends[1-side]),
				})
			}
		}
	}
	kept := a.c.frames[:0]
	for _, f := range a.c.frames {
		cn := f.Stream
		if number[cn] < 0 {
			continue
		}
		f.Stream = number[cn]
		if clientIsSide1[cn] {
			f.Direction = f.Direction.Reverse()
		}
		kept = append(kept, f)
	}
	clear(a.c.frames[len(kept):])
	a.c.frames = kept
	a.early.tell(a.c.opts, "segment(s) with bytes before the beginning of the capture left out")
	skipped.tell(a.c.opts, "TCP connection(s) that do not carry NI left out, between")
	if skipped.count > 0 && next == 0 {
		errs = append(errs, a.c.at(0, fail("tcp", "", "", 0, wire.ErrMalformed, "a connection that carries NI records",
			fmt.Sprintf("%d connection(s) that do not", skipped.count))))
	}
	return errors.Join(errs...)
}

// lost tells whether bytes of the connection are known but none was captured.
func (cn *conn) lost() bool {
	return cn.half[0].end > cn.half[0].off || cn.half[1].end > cn.half[1].off
}

// foreign tells whether the first record of either side is none: no NI traffic then.
func (cn *conn) foreign() bool {
	for i := range cn.half {
		if h := &cn.half[i]; h.split.records == 0 && errors.Is(h.split.err, wire.ErrLimit) {
			return true
		}
	}
	return false
}

func (a *assembler) clientSide(cn *conn) int {
	if cn.client >= 0 {
		return cn.client
	}
	s0, s1 := a.serverPort(cn.ends[0].Port()), a.serverPort(cn.ends[1].Port())
	switch {
	case s0 && !s1:
		return 1
	case s1 && !s0:
		return 0
	}
	return max(cn.firstData, 0)
}

// damage says what is wrong with one side at the end of the capture.
func (h *half) damage() error {
	switch {
	case h.split.err != nil:
		if h.split.records == 0 && !h.syn {
			return fmt.Errorf("the capture starts inside the connection: %w", h.split.err)
		}
		return h.split.err
	case h.dead != nil:
		return h.dead
	case h.end > h.off:
		return h.gap()
	default:
		return h.split.finish()
	}
}

// place is the stream offset that damage speaks of.
func (h *half) place() int64 {
	if h.split.err == nil && (h.dead != nil || h.end > h.off) {
		return h.off
	}
	return h.split.start
}
