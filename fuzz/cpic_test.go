package fuzz_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/ni"
)

// cpicClient streams requests of any size, so that seeds stay small.
var cpicClient = cpic.ClientConfig{TargetHost: "target", SystemNumber: "00", Program: "fuzz", MessageLimit: 1 << 20, StreamAll: true}

func cpicGateway() cpic.AcceptConfig {
	return cpic.AcceptConfig{
		Assign:       func(*cpic.GatewayRecord) (string, uint16, error) { return "01234567", 4, nil },
		MessageLimit: 1 << 20,
	}
}

// cpicTraffic is what both sides of one real conversation write: set-up, two streamed
// requests and their replies.
func cpicTraffic(f *testing.F) (fromClient, fromGateway []byte) {
	f.Helper()
	a, b := netfault.PipeSize(1 << 20)
	client, gateway := &recorder{Conn: netfault.New(a, netfault.Faults{})}, &recorder{Conn: netfault.New(b, netfault.Faults{})}
	done := make(chan error, 1)
	message := func(c *cpic.Conn, n int) []byte { return make([]byte, c.Headroom()+n, c.Headroom()+n+8) }
	go func() {
		s, err := cpic.Accept(context.Background(), gateway, cpicGateway())
		for n := 0; err == nil; n++ {
			var last bool
			for !last && err == nil {
				_, last, err = s.Receive()
			}
			if err == nil {
				err = s.SendLast(message(s, 40+n))
			}
		}
		done <- err
	}()
	c, err := cpic.Open(context.Background(), client, cpicClient)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []int{30, 70} {
		if err := c.SendLast(message(c, n)); err != nil {
			f.Fatal(err)
		}
		for last := false; !last; {
			if _, last, err = c.Receive(); err != nil {
				f.Fatal(err)
			}
		}
	}
	if err := c.Close(); err != nil {
		f.Fatal(err)
	}
	<-done
	return client.wrote, gateway.wrote
}

// recorder keeps what was written through it.
type recorder struct {
	*netfault.Conn
	wrote []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	r.wrote = append(r.wrote, p[:n]...)
	return n, err
}

// cpicRecords cuts traffic at the NI lengths.
func cpicRecords(stream []byte) (out [][]byte) {
	for len(stream) > 4 {
		n := 4 + int(stream[0])<<24 + int(stream[1])<<16 + int(stream[2])<<8 + int(stream[3])
		out = append(out, stream[4:n])
		stream = stream[n:]
	}
	return out
}

// FuzzGatewayRecord decodes gateway records: decoding what was encoded gives the same.
func FuzzGatewayRecord(f *testing.F) {
	for version := uint8(2); version <= 3; version++ {
		g := cpic.GatewayRecord{Version: version, Type: cpic.NormalClient, Service: "x", Codepage: "1100", LU: "h", TP: "p", AppcVersion: 6, Accept: 0xcb, Index: -1}
		b, err := g.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		if b, err = g.Answer().AppendBinary(nil); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := cpic.DecodeGatewayRecord(b)
		if err != nil {
			return
		}
		once, err := g.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := cpic.DecodeGatewayRecord(once)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := h.AppendBinary(nil)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x (%v)", once, twice, err)
		}
	})
}

// FuzzAPPCHeader decodes headers: every byte comes back.
func FuzzAPPCHeader(f *testing.F) {
	fromClient, fromGateway := cpicTraffic(f)
	for _, r := range append(cpicRecords(fromClient), cpicRecords(fromGateway)...) {
		if len(r) >= cpic.HeaderLength {
			f.Add(r[:cpic.HeaderLength])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := cpic.DecodeHeader(b)
		if err != nil {
			return
		}
		again, err := h.AppendBinary(nil)
		if err != nil || !bytes.Equal(b[:cpic.HeaderLength], again) {
			t.Fatalf("%x, then %x (%v)", b, again, err)
		}
		h.SetReceiveInfo(h.ReceiveInfo())
		h.SetInitInfo(h.InitInfo())
		h.SetPartnerInfo(h.PartnerInfo())
	})
}

// FuzzInitializeParams decodes the parameter blocks of the set-up, whatever their length.
func FuzzInitializeParams(f *testing.F) {
	fromClient, _ := cpicTraffic(f)
	for _, r := range cpicRecords(fromClient)[1:3] {
		f.Add(r[cpic.HeaderLength:])
		f.Add(r[cpic.HeaderLength+33:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := cpic.DecodeInitializeParams(b)
		if p == nil {
			t.Fatal("no value")
		}
		if err == nil {
			once, _ := p.AppendBinary(nil)
			q, err := cpic.DecodeInitializeParams(once)
			if err != nil {
				t.Fatal(err)
			}
			twice, _ := q.AppendBinary(nil)
			if diff := cmp.Diff(once, twice); diff != "" {
				t.Error(diff)
			}
		}
		_, _ = cpic.DecodePartnerParams(b)
		_, _ = cpic.DecodeTrailer(b)
	})
}

// hostile gives one end of a connection whose peer has written b and reads everything.
func hostile(b []byte) (near *netfault.Conn, end func()) {
	a, far := netfault.PipeSize(len(b) + 1<<20)
	_, _ = far.Write(b)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, far)
	}()
	cut := int64(len(b))
	if cut == 0 {
		cut = -1
	}
	near = netfault.New(a, netfault.Faults{CutReadAfter: cut})
	return near, func() {
		_ = near.Close()
		_ = far.Close()
		<-drained
	}
}

// FuzzHostileGateway lets our client talk to a gateway that has written arbitrary bytes.
func FuzzHostileGateway(f *testing.F) {
	_, fromGateway := cpicTraffic(f)
	f.Add(fromGateway)
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	records := cpicRecords(fromGateway)
	// A reply of two records: the first reply says that more follows.
	more, err := cpic.DecodeHeader(records[3])
	if err != nil {
		f.Fatal(err)
	}
	more.Vector, more.Info, more.ParamLength = cpic.VectorReceive, cpic.InfoSync, 0
	op := more.ReceiveInfo()
	op.StatusReceived = 0
	more.SetReceiveInfo(op)
	head, err := more.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	records = append(records[:3:3], append([][]byte{append(head, records[3][cpic.HeaderLength:]...)}, records[3:]...)...)
	var stream []byte
	for i, r := range records {
		stream = ni.AppendRecord(stream, r)
		if i >= 2 {
			stream = ni.AppendRecord(stream, []byte("NI_PING\x00"))
		}
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		near, end := hostile(b)
		defer end()
		c, err := cpic.Open(context.Background(), near, cpicClient)
		if err != nil {
			return
		}
		defer c.Abort()
		for range 3 {
			if err := c.Begin(context.Background()); err != nil {
				return
			}
			err := c.SendLast(make([]byte, c.Headroom()+300))
			for last := false; err == nil && !last; {
				_, last, err = c.Receive()
			}
			if c.End(err) != nil && c.Usable() {
				t.Fatal("usable after", err)
			}
		}
	})
}

// FuzzHostileClient lets our gateway side serve a client that has written arbitrary bytes.
func FuzzHostileClient(f *testing.F) {
	fromClient, _ := cpicTraffic(f)
	f.Add(fromClient)
	var stream []byte
	for i, r := range cpicRecords(fromClient) {
		stream = ni.AppendRecord(stream, r)
		f.Add(stream)
		if i == 2 {
			f.Add(ni.AppendRecord(bytes.Clone(stream), []byte("NI_PING\x00")))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		near, end := hostile(b)
		defer end()
		c, err := cpic.Accept(context.Background(), near, cpicGateway())
		if err != nil {
			return
		}
		defer c.Abort()
		for range 100 {
			var err error
			for last := false; err == nil && !last; {
				_, last, err = c.Receive()
			}
			if err != nil {
				if c.Usable() {
					t.Fatal("usable after", err)
				}
				c.Reject(err)
				return
			}
			if c.SendLast(make([]byte, c.Headroom()+10)) != nil {
				return
			}
		}
	})
}
