package cpic_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/ni"
)

func hello() []byte {
	g := cpic.GatewayRecord{Version: 2, Type: cpic.NormalClient, Service: "x", Codepage: "1100", OptionLevel: 6, LU: "x", TP: "x", AppcVersion: 6, Accept: 0xcb, Index: -1}
	b, _ := g.AppendBinary(nil)
	return b
}

// clientHeader is a record of a client in a conversation of acceptConfig.
func clientHeader(f cpic.Function) cpic.Header {
	h := cpic.Header{Version: 6, Function: f, Protocol: 2, UID: 0xffff, ConversationID: [8]byte([]byte("01234567")), CommIndex: 0xffff, ConnIndex: 4}
	switch f {
	case cpic.Initialize:
		h.ConversationID, h.CommIndex, h.ConnIndex = [8]byte([]byte("        ")), 3, 0xffff
		h.Info2, h.Info3, h.Info4, h.ParamLength, h.Info = 1, 0xc0, 4, 373, 5
		h.SetInitInfo(cpic.InitInfo{ShortDestination: "D", LU: "H", TP: "sapdp00", ConversationType: 'I', ClientInfo: 1})
	case cpic.SetPartnerLUName:
		h.Info2, h.ParamLength, h.Info = 1, 144, 4
	case cpic.Allocate:
		h.Info = 1
	case cpic.SAPSend:
		h.ParamLength, h.Info, h.Vector = 8, 5, 12
	default:
	}
	return h
}

func with(h cpic.Header, edit func(*cpic.Header), more ...byte) []byte {
	if edit != nil {
		edit(&h)
	}
	return append(headerBytes(h), more...)
}

// accept runs Accept against a script and returns its result on demand.
func accept(t testing.TB, ac cpic.AcceptConfig) (script, func() (*cpic.Conn, error)) {
	t.Helper()
	a, b := netfault.Pipe()
	type result struct {
		c   *cpic.Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := cpic.Accept(context.Background(), b, ac)
		done <- result{c, err}
	}()
	t.Cleanup(func() { _ = a.Close() })
	return script{t, a}, func() (*cpic.Conn, error) {
		r := <-done
		if r.c != nil {
			t.Cleanup(r.c.Abort)
		}
		return r.c, r.err
	}
}

// accepted is a conversation whose set-up is done.
func accepted(t testing.TB, ac cpic.AcceptConfig) (script, *cpic.Conn) {
	t.Helper()
	s, result := accept(t, ac)
	s.send(hello(), with(clientHeader(cpic.Initialize), nil, make([]byte, 373)...))
	s.send(with(clientHeader(cpic.SetPartnerLUName), nil, make([]byte, 144)...), with(clientHeader(cpic.Allocate), nil))
	c, err := result()
	require.NoError(t, err)
	s.next()
	h, _ := s.header()
	require.Equal(t, cpic.Initialize, h.Function)
	require.EqualValues(t, []uint16{3, 4}, []uint16{h.CommIndex, h.ConnIndex})
	h, _ = s.header()
	require.Equal(t, cpic.Allocate, h.Function)
	return s, c
}

func TestAcceptVariants(t *testing.T) {
	t.Parallel()
	s, result := accept(t, acceptConfig())
	params := unhex(t, example2Init)[80:]
	s.send(hello(), with(clientHeader(cpic.Initialize), func(h *cpic.Header) { h.ParamLength = 340 }, params[33:]...))
	s.send(
		with(clientHeader(cpic.SAPPing), nil),
		with(clientHeader(cpic.SetTPName), nil, make([]byte, 8)...), // no SYNC: no answer
		with(clientHeader(cpic.SetTPName), func(h *cpic.Header) { h.Info = 1 }, make([]byte, 8)...),
		with(clientHeader(cpic.SetPartnerLUName), nil, append([]byte("target"), make([]byte, 138)...)...),
		[]byte("NI_PING\x00"),
		with(clientHeader(cpic.Allocate), nil),
	)
	c, err := result()
	require.NoError(t, err)
	require.Equal(t, "target", c.Peer().Partner)
	require.Equal(t, "198.51.100.17", c.Peer().Initialize.LongLU, "the 340-byte form")
	require.Equal(t, "01234567", c.ID())
	s.next()
	for _, want := range []cpic.Function{cpic.Initialize, cpic.SAPPing, cpic.SetTPName} {
		h, rest := s.header()
		require.Equal(t, want, h.Function)
		require.Empty(t, rest)
	}
	require.Equal(t, "NI_PONG\x00", string(s.next()))
	h, _ := s.header()
	require.Equal(t, cpic.Allocate, h.Function)

	// Pings of both kinds in a conversation.
	s.send([]byte("NI_PING\x00"), with(clientHeader(cpic.SAPPing), func(h *cpic.Header) { h.Info = 1 }), with(clientHeader(cpic.Deallocate), nil))
	_, _, err = c.Receive()
	require.Equal(t, io.EOF, err)
	require.Equal(t, "NI_PONG\x00", string(s.next()))
	h, _ = s.header()
	require.Equal(t, cpic.SAPPing, h.Function)
	require.EqualValues(t, 3, h.CommIndex)
}

func TestGatewayCheckIsAnswered(t *testing.T) {
	t.Parallel()
	s, result := accept(t, acceptConfig())
	b := hello()
	b[1] = byte(cpic.CheckGateway)
	s.send(b)
	require.Equal(t, b, s.next())
	_, err := result()
	require.ErrorIs(t, err, cpic.ErrGatewayCheck)
	_, err = s.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

func TestGatewayRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit   func(b []byte)
		assign error
		code   int32
	}{
		"F-24 full":               {nil, &cpic.Error{SAPReturnCode: cpic.RCTooManyConversations, Text: "full"}, 236},
		"denied":                  {nil, &cpic.Error{SAPReturnCode: cpic.RCRegisteredDenied}, 748},
		"other error of Assign":   {nil, errors.New("no"), 236},
		"B-96 unknown type":       {func(b []byte) { b[1] = 0x5f }, nil, 225},
		"monitor command":         {func(b []byte) { b[1] = byte(cpic.SendCommand) }, nil, 225},
		"stop":                    {func(b []byte) { b[1] = byte(cpic.StopGateway) }, nil, 225},
		"registration of program": {func(b []byte) { b[1] = byte(cpic.RegisterTP) }, nil, 225},
		"APPC version 5":          {func(b []byte) { b[54] = 5 }, nil, 225},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ac := acceptConfig()
			if tc.assign != nil {
				ac.Assign = func(*cpic.GatewayRecord) (string, uint16, error) { return "", 0, tc.assign }
			}
			s, result := accept(t, ac)
			b := hello()
			if tc.edit != nil {
				tc.edit(b)
			}
			s.send(b)
			g, err := cpic.DecodeGatewayRecord(s.next())
			require.NoError(t, err)
			require.Equal(t, tc.code, g.ReturnCode)
			_, err = result()
			require.Error(t, err)
			if tc.assign != nil {
				require.ErrorIs(t, err, tc.assign)
			}
			_, err = s.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err, "closed")
		})
	}
	// Our client reads the refusal.
	ac := acceptConfig()
	ac.Assign = func(*cpic.GatewayRecord) (string, uint16, error) {
		return "", 0, &cpic.Error{SAPReturnCode: cpic.RCTooManyConversations}
	}
	a, b := netfault.Pipe()
	go func() { _, _ = cpic.Accept(context.Background(), b, ac) }()
	_, err := cpic.Open(t.Context(), a, clientConfig)
	var e *cpic.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.Exhausted())
}

func TestHostileSetUps(t *testing.T) {
	t.Parallel()
	init := with(clientHeader(cpic.Initialize), nil, make([]byte, 373)...)
	for name, tc := range map[string]struct {
		records [][]byte
		answers int // records before the error record; -1: no error record at all
		code    cpic.ReturnCode
		text    string
	}{
		"garbage first":              {[][]byte{[]byte("GET / HTTP/1.1")}, -1, 0, "version"},
		"appc record first":          {[][]byte{init}, -1, 0, "version"},
		"leaves at once":             {nil, -1, 0, "EOF"},
		"leaves after hello":         {[][]byte{hello()}, -1, 0, "EOF"},
		"call before set-up":         {[][]byte{hello(), with(clientHeader(cpic.SAPSend), nil)}, 1, 20, "F_SAP_SEND is not allowed before F_INITIALIZE"},
		"allocate before initialize": {[][]byte{hello(), with(clientHeader(cpic.Allocate), nil)}, 1, 20, "F_ALLOCATE is not allowed"},
		"initialize twice":           {[][]byte{hello(), init, with(clientHeader(cpic.Initialize), func(h *cpic.Header) { h.ConversationID, h.ConnIndex = [8]byte([]byte("01234567")), 4 })}, 2, 20, "F_INITIALIZE_CONVERSATION is not allowed before F_ALLOCATE"},
		"call before allocate":       {[][]byte{hello(), init, with(clientHeader(cpic.SAPSend), nil)}, 2, 20, "F_SAP_SEND is not allowed before F_ALLOCATE"},
		"other conversation":         {[][]byte{hello(), init, with(clientHeader(cpic.Allocate), func(h *cpic.Header) { h.ConversationID[0] = '9' })}, 2, 25, "Conversation 91234567 not found"},
		"other index":                {[][]byte{hello(), init, with(clientHeader(cpic.Allocate), func(h *cpic.Header) { h.ConnIndex = 5 })}, 2, 20, "conn_index"},
		"partner block cut":          {[][]byte{hello(), init, with(clientHeader(cpic.SetPartnerLUName), nil, make([]byte, 100)...)}, 2, 20, "F_SET_PARTNER_LU_NAME"},
		"B-96 header cut":            {[][]byte{hello(), init[:79]}, 1, 20, "truncated"},
		"version 5":                  {[][]byte{hello(), with(clientHeader(cpic.Initialize), func(h *cpic.Header) { h.Version = 5 })}, 1, 20, "version"},
		"leaves politely":            {[][]byte{hello(), init, with(clientHeader(cpic.Deallocate), nil)}, -1, 0, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, result := accept(t, acceptConfig())
			if len(tc.records) > 0 {
				s.send(tc.records...)
			}
			if tc.answers < 0 {
				if tc.text == "EOF" {
					require.NoError(t, s.Close())
				}
				_, err := result()
				require.Error(t, err)
				if tc.text != "EOF" { // else it may notice when it answers
					require.ErrorContains(t, err, tc.text)
				}
				return
			}
			_, err := result()
			require.ErrorContains(t, err, tc.text)
			for range tc.answers {
				s.next()
			}
			h, text := s.header()
			require.Equal(t, tc.code, h.ReturnCode)
			require.EqualValues(t, cpic.RCUnknownFunction, h.SAPReturnCode)
			require.EqualValues(t, len(text), h.ErrorLength)
			require.NotZero(t, h.Info&cpic.InfoWithErrorInfo)
			info, ok := ni.ParseErrorInfo(text)
			require.True(t, ok)
			require.Contains(t, info.Text, tc.text)
			require.Equal(t, []string{"225", "GO-RFC-Gateway", "test gateway"}, []string{info.ReturnCode, info.Component, info.Location})
			_, err = s.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err)
		})
	}
}

func TestAcceptTimeouts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		send [][]byte
		want time.Duration
	}{
		"F-23 silent client":  {nil, cpic.DefaultFirstRecord},
		"set-up never ends":   {[][]byte{hello()}, cpic.DefaultSetup},
		"silent before allot": {[][]byte{hello(), with(clientHeader(cpic.Initialize), nil)}, cpic.DefaultSetup},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s, result := accept(t, acceptConfig())
				if tc.send != nil {
					s.send(tc.send...)
				}
				_, err := result()
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Equal(t, tc.want, time.Since(start))
			})
		})
	}
	t.Run("pings do not prolong the set-up", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, result := accept(t, acceptConfig())
			s.send(hello())
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				for {
					<-time.After(time.Second)
					if _, err := s.Write(ni.AppendRecord(nil, with(clientHeader(cpic.SAPPing), nil))); err != nil {
						return
					}
				}
			}()
			_, err := result()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			<-stopped
		})
	})
	t.Run("no limit is left behind", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := accepted(t, acceptConfig())
			go func() {
				<-time.After(24 * time.Hour)
				_, _ = s.Write(ni.AppendRecord(nil, with(clientHeader(cpic.Deallocate), nil)))
			}()
			_, _, err := c.Receive()
			require.Equal(t, io.EOF, err)
		})
	})
	t.Run("idle limit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, c := accepted(t, acceptConfig())
			require.NoError(t, c.SetIdleLimit(time.Minute))
			_, _, err := c.Receive()
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		})
	})
	t.Run("context", func(t *testing.T) {
		t.Parallel()
		why := errors.New("shutting down")
		a, b := netfault.Pipe()
		defer a.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := cpic.Accept(ctx, b, acceptConfig())
			done <- err
		}()
		cancel(why)
		err := <-done
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestRequestsOfForeignClients(t *testing.T) {
	t.Parallel()
	slice := func(f cpic.Function, body string, edit func(*cpic.Header)) []byte {
		h := clientHeader(f)
		h.SetSendLength(uint32(len(body)))
		return with(h, edit, []byte(body)...)
	}
	trailer := func(n byte) []byte { return []byte{0, 0, 0, n, 0, 0, 0x85, 0} }
	for name, tc := range map[string]struct {
		records [][]byte
		body    string
		text    string
		code    cpic.ReturnCode // of the error record; 0: none
		eof     bool
	}{
		"compact":                     {records: [][]byte{with(clientHeader(cpic.SAPSend), nil, append([]byte("body"), trailer(4)...)...)}, body: "body"},
		"compact without trailer":     {records: [][]byte{with(clientHeader(cpic.SAPSend), func(h *cpic.Header) { h.ParamLength = 0 }, []byte("body")...)}, body: "body"},
		"trailer lies":                {records: [][]byte{with(clientHeader(cpic.SAPSend), nil, append([]byte("body"), trailer(5)...)...)}, body: "body" + string(trailer(5))},
		"stream":                      {records: [][]byte{slice(cpic.AsyncSendData, "bo", nil), slice(cpic.AsyncSendData, "dy", nil), slice(cpic.Receive, "", nil)}, body: "body"},
		"barrier without SYNC":        {records: [][]byte{slice(cpic.SendData, "body", nil), slice(cpic.Receive, "", nil)}, body: "body"},
		"slice length lies":           {records: [][]byte{slice(cpic.AsyncSendData, "body", func(h *cpic.Header) { h.SetSendLength(3) })}, text: "send_length", code: 20},
		"receive without data":        {records: [][]byte{slice(cpic.Receive, "", nil)}, text: "F_RECEIVE without data", code: 25},
		"compact inside a stream":     {records: [][]byte{slice(cpic.AsyncSendData, "bo", nil), with(clientHeader(cpic.SAPSend), nil)}, text: "inside a streamed message", code: 25},
		"other conversation":          {records: [][]byte{slice(cpic.AsyncSendData, "x", func(h *cpic.Header) { h.ConversationID[3] = 'x' })}, text: "Conversation 012x4567 not found", code: 25},
		"verb we do not know":         {records: [][]byte{slice(cpic.Flush, "", nil)}, text: "F_FLUSH is not allowed now", code: 20},
		"B-96 79 bytes":               {records: [][]byte{slice(cpic.Receive, "", nil)[:79]}, text: "truncated", code: 20},
		"B-98 neither call nor reply": {records: [][]byte{[]byte("\xde\xad\xbe\xef, more than eight bytes")}, text: "appc", code: 20},
		"deallocate":                  {records: [][]byte{slice(cpic.Deallocate, "", nil)}, eof: true},
		"deallocate inside a stream":  {records: [][]byte{slice(cpic.AsyncSendData, "bo", nil), slice(cpic.Deallocate, "", nil)}, text: "closed the connection"},
		"leaves":                      {records: [][]byte{nil}, eof: true},
		"leaves inside a stream":      {records: [][]byte{slice(cpic.AsyncSendData, "bo", nil), nil}, text: "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := accepted(t, acceptConfig())
			for _, r := range tc.records {
				if r == nil {
					require.NoError(t, s.Close())
					break
				}
				s.send(r)
			}
			got, err := receive(c)
			switch {
			case tc.eof:
				require.Equal(t, io.EOF, err)
				require.False(t, c.Usable())
				return
			case tc.text == "":
				require.NoError(t, err)
				require.Equal(t, tc.body, string(got))
				return
			}
			require.ErrorContains(t, err, tc.text)
			require.NotErrorIs(t, err, io.EOF)
			require.False(t, c.Usable())
			c.Reject(err)
			if tc.code == 0 {
				return
			}
			h, text := s.header()
			require.Equal(t, tc.code, h.ReturnCode)
			require.EqualValues(t, cpic.RCUnknownFunction, h.SAPReturnCode)
			require.NotZero(t, h.Info&cpic.InfoWithErrorInfo)
			require.Equal(t, "01234567", string(h.ConversationID[:]))
			require.EqualValues(t, []uint16{3, 4}, []uint16{h.CommIndex, h.ConnIndex})
			info, ok := ni.ParseErrorInfo(text)
			require.True(t, ok)
			require.Contains(t, info.Text, tc.text)
		})
	}
}

func TestDeallocateDuringAResponse(t *testing.T) {
	t.Parallel()
	s, c := accepted(t, acceptConfig())
	s.send(with(clientHeader(cpic.SAPSend), nil, append([]byte("call"), 0, 0, 0, 4, 0, 0, 0x85, 0)...))
	_, err := receive(c)
	require.NoError(t, err)
	buf := message(c, data(30_000))
	n, err := c.Send(append(buf, data(30_000)...))
	require.NoError(t, err)
	require.Equal(t, 56_000, n)
	s.send(with(clientHeader(cpic.Deallocate), nil))
	require.NoError(t, c.SendLast(message(c, data(4_000))))
	for range 3 {
		s.next()
	}
	_, _, err = c.Receive()
	require.Equal(t, io.EOF, err, "the farewell is read when it is the client's turn")
}

func TestMessageLimitOfTheGatewaySide(t *testing.T) {
	t.Parallel()
	ac := acceptConfig()
	ac.MessageLimit = 10
	s, c := accepted(t, ac)
	h := clientHeader(cpic.AsyncSendData)
	h.SetSendLength(6)
	for range 2 {
		s.send(with(h, nil, []byte("sixsix")...))
	}
	_, err := receive(c)
	require.ErrorIs(t, err, wire.ErrLimit)
	c.Reject(err)
	e, _ := s.header()
	require.EqualValues(t, 20, e.ReturnCode)
}

// TestRejectReachesOurClient: the error record of a running conversation arrives as *Error.
func TestRejectReachesOurClient(t *testing.T) {
	t.Parallel()
	ac := acceptConfig()
	ac.MessageLimit = 10
	l := connect(t, clientConfig, ac)
	require.NoError(t, l.client.SendLast(message(l.client, bytes.Repeat([]byte("x"), 100))))
	_, err := receive(l.server)
	require.ErrorIs(t, err, wire.ErrLimit)
	l.server.Reject(err)
	l.server.Reject(io.EOF) // nobody would read this
	_, err = receive(l.client)
	var e *cpic.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, cpic.ProductSpecific, e.ReturnCode)
	require.Contains(t, e.Info.Text, "above limit")
}
