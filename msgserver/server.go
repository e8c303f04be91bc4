package msgserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purerfc/purerfc/internal/listen"
	"github.com/purerfc/purerfc/ni"
)

// Instance is an application server of a Landscape.
type Instance struct {
	Name string // for example app1_GOR_00
	// Host is what clients are told, Address what the server list says beside it.
	Host    string
	Address netip.Addr
	// Port is that of the dispatcher: 100 less than that of the gateway.
	Port uint16
	// Service is the name of the dispatcher's service. Default sapdpNN.
	Service string
	// Types default to DIA, Status to Active.
	Types  Types
	Status Status
	// SNCName is the name of the server for SNC; empty: it has none.
	SNCName string
	// Release is what the text interface says of it. Default 758.
	Release string
}

func (i Instance) withDefaults() Instance {
	if i.Service == "" {
		i.Service = fmt.Sprintf("sapdp%02d", i.Port%100)
	}
	if i.Types == 0 {
		i.Types = DIA
	}
	if i.Status == 0 {
		i.Status = Active
	}
	if i.Release == "" {
		i.Release = "758"
	}
	return i
}

// Landscape is what a Server knows: the application servers of a system, and which of them
// each logon group has, by name.
type Landscape struct {
	Instances []Instance
	Groups    map[string][]string
}

// Server is a message server for RFC clients and monitors, over the binary protocol (Serve)
// and the text interface (Handler). It names the servers of a group in turn. The methods are
// safe for concurrent use; set the fields before serving.
type Server struct {
	// Access decides who may log on. Default: all.
	Access func(remote net.Addr) bool
	// AllowRemote lets Listen bind other addresses than loopback.
	AllowRemote bool
	// MaxConnections bounds the connections; more are closed at once. Default
	// DefaultMaxConnections. IdleLimit bounds the silence of a client; default
	// DefaultIdleLimit.
	MaxConnections int
	IdleLimit      time.Duration
	// Logger gets what goes wrong. Default none.
	Logger *slog.Logger

	mu        sync.Mutex
	landscape Landscape
	cursors   map[string]int // next instance of each group
	listeners listen.Set
	open      map[net.Conn]struct{}
	closed    bool
	served    sync.WaitGroup
	stats     struct{ accepted, logins, groups, lists atomic.Int64 }
}

// ErrServerClosed is returned by Serve after Close.
var ErrServerClosed = errors.New("msgserver: server closed")

// Stats is a snapshot of the counters of a Server.
type Stats struct {
	Open     int   // connections now
	Accepted int64 // connections accepted
	Logins   int64 // logins that were let in
	Groups   int64 // group queries answered, over either interface
	Lists    int64 // lists answered, over either interface
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := len(s.open)
	s.mu.Unlock()
	return Stats{Open: open, Accepted: s.stats.accepted.Load(), Logins: s.stats.logins.Load(), Groups: s.stats.groups.Load(), Lists: s.stats.lists.Load()}
}

// Set replaces what the server knows. An instance or a group that cannot be told to clients
// is an error, and nothing changes.
func (s *Server) Set(l Landscape) error {
	next := Landscape{Groups: make(map[string][]string, len(l.Groups))}
	names := make(map[string]bool)
	for _, i := range l.Instances {
		if _, err := byDispatcher(i.Host, int(i.Port)); err != nil {
			return fmt.Errorf("msgserver: instance %.64q: %w", i.Name, err)
		}
		if _, err := AppendServerList(nil, Version, []Entry{i.entry()}); err != nil {
			return err
		}
		if i.Name == "" || names[i.Name] {
			return fmt.Errorf("msgserver: instance %.64q: a name of its own is required", i.Name)
		}
		if strings.ContainsAny(i.Name+i.SNCName+i.Service+i.Release, "|\t\r\n\x00") {
			return fmt.Errorf("msgserver: instance %.64q: a text holds a separator of the text interface", i.Name)
		}
		names[i.Name] = true
		next.Instances = append(next.Instances, i.withDefaults())
	}
	for group, members := range l.Groups {
		if err := CheckGroup(group); err != nil {
			return fmt.Errorf("msgserver: %w", err)
		}
		for _, m := range members {
			if !names[m] {
				return fmt.Errorf("msgserver: group %.64q: no instance %.64q", group, m)
			}
		}
		next.Groups[group] = slices.Clone(members)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.landscape, s.cursors = next, make(map[string]int)
	return nil
}

// listHost is the width of a host in the server list; longer names are cut there.
const listHost = 64

// pick gives the next active server of a group; look leaves it the next one.
func (s *Server) pick(group string, look bool) (Instance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.landscape.Groups[group]
	cursor := s.cursors[group]
	for range members {
		name := members[cursor%len(members)]
		cursor++
		i := slices.IndexFunc(s.landscape.Instances, func(i Instance) bool { return i.Name == name })
		if i < 0 || !s.landscape.Instances[i].usable() {
			continue
		}
		if !look {
			s.cursors[group] = cursor
		}
		return s.landscape.Instances[i], true
	}
	return Instance{}, false
}

// entry is the instance as the server list has it.
func (i Instance) entry() Entry {
	e := Entry{Name: i.Name, Host: i.Host[:min(len(i.Host), listHost)], Service: i.Service, Types: i.Types, Port: i.Port, Status: i.Status}
	if i.Address.IsValid() {
		e.IPv6 = i.Address.As16()
		if a := i.Address.Unmap(); a.Is4() {
			e.IPv4 = a.As4()
		}
	}
	return e
}

func (i Instance) usable() bool { return i.Status == Active && i.Types&DIA != 0 }

// snapshot gives what the server knows; nothing in it may be changed.
func (s *Server) snapshot() Landscape {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.landscape
}

// Listen opens a listener for Serve on a TCP address, host:port. An address without a host
// means loopback; another than loopback needs AllowRemote.
func (s *Server) Listen(ctx context.Context, address string) (net.Listener, error) {
	return listen.Open(ctx, "msgserver", address, "127.0.0.1:3600", s.AllowRemote)
}

// Serve accepts connections of the binary protocol from l until the server is closed; it
// then returns ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error {
	err := s.listeners.Accept(l, func(error) {}, func(nc net.Conn) { s.served.Go(func() { s.ServeConn(nc) }) })
	if err != nil {
		return fmt.Errorf("msgserver: accept: %w", err)
	}
	return ErrServerClosed
}

// Close ends everything and waits until no goroutine of Serve is left. It is idempotent.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for nc := range s.open {
		_ = nc.Close()
	}
	s.mu.Unlock()
	s.listeners.Close()
	s.listeners.Wait()
	s.served.Wait()
	return nil
}

func (s *Server) admit(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.MaxConnections
	if most <= 0 {
		most = DefaultMaxConnections
	}
	if s.closed || len(s.open) >= most {
		return false
	}
	if s.open == nil {
		s.open = make(map[net.Conn]struct{})
	}
	s.open[nc] = struct{}{}
	return true
}

func (s *Server) leave(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, nc)
}

// ServeConn serves one client of the binary protocol, returns when it is done, and closes
// nc.
func (s *Server) ServeConn(nc net.Conn) {
	s.stats.accepted.Add(1)
	defer nc.Close()
	if !s.admit(nc) {
		return
	}
	defer s.leave(nc)
	idle := s.IdleLimit
	if idle <= 0 {
		idle = DefaultIdleLimit
	}
	conn := ni.NewConn(nc, ni.Config{MaxRecord: maxRequest})
	for {
		if conn.SetReadLimit(idle) != nil {
			return
		}
		payload, err := conn.ReadRecord()
		if err != nil {
			return
		}
		m, err := DecodeMessage(payload)
		if err != nil {
			if s.Logger != nil {
				s.Logger.Warn("no message", "remote", addressText(nc), "error", err.Error())
			}
			return
		}
		answer, more := s.answer(m, nc.RemoteAddr())
		if answer != nil && send(conn, answer) != nil {
			return
		}
		if !more {
			return
		}
	}
}

func addressText(nc net.Conn) string {
	if a := nc.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}

// answer decides on one message; nil is no answer, and more is false behind the last one.
//
// Source: spec 11 section 6, tried with two independent clients [experiment].
func (s *Server) answer(m *Message, remote net.Addr) (answer *Message, more bool) {
	h := &m.Header
	switch {
	case h.Version != Version:
		return &Message{Header: Header{Version: Version, Error: ErrorWrongVersion, To: h.From, Flag: Request, IFlag: h.IFlag, From: MakeName(serverName, ' ')}}, false
	case h.IFlag == Login || h.IFlag == Login2:
		reply := Message{Header: *h}
		reply.Header.To, reply.Header.From = h.From, MakeName(serverName, ' ')
		reply.Header.Error, reply.Header.Flag, reply.Header.Reserved2 = 0, Request, 1
		if s.Access != nil && !s.Access(remote) {
			reply.Header.Error = ErrorDenied
			return &reply, false
		}
		s.stats.logins.Add(1)
		return &reply, true
	case h.IFlag == Logout:
		return nil, false
	case h.Flag == OneWay, h.IFlag != SendName, m.Operation == nil:
		return nil, true
	}
	return s.operation(m), true
}

// operation answers a question.
func (s *Server) operation(m *Message) *Message {
	reply := &Message{
		Header:    Header{Version: Version, To: m.Header.From, Flag: Reply, IFlag: SendName, From: MakeName(serverName, ' ')},
		Operation: &Operation{Opcode: m.Operation.Opcode, Version: m.Operation.Version, Charset: 3},
	}
	o := reply.Operation
	switch m.Operation.Opcode {
	case GetLogon:
		reply.Header.From = MakeName(serverName, 0)
		s.logon(reply, m.Body)
	case ServerList:
		s.stats.lists.Add(1)
		o.Version = Version
		reply.Body = s.serverList()
	case Codepage:
		reply.Body = binary.BigEndian.AppendUint32(nil, 1100)
	case DumpInfo:
		if !s.dump(reply, m.Body) {
			o.Error = OpUnknownOpcode
		}
	case SetLogon:
		o.Error = OpDenied // nobody registers here
	default:
		o.Error = OpUnknownOpcode
	}
	return reply
}

// logon answers a group query.
func (s *Server) logon(reply *Message, body []byte) {
	query, err := DecodeLogon(body)
	if err != nil || reply.Operation.Version != 1 || query.Host != "" || int64(query.GroupLength) != int64(len(query.Group.String())+4) {
		reply.Operation.Error = OpInvalid
		return
	}
	s.stats.groups.Add(1)
	l := Logon{GroupLength: query.GroupLength, Group: query.Group, Version: 1, Trailer: []byte{' '}}
	if i, ok := s.pick(query.Group.String(), false); ok {
		l.Host, l.Port = i.Host, i.Port
	} else {
		reply.Operation.Error = OpNotSet
	}
	reply.Body, _ = l.AppendBinary(nil)
}

// serverList is the list of all instances.
func (s *Server) serverList() []byte {
	var list []Entry
	for _, i := range s.snapshot().Instances {
		list = append(list, i.entry())
	}
	body, _ := AppendServerList(nil, Version, list) // Set has tried
	return body
}

// dump answers a question for a text list.
func (s *Server) dump(reply *Message, body []byte) bool {
	if len(body) < 8 {
		return false
	}
	var text string
	switch binary.BigEndian.Uint16(body[6:]) {
	case dumpServers:
		text = s.serverLines()
	case dumpGroups:
		text = s.groupLines()
	default:
		return false
	}
	s.stats.lists.Add(1)
	reply.Body = append([]byte(text), 0)
	return true
}

func (s *Server) serverLines() string {
	var b strings.Builder
	for _, i := range s.snapshot().Instances {
		fmt.Fprintf(&b, "ASNAME=%s|HOSTNAME=%s|PORT=%d|SAPSRV=%s |SNC=%s\n", i.Name, i.Host, i.Port, i.Types, i.SNCName)
	}
	return b.String()
}

func (s *Server) groupLines() string {
	var b strings.Builder
	for group, i := range s.preferred() {
		fmt.Fprintf(&b, "GROUP=%s|HOSTNAME=%s|PORT=%d|SNC=%s\n", group, i.Host, i.Port, i.SNCName)
	}
	return b.String()
}

// preferred walks the groups by name, each with the server that is its next one.
func (s *Server) preferred() func(yield func(string, Instance) bool) {
	groups := s.snapshot().Groups
	return func(yield func(string, Instance) bool) {
		for _, group := range slices.Sorted(maps.Keys(groups)) {
			if i, ok := s.pick(group, true); ok && !yield(group, i) {
				return
			}
		}
	}
}
