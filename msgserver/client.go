package msgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/purerfc/purerfc/internal/foreign"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// serverName is what message servers call themselves [capture].
const serverName = "MSG_SERVER"

// Client asks message servers over the binary protocol: a connection, a login, one question,
// a logout (two round trips behind the connection). It keeps no connection. It is safe for
// concurrent use as long as its fields are left alone.
type Client struct {
	// Dial replaces the network; it gets host:port. Default: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds an exchange, the connection included. Default DefaultTimeout.
	Timeout time.Duration
}

// Group asks the message server at an address, host:port, for an application server of a
// logon group; an empty name is DefaultGroup. The message server does the balancing. The
// error is an *Error; of a group without a server its kind is "configuration".
func (c *Client) Group(ctx context.Context, address, group string) (Target, error) {
	if group == "" {
		group = DefaultGroup
	}
	fail := func(err error) (Target, error) {
		e := *asError(err)
		e.Server, e.Group = address, group
		return Target{}, &e
	}
	if err := CheckGroup(group); err != nil {
		return Target{}, &Error{kind: kindConfig, Text: err.Error()}
	}
	query := Logon{GroupLength: uint32(len(group) + 4), Group: MakeName(group, 0), Version: 1, Port: logonSelector}
	body, err := query.AppendBinary(nil)
	if err != nil {
		return fail(err)
	}
	m, err := c.ask(ctx, address, Operation{Opcode: GetLogon, Version: 1}, body, maxGroupAnswer)
	if err != nil {
		return fail(err)
	}
	t, err := groupAnswer(m, &query, group)
	if err != nil {
		return fail(err)
	}
	return t, nil
}

// groupAnswer reads the answer to a group query.
//
// Source: spec 11 section 3.3 [capture]; how a group without a server looks [inferred, low].
func groupAnswer(m *Message, query *Logon, group string) (Target, error) {
	o := m.Operation
	switch {
	case o == nil:
		return Target{}, noServer(group, "the answer is empty")
	case o.Error == OpDenied:
		return Target{}, &Error{kind: kindDenied, remote: true, OpCode: o.Error, Text: "it answered " + o.Error.String()}
	case o.Error != 0:
		e := noServer(group, "the message server answered "+o.Error.String())
		e.OpCode = o.Error
		return Target{}, e
	}
	l, err := DecodeLogon(m.Body)
	if err != nil {
		return Target{}, malformed(err)
	}
	switch {
	case l.Status != 0:
		return Target{}, noServer(group, fmt.Sprintf("status %d", l.Status))
	case l.Group.String() != query.Group.String():
		return Target{}, &Error{kind: kindProtocol, remote: true, Text: fmt.Sprintf("it answered for the group %q", shown(l.Group.String()))}
	case l.Host == "" && l.Port == 0:
		return Target{}, noServer(group, "the answer names none")
	}
	t, err := byDispatcher(l.Host, int(l.Port))
	if err != nil {
		return Target{}, &Error{kind: kindProtocol, remote: true, Text: "its answer names no usable server", Err: err}
	}
	return t, nil
}

func malformed(err error) *Error {
	return &Error{kind: kindProtocol, remote: true, Text: "its answer is malformed", Err: err}
}

// Servers asks for the list of all application servers and other clients of a message
// server, as monitors do; Usable picks the servers. An RFC client needs Group.
func (c *Client) Servers(ctx context.Context, address string) ([]Entry, error) {
	fail := func(err error) ([]Entry, error) {
		e := *asError(err)
		e.Server = address
		return nil, &e
	}
	m, err := c.ask(ctx, address, Operation{Opcode: ServerList, Version: listVersion}, nil, maxListAnswer)
	if err != nil {
		return fail(err)
	}
	if err := operationError(m); err != nil {
		return fail(err)
	}
	list, err := DecodeServerList(m.Operation.Version, m.Body)
	if err != nil {
		return fail(malformed(err))
	}
	if len(list) == 0 { // the asker itself is always in it
		return fail(protocolError("a server list", "an empty one"))
	}
	return list, nil
}

// listVersion is the version of the list that a monitor asks for; servers answer with the
// highest one they know [impl].
const listVersion = 0x68

// operationError says what is wrong with the operation of an answer; nil if nothing is.
func operationError(m *Message) error {
	switch {
	case m.Operation == nil:
		return protocolError("an answer with an operation", "a header alone")
	case m.Operation.Error == OpDenied:
		return &Error{kind: kindDenied, remote: true, OpCode: m.Operation.Error, Text: "it answered " + m.Operation.Error.String()}
	case m.Operation.Error != 0:
		return &Error{kind: kindProtocol, remote: true, OpCode: m.Operation.Error, Text: "it answered " + m.Operation.Error.String()}
	}
	return nil
}

// Usable picks the servers that take dialogue work from a server list. skipped says what is
// wrong with entries that look like servers and are none that could be reached (case B-121);
// anonymous clients and servers that are not active are passed over without a word.
func Usable(list []Entry) (targets []Target, skipped []error) {
	for _, e := range list {
		if e.Port == 0 || e.Types&DIA == 0 || e.Status != Active && e.Status != 0 {
			continue
		}
		t, err := byDispatcher(e.Host, int(e.Port))
		if err == nil && e.IPv4 == [4]byte{} && (e.IPv6 == [16]byte{} || mappedUnspecified(e.IPv6)) {
			err = errors.New("its address is 0.0.0.0")
		}
		if err != nil {
			skipped = append(skipped, fmt.Errorf("server %q: %w", shown(e.Name), err))
			continue
		}
		t.Name = e.Name
		targets = append(targets, t)
	}
	return targets, skipped
}

// mappedUnspecified reports 0.0.0.0 written as an IPv6 address.
func mappedUnspecified(b [16]byte) bool {
	var m [16]byte
	m[10], m[11] = 0xff, 0xff
	return b == m
}

// GroupNames asks for the text list of logon groups, each with the server that is preferred
// at the moment.
func (c *Client) GroupNames(ctx context.Context, address string) ([]GroupInfo, error) {
	text, err := c.dump(ctx, address, dumpGroups)
	if err != nil {
		return nil, err
	}
	return parseGroupInfo(text), nil
}

// ServerNames asks for the text list of application servers.
func (c *Client) ServerNames(ctx context.Context, address string) ([]ServerInfo, error) {
	text, err := c.dump(ctx, address, dumpServers)
	if err != nil {
		return nil, err
	}
	return parseServerInfo(text), nil
}

// Commands of DumpInfo.
//
// Source: spec 11 section 3.4 [capture].
const (
	dumpServers = 29
	dumpGroups  = 31
)

// dumpLength is the length of the body of a DumpInfo request, in bytes.
const dumpLength = 48

// dump asks for a text list.
func (c *Client) dump(ctx context.Context, address string, command byte) (string, error) {
	body := make([]byte, dumpLength)
	body[0], body[7] = 2, command
	m, err := c.ask(ctx, address, Operation{Opcode: DumpInfo, Version: 1, Charset: 1}, body, maxListAnswer)
	if err == nil {
		err = operationError(m)
	}
	if err != nil {
		e := *asError(err)
		e.Server = address
		return "", &e
	}
	return strings.TrimRight(string(m.Body), "\x00"), nil
}

// ask opens a connection, logs in, asks one question and logs out.
//
// Source: spec 11 section 3.2 [capture].
func (c *Client) ask(ctx context.Context, address string, op Operation, body []byte, limit int) (*Message, error) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, &Error{kind: asError(err).kind, Text: "not reached", Err: err}
	}
	sniff := &sniffer{Conn: nc}
	conn := ni.NewConn(sniff, ni.Config{MaxRecord: limit})
	defer conn.Close()
	if err := conn.Begin(ctx); err != nil {
		return nil, err
	}
	m, err := exchange(conn, op, body)
	if err = conn.End(err); err != nil {
		return nil, sniff.named(err)
	}
	return m, nil
}

func exchange(conn *ni.Conn, op Operation, body []byte) (*Message, error) {
	login := Message{Header: Header{Version: Version, To: MakeName("-", 0), Flag: Request, IFlag: Login2, From: MakeName("-", ' ')}}
	if err := send(conn, &login); err != nil {
		return nil, err
	}
	if _, err := receive(conn, Request, Login2); err != nil {
		return nil, err
	}
	question := Message{
		Header:    Header{Version: Version, To: MakeName(serverName, 0), Flag: Request, IFlag: SendName, From: MakeName("-", ' ')},
		Operation: &op, Body: body,
	}
	if err := send(conn, &question); err != nil {
		return nil, err
	}
	m, err := receive(conn, Reply, SendName)
	if err != nil {
		return nil, err
	}
	if m.Operation != nil && m.Operation.Opcode != op.Opcode {
		return nil, protocolError(op.Opcode.String(), m.Operation.Opcode.String())
	}
	logout := login
	logout.Header.Flag, logout.Header.IFlag = FlagUnknown, Logout
	_ = send(conn, &logout) // the answer is here; nobody answers a logout
	return m, nil
}

func send(conn *ni.Conn, m *Message) error {
	buf, err := m.AppendBinary(make([]byte, ni.HeaderLength, ni.HeaderLength+HeaderLength+OperationLength+len(m.Body)))
	if err != nil {
		return err
	}
	_, err = conn.WriteRecord(buf)
	return err
}

// receive reads an answer and checks its header. The message is a copy.
func receive(conn *ni.Conn, flag Flag, iflag IFlag) (*Message, error) {
	payload, err := conn.ReadRecord()
	if err != nil {
		return nil, err
	}
	if !IsMessage(payload) {
		return nil, protocolError("a record of a message server", fmt.Sprintf("%d bytes that begin with % x", len(payload), payload[:min(16, len(payload))]))
	}
	m, err := DecodeMessage(append([]byte(nil), payload...))
	if err != nil {
		return nil, malformed(err)
	}
	h := &m.Header
	switch {
	case h.Error != 0:
		return nil, refusal(h.Error)
	case h.Version != Version:
		return nil, protocolError(fmt.Sprintf("version %d", Version), fmt.Sprint(h.Version))
	case h.Flag != flag || h.IFlag != iflag:
		return nil, protocolError(fmt.Sprintf("%s %s", flag, iflag), fmt.Sprintf("%s %s", h.Flag, h.IFlag))
	case h.From.String() != serverName:
		return nil, protocolError("an answer of "+serverName, fmt.Sprintf("one of %q", shown(h.From.String())))
	}
	return m, nil
}

// sniffer remembers the first bytes of a peer, so that an error can name who they are of.
type sniffer struct {
	net.Conn
	first []byte
}

func (s *sniffer) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if room := foreign.Prefix - len(s.first); room > 0 {
		s.first = append(s.first, b[:min(n, room)]...)
	}
	return n, err
}

// named explains an error of a peer that is no message server.
func (s *sniffer) named(err error) error {
	w, ok := errors.AsType[*wire.Error](err)
	if _, known := errors.AsType[*Error](err); known || !ok {
		return err
	}
	name := foreign.Name(s.first)
	if name == "SAP NI" {
		name = ""
	}
	switch {
	case name != "":
		return &Error{kind: kindProtocol, Err: err, Text: fmt.Sprintf("the peer speaks %s: is that the port of a message server (36NN)?", name)}
	case errors.Is(w, wire.ErrLimit):
		return &Error{kind: kindProtocol, Err: err, Text: "the answer is no record of a message server, or too long: is that its port (36NN)?"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, wire.ErrTruncated):
		return &Error{kind: kindCommunication, Err: err, Text: "the answer is cut off"}
	}
	return err
}
