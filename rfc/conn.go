package rfc

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// FunctionSource finds the description of a function module. Package repository has the
// real one, which asks the system and caches; a map of hand-built descriptions is another.
//
// A source that keeps descriptions may have a method Contradicted(f *metadata.Function, why
// error), or Forget(name string). It is told when an answer does not fit a description, and
// when the partner refuses a call because its interface is another one.
type FunctionSource interface {
	Function(ctx context.Context, name string) (*metadata.Function, error)
}

// ConnConfig says how a connection logs on and behaves.
type ConnConfig struct {
	Logon Logon
	// Destination, Program and Host are what the partner is told about the caller.
	// Defaults: <unknown>, purerfc and localhost.
	Destination, Program, Host string
	// Functions describes function modules. Without it only calls that bring their own
	// description work. It may call functions on this very connection.
	Functions FunctionSource
	// Callbacks serves calls that the partner makes while a call of ours runs. Without it
	// every callback is refused as an unknown function.
	Callbacks Handler
	// AllowNonUnicode lets the partner be a system that is not Unicode: texts are then in its
	// code page, both ways, and rows in the layouts of such systems. Characters that it lacks
	// are errors unless Values.OnConversionError says otherwise. Default: such a partner is
	// refused at logon with ErrCodepage.
	AllowNonUnicode bool
	// BigEndian writes numbers and UTF-16 texts with their high byte first, as JCo does.
	// Partners make either right; it serves to test them.
	BigEndian bool
	// NoDelta switches table ids and with them delta answers off: the partner is told that
	// they are not understood (spec 41.3 [inferred, high]).
	NoDelta bool
	// CallTimeout limits every call that has no limit of its own; zero means no limit.
	CallTimeout time.Duration
	// Values says how values are converted.
	Values serialization.Options
	// Format is how the values of calls are written if the partner reads it, else Classic. A
	// fast format costs one call of RFC_SYSTEM_INFO in front of the first call that uses it.
	Format serialization.Format
	// WAN says that the network is slow: fast formats are then compressed as far as possible.
	WAN bool
	// Limits bounds received messages.
	Limits Limits
	// Permit is asked before each call, those of Ping, Reset and SystemInfo included, whether it
	// may be made. Its error, an *Error, is that of the call, and nothing is looked up or sent.
	// Default: all may. It is called by whoever calls.
	Permit func(function string) error
	// Random gives session id and password seed; for tests. Default crypto/rand.
	Random func(b []byte)
}

// settings are what calls need of a ConnConfig. The rest, the password above all, ends with
// the logon.
type settings struct {
	Destination                   string
	Functions                     FunctionSource
	Callbacks                     Handler
	AllowNonUnicode, NoDelta, WAN bool
	Format                        serialization.Format
	CallTimeout                   time.Duration
	Values                        serialization.Options
	Limits                        Limits
	Permit                        func(function string) error
}

func (cfg *ConnConfig) settings() settings {
	return settings{
		Destination: cfg.Destination, Functions: cfg.Functions, Callbacks: cfg.Callbacks, AllowNonUnicode: cfg.AllowNonUnicode,
		NoDelta: cfg.NoDelta, WAN: cfg.WAN, Format: cfg.Format, CallTimeout: cfg.CallTimeout, Values: cfg.Values, Limits: cfg.Limits, Permit: cfg.Permit,
	}
}

// Limits bounds what a partner can make this process keep; zero means the default.
type Limits struct {
	// Message is the largest message in bytes that is kept in memory. Default 1 GiB.
	Message int64
	// CallbackDepth is how many callbacks may be nested or chained in one call before it is
	// given up. Default 10,000 in a row.
	Callbacks int
}

func (l Limits) chain() chain.Limits { return chain.Limits{Message: l.Message} }

func (l Limits) message() int64 {
	if l.Message <= 0 {
		return chain.DefaultMessage
	}
	return l.Message
}

func messageTooLong(at int, limit int64) error {
	return &wire.Error{Layer: "chain", Record: "message", Offset: at, Err: wire.ErrLimit, Want: fmt.Sprintf("at most %d bytes in memory; use the option Stream for large tables", limit), Got: "more"}
}

const defaultCallbacks = 10_000

// Conn is one connection with a logged-on session. It makes one call at a time: a second
// caller gets ErrBusy. Attributes, Alive, Busy and Close are safe for concurrent use; Close
// during a call makes the call fail.
//
// After an error that leaves the connection in doubt it is closed and every later use
// fails with ErrClosed; a Conn never reconnects by itself and never repeats a call.
type Conn struct {
	conv Conversation
	cfg  settings

	busy  atomic.Bool
	dead  atomic.Bool
	ended atomic.Pointer[Error] // why it is dead, if an error did it
	calls atomic.Int64
	// throughput counts the calls; nil if nobody does.
	throughput atomic.Pointer[Throughput]
	// What connections to one system have in common they share: thousands may rest in a pool.
	attrs  unique.Handle[Attributes]
	guid   [16]byte
	bare   bool                         // no session id is spoken of
	own    serialization.Representation // of this side
	peer   serialization.Representation // how the partner writes
	write  serialization.Representation // how this side writes to it
	header bool                         // the next call starts with the session header
	// announce is item 0101, in front of every call if it is not written as the partner
	// expects; empty for Unicode systems.
	announce []byte
	expected serialization.Representation
	writer   *serialization.Writer // while a call runs

	// The Go type that was last found to fit the answer of a function, see fits.
	fitting   reflect.Type
	fittingTo *metadata.Function

	// The call that runs: flush sends what a Sequence has filled while the rest is made.
	ctx       context.Context
	watching  *watch
	begun     bool
	flushFunc func([]byte) ([]byte, error)

	formats atomic.Uint64 // Formats of the partner and formatsKnown
}

// writers keep their buffers and what they have learned about types: between the calls of a
// connection somebody else has the use of them.
var writers = sync.Pool{New: func() any { return new(serialization.Writer) }}

// formatsKnown says that the partner was asked.
const formatsKnown = 1 << 32

// Open logs on over a fresh conversation. On error the conversation is closed. A refused
// logon is an error of class ClassLogon; it is never repeated here, because repeated attempts
// lock the user.
func Open(ctx context.Context, conv Conversation, cfg ConnConfig) (*Conn, error) {
	if ctx == nil {
		conv.Abort()
		return nil, &Error{Class: ClassState, Step: StepLogon, Outcome: NotSent, Key: classes[ClassState].key, Message: "nil context"}
	}
	if err := cfg.validate(); err != nil {
		conv.Abort()
		return nil, err
	}
	for _, d := range []struct {
		field *string
		value string
	}{{&cfg.Destination, "<unknown>"}, {&cfg.Program, "purerfc"}, {&cfg.Host, "localhost"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if cfg.Random == nil {
		cfg.Random = func(b []byte) { _, _ = rand.Read(b) }
	}
	if cfg.Limits.Callbacks <= 0 {
		cfg.Limits.Callbacks = defaultCallbacks
	}
	c := &Conn{conv: conv, cfg: cfg.settings(), own: cfg.representation(), peer: unicode, write: unicode, bare: isBare(conv)}
	c.flushFunc = c.flush
	if err := c.logon(ctx, &cfg); err != nil {
		conv.Abort()
		e := classify(err, StepLogon)
		e.Step, e.ConversationID, e.Address, e.Destination = StepLogon, conv.ID(), addr(conv), cfg.Destination
		// A logon has no business effect: whatever failed, nothing was executed.
		e.Outcome = NotSent
		return nil, e
	}
	return c, nil
}

// validate checks what the logon needs, all problems at once.
func (cfg *ConnConfig) validate() error {
	var errs []error
	err := cfg.Logon.Validate()
	if e, ok := errors.AsType[*Error](err); ok {
		errs = append(errs, e.Err)
	}
	if cfg.Logon.PartnerCharSize == 1 && !cfg.AllowNonUnicode {
		errs = append(errs, errors.New("partner character size (jco.client.pcs) of 1, a partner that is not Unicode, needs AllowNonUnicode"))
	}
	if cp, err := cfg.Logon.page(); err == nil {
		for _, f := range []struct{ name, value string }{{"destination", cfg.Destination}, {"program", cfg.Program}, {"host", cfg.Host}} {
			if at := unmappable(f.value, cp); at > 0 {
				errs = append(errs, notInPage(f.name, at, cp))
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{Class: ClassConfig, Step: StepConfig, Outcome: NotSent, Key: classes[ClassConfig].key, Err: errors.Join(errs...)}
}

// representation is what this side is: a Unicode client, little-endian unless told
// otherwise, or a non-Unicode one.
func (cfg *ConnConfig) representation() serialization.Representation {
	if cp, err := cfg.Logon.page(); err == nil && cfg.Logon.PartnerCharSize == 1 {
		return serialization.Representation{Text: cp, BigEndian: cfg.BigEndian}
	}
	if cfg.BigEndian {
		return serialization.Representation{Text: codepage.UTF16BE, BigEndian: true}
	}
	return unicode
}

func addr(c Conversation) string {
	if a := c.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}

// sessionID is what the partner was told; nil where no session id is spoken of.
func (c *Conn) sessionID() *[16]byte {
	if c.bare {
		return nil
	}
	return &c.guid
}

func (c *Conn) protocolBits() uint32 {
	if c.cfg.NoDelta {
		return protocolBitsNoDelta
	}
	return protocolBits
}

func (c *Conn) logon(ctx context.Context, cfg *ConnConfig) (err error) {
	var seed [4]byte
	cfg.Random(seed[:])
	cfg.Random(c.guid[:])
	cp, err := cfg.Logon.page()
	if err != nil {
		return err
	}
	c.expected = expectedBehind(c.own, cp)
	q := newLogonRequest(&cfg.Logon, c.own, cp, c.guid, binary.LittleEndian.Uint32(seed[:]), c.protocolBits())
	q.Bare = c.bare
	q.Address, q.AddressLong = localAddress(c.conv.LocalAddr())
	q.Host, q.Destination, q.Program = cfg.Host, cfg.Destination, cfg.Program
	// It holds the password in a reversible form: not from the pool, and cleared on all ways.
	buf, err := q.AppendBinary(reserve(nil, c.conv.Headroom()))
	defer clear(buf)
	if err != nil {
		return err
	}
	if err := c.conv.Begin(ctx); err != nil {
		return err
	}
	defer func() { err = c.conv.End(err) }()
	if err := c.conv.SendLast(buf); err != nil {
		return err
	}
	m := getBuffer()
	defer putBuffer(m)
	data, err := c.readMessage(nil, (*m)[:0])
	if err != nil {
		// A conversation that the partner ends in place of an answer is a refusal; a return
		// code of the gateway is none (case A-22, spec 03 section 7).
		if gw, ok := errors.AsType[*cpic.Error](err); ok && gw.ReturnCode != cpic.OK && gw.SAPReturnCode == 0 {
			e := logonError(gw.Error())
			e.Err = err
			return e
		}
		return err
	}
	*m = data
	return c.logonReply(data, cfg)
}

// logonReply decides by facts, never by texts (spec 03 section 7).
func (c *Conn) logonReply(data []byte, cfg *ConnConfig) error {
	if message, ok := refusalEBCDIC(data); ok {
		return logonError(message)
	}
	var m envelope
	rep := unicode
	r := chain.NewBytesReader(data, c.cfg.Limits.chain())
	for {
		it, err := r.Next()
		if isEOF(err) {
			break
		}
		if err != nil {
			return fmt.Errorf("the answer to the logon is no field chain (first bytes % x): %w", data[:min(len(data), 16)], err)
		}
		if err := m.item(it, &rep); err != nil {
			return err
		}
		if h := m.identity.UnicodeHeader; it.Tag == chain.UnicodeHeader && !m.sender && unicodeHeader(h).bytesPerChar() == 1 {
			// The lean form of a reply has no item 0101.
			cp, err := lookUp(m.unicodeDigits)
			if err != nil {
				return &wire.Error{Layer: "chain", Record: "0106", Err: fmt.Errorf("%w: %w", wire.ErrMalformed, err), Want: "a known code page", Got: m.unicodeDigits}
			}
			rep.Text = cp
		}
	}
	if err := r.Drain(); err != nil {
		return err
	}
	f := &m.facts
	if f.seen || m.logonStatus != 0 || !c.conv.Usable() {
		message := f.text
		for _, alt := range []string{f.messageText, f.runtime, f.generic()} {
			if message == "" {
				message = alt
			}
		}
		if message == "" {
			message = fmt.Sprintf("the system refused the logon without a text (status %d)", m.logonStatus)
		}
		e := logonError(message)
		e.MessageClass, e.MessageType, e.MessageNumber, e.MessageV = f.class, f.typ, f.number, f.v
		return e
	}
	if m.isReply && (!f.hasStatus || f.status != 0) {
		return &wire.Error{Layer: "chain", Record: "logon reply", Err: wire.ErrMalformed, Want: "status 0 (item 0420) behind item 0500", Got: fmt.Sprintf("status %d, present %t", f.status, f.hasStatus)}
	}
	if m.hasGUID && !c.bare && m.guid != c.guid {
		return &wire.Error{Layer: "chain", Record: "logon reply", Field: "0514", Err: wire.ErrMalformed, Want: "the session id that was sent", Got: "another one"}
	}
	if err := c.partnerIs(rep); err != nil {
		return err
	}
	c.setAttributes(&m, cfg)
	return nil
}

// Refused logons have the code and key of a logon failure whatever the record looked like
// (cases ).
func logonError(message string) *Error {
	return &Error{Class: ClassLogon, Remote: true, Closed: true, Key: classes[ClassLogon].key, Message: message}
}

func (c *Conn) setAttributes(m *envelope, cfg *ConnConfig) {
	a := m.attrs
	l := &cfg.Logon
	a.Destination, a.Host, a.Program = cfg.Destination, cfg.Host, cfg.Program
	if a.User == "" {
		a.User = upper(l.User)
	}
	if a.Client == "" {
		a.Client = l.Client
	}
	if a.Language == "" {
		a.Language = l.Language
	}
	if iso, err := abap.LanguageISO(a.Language); err == nil {
		a.ISOLanguage = iso
	}
	a.Trace, a.Role, a.Type = "0", "C", "E"
	a.Release, a.Codepage = Release, pageOf(c.write).Number()
	// Item 0106 says what the partner is, whatever it writes to this caller.
	a.PartnerCodepage = m.unicodeDigits
	if a.PartnerBytesPerChar = unicodeHeader(m.identity.UnicodeHeader).bytesPerChar(); a.PartnerBytesPerChar == 0 {
		a.PartnerBytesPerChar = c.peer.CharWidth()
	}
	c.attrs = unique.Make(a)
}

// Attributes describe the connection. On a closed connection the error is ErrClosed.
func (c *Conn) Attributes() (Attributes, error) {
	if c.dead.Load() {
		return Attributes{}, c.closedError("")
	}
	a := c.attrs.Value()
	a.ConversationID = c.conv.ID()
	if !c.bare {
		a.SessionID = guidText(c.guid)
	}
	if l := c.conv.LocalAddr(); l != nil {
		a.LocalAddress = l.String()
	}
	a.Remote = addr(c.conv)
	return a, nil
}

// Alive reports whether the connection can make another call, as far as this side knows.
func (c *Conn) Alive() bool { return !c.dead.Load() }

// Busy reports whether a call runs or streamed rows are still to be read.
func (c *Conn) Busy() bool { return c.busy.Load() }

// Traffic is the number of bytes sent and received since the connection was opened, and
// the number of calls made.
func (c *Conn) Traffic() (sent, received, calls int64) {
	sent, received = c.conv.Traffic()
	return sent, received, c.calls.Load()
}

// closedError is the error of every use after the end, with the reason if there was one.
func (c *Conn) closedError(function string) *Error {
	e := &Error{
		Class: ClassState, Step: StepConfig, Function: function, Outcome: NotSent, Key: "RFC_INVALID_HANDLE", Err: ErrClosed,
		Message: "An invalid handle was passed: the connection is closed",
	}
	if function != "" {
		e.Message = fmt.Sprintf("Remote function module '%s' invocation rejected because the connection is closed", function)
	}
	if why := c.ended.Load(); why != nil {
		e.Message += "; it was given up after: " + why.Error()
	}
	return e
}

// acquire makes the caller the only user of the connection.
func (c *Conn) acquire(function string) *Error {
	if c.dead.Load() {
		return c.closedError(function)
	}
	if !c.busy.CompareAndSwap(false, true) {
		return &Error{Class: ClassState, Step: StepConfig, Function: function, Outcome: NotSent, Key: "RFC_BUSY", Err: ErrBusy, Message: "the connection is in another call; use one connection per goroutine, or a destination"}
	}
	if c.dead.Load() {
		c.busy.Store(false)
		return c.closedError(function)
	}
	return nil
}

// settle ends an exchange: err is classified, and the connection is given up unless the
// error leaves it in order.
func (c *Conn) settle(f *metadata.Function, err error, step Step, outcome Outcome) *Error {
	if answer, ok := errors.AsType[*Error](err); ok && answer.Remote {
		// An error that the partner reported is a complete answer: the conversation itself
		// is in order, and says below whether it goes on.
		_ = c.conv.End(nil)
	} else {
		err = c.conv.End(err)
	}
	if err == nil {
		if !c.conv.Usable() {
			c.giveUp(nil)
		}
		return nil
	}
	e := classify(err, step)
	if e.Function == "" {
		e.Function = f.Name
	}
	// An answer that does not fit the description: the function ran, the description is
	// stale, and nothing that follows on this connection can be trusted (faults F-48, F-67).
	misfit := step == StepReceive && e.Class == ClassConversion
	if misfit || e.Remote {
		contradict(c.cfg.Functions, f, err)
	}
	// So did one whose answer is in a form or of a type that this release does not read.
	if (misfit || step == StepReceive && e.Class == ClassUnsupported) && e.Outcome == 0 {
		e.Outcome = Executed
	}
	if e.Outcome == 0 {
		e.Outcome = outcome
	}
	if e.Key == "" {
		e.Key = classes[e.Class].key
	}
	e.ConversationID, e.Address, e.Destination = c.conv.ID(), addr(c.conv), c.cfg.Destination
	if misfit || !e.keepsConnection() || !c.conv.Usable() {
		e.Closed = true
		c.giveUp(e)
	}
	return e
}

// contradict tells the source of a description that it does not fit, so that the next call
// fetches it anew; the failed call itself is never repeated (fault F-48).
func contradict(source FunctionSource, f *metadata.Function, err error) {
	if !errors.Is(err, serialization.ErrStale) && !mismatch(f.Name, err) {
		return
	}
	switch s := source.(type) {
	case interface {
		Contradicted(f *metadata.Function, why error)
	}:
		s.Contradicted(f, err)
	case interface{ Forget(name string) }:
		s.Forget(f.Name)
	}
}

// mismatch reports whether a system refused a call because its interface is another one, or is
// not there. The same comes of calls that the function itself makes: whether it ran is not
// known, and nothing is repeated for it.
//
// Source: the names of the runtime errors are [doc], that they come for calls by RFC is spec
// 24.8 [impl].
func mismatch(function string, err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || !e.Remote {
		return false
	}
	switch e.Class {
	case ClassABAPRuntime:
		for _, start := range [...]string{"CALL_FUNCTION_SIGNATURE_", "CALL_FUNCTION_PARM_", "CALL_FUNCTION_CONFLICT_", "CALL_FUNCTION_ILLEGAL_P_TYPE", "CALL_FUNCTION_NOT_FOUND"} {
			if strings.HasPrefix(e.Key, start) {
				return true
			}
		}
	case ClassABAPException:
		return e.Key == "FU_NOT_FOUND" && strings.TrimSpace(e.MessageV[0]) == function
	default:
	}
	return false
}

// giveUp closes the connection without ceremony: nobody may read what is still under way.
func (c *Conn) giveUp(why *Error) {
	if why != nil {
		c.ended.CompareAndSwap(nil, why)
	}
	if !c.dead.Swap(true) {
		c.conv.Abort()
	}
}

// Call implements Caller.
func (c *Conn) Call(ctx context.Context, function string, in any, opts ...Option) (*Response, error) {
	return c.call(ctx, function, in, nil, opts)
}

// call is Call with the type that the answer will be read into, if it is known.
func (c *Conn) call(ctx context.Context, function string, in any, out reflect.Type, opts []Option) (*Response, error) {
	if ctx == nil {
		return nil, &Error{Class: ClassState, Step: StepConfig, Function: function, Outcome: NotSent, Key: classes[ClassState].key, Message: "nil context"}
	}
	w := c.watch(ctx, function)
	res, err := c.invoke(ctx, &w, function, in, out, opts)
	if err != nil {
		w.report(err)
		return nil, err
	}
	return res, nil
}

// invoke is call, followed by w.
func (c *Conn) invoke(ctx context.Context, w *watch, function string, in any, out reflect.Type, opts []Option) (*Response, error) {
	if err := checkFunctionName(function); err != nil {
		return nil, err
	}
	if c.cfg.Permit != nil {
		if err := c.cfg.Permit(function); err != nil {
			e := *classify(err, StepConfig)
			e.Function, e.Outcome, e.Destination = function, NotSent, c.cfg.Destination
			return nil, &e
		}
	}
	var o callOptions
	if len(opts) > 0 { // options escape; a call without any stays on the stack
		o = *collect(opts)
	}
	if !o.hasValues {
		o.values = c.cfg.Values
	}
	if !o.hasFormat {
		o.format = c.cfg.Format
	}
	if out == nil {
		out = o.out
	}
	cancel := context.CancelFunc(nil)
	limit := o.timeout
	if limit <= 0 {
		limit = c.cfg.CallTimeout
	}
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}
	res, err := c.limited(ctx, cancel, w, function, in, out, &o)
	if err != nil && cancel != nil {
		cancel()
	}
	return res, err
}

// limited is invoke within the time of the call: what has to be known first takes its share.
// cancel ends that time once the answer was read; it may be nil.
func (c *Conn) limited(ctx context.Context, cancel context.CancelFunc, w *watch, function string, in any, out reflect.Type, o *callOptions) (*Response, error) {
	if err := c.agree(ctx, function, o); err != nil {
		return nil, err
	}
	f, err := c.describe(ctx, function, o)
	if err != nil {
		return nil, err
	}
	if o.format == serialization.BasXML && !f.BasXML {
		o.format = serialization.Classic // as JCo does: only some functions read it
	}
	if o.stream != "" && f.Index(o.stream) < 0 {
		e := classify(serialization.UnknownParameter(f, o.stream), StepEncode)
		e.Function, e.Outcome = function, NotSent
		return nil, e
	}
	if e := c.acquire(function); e != nil {
		return nil, e
	}
	if e := c.fits(f, in, out, o.values); e != nil {
		c.busy.Store(false)
		return nil, e
	}
	res := newResponse(c, f, o.values)
	res.fast, res.done = o.format.Fast(), o.done
	res.cancel, res.watch = cancel, *w
	e := c.exchange(ctx, res, in, o)
	if e != nil {
		res.watch.measure(c)
		*w = res.watch
		res.finish(e)
		res.release()
		return nil, e
	}
	if !res.streaming {
		res.watch.measure(c)
		res.finish(nil)
		res.watch.report(nil)
	}
	return res, nil
}

// agree makes sure that the partner reads the format of a call. A partner that does not
// gets the classic one; it is asked once.
func (c *Conn) agree(ctx context.Context, function string, o *callOptions) error {
	if !o.format.Fast() || c.dead.Load() {
		return nil
	}
	if c.formats.Load() == 0 {
		if _, err := c.SystemInfo(untraced(ctx)); err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Closed || e.Class == ClassState || !c.Alive() {
				e := *classify(err, StepConfig)
				e.Function, e.Outcome = function, NotSent
				e.Message = "the partner could not be asked for its formats with RFC_SYSTEM_INFO; use the classic format (jco.client.serialization_format=rowBased): " + e.Message
				return &e
			}
			c.formats.Store(formatsKnown) // it has no such module, or nothing to say
		}
	}
	if !Formats(c.formats.Load()).reads(o.format) {
		o.format = serialization.Classic
	}
	return nil
}

// fits checks that the answer can be read into a Go type before the call is sent, once for
// calls of one kind that follow each other.
func (c *Conn) fits(f *metadata.Function, in any, out reflect.Type, o serialization.Options) *Error {
	if out == nil || out == c.fitting && f == c.fittingTo {
		return nil
	}
	// The plan is the one that Scan will use, unless the peer describes itself anew.
	if serialization.PlanError(out, f, c.peer, o) != nil {
		e := classify(planErrors(f, c.peer, o, reflect.TypeOf(in), out), StepEncode)
		e.Function, e.Outcome = f.Name, NotSent
		return e
	}
	c.fitting, c.fittingTo = out, f
	return nil
}

// describe finds the interface of a function module.
func (c *Conn) describe(ctx context.Context, function string, o *callOptions) (*metadata.Function, error) {
	if o.description != nil {
		return o.description, nil
	}
	if c.dead.Load() {
		return nil, c.closedError(function)
	}
	if c.cfg.Functions == nil {
		return nil, &Error{Class: ClassMetadata, Step: StepMetadata, Function: function, Outcome: NotSent, Key: classes[ClassMetadata].key, Message: "the connection has no source of function descriptions; set ConnConfig.Functions or pass WithInterface"}
	}
	return Describe(ctx, c.cfg.Functions, function)
}

// Describe asks a source for the description of a function module, as Conn.Call does before
// it calls. The error is an *Error; nothing was sent of the call itself.
func Describe(ctx context.Context, source FunctionSource, function string, opts ...Option) (*metadata.Function, error) {
	if err := checkFunctionName(function); err != nil {
		return nil, err
	}
	if len(opts) > 0 && ctx != nil {
		if limit := collect(opts).timeout; limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
	}
	f, err := ask(ctx, source, function)
	if err == nil {
		return f, nil
	}
	e := *classify(err, StepMetadata)
	e.Step, e.Function, e.Outcome = StepMetadata, function, NotSent
	if e.Class == ClassOther {
		e.Class, e.Key = ClassMetadata, classes[ClassMetadata].key
	}
	return nil, &e
}

// ask is source.Function, told to the trace of ctx.
func ask(ctx context.Context, source FunctionSource, function string) (*metadata.Function, error) {
	t := ContextCallTrace(ctx)
	if t == nil || t.Described == nil {
		return source.Function(untraced(ctx), function)
	}
	known, _ := source.(interface{ Known(name string) bool })
	d := CallDescribed{Function: function, Hit: known != nil && known.Known(function)}
	began := clock()
	f, err := source.Function(untraced(ctx), function)
	d.Duration, d.Err = clock()-began, err
	t.Described(d)
	return f, err
}

// exchange sends the request and reads the reply, serving callbacks in between.
func (c *Conn) exchange(ctx context.Context, res *Response, in any, o *callOptions) *Error {
	function := res.function.Name
	b := getBuffer()
	defer putBuffer(b)
	w := &res.watch
	c.ctx, c.watching, c.begun = ctx, w, false
	w.building()
	head := c.conv.Headroom()
	buf, err := c.request(reserve(*b, head), res.function, in, o)
	c.ctx = nil
	w.built(len(buf)-head, c.writer.Format, err)
	switch {
	case err != nil && c.begun:
		// Half a request is on its way: the partner must not wait for the rest.
		outcome := Unknown
		if c.conv.BytesSent() == 0 {
			outcome = NotSent
		}
		c.conv.Abort()
		return c.settle(res.function, err, StepEncode, outcome)
	case err != nil:
		e := classify(err, StepEncode)
		e.Function, e.Outcome = function, NotSent
		return e
	}
	*b = buf
	if err := c.begin(ctx); err != nil {
		return c.settle(res.function, err, StepSend, NotSent)
	}
	if err := c.conv.SendLast(buf); err != nil {
		outcome := Unknown
		if c.conv.BytesSent() == 0 {
			outcome = NotSent
		}
		return c.settle(res.function, err, StepSend, outcome)
	}
	w.wrote(c.conv)
	c.header = false
	res.ctx, res.request = ctx, buf
	err = res.read(o.stream)
	res.ctx, res.request = nil, nil
	if err != nil || !res.streaming {
		e := c.settle(res.function, err, StepReceive, Unknown)
		// Set while the connection is still ours.
		c.header = c.header || e == nil && res.function == resetFunction
		return e
	}
	return nil
}

// begin opens the exchange of a call, once.
func (c *Conn) begin(ctx context.Context) error {
	if c.begun {
		return nil
	}
	if err := c.conv.Begin(ctx); err != nil {
		return err
	}
	c.begun = true
	c.calls.Add(1)
	c.watching.sending(c.conv)
	return nil
}

// flush sends full fragments of a request whose rows come from an iterator.
func (c *Conn) flush(buf []byte) ([]byte, error) {
	began := c.watching.now()
	if err := c.begin(c.ctx); err != nil {
		return buf, err
	}
	buf, err := sendPart(c.conv, buf)
	c.watching.flushed(began)
	return buf, err
}

// sendPart hands full fragments to the conversation and keeps the rest.
func sendPart(conv Conversation, buf []byte) ([]byte, error) {
	n, err := conv.Send(buf)
	if err != nil {
		return buf, err
	}
	head := conv.Headroom()
	rest := copy(buf[head:], buf[head+n:])
	return buf[:head+rest], nil
}

// request builds a request message behind the headroom; what flush sent is missing.
func (c *Conn) request(dst []byte, f *metadata.Function, in any, o *callOptions) ([]byte, error) {
	if c.header {
		dst = appendSessionHeader(dst, c.protocolBits(), c.sessionID(), c.own, c.write)
	} else {
		dst = append(dst, c.announce...)
	}
	dst, err := appendCall(dst, f.Name, c.write)
	if err != nil {
		return nil, err
	}
	w := c.writer
	w.Function, w.Representation, w.Options = f, c.write, o.values
	w.TableIDs, w.NextTableID, w.Lenient, w.Format = !c.cfg.NoDelta, 0, o.lenient, o.format
	if !c.write.Unicode() {
		w.Format = serialization.Classic // no such system reads another one
	}
	w.Network, w.OneBlock = c.network(), Formats(c.formats.Load())&FormatBlocks == 0
	w.Flush, w.FlushSources, w.Requested = c.flushFunc, true, nil
	if len(o.notRequested) > 0 {
		if w.Requested, err = requestedExcept(f, o.notRequested); err != nil {
			return nil, err
		}
	}
	if dst, err = w.Append(dst, in); err != nil {
		return nil, err
	}
	return chain.AppendEnd(dst), nil
}

// network is how far away the partner is.
func (c *Conn) network() serialization.Network {
	if c.cfg.WAN {
		return serialization.WAN
	}
	return near(c.conv)
}

// near tells a partner on the same machine, for which compression only costs time.
func near(conv Conversation) serialization.Network {
	if a, ok := conv.RemoteAddr().(*net.TCPAddr); ok && a.IP.IsLoopback() {
		return serialization.Local
	}
	return serialization.LAN
}

// requestedExcept wants all outputs but the named ones; an unknown name is an error.
func requestedExcept(f *metadata.Function, names []string) (func(*metadata.Parameter) bool, error) {
	without := make(map[string]bool, len(names))
	for _, n := range names {
		p, ok := f.Parameter(n)
		if !ok {
			return nil, serialization.UnknownParameter(f, n)
		}
		if !p.Direction.Output() {
			return nil, &serialization.DirectionError{Function: f.Name, Name: n, Direction: p.Direction, Read: true}
		}
		without[n] = true
	}
	return func(p *metadata.Parameter) bool { return !without[p.Name] }, nil
}

// readMessage joins the fragments of a message that is kept in memory. first, if not nil,
// was received already.
func (c *Conn) readMessage(first, dst []byte) ([]byte, error) {
	dst = append(dst, first...)
	limit := c.cfg.Limits.message()
	for {
		frag, last, err := c.conv.Receive()
		if err != nil {
			return dst, err
		}
		if int64(len(dst))+int64(len(frag)) > limit {
			return dst, messageTooLong(len(dst), limit)
		}
		dst = append(dst, frag...)
		if last {
			return dst, nil
		}
	}
}

var replyPrefix = chain.AppendEmpty(nil, chain.Reply)

// isCallback reports whether a message that was received in place of a reply is a call
// (spec 04 section 1: a reply has 0500; a call has 0502 or 0102). It looks at the items in
// front of either, which are few.
func isCallback(data []byte) bool {
	if bytes.HasPrefix(data, replyPrefix) {
		return false // as every ordinary reply starts
	}
	r := chain.NewBytesReader(data, chain.BeforeLogon())
	for {
		it, err := r.Next()
		if err != nil {
			return false
		}
		switch it.Tag {
		case chain.Reply:
			return false
		case chain.Call, chain.FunctionName:
			return true
		default:
		}
	}
}

// Ping calls RFC_PING: an ordinary call without parameters through every layer.
func (c *Conn) Ping(ctx context.Context) error {
	if ctx != nil && c.dead.Load() {
		return c.closedError("") // names the handle, not a module (case A-21)
	}
	res, err := c.Call(ctx, pingFunction.Name, nil, WithInterface(pingFunction))
	if err != nil {
		return err
	}
	res.release()
	return nil
}

// Reset clears the session's context on the partner, so that the next call starts from
// nothing, as after a fresh logon. A reset that fails closes the connection.
//
// Source: spec 03 section 9 [impl]: the call behind a reset has to bring the session header.
func (c *Conn) Reset(ctx context.Context) error {
	res, err := c.Call(ctx, resetFunction.Name, nil, WithInterface(resetFunction))
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Outcome != NotSent {
			c.giveUp(e)
		}
		return err
	}
	res.release()
	return nil
}

var (
	pingFunction  = withoutParameters("RFC_PING")
	resetFunction = withoutParameters("SYSTEM_RESET_RFC_SERVER")
)

func withoutParameters(name string) *metadata.Function {
	f, _ := metadata.NewFunction(name, nil) // a valid name without parameters has no problems
	return f
}

// Idle looks, without waiting and without a word to the partner, whether the connection can
// make another call: an error says that it is closed or busy, that the partner has left, or
// that it has sent something nobody asked for. It is closed then, unless it was busy. nil is
// no promise: a partner that vanished without a trace is found by Ping only. It costs one
// system call, which the look in front of every call saves if that follows at once;
// conversations that cannot be asked without waiting count as quiet. Safe for concurrent use.
func (c *Conn) Idle() error {
	if e := c.acquire(""); e != nil {
		return e
	}
	defer c.busy.Store(false)
	conv, ok := c.conv.(interface{ Idle() error })
	if !ok {
		return nil
	}
	err := conv.Idle()
	if err == nil {
		return nil
	}
	e := classify(err, StepReceive)
	e.Outcome, e.Closed = NotSent, true
	e.ConversationID, e.Address, e.Destination = c.conv.ID(), addr(c.conv), c.cfg.Destination
	c.giveUp(e)
	return e
}

// Abort cuts the connection without a word to the partner: a call under way fails at once.
// It may be called from any goroutine and more than once.
func (c *Conn) Abort() {
	c.dead.Store(true)
	c.conv.Abort()
}

// Close ends the session: the partner is told, nothing is waited for. A call under way
// fails. Closing twice is harmless.
func (c *Conn) Close() error {
	if c.dead.Swap(true) {
		return nil
	}
	if c.busy.Load() {
		c.conv.Abort()
		return nil
	}
	return c.conv.Close()
}

// LocalAddr and RemoteAddr are those of the socket.
func (c *Conn) LocalAddr() net.Addr { return c.conv.LocalAddr() }

// RemoteAddr is the address of the partner's socket.
func (c *Conn) RemoteAddr() net.Addr { return c.conv.RemoteAddr() }
