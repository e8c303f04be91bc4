package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/proxy"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/saprouter"
)

// The roads of --via to the built-in system. Each has the other side of the road in this
// process, with secrets that are new each time.
var roads = map[string]func(ctx context.Context, s *settings) error{
	"ws":     viaWebSocket,
	"router": viaRouter,
	"group":  viaGroup,
	"socks5": viaSOCKS5,
}

const roadNames = "ws, router, group or socks5"

// server is one of the servers on a road.
type server interface {
	Listen(ctx context.Context, address string) (net.Listener, error)
	Serve(l net.Listener) error
	Close() error
}

// start runs a server until the settings are closed.
func (s *settings) start(ctx context.Context, srv server, address string) (net.Addr, error) {
	l, err := srv.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	s.beside = append(s.beside, func() {
		_ = srv.Close()
		<-done
	})
	return l.Addr(), nil
}

func hostPort(a net.Addr) (host, port string) {
	host, port, _ = net.SplitHostPort(a.String())
	return host, port
}

// viaWebSocket needs a system that serves it.
func viaWebSocket(_ context.Context, s *settings) error {
	ws := s.system.WebSocketConfig()
	s.cfg.ApplicationServer, s.cfg.SystemNumber, s.cfg.GatewayService = "", "", ""
	s.cfg.WebSocket = destination.WebSocketConfig{Host: ws.Host, Port: ws.Port}
	s.complete = func(cfg *destination.Config) { cfg.WebSocket.Roots = ws.Roots }
	return nil
}

// routerFor is a router that leads to one gateway only.
func routerFor(host, port, password string) (*saprouter.Server, error) {
	table, err := saprouter.ParsePermissions(strings.NewReader(strings.TrimSpace(fmt.Sprintf("P * %s %s %s", host, port, password))))
	if err != nil {
		return nil, err
	}
	return &saprouter.Server{Permissions: table}, nil
}

func viaRouter(ctx context.Context, s *settings) error {
	password := rand.Text()
	host, port := s.system.Addr()
	srv, err := routerFor(host, port, password)
	if err != nil {
		return err
	}
	a, err := s.start(ctx, srv, rfctest.DefaultAddress)
	if err != nil {
		return err
	}
	h, p := hostPort(a)
	s.cfg.SAProuter = saprouter.RouteString("/H/" + h + "/S/" + p + "/W/" + password)
	return nil
}

func viaGroup(ctx context.Context, s *settings) error {
	host, port := s.system.Addr()
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	srv := new(msgserver.Server)
	// A message server tells the port of the dispatcher, 100 below that of the gateway.
	err = srv.Set(msgserver.Landscape{
		Instances: []msgserver.Instance{{Name: "embedded", Host: host, Port: uint16(n - 100)}},
		Groups:    map[string][]string{msgserver.DefaultGroup: {"embedded"}},
	})
	if err != nil {
		return err
	}
	a, err := s.start(ctx, srv, rfctest.DefaultAddress)
	if err != nil {
		return err
	}
	s.cfg.ApplicationServer, s.cfg.SystemNumber, s.cfg.GatewayService = "", "", ""
	s.cfg.MessageServer, s.cfg.MessageService = hostPort(a)
	return nil
}

func viaSOCKS5(ctx context.Context, s *settings) error {
	const location, virtual, port = "embedded", "system.virtual", "3300"
	token := rand.Text()
	srv := &proxy.Server{
		Authenticate: func(given string) error {
			if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
				return errors.New("not the token of this run")
			}
			return nil
		},
		Locations: map[string]proxy.Mappings{location: {net.JoinHostPort(virtual, port): s.system.Address()}},
	}
	a, err := s.start(ctx, srv, rfctest.DefaultAddress)
	if err != nil {
		return err
	}
	t := destination.TunnelConfig{Token: rfc.Secret(token), Location: location}
	t.Host, t.Port = hostPort(a)
	s.cfg.ProxyType, s.cfg.Tunnel = destination.OnPremise, t
	s.cfg.Gateway, s.cfg.GatewayService = virtual, port
	return nil
}
