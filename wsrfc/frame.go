package wsrfc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
	"unicode/utf8"
)

// opcode of a frame (RFC 6455 section 5.2).
type opcode uint8

const (
	opContinuation opcode = 0
	opText         opcode = 1
	opBinary       opcode = 2
	opClose        opcode = 8
	opPing         opcode = 9
	opPong         opcode = 10
)

func (o opcode) control() bool { return o >= 8 }

var opcodeNames = map[opcode]string{
	opContinuation: "continuation", opText: "text", opBinary: "binary", opClose: "close", opPing: "ping", opPong: "pong",
}

// String names the opcode.
func (o opcode) String() string {
	if s := opcodeNames[o]; s != "" {
		return s
	}
	return fmt.Sprintf("opcode(%#x)", uint8(o))
}

const (
	finalBit  = 0x80
	extraBits = 0x70 // for extensions; none is ever agreed
	maskBit   = 0x80
)

// frames reads the frames of a peer. It stops between any two bytes when its reader has
// nothing, and goes on there: a read of an idle connection leaves it in order.
//
// What it reads ahead fits into the largest head, so that it needs no buffer while it waits.
type frames struct {
	r      io.Reader
	sock   *sock // below r; says whether a read waits
	masked bool  // frames must be masked: this is the accepting side
	limit  int64 // of the payload of one message
	// hurry starts the clock of a head that has begun to arrive.
	hurry func() error
	// control takes a complete control frame; payload is valid until it returns.
	control func(op opcode, payload []byte) error

	head [14]byte // of the frame, and what was read behind it
	have int      // bytes in head
	used int      // of them, once a frame is open
	fine bool     // the first two were checked
	full bool     // the head is complete
	open bool     // ... and that of a data frame

	op     opcode
	final  bool
	left   int64 // payload bytes of the frame that were not read
	key    [4]byte
	turn   int // of the key
	length int // of the control frame that is arriving; its payload is kept in pending

	pending  []byte
	begun    bool  // a message has begun and its last frame has not come
	count    int   // frames of the message
	size     int64 // its payload, with what the open frame announces
	controls int   // control frames since window
	window   time.Time
}

// next reads until the head of a data frame is there, and hands over the control frames in
// front of it. It may be called again after a timeout.
func (f *frames) next() error {
	for !f.open {
		if !f.full {
			if err := f.readHead(); err != nil {
				return err
			}
		}
		if !f.op.control() {
			return f.begin()
		}
		if err := f.readControl(); err != nil {
			return err
		}
	}
	return nil
}

// started says that bytes of a frame have arrived and the frame is not complete. If data, it
// is one of a message.
func (f *frames) started() (started, data bool) {
	if f.have == 0 {
		return false, false
	}
	return true, !opcode(f.head[0] & 0x0f).control()
}

// need is the size of the head as far as its first two bytes tell.
func (f *frames) need() int {
	n := 2
	switch f.head[1] &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.masked {
		n += 4
	}
	return n
}

func (f *frames) readHead() error {
	for f.have < 2 {
		if err := f.fill(); err != nil {
			return err
		}
	}
	if !f.fine {
		if err := f.check(); err != nil {
			return err
		}
		f.fine = true
	}
	need := f.need()
	for f.have < need {
		if err := f.fill(); err != nil {
			return err
		}
	}
	f.turn, f.used, f.full = 0, need, true
	at := 2
	length := uint64(f.head[1] &^ maskBit)
	switch length {
	case 126:
		length, at = uint64(binary.BigEndian.Uint16(f.head[2:])), 4
	case 127:
		length, at = binary.BigEndian.Uint64(f.head[2:]), 10
	}
	if length > 1<<63-1 {
		return violated(closeProtocol, "length", "the highest bit clear", fmt.Sprintf("%#x", length))
	}
	if f.masked {
		copy(f.key[:], f.head[at:])
	}
	f.left = int64(length)
	return nil
}

// fill reads bytes of the head. A wait inside a head is limited; nearly always the whole head
// has come at once.
func (f *frames) fill() error {
	if f.have > 0 && f.sock.mode == wait {
		if err := f.held(); err == nil || !errors.Is(err, errQuiet) {
			return err
		}
		if err := f.hurry(); err != nil {
			return err
		}
	}
	return f.readHeadBytes()
}

// held reads bytes of a head that need no wait.
func (f *frames) held() error {
	f.sock.mode = dry
	err := f.readHeadBytes()
	f.sock.mode = wait
	return err
}

func (f *frames) readHeadBytes() error {
	n, err := f.r.Read(f.head[f.have:])
	f.have += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// check looks at the first two bytes: what follows need not be waited for to refuse it.
func (f *frames) check() error {
	b0, b1 := f.head[0], f.head[1]
	f.op, f.final = opcode(b0&0x0f), b0&finalBit != 0
	if b0&extraBits != 0 {
		return violated(closeProtocol, "reserved bits", "none, no extension was agreed", fmt.Sprintf("%#02x", b0&extraBits))
	}
	if masked := b1&maskBit != 0; masked != f.masked {
		if f.masked {
			return violated(closeProtocol, "mask", "a masked frame of a client", "an unmasked one")
		}
		return violated(closeProtocol, "mask", "an unmasked frame of a server", "a masked one")
	}
	switch f.op {
	case opClose, opPing, opPong:
		if !f.final {
			return violated(closeProtocol, "FIN", f.op.String()+" in one frame", "a fragment")
		}
		if n := b1 &^ maskBit; n > maxControlPayload {
			return violated(closeProtocol, "length", fmt.Sprintf("at most %d bytes of %s", maxControlPayload, f.op), "more")
		}
	case opBinary:
		if f.begun {
			return violated(closeProtocol, "opcode", "the rest of the message that has begun", f.op.String())
		}
	case opContinuation:
		if !f.begun {
			return violated(closeProtocol, "opcode", "the start of a message", f.op.String())
		}
	case opText:
		return violated(closeUnsupported, "opcode", "binary messages", f.op.String())
	default:
		return violated(closeProtocol, "opcode", "a known one", f.op.String())
	}
	return nil
}

// begin opens a data frame whose head is complete.
func (f *frames) begin() error {
	if f.op == opBinary {
		f.count, f.size = 0, 0
	}
	if f.count++; f.count > MaxFragments {
		return violated(closeTooBig, "fragments", fmt.Sprintf("at most %d of one message", MaxFragments), "more")
	}
	// In 64 bits without a sign nothing wraps around (CVE-2020-27813).
	if total, carry := bits.Add64(uint64(f.size), uint64(f.left), 0); carry != 0 || total > uint64(f.limit) {
		return violated(closeTooBig, "length", fmt.Sprintf("a message of at most %d bytes", f.limit), fmt.Sprintf("%d or more", total))
	}
	f.size += f.left
	f.begun = !f.final
	f.open = true
	return nil
}

// payload reads bytes of the open data frame into p, which is not empty, and unmasks them.
// frameEnd says that the frame is complete, messageEnd that its message is.
func (f *frames) payload(p []byte) (n int, frameEnd, messageEnd bool, err error) {
	if f.left > 0 {
		if n, err = f.read(p); n == 0 {
			return 0, false, false, err
		}
		f.left -= int64(n)
		if f.masked {
			f.turn = unmask(p[:n], f.key, f.turn)
		}
	}
	if f.left > 0 {
		return n, false, false, nil
	}
	f.open = false
	f.endFrame()
	return n, true, f.final, nil
}

// read reads payload into p: first what came with the head, and with it only what needs no
// wait. Where p has room for more than the frame, the first bytes of the next one are read
// ahead: a close frame behind an answer is seen at once.
func (f *frames) read(p []byte) (n int, err error) {
	end := int(min(int64(len(p)), f.left))
	came := copy(p[:end], f.head[f.used:f.have])
	if f.used += came; came == end {
		return end, nil
	}
	m := 0
	ahead := min(len(p), end+len(f.head)) // f.head is empty now
	if came == 0 {
		m, err = f.r.Read(p[:ahead])
	} else if f.sock.mode == wait {
		f.sock.mode = dry
		m, _ = f.r.Read(p[came:ahead]) // an error comes again when nothing is there
		f.sock.mode = wait
	}
	switch n = came + m; {
	case n > end:
		f.have, f.used = copy(f.head[:], p[end:n]), 0
		return end, nil
	case n == 0 && err == nil:
		err = io.ErrNoProgress
	}
	return n, err
}

// endFrame keeps what was read of the next frame.
func (f *frames) endFrame() {
	f.have = copy(f.head[:], f.head[f.used:f.have])
	f.used, f.left, f.fine, f.full = 0, 0, false, false
}

// readControl reads the payload of a control frame and hands it over.
func (f *frames) readControl() error {
	if len(f.pending) == 0 && f.length == 0 {
		f.length = int(f.left)
		if f.pending == nil && f.length > 0 {
			f.pending = make([]byte, 0, maxControlPayload)
		}
	}
	for len(f.pending) < f.length {
		if f.used == f.have && f.sock.mode == wait { // the rest has to come soon
			if err := f.hurry(); err != nil {
				return err
			}
		}
		n, err := f.read(f.pending[len(f.pending):f.length])
		if n == 0 {
			return err
		}
		f.pending = f.pending[:len(f.pending)+n]
	}
	payload, op := f.pending, f.op
	if f.masked {
		unmask(payload, f.key, 0)
	}
	f.length, f.pending = 0, nil
	f.endFrame()
	if err := f.flood(); err != nil {
		return err
	}
	return f.control(op, payload)
}

// flood ends a peer that sends nothing but control frames (fault F-34).
func (f *frames) flood() error {
	now := time.Now()
	if f.controls++; now.Sub(f.window) > controlWindow {
		f.controls, f.window = 1, now
	}
	if f.controls > maxControl {
		return violated(closePolicy, "control frames", fmt.Sprintf("at most %d in %v", maxControl, controlWindow), "more")
	}
	return nil
}

// unmask applies the key to b, starting with byte turn of the key, and returns where the next
// bytes start.
func unmask(b []byte, key [4]byte, turn int) int {
	turn &= 3
	var k [8]byte
	for i := range k {
		k[i] = key[(turn+i)&3]
	}
	word := binary.LittleEndian.Uint64(k[:])
	end := turn + len(b)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= k[i]
	}
	return end & 3
}

// readClose interprets the payload of a close frame.
func readClose(payload []byte) (*CloseError, error) {
	switch {
	case len(payload) == 0:
		return &CloseError{Code: closeNoStatus}, nil
	case len(payload) == 1:
		return nil, violated(closeProtocol, "close code", "two bytes", "one")
	}
	code := int(binary.BigEndian.Uint16(payload))
	if !legalCode(code) {
		return nil, violated(closeProtocol, "close code", "1000-1003, 1007-1014 or 3000-4999", fmt.Sprint(code))
	}
	if !utf8.Valid(payload[2:]) {
		return nil, violated(closeBadData, "close reason", "UTF-8", "other bytes")
	}
	return &CloseError{Code: code, Reason: printable(string(payload[2:]), maxReason)}, nil
}

// closePayload builds the payload of a close frame; the reason is cut where it must be.
func closePayload(code int, reason string) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(code))
	for _, r := range reason {
		if len(b)+utf8.RuneLen(r) > maxControlPayload {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}
