package wsrfc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/purerfc/purerfc/internal/watchdog"
	"github.com/purerfc/purerfc/internal/wire"
)

// state of a conversation, as in package cpic.
type state uint8

const (
	ready    state = iota // nothing is under way; a message may be sent or is expected
	sending               // part of our message has left
	awaiting              // our message is complete, the peer's is expected
	reading               // part of the peer's message has arrived
	over                  // the peer has said goodbye, or our last message was sent
	broken                // an error or a cancellation; the bytes of the peer mean nothing
)

// Conn is one conversation. Open, Dial, Accept and Upgrade make it. It satisfies the
// conversation interfaces of package rfc.
//
// A Conn is used by one goroutine at a time; Abort and Close may come from anywhere.
type Conn struct {
	sock      *sock
	tls       *tls.Conn // nil without TLS of our own
	ws        *websocket.Conn
	link      *link
	in        frames
	early     []byte    // bytes behind the head of the upgrade
	plain     io.Reader // behind TLS, or the socket itself
	accepting bool
	id        string
	info      Info
	caller    *Caller // accepting side

	limit      int64 // of one record stream
	afterLogon int64 // accepting: of one message behind the logon
	split      int64 // of one message we send
	frameLimit time.Duration

	// turn is held by whoever reads: an exchange, or the keeper for a moment.
	turn     chan struct{}
	status   atomic.Uint32 // a state
	why      error         // why it is broken, if nobody has been told yet; guarded by turn
	walk     walker
	unended  bool  // the fragment returned last was the last but for the missing closing tag
	received int64 // of the stream being received
	empty    int   // messages without a byte in it
	lastIn   bool  // the fragment returned last ended the stream
	fresh    bool  // no byte of the open frame's payload was read
	buf      *[]byte

	writer   io.WriteCloser // of the message being sent; nil between messages
	written  int64          // into it
	pong     []byte         // payload of a ping that was not answered yet
	pending  bool           // there is one
	begun    int            // exchanges so far
	exchange bool           // one is under way: Begin has the turn
	looked   time.Time      // when Idle found everything quiet
	sent0    int64

	keeper  *Keeper
	ping    pinger
	silent  atomic.Bool // the keeper has given the peer up
	goodbye atomic.Bool // our close frame has left
	heard   bool        // the peer's has come
	watch   watchdog.Watch
	closed  atomic.Bool
	busy    atomic.Bool // between Begin and End
}

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readBuffer); return &b }}

// writePool lends the library its buffers for the time of one message.
var writePool sync.Pool

func newConn(l *link, plain io.Reader, ws *websocket.Conn, early []byte, messageLimit int64, masked bool) *Conn {
	s := l.sock
	c := &Conn{sock: s, link: l, plain: plain, ws: ws, early: early, turn: make(chan struct{}, 1), frameLimit: DefaultFrameTimeout, limit: DefaultStreamLimit, split: DefaultSplit}
	c.in = frames{r: (*source)(c), masked: masked, limit: messageLimit, control: c.control, hurry: c.hurryHead, sock: s}
	return c
}

// source gives the frames their bytes.
type source Conn

func (s *source) Read(p []byte) (int, error) {
	if len(s.early) > 0 {
		n := copy(p, s.early)
		if s.early = s.early[n:]; len(s.early) == 0 {
			s.early = nil
		}
		return n, nil
	}
	return s.plain.Read(p)
}

func (c *Conn) state() state     { return state(c.status.Load()) }
func (c *Conn) setState(s state) { c.status.Store(uint32(s)) }

// ID tells connections of this process apart.
func (c *Conn) ID() string { return c.id }

// Info describes what was agreed with the peer.
func (c *Conn) Info() Info { return c.info }

// Caller is who was let in; accepting side only.
func (c *Conn) Caller() *Caller { return c.caller }

// BareLogon is true: the logon of WebSocket RFC has neither a signature nor a session id.
func (c *Conn) BareLogon() bool { return true }

// Established is the user that the upgrade proved, if it did; accepting side only.
func (c *Conn) Established() (user, client string) {
	if c.caller == nil {
		return "", ""
	}
	return c.caller.established, c.caller.Client
}

// LocalAddr and RemoteAddr are those of the socket.
func (c *Conn) LocalAddr() net.Addr { return c.sock.LocalAddr() }

// RemoteAddr is the address of the peer's socket, or of the proxy in between.
func (c *Conn) RemoteAddr() net.Addr { return c.sock.RemoteAddr() }

// Headroom is zero: the library copies what it sends into frames of its own.
func (c *Conn) Headroom() int { return 0 }

// Begin binds ctx to one exchange (send a message, receive messages) until End. It fails
// without sending anything when the conversation is not usable, when ctx has ended, and when
// the peer has left or has sent something nobody asked for: that would be taken for the next
// answer (spec 44.29).
func (c *Conn) Begin(ctx context.Context) error {
	if !c.busy.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	err := c.begin(ctx)
	if err != nil {
		c.busy.Store(false)
	}
	return err
}

func (c *Conn) begin(ctx context.Context) error {
	if ctx == nil {
		return errors.New("wsrfc: nil context")
	}
	if err := c.take(ctx); err != nil {
		return err
	}
	err := c.usable()
	if c.why != nil {
		err, c.why = c.why, nil
	}
	if err == nil {
		if err = c.sock.begin(ctx); err == nil && !c.accepting {
			if err = c.quiet(); err != nil {
				c.fail()
				err = c.sock.end(err)
			}
		}
	}
	c.sent0 = c.sock.sent.Load()
	if c.exchange = err == nil; !c.exchange {
		c.give()
	}
	return err
}

// take waits until nobody else reads: the keeper, for a moment.
func (c *Conn) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(ctx, nil)
	}
}

func (c *Conn) give() { <-c.turn }

// quiet reports what happened on the connection while nobody used it.
func (c *Conn) quiet() error {
	// Looking costs a system call. What a peer sends too much comes with its answer, which
	// TLS holds and Receive has seen, or while the connection rests.
	c.begun++
	if now := time.Now(); now.Sub(c.looked) > restless && (c.begun <= unproved || c.sock.sinceWrite(now) > restless) {
		return c.lookNow(look)
	}
	return c.unasked()
}

// lookNow asks the socket.
func (c *Conn) lookNow(m mode) error {
	if err := c.peek(m); err != nil {
		return ended(err)
	}
	return c.unasked()
}

// Idle looks, without waiting, what the peer did while nobody used the conversation: an
// error says that it has left or has sent something nobody asked for, and that the
// conversation is over. Pings are answered. It costs one system call, which an exchange that
// begins right behind it saves. Sockets that cannot be asked without waiting count as quiet; the
// Keeper looks at them. Client side only; it may run beside Abort and Close, and fails when an
// exchange is under way.
func (c *Conn) Idle() error {
	if !c.busy.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer c.busy.Store(false)
	c.turn <- struct{}{} // the keeper has it for a moment at most
	defer c.give()
	err := c.usable()
	if c.why != nil {
		err, c.why = c.why, nil
	}
	if err == nil {
		if err = c.lookNow(look); err != nil {
			c.fail()
		}
	}
	c.looked = time.Now()
	return err
}

// unasked is the error for frames that came while none was expected.
func (c *Conn) unasked() error {
	if _, data := c.in.started(); data {
		return c.protocolError("silence between calls", "a message nobody asked for")
	}
	return nil
}

// peek takes what has arrived without waiting: control frames are served, the head of a data
// frame is left where it is. The caller holds the turn.
func (c *Conn) peek(m mode) error {
	c.sock.mode = m
	err := c.in.next()
	c.sock.mode = wait
	if err == nil || errors.Is(err, errQuiet) {
		c.flushPong()
		return nil
	}
	return c.refuse(err)
}

// End unbinds the context. When err came from the end of the context, a *ni.ContextError with
// the cause of the context is returned in its place. Behind a Begin that failed it does nothing.
func (c *Conn) End(err error) error {
	if !c.exchange {
		return err
	}
	c.exchange = false
	err = c.sock.end(err)
	if err != nil || c.sock.canceled.Load() {
		c.fail()
	}
	if c.silent.Load() && err != nil {
		err = &SilentError{For: c.ping.timeout}
	}
	c.Release()
	c.give()
	c.busy.Store(false)
	return err
}

func (c *Conn) fail() { c.setState(broken) }

// BytesSent is the number of bytes the operating system took since Begin, TLS included. Zero
// proves that nothing left the process.
func (c *Conn) BytesSent() int64 { return c.sock.sent.Load() - c.sent0 }

// Traffic is the number of bytes sent and received since the connection was opened, TLS
// included where it is ours.
func (c *Conn) Traffic() (sent, received int64) {
	return c.sock.sent.Load(), c.sock.received.Load()
}

// Usable reports whether another exchange may start: no error, no cancellation, nothing half
// read, and the peer has not said goodbye.
func (c *Conn) Usable() bool { return c.usable() == nil }

func (c *Conn) usable() error {
	switch {
	case c.closed.Load(), c.silent.Load(), c.sock.canceled.Load():
		return net.ErrClosed
	case c.state() == ready, c.accepting && c.state() == awaiting:
		return nil
	}
	return net.ErrClosed
}

// Send takes all of a message that is there, once it is worth a write, while more is to come.
// It returns how many data bytes were taken.
func (c *Conn) Send(buf []byte) (int, error) {
	if len(buf) < sendStep {
		return 0, nil
	}
	if err := c.write(buf); err != nil {
		return 0, err
	}
	return len(buf), nil
}

// SendLast sends the rest of a message.
func (c *Conn) SendLast(buf []byte) error {
	if err := c.sendRest(buf); err != nil {
		return err
	}
	c.setState(awaiting)
	c.startStream()
	return nil
}

// SendEnd sends the rest of a message and ends the conversation with it. Accepting side only.
func (c *Conn) SendEnd(buf []byte) error {
	if !c.accepting {
		return errors.New("wsrfc: only the accepting side ends a conversation with a message")
	}
	// In one write if possible, so that the peer sees the end together with the message.
	corked := len(buf) <= maxCorked
	if corked {
		c.link.cork()
	}
	err := c.sendRest(buf)
	if err == nil {
		c.setState(over)
		err = c.sayGoodbye(closeNormal, "")
	}
	if corked {
		if e := c.link.uncork(); e != nil && err == nil {
			err = c.sendFailed(e)
		}
	}
	return err
}

// maySend refuses to speak when the conversation is over or, as a client, out of turn.
func (c *Conn) maySend() error {
	switch {
	case c.state() == over, c.state() == broken:
		return net.ErrClosed
	case c.state() == reading, !c.accepting && c.state() == awaiting:
		return errors.New("wsrfc: it is the peer's turn to send")
	}
	return nil
}

// write puts b into the message being sent, and starts another one where the message would
// become too long.
func (c *Conn) write(b []byte) error {
	if err := c.maySend(); err != nil {
		return err
	}
	c.setState(sending)
	for len(b) > 0 {
		if c.writer == nil {
			w, err := c.ws.NextWriter(websocket.BinaryMessage)
			if err != nil {
				return c.sendFailed(err)
			}
			c.writer, c.written = w, 0
		}
		n := min(int64(len(b)), c.split-c.written)
		if _, err := c.writer.Write(b[:n]); err != nil {
			return c.sendFailed(err)
		}
		b = b[n:]
		if c.written += n; c.written == c.split && len(b) > 0 {
			if err := c.endMessage(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Conn) endMessage() error {
	w := c.writer
	c.writer = nil
	if err := w.Close(); err != nil {
		return c.sendFailed(err)
	}
	return nil
}

func (c *Conn) sendRest(buf []byte) error {
	if c.writer == nil && int64(len(buf)) <= min(c.split, writeBuffer) {
		// The usual way: one frame, one write.
		if err := c.maySend(); err != nil {
			return err
		}
		if err := c.ws.WriteMessage(websocket.BinaryMessage, buf); err != nil {
			return c.sendFailed(err)
		}
		return nil
	}
	if err := c.write(buf); err != nil {
		return err
	}
	return c.endMessage()
}

// sendFailed keeps the library's own words back: to a caller a connection that has said
// goodbye is closed.
func (c *Conn) sendFailed(err error) error {
	c.fail()
	if errors.Is(err, websocket.ErrCloseSent) {
		return net.ErrClosed
	}
	return err
}

// startStream forgets what was known of the stream received last.
func (c *Conn) startStream() {
	c.walk, c.received, c.empty, c.lastIn, c.unended = walker{}, 0, 0, false, false
}

// closingTag completes a request whose sender leaves it out.
var closingTag = []byte{0xff, 0xff}

// Receive returns the next fragment of the peer's record stream, valid until the next Receive,
// and whether the stream ends with it. The accepting side gets io.EOF when the client left
// between messages. After last, Usable tells whether the peer has ended the conversation.
func (c *Conn) Receive() (fragment []byte, last bool, err error) {
	if c.state() == over || c.state() == broken {
		return nil, false, net.ErrClosed
	}
	if c.accepting {
		select {
		case c.turn <- struct{}{}:
			defer c.give()
		default:
			return nil, false, net.ErrClosed // Close has it
		}
	}
	if c.lastIn { // a new stream starts
		c.startStream()
	}
	fragment, last, err = c.receive()
	if err != nil {
		return nil, false, c.receiveFailed(err)
	}
	switch c.lastIn = last; {
	case !last:
		c.setState(reading)
	case c.accepting:
		c.setState(awaiting) // the reply is due; a callback may go out first
	default:
		c.setState(ready)
		c.farewell()
	}
	return fragment, last, nil
}

// farewell looks whether the peer says goodbye in the same breath as its answer, which comes
// first. What else may have come is found by the next Begin.
func (c *Conn) farewell() {
	if started, _ := c.in.started(); !started && c.tls != nil && !c.sock.records.more() {
		return // TLS holds nothing
	}
	if err := c.peek(dry); err != nil {
		c.setState(over)
		c.why = ended(err)
	}
}

func (c *Conn) receiveFailed(err error) error {
	between := c.accepting && (c.state() == ready || c.state() == awaiting) && c.received == 0
	if started, _ := c.in.started(); between && !started && c.leftInOrder(err) {
		c.setState(over)
		return io.EOF
	}
	c.fail()
	if c.silent.Load() {
		return &SilentError{For: c.ping.timeout}
	}
	return c.refuse(ended(err))
}

// leftInOrder reports whether the client has gone between two messages, with or without a word.
func (c *Conn) leftInOrder(err error) bool {
	if e, ok := errors.AsType[*CloseError](err); ok {
		return e.orderly()
	}
	return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// receive returns the next bytes of the stream.
func (c *Conn) receive() (fragment []byte, last bool, err error) {
	if c.unended {
		return closingTag, true, nil
	}
	for {
		if err := c.nextFrame(); err != nil {
			return nil, false, err
		}
		if c.buf == nil {
			c.buf = readBuffers.Get().(*[]byte)
		}
		n, frameEnd, messageEnd, err := c.in.payload(*c.buf)
		if err != nil {
			return nil, false, err
		}
		switch {
		case frameEnd:
			err = c.sock.relax()
		case c.fresh:
			err = c.sock.rush(c.in.left, c.frameLimit)
		}
		c.fresh = false
		if err != nil {
			return nil, false, err
		}
		fragment := (*c.buf)[:n:n]
		if err := c.count(n, messageEnd); err != nil {
			return nil, false, err
		}
		c.walk.feed(fragment)
		last := messageEnd && c.complete()
		if n > 0 || last {
			return fragment, last && !c.unended, nil
		}
	}
}

// complete decides at the end of a message whether the stream ends with it.
func (c *Conn) complete() bool {
	switch {
	case c.walk.state == walkEnd, c.walk.state == walkBroken:
		return true
	case c.accepting && c.walk.unclosed():
		c.unended = true
		return true
	}
	return false
}

// count bounds the stream.
func (c *Conn) count(n int, messageEnd bool) error {
	c.received += int64(n)
	if n == 0 && messageEnd {
		c.empty++
	}
	if c.received > c.limit || c.empty > maxEmpty {
		return &wire.Error{
			Layer: "websocket", Record: "message", Offset: int(c.received), Err: wire.ErrLimit,
			Want: fmt.Sprintf("at most %d bytes and %d empty messages", c.limit, maxEmpty),
			Got:  fmt.Sprintf("%d bytes, %d empty messages", c.received, c.empty),
		}
	}
	return nil
}

// nextFrame waits for a data frame. While it waits for the first bytes of a message there is
// no limit but the context's or the idle limit; a client that has begun a request has to go on.
func (c *Conn) nextFrame() error {
	if c.in.open {
		return nil
	}
	if c.accepting && (c.in.begun || c.received > 0) {
		if err := c.hurryHead(); err != nil {
			return err
		}
	}
	c.fresh = true
	err := c.in.next()
	c.flushPong() // a message came right behind the ping
	return err
}

// hurryHead starts the clock of something small that has begun, unless it runs.
func (c *Conn) hurryHead() error {
	if !c.sock.rushed() {
		return c.sock.rush(0, c.frameLimit)
	}
	return nil
}

// control takes a control frame of the peer. A ping is answered when nothing else has arrived
// behind it, so that a flood of pings costs a few pongs; an older ping needs no answer then
// (RFC 6455 section 5.5.3).
func (c *Conn) control(op opcode, payload []byte) error {
	switch op {
	case opPing:
		c.pong, c.pending = payload, true
	case opClose:
		e, err := readClose(payload)
		if err != nil {
			return err
		}
		code := e.Code
		if code == closeNoStatus {
			code = closeNormal
		}
		c.heard = true
		_ = c.sayGoodbye(code, "")
		return e
	default: // a pong is a sign of life, and the bytes are counted
	}
	if err := c.sock.relax(); err != nil || c.sock.mode != wait {
		return err
	}
	if _, data := c.in.started(); !data { // what came along may be another ping
		if err := c.in.held(); err == nil || !errors.Is(err, errQuiet) {
			return err
		}
	}
	c.flushPong()
	return nil
}

// flushPong answers the last ping. If it cannot be sent, the next read or write finds out why.
func (c *Conn) flushPong() {
	if c.pending {
		payload := c.pong
		c.pong, c.pending = nil, false
		_ = c.writeControl(websocket.PongMessage, payload)
	}
}

func (c *Conn) writeControl(kind int, payload []byte) error {
	err := c.ws.WriteControl(kind, payload, time.Now().Add(controlLimit))
	if errors.Is(err, websocket.ErrCloseSent) {
		return nil
	}
	return err
}

// sayGoodbye sends a close frame, once.
func (c *Conn) sayGoodbye(code int, reason string) error {
	if c.goodbye.Swap(true) {
		return nil
	}
	return c.writeControl(websocket.CloseMessage, closePayload(code, reason))
}

// refuse tells the peer what was wrong with its bytes, if that is what err says.
func (c *Conn) refuse(err error) error {
	if code := closeCode(err); code != 0 {
		_ = c.sayGoodbye(code, "")
	}
	return err
}

func (c *Conn) protocolError(want, got string) error {
	return &wire.Error{Layer: "websocket", Record: "message", Err: wire.ErrMalformed, Want: want, Got: got}
}

// Reject tells the peer that its message broke the protocol, if err says so, and ends the
// conversation.
func (c *Conn) Reject(err error) {
	if !c.closed.Load() {
		_ = c.refuse(err)
	}
	c.fail()
}

// Abort makes every blocked and later operation fail at once by closing the socket; the peer
// learns nothing. It is safe to call from another goroutine.
func (c *Conn) Abort() {
	if !c.closed.Swap(true) {
		c.leave()
		_ = c.sock.Close()
	}
}

func (c *Conn) leave() {
	c.watch.Leave()
	c.keeper.remove(c)
}

// Close ends the conversation: a close frame, at most a second for its answer, the end of TLS.
// It is idempotent.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.leave()
	// An exchange under way orders itself behind us and just loses its connection.
	if c.busy.CompareAndSwap(false, true) {
		select {
		case c.turn <- struct{}{}:
			c.shakeHands()
		default:
		}
	}
	return c.sock.Close()
}

// shakeHands does what RFC 6455 section 7 asks of a side that leaves, while the bytes of both
// sides still mean something. Behind a refusal it only waits, so that our words are not lost
// together with what the peer is still sending.
func (c *Conn) shakeHands() {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	if c.sock.begin(ctx) != nil {
		return
	}
	spoken := c.goodbye.Load()
	if s := c.state(); s == broken && !spoken || s == sending || s == reading {
		return
	}
	_ = c.sayGoodbye(closeNormal, "")
	if !c.heard {
		c.drain()
	}
	if c.tls != nil {
		c.sock.special.Store(time.Now().Add(controlLimit).UnixNano())
		_ = c.tls.CloseWrite()
	}
}

// drain reads until the peer has said goodbye or left.
func (c *Conn) drain() {
	if c.buf == nil {
		c.buf = readBuffers.Get().(*[]byte)
	}
	if c.state() == broken { // frames mean nothing any more
		for n := 0; n < maxCloseDrain; {
			m, err := c.in.r.Read(*c.buf)
			if n += m; err != nil {
				return
			}
		}
		return
	}
	for n := 0; n < maxCloseDrain; {
		if c.in.next() != nil {
			return
		}
		m, _, _, err := c.in.payload(*c.buf)
		if n += m + 1; err != nil {
			return
		}
	}
}

// LoggedOn raises the limit of messages to what a client that has logged on may send.
// Accepting side only.
func (c *Conn) LoggedOn() { c.in.limit = c.afterLogon }

// SetIdleLimit bounds the wait for the next message. Accepting side; zero = no limit.
func (c *Conn) SetIdleLimit(d time.Duration) error { return c.sock.limit(d) }

// Release gives the read buffer back. The fragment returned last becomes invalid.
func (c *Conn) Release() {
	if c.buf != nil {
		readBuffers.Put(c.buf)
		c.buf = nil
	}
}

// Watch calls gone once if the client closes the connection, or sends a message although it is
// not its turn, before the returned function is called. Pings are answered meanwhile. It
// starts after a short delay, so that quick handlers pay next to nothing, and lifts the idle
// limit, which bounds the client and not the handler.
// Nothing else may use the conversation until stop has returned.
func (c *Conn) Watch(gone func(error)) (stop func()) { return c.watch.Start(gone) }

// watched is the connection as its watch sees it.
type watched Conn

func (w *watched) Wait() error {
	c := (*Conn)(w)
	select {
	case c.turn <- struct{}{}:
		defer c.give()
	default:
		return net.ErrClosed // Close has it
	}
	if err := c.sock.limit(0); err != nil {
		return err
	}
	return ended(c.in.next())
}

func (w *watched) InterruptRead()    { w.sock.pause() }
func (w *watched) ResumeRead() error { return w.sock.resume() }

func (w *watched) OutOfTurn() error {
	return (*Conn)(w).protocolError("silence while the call runs", "a message of the client")
}

// link is the connection as the library sees it: a place to write to.
type link struct {
	net.Conn // TLS, or the socket itself
	sock     *sock

	mu     sync.Mutex
	corked bool
	held   []byte // what was written while corked
}

// Write writes, or keeps the bytes while corked.
func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	if l.corked {
		l.held = append(l.held, p...)
		l.mu.Unlock()
		return len(p), nil
	}
	l.mu.Unlock()
	return l.Conn.Write(p)
}

// cork collects the writes that follow; uncork makes one of them.
func (l *link) cork() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.corked = true
}

func (l *link) uncork() error {
	l.mu.Lock()
	b := l.held
	l.corked, l.held = false, nil
	l.mu.Unlock()
	if len(b) == 0 {
		return nil
	}
	_ = l.SetWriteDeadline(time.Time{}) // the limit of a control frame is not meant for a message
	_, err := l.Conn.Write(b)
	return err
}

// SetWriteDeadline bounds the next write, which is a control frame if there is a deadline.
func (l *link) SetWriteDeadline(t time.Time) error {
	var end int64
	if !t.IsZero() {
		end = t.UnixNano()
	}
	if end != l.sock.special.Load() {
		l.sock.special.Store(end)
	}
	return nil
}

// SetDeadline and SetReadDeadline do nothing: reads are none of the library's business.
func (l *link) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (l *link) SetReadDeadline(time.Time) error { return nil }
