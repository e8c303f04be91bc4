package cpic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/internal/watchdog"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// state of a conversation, as spec 40.4 draws the client's machine and spec 02 section 12
// the accepting side's.
type state uint8

const (
	ready    state = iota // nothing is under way; a message may be sent or is expected
	sending               // part of our message has left
	awaiting              // our message is complete, the peer's is expected
	reading               // part of the peer's message has arrived
	ended                 // the peer ended the conversation with its last message
	broken                // an error or a cancellation; the bytes of the peer mean nothing
)

// Conn is one conversation. Open and Accept make it. It satisfies the Conversation
// interface of package rfc.
//
// A Conn is used by one goroutine at a time; Abort and Close may come from anywhere.
type Conn struct {
	ni        *ni.Conn
	accepting bool // we are the gateway side: replies, not requests

	id        [8]byte
	comm      uint16 // the client's index
	conn      uint16 // the index the gateway assigned
	protocol  uint8
	uid       uint16
	limit     int64 // of one message
	maxRecord int   // accepting: of one record behind the logon
	streamAll bool  // requests of any size travel as slices

	state    state
	streamed bool // the request came (or went) as slices: replies start with F_RECEIVE
	slices   int  // of the message being sent
	records  int  // of the message being received
	received int64
	lastIn   bool     // the fragment returned last ended the message
	function Function // of the record received last
	sent0    int64
	begun    int       // exchanges so far
	looked   time.Time // when Idle found everything quiet
	watch    watchdog.Watch
	closed   atomic.Bool
	busy     atomic.Bool // between Begin and End

	peer   *Peer  // accepting side
	answer string // client side: the gateway's record, which few will ask for
}

// Peer is what the other side said of itself during the set-up. These are claims, not
// facts: log the socket address.
type Peer struct {
	Gateway    GatewayRecord
	Initialize InitializeParams
	Partner    string // host name of F_SET_PARTNER_LU_NAME
}

// Peer returns what the other side said during set-up; on the client side the gateway's
// answer.
func (c *Conn) Peer() Peer {
	if c.peer != nil {
		return *c.peer
	}
	g, err := DecodeGatewayRecord([]byte(c.answer))
	if err != nil {
		return Peer{} // not reached: it was decoded before it was kept
	}
	return Peer{Gateway: *g}
}

// ID is the conversation id, 8 ASCII characters assigned by the gateway.
func (c *Conn) ID() string { return string(c.id[:]) }

// LocalAddr and RemoteAddr are those of the socket.
func (c *Conn) LocalAddr() net.Addr { return c.ni.LocalAddr() }

// RemoteAddr is the address of the peer's socket.
func (c *Conn) RemoteAddr() net.Addr { return c.ni.RemoteAddr() }

// Headroom is the room a message buffer must leave in front of its data: NI and APPC
// header. Send writes the headers of later slices over data that has been sent.
func (c *Conn) Headroom() int { return ni.HeaderLength + HeaderLength }

// Begin binds ctx to one exchange (send a message, receive messages) until End. It fails
// without sending anything when the conversation is not usable, when ctx has ended, and,
// on the client side, when the peer has left or has sent something nobody asked for: that
// would be taken for the next answer (spec 44.29).
func (c *Conn) Begin(ctx context.Context) error {
	if !c.busy.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	err := net.ErrClosed
	if c.Usable() {
		c.sent0 = c.ni.Sent()
		if err = c.ni.Begin(ctx); err == nil && !c.accepting {
			if err = c.quiet(); err != nil {
				c.fail()
				err = c.ni.End(err)
			}
		}
	}
	if err != nil {
		c.busy.Store(false)
	}
	return err
}

// quiet reports what happened on the connection while nobody used it.
func (c *Conn) quiet() error {
	// Looking costs a system call. What a peer sends too much comes with its answer, which
	// Buffered sees, or while the connection rests.
	c.begun++
	if now := time.Now(); now.Sub(c.looked) > restless && (c.begun <= unproved || now.Sub(c.ni.LastWrite()) > restless) {
		return c.look()
	}
	return c.unread()
}

// Idle looks, without waiting, what the peer did while nobody used the conversation: an
// error says that it has left or has sent something nobody asked for, and that the
// conversation is over. It costs one system call, which an exchange that begins right
// behind it saves. Sockets that cannot be asked without waiting count as quiet. Client side
// only; it may run beside Abort and Close, and fails when an exchange is under way.
func (c *Conn) Idle() error {
	if !c.busy.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer c.busy.Store(false)
	if !c.Usable() {
		return net.ErrClosed
	}
	err := c.look()
	if err != nil {
		c.fail()
		return err
	}
	c.looked = time.Now()
	return nil
}

// look asks the socket.
func (c *Conn) look() error {
	if err := c.ni.Poll(); err != nil {
		return c.unexpectedEnd(err)
	}
	return c.unread()
}

// unread reports bytes that came in front of a request.
func (c *Conn) unread() error {
	if c.ni.Buffered() {
		return &wire.Error{Layer: "appc", Record: "idle", Err: wire.ErrMalformed, Want: "silence between calls", Got: "unexpected bytes from the peer"}
	}
	return nil
}

// End unbinds the context. When err came from the end of the context, a *ni.ContextError
// with the cause of the context is returned in its place.
func (c *Conn) End(err error) error {
	err = c.ni.End(err)
	if err != nil || c.ni.Interrupted() {
		c.fail()
	}
	c.busy.Store(false)
	return err
}

func (c *Conn) fail() { c.state = broken }

// BytesSent is the number of bytes the operating system took since Begin. Zero proves that
// nothing left the process.
func (c *Conn) BytesSent() int64 { return c.ni.Sent() - c.sent0 }

// Traffic is the number of bytes sent and received since the connection was opened,
// including headers.
func (c *Conn) Traffic() (sent, received int64) { return c.ni.Sent(), c.ni.Received() }

// Usable reports whether another exchange may start: no error, no cancellation, nothing
// half read, and the peer has not ended the conversation.
func (c *Conn) Usable() bool {
	return !c.closed.Load() && (c.state == ready || c.accepting && c.state == awaiting) && !c.ni.Interrupted()
}

// Send sends as much of a message as makes full slices while more is to come. buf starts
// with Headroom bytes of room. It returns how many data bytes were taken; the caller
// presents the others again, in front of what follows.
func (c *Conn) Send(buf []byte) (int, error) {
	room := c.Headroom()
	done := 0
	for len(buf)-room-done >= SliceLength+minLastSlice {
		if err := c.sendSlice(buf[done:done+room+SliceLength], false, false); err != nil {
			return done, err
		}
		done += SliceLength
	}
	return done, nil
}

// SendLast sends the rest of a message.
//
// A compact request gets its 8-byte trailer appended to buf: spare capacity of buf avoids a
// copy.
func (c *Conn) SendLast(buf []byte) error { return c.sendRest(buf, false) }

// SendEnd sends the rest of a message and ends the conversation with it: the peer reads
// return code 18. Accepting side only.
func (c *Conn) SendEnd(buf []byte) error {
	if !c.accepting {
		return errors.New("cpic: only the accepting side ends a conversation with a message")
	}
	if err := c.sendRest(buf, true); err != nil {
		return err
	}
	c.state = ended
	return nil
}

func (c *Conn) sendRest(buf []byte, end bool) error {
	room := c.Headroom()
	if !c.accepting && c.slices == 0 && len(buf)-room <= SliceLength && !c.streamAll {
		return c.sendCompact(buf)
	}
	for {
		left := len(buf) - room
		n := min(left, SliceLength)
		if rest := left - n; c.accepting && rest > 0 && rest < minLastSlice {
			n -= minLastSlice // the last slice would be too short: leave it more
		}
		last := n == left
		if err := c.sendSlice(buf[:room+n], last, end && last); err != nil {
			return err
		}
		if last {
			break
		}
		buf = buf[n:]
	}
	if !c.accepting {
		// The last step of a stream is an empty F_RECEIVE, also behind a barrier slice
		// (spec 02 section 7 [impl], [experiment]).
		h := c.header(Receive)
		h.Info = InfoSync
		h.SetSendLength(SliceLength)
		if err := c.writeControl(&h); err != nil {
			return err
		}
	}
	c.sentAll()
	return nil
}

func (c *Conn) sentAll() {
	c.state = awaiting
	c.slices, c.records, c.received, c.lastIn = 0, 0, 0, false
}

// maySend refuses to speak when the conversation is over or, as a client, out of turn.
func (c *Conn) maySend() error {
	switch {
	case c.state == ended, c.state == broken:
		return net.ErrClosed
	case c.state == reading, !c.accepting && c.state == awaiting:
		return errors.New("cpic: it is the peer's turn to send")
	}
	return nil
}

// sendCompact sends a request of up to 28,000 bytes in one F_SAP_SEND record with the
// 8-byte trailer (spec 02 section 5 [capture]).
func (c *Conn) sendCompact(buf []byte) error {
	if err := c.maySend(); err != nil {
		return err
	}
	n := len(buf) - c.Headroom()
	buf, _ = Trailer{DataLength: uint32(n), ReceiveLimit: ReceiveLimit}.AppendBinary(buf)
	h := c.header(SAPSend)
	h.ParamLength = trailerLength
	h.Info = InfoSync | InfoWithParamsHeader
	h.Vector = VectorSend | VectorReceive
	if err := c.writeData(&h, buf); err != nil {
		return err
	}
	c.streamed = false
	c.sentAll()
	return nil
}

// sendSlice sends one slice of a long message.
func (c *Conn) sendSlice(buf []byte, last, end bool) error {
	if err := c.maySend(); err != nil {
		return err
	}
	n := uint32(len(buf) - c.Headroom())
	index := c.slices
	c.slices++
	c.state = sending
	if c.accepting {
		h := c.replyHeader(n, last, end)
		if index > 0 || c.streamed {
			h.Function = Receive
		}
		return c.writeData(&h, buf)
	}
	c.streamed = true
	h := c.header(AsyncSendData)
	h.SetSendLength(n)
	barrier := index > 0 && index%barrierEvery == 0
	if barrier {
		h.Function, h.Info = SendData, InfoSync
	}
	if err := c.writeData(&h, buf); err != nil {
		return err
	}
	if barrier {
		return c.readBarrier()
	}
	return nil
}

// readBarrier waits for the acknowledgement of a barrier slice.
func (c *Conn) readBarrier() error {
	h, data, err := c.readRecord()
	if err != nil {
		c.fail()
		return c.unexpectedEnd(err)
	}
	if h.Function != SendData || len(data) != 0 {
		c.fail()
		return c.protocolError("acknowledgement", "an empty F_SEND_DATA", fmt.Sprintf("%s with %d bytes", h.Function, len(data)))
	}
	return nil
}

// header is what every record of the client side has in common (spec 02 section 3.5).
func (c *Conn) header(f Function) Header {
	h := Header{
		Version: AppcVersion, Function: f, Protocol: c.protocol, UID: c.uid,
		ConversationID: c.id, CommIndex: unassigned, ConnIndex: c.conn,
	}
	if c.accepting {
		h.CommIndex = c.comm
		h.Info3, h.Info4 = Info3CodePage, Info4Reply
	}
	return h
}

// replyHeader is a data record of the accepting side (spec 02 section 3.5 [capture]).
func (c *Conn) replyHeader(n uint32, last, end bool) Header {
	h := c.header(SAPSend)
	h.Time, h.Sequence = replyTime, 1
	op := ReceiveInfo{RequestedLength: SliceLength, DataReceived: dataReceivedComplete, ReceivedLength: n, Codepage: sessionCodepage}
	switch {
	case end:
		h.Timeout, h.Info, h.Vector, h.ReturnCode = timeoutReplyMore, InfoSync, VectorReceive, DeallocatedNormal
		op.RequestedLength = n
	case last:
		h.Timeout, h.Info, h.Vector = timeoutReplyFinal, InfoSync|InfoWithParamsHeader, VectorSend|VectorReceive
		h.ParamLength = trailerLength // announced; no trailer follows [capture]
		op.StatusReceived = statusSendReceived
	default:
		h.Timeout, h.Info, h.Vector = timeoutReplyMore, InfoSync, VectorReceive
	}
	h.SetReceiveInfo(op)
	return h
}

// writeData writes the headers into the room in front of the data and sends the record.
func (c *Conn) writeData(h *Header, buf []byte) error {
	if _, err := h.AppendBinary(buf[ni.HeaderLength:ni.HeaderLength]); err != nil {
		return err
	}
	if _, err := c.ni.WriteRecord(buf); err != nil {
		c.fail()
		return err
	}
	return nil
}

func (c *Conn) writeControl(h *Header, params ...byte) error {
	var room [ni.HeaderLength + HeaderLength]byte
	buf := append(room[:], params...)
	return c.writeData(h, buf)
}

// Receive returns the next fragment of the peer's message, valid until the next Receive,
// and whether the message ends with it. The accepting side gets io.EOF when the client
// left between messages. After last, Usable tells whether the peer ended the conversation
// with this message.
func (c *Conn) Receive() (fragment []byte, last bool, err error) {
	if c.state == ended || c.state == broken {
		return nil, false, net.ErrClosed
	}
	if c.lastIn { // a new message starts
		c.records, c.received, c.lastIn = 0, 0, false
	}
	h, data, err := c.readRecord()
	if err != nil {
		if c.accepting && (c.state == ready || c.state == awaiting) && errors.Is(err, io.EOF) {
			c.state = ended
			return nil, false, io.EOF
		}
		c.fail()
		return nil, false, c.unexpectedEnd(err)
	}
	if c.accepting {
		data, last, err = c.request(&h, data)
	} else {
		data, last, err = c.reply(&h, data)
	}
	if err != nil {
		c.fail()
		return nil, false, err
	}
	c.records++
	c.received += int64(len(data))
	if c.records > maxFragments || c.received > c.limit {
		c.fail()
		return nil, false, &wire.Error{
			Layer: "appc", Record: "message", Offset: int(c.received), Err: wire.ErrLimit,
			Want: fmt.Sprintf("at most %d bytes in %d records", c.limit, maxFragments),
			Got:  fmt.Sprintf("%d bytes in %d records", c.received, c.records),
		}
	}
	switch {
	case !last:
		c.state = reading
	case c.state != ended:
		c.lastIn = true
		if c.accepting {
			c.state = awaiting // the reply is due; a callback may go out first
		} else {
			c.state = ready
		}
	}
	return data, last, nil
}

// readRecord reads the next record of this conversation, checks its identity and turns
// return codes into errors.
func (c *Conn) readRecord() (Header, []byte, error) {
	h, data, err := c.nextRecord()
	if err == nil {
		err = c.checkIdentity(&h)
	}
	if err == nil && !c.accepting {
		err = c.checkCodes(&h, data)
	}
	return h, data, err
}

// nextRecord reads the next record and serves APPC pings.
func (c *Conn) nextRecord() (Header, []byte, error) {
	for pings := 0; ; pings++ {
		payload, err := c.ni.ReadRecord()
		if err != nil {
			return Header{}, nil, err
		}
		h, err := DecodeHeader(payload)
		if err != nil {
			return Header{}, nil, err
		}
		c.function = h.Function
		if h.Function != SAPPing {
			return h, payload[HeaderLength:], nil
		}
		if pings >= maxPings {
			return Header{}, nil, &wire.Error{Layer: "appc", Record: h.Function.String(), Err: wire.ErrLimit, Want: fmt.Sprintf("at most %d pings in a row", maxPings), Got: "more"}
		}
		if err := c.answerPing(&h); err != nil {
			return Header{}, nil, err
		}
	}
}

// unexpectedEnd names the end of the connection where a record had to come.
func (c *Conn) unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("cpic: the peer closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// answerPing mirrors an APPC ping: the accepting side always, the client only when the
// record says that a reply is expected (spec 02 section 9, spec 05 G2).
func (c *Conn) answerPing(h *Header) error {
	if !c.accepting && h.Info&InfoSync == 0 {
		return nil
	}
	a := *h
	a.ReturnCode, a.SAPReturnCode = 0, 0
	a.CommIndex = unassigned
	if c.accepting {
		a.CommIndex = c.comm
	}
	return c.writeControl(&a)
}

// checkIdentity: the conversation id and the indices must not change (spec 40.6).
func (c *Conn) checkIdentity(h *Header) error {
	if h.ConversationID != c.id {
		if c.accepting {
			return &refusal{code: ProgramStateCheck, sap: RCUnknownFunction, text: fmt.Sprintf("Conversation %s not found", unpad(h.ConversationID[:]))}
		}
		got := string(h.ConversationID[:]) // a copy: h must not escape in the usual case
		return c.protocolError("conversation_id", fmt.Sprintf("%q", c.id[:]), fmt.Sprintf("%q", got))
	}
	if h.ConnIndex != c.conn {
		return c.protocolError("conn_index", fmt.Sprint(c.conn), fmt.Sprint(h.ConnIndex))
	}
	if !c.accepting && h.CommIndex != c.comm {
		return c.protocolError("comm_index", fmt.Sprint(c.comm), fmt.Sprint(h.CommIndex))
	}
	return nil
}

func (c *Conn) protocolError(field, want, got string) error {
	return &wire.Error{Layer: "appc", Record: "conversation " + c.ID(), Field: field, Err: wire.ErrMalformed, Want: want, Got: got}
}

// checkCodes turns return codes into errors. 18 with data is a message, the peer's last one
// (spec 02 section 8).
func (c *Conn) checkCodes(h *Header, data []byte) error {
	hasText := h.ErrorLength != 0 || h.Info&InfoWithErrorInfo != 0
	if h.ReturnCode == OK && h.SAPReturnCode == 0 && !hasText {
		return nil
	}
	if h.ReturnCode == DeallocatedNormal && h.SAPReturnCode == 0 && !hasText {
		if len(data) > 0 {
			return nil
		}
		return &Error{Op: "receive", ReturnCode: h.ReturnCode, Text: "connection closed without message (CM_NO_DATA_RECEIVED)"}
	}
	e := &Error{Op: opName(h.Function), ReturnCode: h.ReturnCode, SAPReturnCode: h.SAPReturnCode}
	e.Info, _ = ni.FindErrorInfo(data)
	if e.Info == nil {
		e.Text = ni.Printable(data, min(int(h.ErrorLength), maxErrorText))
	}
	return e
}

func opName(f Function) string {
	switch f {
	case Initialize:
		return "initialize"
	case Allocate:
		return "allocate"
	case SendData, AsyncSendData:
		return "send"
	default:
		return "receive"
	}
}

// reply interprets a data record of the gateway.
func (c *Conn) reply(h *Header, data []byte) ([]byte, bool, error) {
	if h.Function != SAPSend && h.Function != Receive {
		return nil, false, c.protocolError("function", "F_SAP_SEND or F_RECEIVE", h.Function.String())
	}
	op := &h.Operation // read in place: ReceiveInfo allocates the code page's text
	if n := int64(binary.BigEndian.Uint32(op[8:])); n != 0 {
		if n > int64(len(data)) {
			return nil, false, c.protocolError("received_length", fmt.Sprintf("at most the %d bytes of the record", len(data)), fmt.Sprint(n))
		}
		data = data[:n]
	}
	if h.ReturnCode == DeallocatedNormal {
		c.state = ended
		return data, true, nil
	}
	return data, h.Vector&VectorSend != 0 || binary.BigEndian.Uint32(op[12:]) == statusSendReceived, nil
}

// request interprets a record of the client.
func (c *Conn) request(h *Header, data []byte) ([]byte, bool, error) {
	switch h.Function {
	case SAPSend:
		if c.state == reading {
			return nil, false, &refusal{code: ProgramStateCheck, sap: RCUnknownFunction, text: "F_SAP_SEND inside a streamed message"}
		}
		c.streamed = false
		if h.ParamLength == trailerLength && len(data) >= trailerLength {
			// Clients were seen to read and write the first word differently; where it does
			// not fit, the eight bytes stay behind the chain, which ends by itself.
			if t, _ := DecodeTrailer(data[len(data)-trailerLength:]); int64(t.DataLength) == int64(len(data)-trailerLength) {
				data = data[:len(data)-trailerLength]
			}
		}
		return data, true, nil
	case AsyncSendData, SendData:
		c.streamed = true
		if n := int64(h.SendLength()); n != int64(len(data)) {
			return nil, false, c.protocolError("send_length", fmt.Sprintf("the %d bytes of the record", len(data)), fmt.Sprint(n))
		}
		if h.Function == SendData && h.Info&InfoSync != 0 {
			return data, false, c.acknowledge()
		}
		return data, false, nil
	case Receive:
		if c.state != reading {
			return nil, false, &refusal{code: ProgramStateCheck, sap: RCUnknownFunction, text: "F_RECEIVE without data"}
		}
		return data, true, nil
	case Deallocate:
		if c.state == reading {
			return nil, false, c.unexpectedEnd(io.EOF)
		}
		return nil, false, io.EOF
	default:
		return nil, false, &refusal{code: ProductSpecific, sap: RCUnknownFunction, text: h.Function.String() + " is not allowed now"}
	}
}

// acknowledge answers a barrier slice. A strict client accepts only this form: every field
// that is not named is zero (spec 40.5 [impl]).
func (c *Conn) acknowledge() error {
	h := c.header(SendData)
	h.Info3, h.Info4, h.Info = 0, Info4Reply, InfoSync
	h.CommIndex = c.comm
	return c.writeControl(&h)
}

// refuse answers with an error record. Accepting side only.
// Layout [inferred, medium]: per the WITH_ERR_INFO bit of open dissectors, no public bytes.
func (c *Conn) refuse(h *Header, r *refusal, location string) error {
	a := Header{Version: AppcVersion, Function: c.function, Protocol: c.protocol, UID: c.uid, ConversationID: c.id, CommIndex: c.comm, ConnIndex: c.conn}
	if h != nil {
		a = *h
	}
	info := ni.ErrorInfo{
		Text: r.text, ReturnCode: fmt.Sprint(r.sap), Component: gatewayComponent, Version: gatewayErrorVersionText,
		Detail: r.text, Time: time.Now().UTC().Format(time.ANSIC), Location: location,
	}
	text, _ := info.AppendBinary(nil)
	a.Operation = [28]byte{}
	a.ParamLength = 0
	a.Info |= InfoWithErrorInfo | InfoSync
	a.ErrorLength = uint16(len(text))
	a.ReturnCode, a.SAPReturnCode = r.code, r.sap
	return c.writeControl(&a, text...)
}

// refusal is why the accepting side sends an error record.
type refusal struct {
	code ReturnCode
	sap  int32
	text string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("cpic: %s (cmRc=%d thRc=%d)", r.text, uint32(r.code), r.sap)
}

// Reject sends an error record for a protocol violation of the client, if err is one, and
// ends the conversation. Accepting side only.
func (c *Conn) Reject(err error) {
	if r := refusalFor(err); r != nil && c.accepting && !c.closed.Load() {
		_ = c.refuse(nil, r, "")
	}
	c.fail()
}

// refusalFor turns what is wrong with the client's bytes into an error record; nil when
// the connection itself failed and nobody would read it.
func refusalFor(err error) *refusal {
	var r *refusal
	var w *wire.Error
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &w) && !errors.Is(err, io.ErrUnexpectedEOF):
		return &refusal{code: ProductSpecific, sap: RCUnknownFunction, text: ni.Printable([]byte(w.Error()), 200)}
	}
	return nil
}

// Abort makes every blocked and later operation fail at once by closing the socket; the
// peer learns nothing. It is safe to call from another goroutine.
func (c *Conn) Abort() {
	if !c.closed.Swap(true) {
		c.watch.Leave()
		_ = c.ni.Close()
	}
}

// Close ends the conversation: a client in an orderly state says F_DEALLOCATE, which is
// not answered, then the socket is closed. It is idempotent.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.watch.Leave()
	// busy orders us with a concurrent exchange, which then just loses its connection.
	if !c.accepting && c.busy.CompareAndSwap(false, true) && c.state == ready && !c.ni.Interrupted() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if c.ni.Begin(ctx) == nil {
			h := c.header(Deallocate)
			_ = c.ni.End(c.writeControl(&h))
		}
	}
	return c.ni.Close()
}

// LoggedOn raises the limit of records to what a client that has logged on may send.
// Accepting side only.
func (c *Conn) LoggedOn() { c.ni.SetMaxRecord(c.maxRecord) }

// SetIdleLimit bounds the wait for the next message. Accepting side; zero = no limit.
func (c *Conn) SetIdleLimit(d time.Duration) error { return c.ni.SetReadLimit(d) }

// Release gives the read buffer back while the conversation is idle.
func (c *Conn) Release() { c.ni.Release() }
