package rfc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// SessionConfig says how conversations are served.
type SessionConfig struct {
	// Handler finds the function modules. Required.
	Handler Handler
	// Authenticate checks an identity; an error refuses it. The text the caller reads is
	// the same whatever the reason, unless the error is an *Error of ClassLogon: then its
	// Message is sent. Anonymous sessions are shown to it as well if they are allowed.
	// Without it only anonymous sessions can be served.
	Authenticate func(ctx context.Context, who *Peer) error
	// AllowAnonymous serves sessions without a user. Default: refused.
	AllowAnonymous bool
	// System is what the serving side says of itself.
	System System
	// Values says how values are converted: what happens to characters that a caller's code
	// page lacks, for example.
	Values serialization.Options
	// MirrorFormat answers big-endian callers in big-endian numbers and UTF-16BE. Default:
	// everybody gets little-endian answers, as captured systems give them; a caller that does
	// not make them right would be a reason.
	MirrorFormat bool
	// LogonLimit bounds the wait for the logon, IdleLimit the wait between calls. Defaults
	// 60 seconds and no limit.
	LogonLimit, IdleLimit time.Duration
	// Limits bounds received messages.
	Limits Limits
	// OnIdle is told when the session starts to wait for a message and when one has arrived.
	OnIdle func(idle bool)
	// Logger gets what goes wrong inside; nothing of it is sent to callers. Default: none.
	Logger *slog.Logger
}

// partnerABAP is what ABAP systems call themselves in item 0011 [capture].
const partnerABAP = "3"

// DefaultLogonLimit is how long a serving side waits for the logon.
const DefaultLogonLimit = 60 * time.Second

// Peer is what a caller said of itself at logon. Everything but Remote is a claim; User
// and Client were checked by Authenticate once a call is served.
type Peer struct {
	Logon     Logon // user in upper case; with the password only inside Authenticate
	Anonymous bool
	// Established: the user was proved before the logon, for example by a TLS client
	// certificate; there is no password then.
	Established bool
	Ticket      bool // a logon ticket was presented; this library does not verify any
	Address     string
	Host        string
	Destination string
	Program     string
	Release     string
	PartnerType string
	Codepage    string // of the caller's texts behind the logon
	Remote      string // socket address
	SessionID   string // GUID of the session, hex
}

// Session is the serving end of one conversation: a logged-on caller and its calls, one at
// a time. Handlers get it from Request.Session.
type Session struct {
	conv ServerConversation
	cfg  *SessionConfig

	peer     Peer
	loggedOn bool
	bare     bool // a logon has no signature; session ids are optional
	hasGUID  bool // the caller named a session id
	identity LogonRequest
	own      serialization.Representation // of this system
	rep      serialization.Representation // of the caller's texts and numbers
	write    serialization.Representation // of the answers
	told     serialization.Representation // the last one that the caller was told
	tableIDs bool
	tableID  uint32
	reset    bool // the context was cleared in the call that runs
	refresh  bool // this call's reply starts with the preamble
	offered  bool // the caller was told which fast formats this side reads
	writer   serialization.Writer
	request  Request
	reply    Reply
	inCall   bool
	ctx      context.Context
	cancel   context.CancelCauseFunc
	values   map[any]any
	onReset  []func()
	calls    atomic.Int64

	// Bound once per session, so that a call allocates none of them.
	goneFunc      func(error)
	flushFunc     func([]byte) ([]byte, error)
	requestedFunc func(*metadata.Parameter) bool
}

// Serve serves one conversation until the caller leaves, breaks the protocol or the
// context ends. It returns nil when the caller left in order. The conversation is closed.
//
// Messages: spec 03 sections 2, 6 to 10, spec 04; writer profile: spec 41.14.
func Serve(ctx context.Context, conv ServerConversation, cfg *SessionConfig) (err error) {
	own, err := cfg.System.representation()
	if err != nil {
		_ = conv.Close()
		return err
	}
	s := &Session{conv: conv, cfg: cfg, own: own, rep: latin, write: writingFor(own, unicode, false), told: unicode, bare: isBare(conv)}
	s.goneFunc, s.flushFunc, s.requestedFunc = s.gone, s.reply.flush, s.request.requests
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, conv.Abort)
	defer func() {
		if r := recover(); r != nil { // a last net; handlers have their own
			err = fmt.Errorf("rfc: session failed: %v", r)
			s.log("session failed", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
		stop()
		s.runReset()
		s.cancel(err)
		conv.Release()
		_ = conv.Close()
	}()
	limit := cfg.LogonLimit
	if limit <= 0 {
		limit = DefaultLogonLimit
	}
	for {
		if err := conv.SetIdleLimit(limit); err != nil {
			return err
		}
		if err := s.serveMessage(); err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrPeerClosed) {
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			conv.Reject(err)
			return err
		}
		if !conv.Usable() {
			return nil
		}
		conv.Release()
		limit = cfg.IdleLimit
	}
}

func (s *Session) log(msg string, args ...any) {
	if s.cfg.Logger != nil {
		s.cfg.Logger.With("remote", addr(s.conv), "conversation", s.conv.ID(), "user", s.peer.Logon.User).Warn(msg, args...)
	}
}

func (s *Session) idle(idle bool) {
	if s.cfg.OnIdle != nil {
		s.cfg.OnIdle(idle)
	}
}

// serveMessage reads one message and answers it. An error ends the session.
func (s *Session) serveMessage() error {
	s.idle(true)
	first, last, err := s.conv.Receive()
	if err != nil {
		return err
	}
	s.idle(false)
	limits := s.cfg.Limits.chain()
	b := getBuffer()
	defer putBuffer(b)
	signed := !s.bare && hasSignature(first)
	if !s.loggedOn {
		limits = chain.BeforeLogon()
	}
	data := (*b)[:0]
	for frag := first; ; {
		if limit := limits.Message; limit > 0 && int64(len(data))+int64(len(frag)) > limit {
			return &wire.Error{Layer: "chain", Record: "request", Offset: len(data), Err: wire.ErrLimit, Want: fmt.Sprintf("at most %d bytes", limit), Got: "more"}
		}
		data = append(data, frag...)
		if last {
			break
		}
		if frag, last, err = s.conv.Receive(); err != nil {
			return err
		}
	}
	*b = data
	if !s.loggedOn {
		defer clear(data) // it holds the password in a reversible form
	}
	if err := s.conv.SetIdleLimit(0); err != nil {
		return err
	}
	switch {
	case signed && s.loggedOn:
		return secondLogon()
	case signed:
		return s.serveCall(data[len(signature):], limits, true)
	case !s.loggedOn:
		// A call without a logon: refused in a form that every known client reads
		// (spec 03 section 8), unless anonymous sessions are served.
		return s.serveCall(data, limits, true)
	}
	return s.serveCall(data, limits, false)
}

func secondLogon() error {
	return &wire.Error{Layer: "chain", Record: "logon", Err: wire.ErrMalformed, Want: "one logon per conversation", Got: "a second one"}
}

// serveCall reads a request and answers it; logon says that it may carry an identity.
func (s *Session) serveCall(data []byte, limits chain.Limits, logon bool) error {
	start := time.Now()
	req := &s.request
	*req = Request{session: s, section: req.section, env: envelope{functionName: req.env.functionName}, values: s.cfg.Values}
	req.rep, req.logon = s.rep, logon
	if logon {
		// Who asks comes before what is asked: no module is looked up and no parameter read
		// for somebody who has not been let in.
		who := Request{rep: s.rep, logon: true, strange: true}
		if err := who.read(s.ctx, data, limits); err != nil {
			if errors.Is(err, ErrCodepage) { // spec 03 section 10
				s.log("logon refused", "reason", err.Error())
				return s.refuse(&Error{Class: ClassLogon, Message: "Code page " + who.env.identity.Sender.Codepage() + " is not supported"}, latin)
			}
			return err
		}
		if refusal := s.logon(&who.env); refusal != nil {
			return s.refuse(refusal, who.rep)
		}
	}
	if err := req.read(s.ctx, data, limits); err != nil {
		return err
	}
	req.env.identity.Password = ""
	if s.bare && !logon {
		if q := &req.env.identity; q.HasPassword || q.User != "" {
			return secondLogon()
		}
		if req.env.hasGUID { // the vendor's client names it with its first call (spec 13 section 5)
			s.identity.GUID, s.hasGUID = req.env.guid, true
		}
	}
	// A single-byte description in a session header speaks for its own record only; the
	// calls of a Unicode client go on in UTF-16 as they do behind the logon.
	// They do not if this system has no UTF-16.
	if !logon && req.env.sender && (req.rep.Unicode() || !s.identity.UnicodeClient || !s.own.Unicode()) {
		s.caller(req.rep)
	}
	s.refresh, s.reset = s.reset, false
	reply := &s.reply
	*reply = Reply{session: s, request: req, logon: logon}
	failure := s.run(req, reply)
	if failure != nil && reply.flushed {
		// Part of the reply has left; nothing can take it back (spec 05 C21).
		s.conv.Abort()
		return failure
	}
	s.calls.Add(1)
	return s.answer(req, reply, failure, float64(time.Since(start).Nanoseconds())/1e3, logon)
}

// logon checks the identity of the first message.
func (s *Session) logon(env *envelope) *Error {
	q := &env.identity
	s.peer = Peer{
		Logon:     Logon{Client: q.Client, User: upper(q.User), Password: q.Password, Language: q.Language},
		Anonymous: q.User == "" && !q.HasPassword, Ticket: q.Ticket, Address: q.Address, Host: q.Host,
		Destination: q.Destination, Program: q.Program, Release: q.Release, PartnerType: q.PartnerType,
		Remote: addr(s.conv),
	}
	if env.hasGUID || !s.bare {
		s.peer.SessionID = guidText(q.GUID)
	}
	if e, ok := s.conv.(established); ok && s.peer.Anonymous {
		if user, client := e.Established(); user != "" {
			s.peer.Logon.User, s.peer.Anonymous, s.peer.Established = upper(user), false, true
			if s.peer.Logon.Client == "" {
				s.peer.Logon.Client = client
			}
		}
	}
	rep := s.expected(env)
	s.peer.Codepage = pageOf(rep).Number()
	if s.peer.Address == "" {
		s.peer.Address = q.AddressLong
	}
	if s.peer.Logon.Language == "" {
		s.peer.Logon.Language = "E"
	}
	var err error
	switch {
	case s.peer.Anonymous && !s.cfg.AllowAnonymous:
		return &Error{Class: ClassLogon, Key: "CALL_FUNCTION_SIGNON_INCOMPL", Message: "Logon data incomplete."}
	case s.cfg.Authenticate == nil && s.peer.Anonymous:
	case s.cfg.Authenticate == nil:
		err = errors.New("no authenticator")
	default:
		err = s.cfg.Authenticate(s.ctx, &s.peer)
	}
	s.peer.Logon.Password, q.Password = "", ""
	if err != nil {
		refusal := &Error{Class: ClassLogon, Message: "Name or password is incorrect (repeat logon)"}
		if e, ok := errors.AsType[*Error](err); ok && e.Class == ClassLogon && e.Message != "" {
			refusal.Message = e.Message
		}
		s.log("logon refused", "client", q.Client, "reason", err.Error())
		return refusal
	}
	s.loggedOn, s.identity, s.hasGUID = true, *q, env.hasGUID
	s.conv.LoggedOn()
	s.tableIDs = q.ProtocolBits&bitTableIDs != 0
	if q.PartnerType == partnerABAP {
		// ABAP callers expect the first 4, 2 and 2 bytes of the id reversed, and report
		// RFC_INVALID_UUID_DETECTED otherwise (spec 40.11 [capture-note]).
		g := &s.identity.GUID
		slices.Reverse(g[:4])
		slices.Reverse(g[4:6])
		slices.Reverse(g[6:8])
	}
	s.caller(rep)
	return nil
}

// expected is how the caller writes behind its logon. The logon of an external client says
// single byte; its later calls are UTF-16LE although no new description comes (spec 03
// section 1.1 [capture]). A system without UTF-16 expects its own code page.
func (s *Session) expected(env *envelope) serialization.Representation {
	q := &env.identity
	expected := unicode
	if !s.own.Unicode() {
		expected = s.own
	}
	if rep, err := q.Sender.Representation(); err == nil && env.sender {
		if rep.Unicode() || !q.UnicodeClient {
			expected = rep
		} else {
			expected.BigEndian = rep.BigEndian
		}
	}
	return expected
}

// caller remembers how the caller writes, and so how it is answered.
func (s *Session) caller(rep serialization.Representation) {
	s.rep, s.write = rep, writingFor(s.own, rep, s.cfg.MirrorFormat)
}

// announce appends how what follows is written, unless the caller was told.
func (s *Session) announce(dst []byte) []byte {
	if s.write == s.told {
		return dst
	}
	return appendDescription(dst, kindABAP, s.write)
}

// sent remembers what the caller knows when a message has left.
func (s *Session) sent(err error) error {
	if err == nil {
		s.told = s.write
	}
	return err
}

// refuse answers a logon that is not accepted and ends the conversation. Texts are in the code
// page of the logon, which was written like rep; UTF-16 is answered in 1100 [capture].
func (s *Session) refuse(e *Error, rep serialization.Representation) error {
	b := getBuffer()
	defer putBuffer(b)
	system := s.system()
	if rep.Unicode() {
		rep = latin
	}
	rep.BigEndian = s.own.BigEndian
	buf, err := system.appendRefusal(reserve(*b, s.conv.Headroom()), s.peer.Destination, e.Key, e.Message, rep)
	if err != nil {
		return err
	}
	return s.conv.SendEnd(buf)
}

func (s *Session) system() System {
	sys := s.cfg.System.withDefaults()
	if sys.Address == "" {
		v4, long := localAddress(s.conv.LocalAddr())
		if sys.Address = v4; v4 == "" {
			sys.Address = long
		}
	}
	return sys
}

// run calls the handler and turns whatever happens into an error the caller can read.
func (s *Session) run(req *Request, reply *Reply) (failure *Error) {
	if e, ok := errors.AsType[*Error](req.findErr); ok && e.Class == ClassDenied {
		// The handler lets nobody see whether the module exists.
		s.log("call denied", "function", req.Function(), "error", e.Error())
		return &Error{Class: ClassDenied, Key: keyNoAuthority, Message: e.Error(), Err: e}
	}
	if req.findErr != nil {
		s.log("module lookup failed", "function", req.Function(), "error", req.findErr.Error())
		return &Error{Class: ClassExternal, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: "the function module cannot be looked up", Err: req.findErr}
	}
	if req.module == nil {
		return functionNotFound(req.env.call.Function)
	}
	if req.sectionErr != nil {
		return &Error{Class: ClassABAPRuntime, Key: "CALL_FUNCTION_ILLEGAL_P_TYPE", Message: req.sectionErr.Error(), Err: req.sectionErr}
	}
	stop := s.conv.Watch(s.goneFunc)
	s.inCall = true
	defer func() {
		s.inCall = false
		if r := recover(); r != nil {
			s.log("handler panicked", "function", req.Function(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			failure = &Error{Class: ClassExternal, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: "the function module failed"}
		}
		reply.stop()
	}()
	reply.stop = stop
	err := req.module.Serve(s.ctx, req, reply)
	if err == nil {
		return nil
	}
	if cause := context.Cause(s.ctx); cause != nil && s.ctx.Err() != nil {
		return &Error{Class: ClassCommunication, Err: cause}
	}
	e, ok := errors.AsType[*Error](err)
	if ok && !e.Remote {
		switch e.Class {
		case ClassABAPException, ClassABAPMessage, ClassABAPRuntime, ClassABAPClass:
			return e
		case ClassDenied:
			s.log("call denied", "function", req.Function(), "error", err.Error())
			return &Error{Class: ClassDenied, Key: keyNoAuthority, Message: err.Error(), Err: err}
		case ClassConversion, ClassParameter:
			s.log("call with bad data", "function", req.Function(), "error", err.Error())
			return &Error{Class: ClassABAPRuntime, Key: "CALL_FUNCTION_ILLEGAL_P_TYPE", Message: err.Error()}
		default:
		}
	}
	s.log("handler failed", "function", req.Function(), "error", err.Error())
	return &Error{Class: ClassExternal, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: err.Error(), Err: err}
}

// gone ends the session's context when the caller has left while a handler runs.
func (s *Session) gone(err error) { s.cancel(fmt.Errorf("%w: %w", ErrPeerClosed, err)) }

// answer sends the reply of a call.
func (s *Session) answer(req *Request, reply *Reply, failure *Error, micros float64, logon bool) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	b := getBuffer()
	defer putBuffer(b)
	var err error
	if failure == nil {
		var buf []byte
		if buf, err = reply.append(b, micros); err == nil {
			*b = buf
			return s.sent(s.conv.SendLast(buf))
		}
		if reply.flushed {
			s.conv.Abort()
			return err
		}
		if _, ok := errors.AsType[*wire.Error](err); ok || isClosed(err) {
			return err
		}
		s.log("the handler's result does not fit the interface", "function", req.Function(), "error", err.Error())
		failure = &Error{Class: ClassExternal, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: err.Error()}
	}
	dst, err := s.head(reserve(*b, s.conv.Headroom()), reply.logon)
	if err != nil {
		return err
	}
	buf, end, err := appendError(dst, failure, s.write)
	if err != nil {
		return err
	}
	*b = buf
	if end {
		return s.conv.SendEnd(buf)
	}
	return s.sent(s.conv.SendLast(buf))
}

// head is what stands in front of a reply: what the system says of itself behind a logon or
// a reset, a description of texts and numbers if they are news, else nothing.
func (s *Session) head(dst []byte, logon bool) ([]byte, error) {
	if !logon && !s.refresh {
		return s.announce(dst), nil
	}
	system := s.system()
	var user *Logon
	if logon {
		user = &s.peer.Logon
	}
	return system.appendPreamble(dst, s.peer.Destination, "SAPLSYSU", user, s.write)
}

// Peer is the caller.
func (s *Session) Peer() Peer { return s.peer }

// System is what this side says of itself.
func (s *Session) System() System { return s.system() }

// ID is the id of the conversation.
func (s *Session) ID() string { return s.conv.ID() }

// Calls is the number of calls served.
func (s *Session) Calls() int64 { return s.calls.Load() }

// Context ends when the session ends: the caller left, or the server shuts down.
func (s *Session) Context() context.Context { return s.ctx }

// Set keeps a value for later calls of the session; Get returns it. Only handlers of the
// session may use them, one call at a time. A session reset forgets all values.
func (s *Session) Set(key, value any) {
	if s.values == nil {
		s.values = make(map[any]any)
	}
	s.values[key] = value
}

// Get returns what Set kept, or nil.
func (s *Session) Get(key any) any { return s.values[key] }

// OnReset registers a function to run when the session's context is cleared: by a session
// reset, or at the end of the session. It serves as the rollback of what was not committed.
func (s *Session) OnReset(f func()) { s.onReset = append(s.onReset, f) }

// Reset clears the context of the session: values are forgotten and OnReset functions run.
// The next reply then starts with the system's preamble, as the protocol demands behind
// SYSTEM_RESET_RFC_SERVER (spec 03 section 9 [experiment]).
func (s *Session) Reset() {
	s.runReset()
	s.reset = true
}

func (s *Session) runReset() {
	list := s.onReset
	s.onReset, s.values = nil, nil
	for _, f := range list {
		f()
	}
}

// Request is a call that arrived.
type Request struct {
	session    *Session
	conn       *Conn // for callbacks on a client connection
	env        envelope
	rep        serialization.Representation
	section    serialization.Section
	sectionErr error
	module     *Module
	findErr    error
	logon      bool // the message brings an identity
	strange    bool // the caller is not known yet: only the envelope is read
	values     serialization.Options
}

// read reads the request message in data, which stays valid while the request is served.
func (r *Request) read(ctx context.Context, data []byte, limits chain.Limits) error {
	var reader chain.Reader
	reader.ResetBytes(data, limits)
	ready := false
	for {
		it, err := reader.Next()
		if isEOF(err) {
			break
		}
		if err != nil {
			return err
		}
		if r.logon && it.Tag == chain.FastSerialization {
			continue // an announcement of older WebSocket clients (spec 13 section 7 [experiment])
		}
		if ready && r.module != nil && r.sectionErr == nil {
			used, err := r.section.Item(it)
			if err != nil {
				// What is only unknown (fast serialization, say) leaves the message in order: the
				// caller is told by a system failure, which names the remedy.
				if _, ok := errors.AsType[*wire.Error](err); ok && !errors.Is(err, serialization.ErrUnsupported) {
					return err
				}
				r.sectionErr = err
				continue
			}
			if used {
				continue
			}
		}
		if err := r.env.item(it, &r.rep); err != nil {
			return err
		}
		if it.Tag == chain.FunctionName && !ready {
			ready = true
			if r.strange {
				continue
			}
			if r.module, r.findErr = r.find(ctx); r.findErr != nil {
				r.module = nil
			}
			if r.module != nil {
				r.section.Options = r.values
				r.section.AllowFast = r.session != nil && r.session.offered
				r.section.Reset(r.module.Interface, r.rep, false)
			}
		}
	}
	if err := reader.Drain(); err != nil {
		return err
	}
	if !r.env.isCall || r.env.call.Function == "" {
		return &wire.Error{Layer: "chain", Record: "request", Err: wire.ErrMalformed, Want: "a call with a function name (item 0102)", Got: "none"}
	}
	if r.module != nil && r.sectionErr == nil {
		r.sectionErr = r.section.Finish()
	}
	return nil
}

func (r *Request) find(ctx context.Context) (*Module, error) {
	name := r.env.call.Function
	if r.session != nil {
		m, err := r.session.cfg.Handler.Module(ctx, name)
		if m == nil || err != nil {
			switch name {
			case "RFCPING", "RFC_PING":
				return pingModule, nil // a catalogue that is down keeps nobody from logging on
			case systemInfoName:
				if err == nil {
					return systemInfoModule()
				}
			}
		}
		return m, err
	}
	if h := r.conn.cfg.Callbacks; h != nil {
		return h.Module(ctx, name)
	}
	return nil, nil
}

// pingModule answers RFCPING and RFC_PING, which every partner must have: the logon calls
// the first.
var pingModule = &Module{Interface: pingFunction, Serve: func(context.Context, *Request, *Reply) error { return nil }}

// Function is the name of the called module.
func (r *Request) Function() string { return r.env.call.Function }

// Interface describes the called module.
func (r *Request) Interface() *metadata.Function { return r.module.Interface }

// Session is the caller's session; nil for callbacks on a client connection.
func (r *Request) Session() *Session { return r.session }

// Scan decodes the inputs into a pointer to a struct with tags, a *Params, or a *Record.
func (r *Request) Scan(dst any) error { return r.section.Scan(dst) }

// Record gives all inputs as a record of parameters. It is the handler's and stays valid.
func (r *Request) Record() (*Record, error) { return r.section.Record() }

// Value decodes one input; nil if the caller did not supply it.
func (r *Request) Value(name string) (any, error) { return r.section.Value(name) }

// Supplied reports whether the caller supplied a parameter (IS SUPPLIED).
func (r *Request) Supplied(name string) bool {
	i := r.module.Interface.Index(name)
	return i >= 0 && r.section.Has(i)
}

func (r *Request) requests(p *metadata.Parameter) bool {
	return r.section.Requested(r.module.Interface.Index(p.Name))
}

// format of the reply: that of the request, which shows that the caller reads it.
func (r *Request) format() serialization.Format {
	f := r.section.Format()
	if f == serialization.BasXML && !r.module.Interface.BasXML {
		return serialization.Classic
	}
	return f
}

// Requested reports whether the caller wants an output back (IS REQUESTED).
func (r *Request) Requested(name string) bool {
	i := r.module.Interface.Index(name)
	return i >= 0 && r.section.Requested(i)
}

// Format is the serialization format the caller used; the reply uses the same.
func (r *Request) Format() serialization.Format { return r.section.Format() }

// Callback calls a function module of the caller while its own call runs (DESTINATION
// 'BACK'). f describes the module. The caller's refusal, for example FU_NOT_FOUND, comes
// back as an error and the session goes on.
//
// Source: spec 04 section 8 [impl].
func (r *Request) Callback(ctx context.Context, f *metadata.Function, in any) (Params, error) {
	if r.session != nil && r.session.bare {
		return nil, &Error{Class: ClassUnsupported, Step: StepCallback, Function: f.Name, Outcome: NotSent, Message: "WebSocket RFC has no calls back to the caller (DESTINATION 'BACK')"}
	}
	if r.session == nil {
		return nil, &Error{Class: ClassState, Step: StepCallback, Function: f.Name, Outcome: NotSent, Message: "a callback cannot be called back"}
	}
	return r.session.callback(ctx, f, in)
}

// Reply collects what a handler returns.
type Reply struct {
	session *Session
	conn    *Conn
	request *Request
	values  any
	params  Params
	program string
	logon   bool
	flushed bool
	stop    func()
}

// Set supplies all outputs at once: a struct with tags, a pointer to one, or Params.
// Outputs that are missing or that the caller did not request are initial or left out.
func (r *Reply) Set(values any) { r.values, r.params = values, nil }

// SetValue supplies one output.
func (r *Reply) SetValue(name string, value any) {
	if r.params == nil {
		r.params = Params{}
	}
	r.params[name] = value
	r.values = r.params
}

// Program names the ABAP program that the caller is told about, at most 40 characters.
// Default SAPLSRFC.
func (r *Reply) Program(name string) { r.program = name }

func (r *Reply) conversation() Conversation {
	if r.session != nil {
		return r.session.conv
	}
	return r.conn.conv
}

// append builds the reply behind the headroom. Large tables are sent while they are made.
func (r *Reply) append(b *[]byte, micros float64) ([]byte, error) {
	s := r.session
	headroom := r.conversation().Headroom()
	dst := reserve(*b, headroom)
	var err error
	var guid *[16]byte
	var w *serialization.Writer
	if s != nil {
		if dst, err = s.head(dst, r.logon); err != nil {
			return nil, err
		}
		if w = &s.writer; s.hasGUID || !s.bare {
			guid = &s.identity.GUID
		}
		w.TableIDs, w.NextTableID, w.Representation = s.tableIDs, s.tableID, s.write
	} else {
		dst = append(dst, r.conn.announce...)
		w = &serialization.Writer{Representation: r.conn.write}
	}
	dst = appendSuccess(dst, guid)
	f := r.request.module.Interface
	w.Function, w.Options, w.Reply = f, r.request.values, true
	w.Format, w.Network = r.request.format(), r.request.network()
	if s != nil {
		w.Requested, w.Flush = s.requestedFunc, s.flushFunc
	} else {
		w.Requested, w.Flush = r.request.requests, nil
	}
	if len(f.Parameters) > 0 {
		if dst, err = w.Append(dst, r.values); err != nil {
			return nil, err
		}
	}
	if s != nil {
		s.tableID = w.NextTableID
	}
	program := r.program
	if program == "" {
		program = defaultProgram
	}
	return appendSuccessTail(dst, program, micros, w.Representation)
}

// flush sends full fragments of a reply.
func (r *Reply) flush(dst []byte) ([]byte, error) {
	conv := r.session.conv
	before := conv.BytesSent()
	rest, err := sendPart(conv, dst)
	r.flushed = r.flushed || conv.BytesSent() > before
	return rest, err
}

// network says how the reply is compressed: as far as possible if the caller did so.
func (r *Request) network() serialization.Network {
	if r.section.Compressed() {
		return serialization.WAN
	}
	if r.session != nil {
		return near(r.session.conv)
	}
	return serialization.LAN
}
