package cpic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/purerfc/purerfc/internal/foreign"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// ClientConfig says whom a client calls and how it introduces itself. All names are ASCII;
// other characters are replaced.
type ClientConfig struct {
	// TargetHost is the application server as seen inside the SAP network: the gateway
	// resolves it. At most 128 characters. Required.
	TargetHost string
	// SystemNumber is two digits; the program becomes sapdpNN. Required.
	SystemNumber string
	// Destination is the client's own label, at most 32 characters. Default PURERFC.
	Destination string
	// Program is the name of the calling program. Default purerfc.
	Program string
	// Host is the local host's short name. It is never resolved. Default localhost.
	Host string
	// OSUser is the operating-system user, at most 12 characters are sent. Optional.
	OSUser string
	// RootID and ConnectionID are 16 upper-case hex digits for end-to-end tracing. Default
	// zeros, as one captured client sends them.
	RootID, ConnectionID string
	// StreamAll sends requests of any size as slices. Off: requests up to 28,000 bytes
	// travel in one record (spec 02 section 7).
	StreamAll bool
	// MessageLimit bounds one incoming message in bytes. Default DefaultMessageLimit.
	MessageLimit int64
	// Progress, if set, is told when a step of the set-up is done: "ni" when the first
	// record was answered, "gateway" when the conversation stands.
	Progress func(step string)
	// NI bounds the records.
	NI ni.Config
}

func (c ClientConfig) withDefaults() ClientConfig {
	if c.Destination == "" {
		c.Destination = "PURERFC"
	}
	if c.Program == "" {
		c.Program = "purerfc"
	}
	if c.Host == "" {
		c.Host = "localhost"
	}
	if c.RootID == "" {
		c.RootID = strings.Repeat("0", 16)
	}
	if c.ConnectionID == "" {
		c.ConnectionID = strings.Repeat("0", 16)
	}
	if c.MessageLimit <= 0 {
		c.MessageLimit = DefaultMessageLimit
	}
	return c
}

func (c ClientConfig) gatewayProgram() string { return "sapdp" + c.SystemNumber }

// Open sets up a conversation on a fresh connection to a gateway: gateway record,
// F_INITIALIZE, F_SET_PARTNER_LU_NAME, F_ALLOCATE. On error nc is closed. The error is an
// *Error when the gateway refused, a *SetupError that names the step around it.
func Open(ctx context.Context, nc net.Conn, cfg ClientConfig) (*Conn, error) {
	cfg = cfg.withDefaults()
	c := &Conn{
		ni: ni.NewConn(nc, cfg.NI), protocol: protocolExternal, uid: unassigned,
		limit: cfg.MessageLimit, streamAll: cfg.StreamAll,
	}
	if err := c.ni.Begin(ctx); err != nil {
		_ = c.ni.Close()
		return nil, &SetupError{Step: "ni", Err: err}
	}
	step, err := c.open(cfg)
	if err = c.ni.End(err); err == nil && c.ni.Interrupted() {
		err = &ni.ContextError{Cause: context.Cause(ctx), Err: ctx.Err()}
	}
	if err != nil {
		_ = c.ni.Close()
		return nil, &SetupError{Step: step, Err: err}
	}
	return c, nil
}

// SetupError says at which step the set-up of a conversation failed.
type SetupError struct {
	// Step is "ni" before anything arrived, "gateway" afterwards.
	Step string
	Err  error
}

// Error implements error.
func (e *SetupError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *SetupError) Unwrap() error { return e.Err }

func (c *Conn) open(cfg ClientConfig) (step string, err error) {
	gw := cfg.gatewayRecord(c.LocalAddr())
	if err := c.writePayload(gw); err != nil {
		return "ni", err
	}
	payload, err := c.ni.ReadRecord()
	if err != nil {
		return "ni", c.foreign(err)
	}
	answer, err := DecodeGatewayRecord(payload)
	if err != nil {
		return "ni", c.foreign(err)
	}
	if err := answer.checkAnswer(gw); err != nil {
		return "gateway", err
	}
	// Kept as bytes: a thousand idle connections should not hold a thousand records.
	c.answer = string(payload[:min(len(payload), gatewayRecordMax)])
	if cfg.Progress != nil {
		cfg.Progress("ni")
	}

	init := cfg.initialize()
	if err := c.writeControl(&init.Header, init.params...); err != nil {
		return "gateway", err
	}
	h, err := c.readSetup(Initialize)
	if err != nil {
		return "gateway", err
	}
	c.id, c.comm, c.conn = h.ConversationID, h.CommIndex, h.ConnIndex
	if h.CommIndex != init.CommIndex {
		return "gateway", c.protocolError("comm_index", fmt.Sprint(init.CommIndex), fmt.Sprint(h.CommIndex))
	}
	if !assignedID(c.id) {
		return "gateway", c.protocolError("conversation_id", "8 printable characters that are not blank", fmt.Sprintf("% x", c.id[:]))
	}

	// F_SET_PARTNER_LU_NAME is not answered; it leaves in one write with F_ALLOCATE.
	partner := c.partner(cfg)
	payload, _ = partner.AppendBinary(nil)
	first := ni.AppendRecord(nil, append(payload, partner.params...))
	alloc := c.header(Allocate)
	alloc.Info = InfoSync
	buf, _ := alloc.AppendBinary(make([]byte, ni.HeaderLength))
	if _, err := c.ni.WriteRecord(buf, first...); err != nil {
		return "gateway", err
	}
	h, err = c.readSetup(Allocate)
	if err != nil {
		return "gateway", err
	}
	if err := c.checkIdentity(&h); err != nil {
		return "gateway", err
	}
	if cfg.Progress != nil {
		cfg.Progress("gateway")
	}
	return "gateway", nil
}

// assignedID reports whether a gateway may have assigned id: real ones use 8 decimal
// digits, any printable ASCII works (spec 40.4 [impl]).
func assignedID(id [8]byte) bool {
	for _, b := range id {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

// setupRecord is a control record with its parameter block.
type setupRecord struct {
	Header
	params []byte
}

// gatewayRecord is the first record of a client (spec 02 section 2, example 1 [capture]).
func (c ClientConfig) gatewayRecord(local net.Addr) *GatewayRecord {
	g := &GatewayRecord{
		Version: 2, Type: NormalClient, Service: c.Program, Codepage: "1100", OptionLevel: clientOptionLevel,
		LU: c.Host, TP: c.Program, AppcVersion: AppcVersion, Accept: clientAcceptInfo, Index: -1,
	}
	if tcp, ok := local.(*net.TCPAddr); ok {
		// Version 2 only has room for IPv4; nobody compares the value (spec 05 G8, G9).
		copy(g.IPv4[:], tcp.IP.To4())
	}
	return g
}

// initialize is F_INITIALIZE (spec 02 section 4 [capture]).
func (c ClientConfig) initialize() setupRecord {
	r := setupRecord{Header: Header{
		Version: AppcVersion, Function: Initialize, Protocol: protocolExternal, UID: unassigned,
		Info2: Info2LongLUName, Info3: Info3ExtendedInit | Info3DistTrace, Info4: Info4Init,
		ParamLength: initializeParamLength, Info: InfoSync | InfoWithParamsHeader,
		ConversationID: [8]byte([]byte("        ")), ConnIndex: unassigned,
	}}
	r.SetInitInfo(InitInfo{
		ShortDestination: c.Destination, LU: c.TargetHost, TP: c.gatewayProgram(),
		ConversationType: conversationTypeABAP, ClientInfo: clientInfoExternal,
	})
	p := InitializeParams{
		Label: c.Destination, Version: 1, Flags: 1, ProtocolName: "CPIC", RootID: c.RootID, ConnectionID: c.ConnectionID,
		ConnectionSuffix: 1, Timeout: -2, KeepAlive: -2, ExportTrace: 2, LongLU: c.TargetHost, OSUser: c.OSUser,
		LongTP: c.gatewayProgram(),
	}
	r.params, _ = p.AppendBinary(nil)
	return r
}

// partner is F_SET_PARTNER_LU_NAME; it has no SYNC bit and is not answered.
func (c *Conn) partner(cfg ClientConfig) setupRecord {
	r := setupRecord{Header: c.header(SetPartnerLUName)}
	r.Info2, r.ParamLength, r.Info = Info2LongLUName, partnerParamLength, InfoWithParamsHeader
	r.SetPartnerInfo(PartnerInfo{LU: cfg.TargetHost, Length: uint32(len(cfg.TargetHost))})
	p := PartnerParams{Host: cfg.TargetHost}
	r.params, _ = p.AppendBinary(nil)
	return r
}

// readSetup reads the answer to a set-up record: the 80 header bytes and nothing else.
func (c *Conn) readSetup(want Function) (Header, error) {
	h, data, err := c.nextRecord()
	if err != nil {
		return h, c.unexpectedEnd(err)
	}
	if err := c.checkCodes(&h, data); err != nil {
		return h, err
	}
	if h.ReturnCode != OK {
		return h, &Error{Op: opName(h.Function), ReturnCode: h.ReturnCode, Text: "the gateway ended the conversation"}
	}
	if h.Function != want || len(data) != 0 {
		return h, c.protocolError("function", fmt.Sprintf("an empty %s", want), fmt.Sprintf("%s with %d bytes", h.Function, len(data)))
	}
	return h, nil
}

func (c *Conn) writePayload(rec interface {
	AppendBinary([]byte) ([]byte, error)
},
) error {
	buf, err := rec.AppendBinary(make([]byte, ni.HeaderLength, ni.HeaderLength+GatewayRecordLength))
	if err != nil {
		return err
	}
	_, err = c.ni.WriteRecord(buf)
	return err
}

// foreign names the peer and adds a hint when the first answer does not look like NI at all. A
// length above the limit is another protocol there, not a large record: "HTTP" reads as 1.2 GB
// (fault F-22).
func (c *Conn) foreign(err error) error {
	w, ok := errors.AsType[*wire.Error](err)
	if !ok {
		return err
	}
	e := *w
	if e.Layer == "ni" && errors.Is(e.Err, wire.ErrLimit) {
		e.Err = wire.ErrMalformed
	}
	switch name := foreign.Name(c.ni.Unread()); name {
	case "", niName:
		return fmt.Errorf("%w (is this port 33NN of an SAP gateway?)", &e)
	case "HTTP", "TLS":
		return fmt.Errorf("the peer speaks %s: %w (is this port 33NN of an SAP gateway? WebSocket RFC has settings of its own: jco.client.wshost and wsport)", name, &e)
	default:
		return fmt.Errorf("the peer speaks %s: %w (is this port 33NN of an SAP gateway?)", name, &e)
	}
}

// niName is our own protocol among the foreign ones.
const niName = "SAP NI"

// answerForeign tells a client that speaks no NI what is here: in HTTP if it speaks that, else
// in a record, which other clients can show at least.
func (c *Conn) answerForeign() (name string) {
	switch name = foreign.Name(c.ni.Unread()); name {
	case "", niName:
		return ""
	case "HTTP":
		const text = "this is a gateway for SAP RFC and speaks no HTTP\n"
		_, _ = c.ni.WriteRaw(fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text))
	default:
		text := "this is a gateway for SAP RFC and speaks no " + name
		info := ni.ErrorInfo{Text: text, ReturnCode: "-1", Component: gatewayComponent, Version: gatewayErrorVersionText, Detail: text}
		if payload, err := info.AppendBinary(nil); err == nil {
			_, _ = c.ni.WriteRaw(ni.AppendRecord(nil, payload))
		}
	}
	return name
}
