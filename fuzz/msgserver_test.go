package fuzz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/ni"
)

// messageSeeds are messages of clients and servers.
func messageSeeds(f *testing.F) (out [][]byte) {
	f.Helper()
	header := msgserver.Header{Version: 4, To: msgserver.MakeName("MSG_SERVER", 0), Flag: msgserver.Request, IFlag: msgserver.SendName, From: msgserver.MakeName("-", ' ')}
	add := func(m msgserver.Message) { out = append(out, must(m.AppendBinary(nil))) }
	login := header
	login.IFlag = msgserver.Login2
	add(msgserver.Message{Header: login})
	query := msgserver.Logon{GroupLength: 10, Group: msgserver.MakeName("PUBLIC", 0), Version: 1, Port: 0x34}
	add(msgserver.Message{Header: header, Operation: &msgserver.Operation{Opcode: msgserver.GetLogon, Version: 1}, Body: must(query.AppendBinary(nil))})
	answer := header
	answer.Flag = msgserver.Reply
	query.Host, query.Port, query.Trailer = "app1.example", 3242, []byte{' '}
	add(msgserver.Message{Header: answer, Operation: &msgserver.Operation{Opcode: msgserver.GetLogon, Version: 1, Charset: 3}, Body: must(query.AppendBinary(nil))})
	for version := uint8(1); version <= 4; version++ {
		list := []msgserver.Entry{{Name: "app_GOR_00", Host: "app", Service: "sapdp00", Types: msgserver.DIA, IPv4: [4]byte{192, 0, 2, 1}, Port: 3200}, {Name: "-"}}
		add(msgserver.Message{Header: answer, Operation: &msgserver.Operation{Opcode: msgserver.ServerList, Version: version, Charset: 3}, Body: must(msgserver.AppendServerList(nil, version, list))})
	}
	dump := answer
	add(msgserver.Message{Header: dump, Operation: &msgserver.Operation{Opcode: msgserver.DumpInfo, Version: 1, Charset: 3}, Body: []byte("GROUP=PUBLIC|HOSTNAME=app|PORT=3200|SNC=\n\x00")})
	return out
}

// FuzzMSServerList reads server lists (CVE-2012-4341, CVE-2013-1592): no more entries than
// the bytes hold, memory in proportion, and what is usable is a host and a port.
func FuzzMSServerList(f *testing.F) {
	for version := uint8(1); version <= 4; version++ {
		b, err := msgserver.AppendServerList(nil, version, []msgserver.Entry{{Name: "a", Host: "app", Types: msgserver.DIA, Port: 3200, Status: msgserver.Active, IPv4: [4]byte{1}}, {Host: "x y"}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(version, b)
	}
	f.Fuzz(func(t *testing.T, version uint8, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		list, err := msgserver.DecodeServerList(version, b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(8*len(b)+64<<10) {
			t.Fatalf("%d bytes reserved for %d", n, len(b))
		}
		if err != nil {
			var w *wire.Error
			if !errors.As(err, &w) || w.Offset > len(b) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if len(list)*msgserver.EntrySize(version) != len(b) {
			t.Fatalf("%d entries in %d bytes", len(list), len(b))
		}
		again, err := msgserver.AppendServerList(nil, version, list)
		if err != nil {
			t.Fatal(err)
		}
		back, err := msgserver.DecodeServerList(version, again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list, back); diff != "" {
			t.Fatal(diff)
		}
		targets, _ := msgserver.Usable(list)
		for _, target := range targets {
			checkTarget(t, target)
		}
	})
}

// checkTarget holds what is promised of every server that an answer names.
func checkTarget(t *testing.T, target msgserver.Target) {
	t.Helper()
	if target.Host == "" || len(target.Host) > 255 || strings.ContainsAny(target.Host, "/ @\x00\r\n\t\x1b") || target.Port < 1 || target.Port > 65535 || len(target.SystemNumber()) != 2 {
		t.Fatalf("%+v", target)
	}
}

// FuzzMSMessage reads messages: what is read is written as it was, and so is a group query.
func FuzzMSMessage(f *testing.F) {
	for _, b := range messageSeeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := msgserver.DecodeMessage(b)
		if err != nil {
			var w *wire.Error
			if !errors.As(err, &w) || w.Offset > len(b) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if again, err := m.AppendBinary(nil); err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%x is written as %x: %v", b, again, err)
		}
		if l, err := msgserver.DecodeLogon(m.Body); err == nil {
			if again, err := l.AppendBinary(nil); err != nil || !bytes.Equal(m.Body, again) {
				t.Fatalf("%x is written as %x: %v", m.Body, again, err)
			}
		}
	})
}

// FuzzMSAnswer lets a message server answer anything to a client, over the binary protocol
// and over HTTP: a usable server or an error with a kind.
func FuzzMSAnswer(f *testing.F) {
	header := msgserver.Header{Version: 4, To: msgserver.MakeName("-", ' '), Flag: msgserver.Request, IFlag: msgserver.Login2, Reserved2: 1, From: msgserver.MakeName("MSG_SERVER", ' ')}
	login := ni.AppendRecord(nil, must((&msgserver.Message{Header: header}).AppendBinary(nil)))
	for _, b := range messageSeeds(f)[2:] {
		copy(b[0x44:], "MSG_SERVER"+strings.Repeat("\x00", 30))
		f.Add(append(bytes.Clone(login), ni.AppendRecord(nil, b)...), uint8(0))
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nversion 1.2\napp_GOR_00\nRFC\tapp\t3300\t\nRFCS\tapp\t4800\tp:CN"), uint8(3))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\nversion 1.0\nPUBLIC\t192.0.2.1\t3200\t758\n\n\n\n"), uint8(4))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nversion 1.0\na_B_00\tapp\ttick-port\t192.0.2.1\t3200\tDIA UPD \n\n\n\n\n"), uint8(5))
	f.Add([]byte("SSH-2.0-x\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, answer []byte, what uint8) {
		if len(answer) == 0 {
			return
		}
		var group sync.WaitGroup
		dial := func(context.Context, string, string) (net.Conn, error) {
			client, far := netfault.PipeSize(len(answer) + 4096)
			if _, err := far.Write(answer); err != nil {
				return nil, err
			}
			group.Go(func() {
				_, _ = io.Copy(io.Discard, far)
				_ = far.Close()
			})
			return netfault.New(client, netfault.Faults{CutReadAfter: int64(len(answer))}), nil
		}
		c, h := msgserver.Client{Dial: dial}, msgserver.HTTP{Dial: dial}
		ctx := context.Background()
		var targets []msgserver.Target
		var err error
		one := func(target msgserver.Target, e error) {
			if err = e; e == nil {
				targets = append(targets, target)
			}
		}
		switch what % 6 {
		case 0:
			one(c.Group(ctx, "ms:3600", "PUBLIC"))
		case 1:
			var list []msgserver.Entry
			list, err = c.Servers(ctx, "ms:3600")
			targets, _ = msgserver.Usable(list)
		case 2:
			var list []msgserver.GroupInfo
			list, err = c.GroupNames(ctx, "ms:3600")
			for _, g := range list {
				targets = append(targets, g.Target)
			}
		case 3:
			one(h.Group(ctx, "http://ms:8100", "PUBLIC"))
		case 4:
			var list []msgserver.GroupInfo
			list, err = h.GroupNames(ctx, "http://ms:8100")
			for _, g := range list {
				targets = append(targets, g.Target)
			}
		case 5:
			var list []msgserver.ServerInfo
			list, err = h.ServerNames(ctx, "http://ms:8100")
			for _, s := range list {
				targets = append(targets, s.Target)
			}
		}
		group.Wait()
		for _, target := range targets {
			checkTarget(t, target)
		}
		if err != nil {
			var e *msgserver.Error
			if !errors.As(err, &e) || e.Kind() == "" || e.Server == "" || strings.ContainsAny(fmt.Sprint(e.Text), "\x1b\x00") {
				t.Fatalf("%T %q", err, err)
			}
		}
	})
}

// FuzzMSServer lets a client say anything to a message server: it answers messages with
// messages and ends.
func FuzzMSServer(f *testing.F) {
	var all []byte
	for _, b := range messageSeeds(f) {
		f.Add(ni.AppendRecord(nil, b))
		all = ni.AppendRecord(all, b)
	}
	f.Add(all)
	srv := new(msgserver.Server)
	if err := srv.Set(msgserver.Landscape{
		Instances: []msgserver.Instance{{Name: "app_GOR_00", Host: "app", Port: 3200}}, Groups: map[string][]string{"PUBLIC": {"app_GOR_00"}},
	}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		client, server := netfault.PipeSize(len(b) + 1<<20)
		if _, err := client.Write(b); err != nil {
			t.Fatal(err)
		}
		srv.ServeConn(netfault.New(server, netfault.Faults{CutReadAfter: int64(len(b))}))
		conn := ni.NewConn(client, ni.Config{})
		for {
			payload, err := conn.ReadRecord()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			m, err := msgserver.DecodeMessage(payload)
			if err != nil || m.Header.From.String() != "MSG_SERVER" {
				t.Fatalf("%x: %v", payload, err)
			}
		}
		_ = conn.Close()
		if srv.Stats().Open != 0 {
			t.Fatal("a connection is left")
		}
	})
}
