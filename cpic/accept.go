package cpic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

// AcceptConfig says how the gateway side serves a client.
type AcceptConfig struct {
	// Assign gives the conversation its id (8 decimal digits, unique among the live ones)
	// and its connection index. An error refuses the client; one that is an *Error is sent
	// with its codes. Required.
	Assign func(client *GatewayRecord) (id string, connIndex uint16, err error)
	// KnownHost reports whether a host that a client names as its partner can be found. Default:
	// all can. A gateway looks it up on its side [capture].
	KnownHost func(host string) bool
	// FirstRecord bounds the wait for the first record, Setup the whole set-up. Defaults
	// DefaultFirstRecord and DefaultSetup.
	FirstRecord, Setup time.Duration
	// Location names this gateway in error records, for example "host / sapgw00".
	Location string
	// MessageLimit bounds one incoming message in bytes. Default DefaultMessageLimit.
	MessageLimit int64
	// BeforeLogon is the largest record accepted until LoggedOn is called, in bytes. Default:
	// NI.MaxRecord.
	BeforeLogon int
	// Watchdog is shared by the connections of one server. Default: one for this connection.
	Watchdog *Watchdog
	// NI bounds the records.
	NI ni.Config
}

// ErrGatewayCheck is returned by Accept after it answered a client that only asked
// whether a gateway is there.
var ErrGatewayCheck = errors.New("cpic: gateway check answered")

// Accept serves the set-up of one client connection up to F_ALLOCATE. Clients that break
// the rules, that Assign refuses, or that want something else than a conversation get an
// error record. On error nc is closed.
//
// Source: spec 02 section 12, spec 40.7 [impl][experiment].
func Accept(ctx context.Context, nc net.Conn, cfg AcceptConfig) (*Conn, error) {
	if cfg.FirstRecord <= 0 {
		cfg.FirstRecord = DefaultFirstRecord
	}
	if cfg.Setup <= 0 {
		cfg.Setup = DefaultSetup
	}
	if cfg.MessageLimit <= 0 {
		cfg.MessageLimit = DefaultMessageLimit
	}
	afterLogon := cfg.NI.MaxRecord
	if afterLogon <= 0 {
		afterLogon = ni.DefaultMaxRecord
	}
	if cfg.BeforeLogon > 0 {
		cfg.NI.MaxRecord = cfg.BeforeLogon
	}
	c := &Conn{
		ni: ni.NewConn(nc, cfg.NI), accepting: true, maxRecord: afterLogon, limit: cfg.MessageLimit,
		comm: unassigned, conn: unassigned, uid: unassigned, protocol: protocolExternal, peer: new(Peer),
	}
	c.watch.Join(cfg.Watchdog, (*watched)(c))
	stop := context.AfterFunc(ctx, c.Abort)
	err := c.accept(cfg)
	if !stop() {
		err = &ni.ContextError{Cause: context.Cause(ctx), Err: errors.Join(ctx.Err(), err)}
	}
	if err == nil {
		err = c.ni.SetReadLimit(0)
	}
	if err != nil {
		c.Abort()
		return nil, err
	}
	return c, nil
}

func (c *Conn) accept(cfg AcceptConfig) error {
	if err := c.ni.SetReadLimit(cfg.FirstRecord); err != nil {
		return err
	}
	payload, err := c.ni.ReadRecord()
	if err != nil {
		if name := c.answerForeign(); name != "" {
			return fmt.Errorf("cpic: the client speaks %s: %w", name, err)
		}
		return err
	}
	if err := c.ni.SetReadLimit(cfg.Setup); err != nil {
		return err
	}
	g, err := DecodeGatewayRecord(payload)
	if err != nil {
		return err
	}
	c.peer.Gateway = *g
	if g.Accept&AcceptNIPing == 0 {
		c.ni.SetKeepAlive(0) // plain clients are never pinged (spec 40.3 [experiment])
	}
	answer := echo{record: g, request: payload}
	refuse := func(rc int32, err error) error {
		answer.code = rc
		_ = c.writePayload(answer)
		return err
	}
	switch {
	case g.Type == CheckGateway:
		return refuse(0, ErrGatewayCheck)
	case g.Type != NormalClient:
		return refuse(RCUnknownFunction, fmt.Errorf("cpic: request type %s is not served here", g.Type))
	case g.AppcVersion != AppcVersion:
		return refuse(RCUnknownFunction, &wire.Error{Layer: "gateway", Record: g.Type.String(), Field: "appc_header_version", Offset: 54, Err: wire.ErrMalformed, Want: "6", Got: fmt.Sprint(g.AppcVersion)})
	}
	id, index, err := cfg.Assign(g)
	if err != nil {
		rc := int32(RCTooManyConversations)
		if e := (*Error)(nil); errors.As(err, &e) && e.SAPReturnCode != 0 {
			rc = e.SAPReturnCode
		}
		return refuse(rc, err)
	}
	if err := c.writePayload(answer); err != nil {
		return err
	}
	return c.acceptInitialize(cfg, id, index)
}

func (c *Conn) acceptInitialize(cfg AcceptConfig, id string, index uint16) (err error) {
	var last *Header
	defer func() {
		if r := refusalFor(err); r != nil {
			_ = c.refuse(last, r, cfg.Location)
		}
	}()
	assigned := false
	for {
		h, params, err := c.nextRecord()
		if err != nil {
			return err
		}
		last = &h
		if !assigned {
			if h.Function != Initialize {
				return &refusal{code: ProductSpecific, sap: RCUnknownFunction, text: h.Function.String() + " is not allowed before F_INITIALIZE_CONVERSATION"}
			}
			if err := c.initialized(&h, params, id, index); err != nil {
				return err
			}
			assigned = true
			continue
		}
		if err := c.checkIdentity(&h); err != nil {
			return err
		}
		switch h.Function {
		case SetTPName:
			// No known client sends it; a record with the SYNC bit gets a mirror.
			if h.Info&InfoSync != 0 {
				if err := c.writeControl(&h); err != nil {
					return err
				}
			}
		case SetPartnerLUName:
			p, err := DecodePartnerParams(params)
			if err != nil {
				return err
			}
			if cfg.KnownHost != nil && !cfg.KnownHost(p.Host) {
				return &refusal{code: ProductSpecific, sap: RCHostUnknown, text: fmt.Sprintf("hostname '%s' unknown", ni.Printable([]byte(p.Host), 128))}
			}
			c.peer.Partner = p.Host // not answered: it lacks the SYNC bit [capture]
		case Allocate:
			return c.allocated()
		case Deallocate:
			return io.EOF
		default:
			return &refusal{code: ProductSpecific, sap: RCUnknownFunction, text: h.Function.String() + " is not allowed before F_ALLOCATE"}
		}
	}
}

// initialized answers F_INITIALIZE: the header comes back with bit 02 of info4, the
// conversation id and the connection index; sap_param_len stays, no block follows
// (spec 02 section 3.5 [capture]).
func (c *Conn) initialized(h *Header, params []byte, id string, index uint16) error {
	p, _ := DecodeInitializeParams(params) // nothing in it is critical: take what is there
	c.peer.Initialize = *p
	copy(c.id[:], id)
	c.comm, c.conn, c.protocol, c.uid = h.CommIndex, index, h.Protocol, h.UID
	a := *h
	a.Info4 |= Info4Reply
	a.ConversationID = c.id
	a.ConnIndex = index
	return c.writeControl(&a)
}

// allocated answers F_ALLOCATE (spec 40.4 [capture]).
func (c *Conn) allocated() error {
	h := c.header(Allocate)
	h.Info = InfoSync
	h.SetReceiveInfo(ReceiveInfo{Codepage: sessionCodepage})
	return c.writeControl(&h)
}
