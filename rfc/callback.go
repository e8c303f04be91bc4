package rfc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// callback serves a call that the partner makes in place of its reply. Only functions the
// application registered are served; any other call is answered with FU_NOT_FOUND, never
// with silence (spec 04 section 8 [impl]).
func (r *Response) callback(first []byte, last bool) error {
	c := r.conn
	b, m := getBuffer(), getBuffer()
	defer putBuffer(b)
	defer putBuffer(m)
	data := append((*m)[:0], first...)
	if !last {
		var err error
		if data, err = c.readMessage(nil, data); err != nil {
			return err
		}
	}
	*m = data
	start := time.Now()
	req := &Request{conn: c, rep: c.peer, values: r.values}
	ctx := untraced(r.ctx)
	if err := req.read(ctx, data, c.cfg.Limits.chain()); err != nil {
		return err
	}
	reply := &Reply{conn: c, request: req}
	failure := runCallback(ctx, req, reply)
	defer func() { r.watch.served(req.env.call.Function, failure) }()
	if failure == nil {
		buf, err := reply.append(b, float64(time.Since(start).Nanoseconds())/1e3)
		if err == nil {
			*b = buf
			return c.conv.SendLast(buf)
		}
		failure = &Error{Class: ClassExternal, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: err.Error()}
	}
	buf, _, err := appendError(append(reserve(*b, c.conv.Headroom()), c.announce...), failure, c.write)
	if err != nil {
		return err
	}
	*b = buf
	return c.conv.SendLast(buf)
}

// runCallback runs a callback's handler; a failure goes to the partner as an exception and
// the outer call goes on (fault F-73).
func runCallback(ctx context.Context, req *Request, reply *Reply) (failure *Error) {
	if req.findErr != nil {
		return &Error{Class: ClassABAPRuntime, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: "the function module cannot be looked up"}
	}
	if req.module == nil {
		return functionNotFound(req.env.call.Function)
	}
	if req.sectionErr != nil {
		return &Error{Class: ClassABAPRuntime, Key: "CALL_FUNCTION_ILLEGAL_P_TYPE", Message: req.sectionErr.Error()}
	}
	defer func() {
		if p := recover(); p != nil {
			failure = &Error{Class: ClassABAPRuntime, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: "the callback failed"}
		}
	}()
	err := req.module.Serve(ctx, req, reply)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && !e.Remote {
		return e
	}
	return &Error{Class: ClassABAPRuntime, Key: "CALL_FUNCTION_REMOTE_ERROR", Message: err.Error()}
}

// callback calls back into the caller of the session while its call runs.
func (s *Session) callback(ctx context.Context, f *metadata.Function, in any) (Params, error) {
	fail := func(err error, outcome Outcome) error {
		e := *classify(err, StepCallback)
		e.Step, e.Function = StepCallback, f.Name
		if e.Outcome == 0 {
			e.Outcome = outcome
		}
		return &e
	}
	if err := ctx.Err(); err != nil {
		return nil, fail(context.Cause(ctx), NotSent)
	}
	b, m := getBuffer(), getBuffer()
	defer putBuffer(b)
	defer putBuffer(m)
	buf, err := appendCall(s.announce(reserve(*b, s.conv.Headroom())), f.Name, s.write)
	if err != nil {
		return nil, fail(err, NotSent)
	}
	w := serialization.Writer{Function: f, Representation: s.write, Options: s.cfg.Values}
	if buf, err = w.Append(buf, in); err != nil {
		return nil, fail(err, NotSent)
	}
	buf = chain.AppendEnd(buf)
	*b = buf
	// The watch of the running call reads the same socket: it rests while we speak.
	s.reply.stop()
	defer func() { s.reply.stop = s.conv.Watch(s.goneFunc) }()
	stop := context.AfterFunc(ctx, s.conv.Abort)
	defer stop()
	if err := s.sent(s.conv.SendLast(buf)); err != nil {
		s.cancel(err)
		return nil, fail(err, Unknown)
	}
	data := (*m)[:0]
	for {
		frag, last, err := s.conv.Receive()
		if err != nil {
			s.cancel(fmt.Errorf("%w: %w", ErrPeerClosed, err))
			return nil, fail(err, Unknown)
		}
		if limit := s.cfg.Limits.message(); int64(len(data))+int64(len(frag)) > limit {
			err := messageTooLong(len(data), limit)
			s.cancel(err)
			return nil, fail(err, Unknown)
		}
		data = append(data, frag...)
		if last {
			break
		}
	}
	*m = data
	var env envelope
	section := serialization.Section{Options: s.cfg.Values}
	rep := s.rep
	section.Reset(f, rep, true)
	reader := chain.NewBytesReader(data, s.cfg.Limits.chain())
	for {
		it, err := reader.Next()
		if isEOF(err) {
			break
		}
		if err != nil {
			return nil, fail(err, Unknown)
		}
		used, err := section.Item(it)
		if err == nil && !used {
			if err = env.item(it, &rep); it.Tag == chain.SenderDescription {
				section.Reset(f, rep, true) // no value came before
			}
		}
		if err != nil {
			return nil, fail(err, Unknown)
		}
	}
	if e := env.facts.toError(f.Name); e != nil {
		e.Step = StepCallback
		return nil, e
	}
	if !env.isReply {
		return nil, fail(&wire.Error{Layer: "chain", Record: "answer to a callback", Err: wire.ErrMalformed, Want: "a reply (item 0500)", Got: "a message without it"}, Unknown)
	}
	if err := section.Finish(); err != nil {
		return nil, fail(err, Unknown)
	}
	out := Params{}
	if err := section.Scan(&out); err != nil {
		return nil, fail(err, Executed)
	}
	return out, nil
}
