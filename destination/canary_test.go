package destination_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
	"github.com/purerfc/purerfc/wsrfc"
)

// witness collects everything that this library says, and knows what it must never have said.
type witness struct {
	t        *testing.T
	canaries []string

	mu   sync.Mutex
	said bytes.Buffer
}

// secret makes a canary of its own for a setting.
func (w *witness) secret(what string) string {
	c := fmt.Sprintf("cAnArY%d%.9s", len(w.canaries), strings.NewReplacer(".", "", "_", "", " ", "").Replace(what))
	w.canaries = append(w.canaries, c)
	return c
}

func (w *witness) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(p)
}

// heard is everything so far. Servers may still be talking.
func (w *witness) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

// hears prints values in every way that a program has.
func (w *witness) hears(values ...any) {
	log := w.logger()
	for _, v := range values {
		_, _ = fmt.Fprintf(w, "%v|%+v|%#v|%s|%q|%x\n", v, v, v, v, v, v)
		_, _ = fmt.Fprintln(w, struct{ Inside any }{v}, []any{v}, map[string]any{"x": v})
		if b, err := json.Marshal(v); err == nil {
			_, _ = w.Write(b)
		} else {
			_, _ = fmt.Fprint(w, err)
		}
		log.Info("heard", "value", v, slog.Group("group", "value", v))
	}
}

// logger logs everything, as text and as JSON.
func (w *witness) logger() *slog.Logger {
	level := &slog.HandlerOptions{Level: slog.LevelDebug - 10, AddSource: true}
	return slog.New(slog.NewMultiHandler(slog.NewTextHandler(w, level), slog.NewJSONHandler(w, level)))
}

// trace tells everything about connections and calls.
func (w *witness) trace(ctx context.Context) context.Context {
	t := &destination.Trace{
		Start:    func(s rfc.Step) { w.hears(s) },
		Done:     func(s rfc.Step, err error) { w.hears(s, err) },
		Resolved: func(a []string) { w.hears(a) },
	}
	calls := new(rfc.CallTrace)
	v := reflect.ValueOf(calls).Elem()
	for _, f := range v.Fields() {
		if f.Kind() == reflect.Func {
			f.Set(reflect.MakeFunc(f.Type(), func(args []reflect.Value) []reflect.Value {
				for _, a := range args {
					w.hears(a.Interface())
				}
				out := make([]reflect.Value, f.Type().NumOut())
				for i := range out {
					out[i] = reflect.Zero(f.Type().Out(i))
				}
				return out
			}))
		}
	}
	return rfc.WithCallTrace(destination.WithTrace(ctx, t), calls)
}

// forms are what a secret could be told as.
func forms(secret string) []string {
	b := []byte(secret)
	wide := make([]byte, 0, 2*len(b))
	for _, c := range b {
		wide = append(wide, c, 0)
	}
	return []string{
		secret, strings.ToUpper(secret), strings.ToLower(secret), url.QueryEscape(secret), string(wide), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		fmt.Sprintf("% x", b), base64.StdEncoding.EncodeToString(b)[:len(b)], fmt.Sprintf("%d", b), hex.EncodeToString(wide),
	}
}

// swears looks for canaries.
func (w *witness) swears() {
	w.t.Helper()
	said := w.heard()
	require.NotEmpty(w.t, w.canaries)
	require.NotEmpty(w.t, said, "a witness who heard nothing proves nothing")
	for _, c := range w.canaries {
		for _, form := range forms(c) {
			if at := strings.Index(said, form); at >= 0 {
				w.t.Errorf("%q was told: ...%q...", c, said[max(0, at-200):min(len(said), at+100)])
			}
		}
	}
}

// The witness would find what it looks for.
func TestTheWitnessHasEars(t *testing.T) {
	t.Parallel()
	w := &witness{t: t}
	c := w.secret("test")
	for _, form := range forms(c) {
		require.Contains(t, strings.Join(forms(c), "\n"), form)
	}
	w.hears(struct{ Password string }{c})
	require.Contains(t, w.heard(), c)
	require.Contains(t, w.heard(), hex.EncodeToString([]byte(c)))
}

// Every secret property, alone and all together, right and wrong, is told nowhere. So is the
// value of a key that nobody knows: it may be a misspelt one.
func TestNoSecretPropertyIsTold(t *testing.T) {
	t.Parallel()
	w := &witness{t: t}
	all := good()
	check := func(p destination.Properties, opts ...destination.ParseOption) {
		cfg, eff, err := destination.ParseProperties("A4H", p, opts...)
		again := cfg.Properties()
		w.hears(p, &p, cfg, &cfg, eff, *eff, err, again, cfg.Validate(), cfg.Effective())
		for key := range p.All() {
			w.hears(p.Source(key))
		}
		d, err := destination.New(cfg)
		w.hears(d, err)
		if err == nil {
			w.hears(*d, d.Snapshot(), d.Stats())
			require.NoError(t, d.Close(t.Context()))
		}
	}
	secrets := 0
	for _, row := range destination.AllProperties() {
		names := append([]string{row.Key}, row.Aliases...)
		for _, name := range names {
			value := ""
			switch {
			case row.Kind == destination.KindRoute:
				value = "/H/router/W/" + w.secret(name) + "/H/other/S/3299/P/" + w.secret(name)
			case row.Kind == destination.KindHost:
				value = "me:" + w.secret(name) + "@host" // a URL where a host belongs
			case row.Secret:
				value = w.secret(name)
			default:
				continue
			}
			secrets++
			for _, v := range []string{value, strings.Repeat(value, 5) + "\x00€"} {
				p := good()
				p.Set(name, v)
				check(p)
			}
			all.Set(name, value)
		}
	}
	require.Greater(t, secrets, 30)
	for _, misspelt := range []string{"jco.client.pasword", "PASSWRD", "jco.client.mysapsso", "go.proxy.tokn", "mine"} {
		all.Set(misspelt, w.secret(misspelt))
	}
	check(all)
	check(all, destination.Lenient())
	document := all.Reveal()
	for _, text := range []string{document, document + document, "{" + document, strings.ReplaceAll(document, "=", " "), document + "\\u12"} {
		for _, name := range []string{"A4H.properties", "A4H.json", "sapnwrfc.ini"} {
			p, err := destination.ReadProperties([]byte(text), name)
			w.hears(p, err)
		}
	}
	w.swears()
}

// answering is a peer that says one thing to everybody and leaves.
func answering(t *testing.T, text string) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer nc.Close()
				buf := make([]byte, 4096)
				if _, err := nc.Read(buf); err == nil {
					_, _ = nc.Write([]byte(text))
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
	host, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return host, port
}

// Whatever fails on whatever road, neither errors nor logs nor traces of either side tell who
// wanted to log on with what.
func TestNoSecretIsToldOnAnyRoad(t *testing.T) {
	t.Parallel()
	w := &witness{t: t}
	password := rfc.Secret(w.secret("password"))
	wrong := rfc.Secret(w.secret("wrong"))
	sys := rfctest.NewSystem(t, rfctest.WithConfig(rfctest.Config{User: "ALICE", Password: password}), rfctest.WithWebSocket(), rfctest.WithLogger(w.logger()),
		rfctest.WithServer(func(s *gateway.Server) { s.Logger = w.logger() }))
	httpHost, httpPort := answering(t, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	noiseHost, noisePort := answering(t, "\x05\xff\x00\x00\x00\x08garbage!")
	ws := sys.WebSocketConfig()
	route := "/H/" + noiseHost + "/S/" + noisePort + "/W/" + w.secret("router") + "/H/next/W/" + w.secret("next")
	type change = func(c *destination.Config)
	roads := map[string]change{
		"fine":                func(*destination.Config) {},
		"wrong password":      func(c *destination.Config) { c.Password = wrong },
		"unknown user":        func(c *destination.Config) { c.User, c.Password = "NOBODY", wrong },
		"unknown client":      func(c *destination.Config) { c.Client = "999" },
		"nobody listens":      func(c *destination.Config) { c.GatewayService = "1" },
		"another peer":        func(c *destination.Config) { c.Gateway, c.GatewayService = httpHost, httpPort },
		"noise":               func(c *destination.Config) { c.Gateway, c.GatewayService = noiseHost, noisePort },
		"page":                func(c *destination.Config) { c.Password, c.Codepage = password+"€", "1100" },
		"plain":               func(c *destination.Config) { c.Policy.ForbidPlainLogon = true },
		"router":              func(c *destination.Config) { require.NoError(t, setText(c, "SAProuter", route)) },
		"router that is none": func(c *destination.Config) { require.NoError(t, setText(c, "SAProuter", route+"/S/x y")) },
		"repository user":     func(c *destination.Config) { c.Repository.User, c.Repository.Password = "META", wrong },
		"group": func(c *destination.Config) {
			c.ApplicationServer, c.SystemNumber, c.Gateway, c.GatewayService = "", "", "", ""
			c.MessageServer, c.MessageService = noiseHost, noisePort
		},
		"text interface": func(c *destination.Config) {
			c.ApplicationServer, c.SystemNumber, c.Gateway, c.GatewayService = "", "", "", ""
			c.MessageServer, c.MessageService = "h", "http://"+httpHost+":"+httpPort
		},
		"SOCKS5": func(c *destination.Config) {
			c.Tunnel = destination.TunnelConfig{Kind: destination.SOCKS5, Host: noiseHost, Port: noisePort, Token: rfc.Secret(w.secret("token"))}
		},
		"HTTP proxy": func(c *destination.Config) {
			c.Tunnel = destination.TunnelConfig{Kind: destination.HTTPConnect, Host: httpHost, Port: httpPort, User: "me", Password: rfc.Secret(w.secret("proxy"))}
		},
	}
	web := func(more change) change {
		return func(c *destination.Config) {
			c.ApplicationServer, c.SystemNumber, c.Gateway, c.GatewayService = "", "", "", ""
			c.WebSocket = destination.WebSocketConfig{Host: ws.Host, Port: ws.Port, Roots: ws.Roots}
			more(c)
		}
	}
	roads["WebSocket"] = web(func(*destination.Config) {})
	roads["WebSocket, wrong password"] = web(func(c *destination.Config) { c.Password = wrong })
	roads["WebSocket, nobody trusted"] = web(func(c *destination.Config) { c.WebSocket.Roots = nil })
	roads["WebSocket, no TLS there"] = web(func(c *destination.Config) { c.WebSocket.Host, c.WebSocket.Port = noiseHost, noisePort })
	roads["WebSocket, store"] = web(func(c *destination.Config) {
		c.WebSocket.KeyStore.Data, c.WebSocket.KeyStore.Password = []byte("no store"), wsrfc.Secret(w.secret("store"))
	})
	roads["WebSocket, token"] = web(func(c *destination.Config) {
		c.User, c.Password, c.WebSocket.BearerToken = "", "", rfc.Secret(w.secret("bearer"))
	})
	for name, road := range roads {
		cfg := sys.Config()
		cfg.Name, cfg.Logger = "A4H", w.logger()
		cfg.User, cfg.Password, cfg.Pool.MaxWait = "ALICE", password, new(time.Duration)
		road(&cfg)
		ctx := w.trace(t.Context())
		w.hears(name, cfg, &cfg, cfg.Properties(), cfg.Effective())
		conn, err := destination.Dial(ctx, cfg)
		w.hears(err)
		if err == nil {
			a, _ := conn.Attributes()
			w.hears(a, conn)
			_, err = conn.Call(ctx, "STFC_CONNECTION", rfc.Params{"XXX": 1})
			w.hears(err, conn.Close(), conn)
		}
		d, err := destination.New(cfg)
		w.hears(err)
		if err != nil {
			continue
		}
		for _, dest := range []*destination.Destination{d, d.With(destination.User{Name: "BOB", Password: wrong})} {
			_, err = dest.Call(ctx, "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
			w.hears(err)
			_, err = dest.Call(ctx, "RFC_RAISE_ERROR", rfc.Params{"METHOD": "3", "MESSAGETYPE": "E"})
			w.hears(err)
			_, err = dest.Pin(ctx)
			w.hears(dest, *dest, err, dest.Snapshot(), dest.Stats(), dest.Connections())
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		w.hears(d.Close(ended), d)
		_, err = d.Call(ctx, "STFC_CONNECTION", nil)
		w.hears(err)
	}
	w.swears()
	// They were all there: what was refused was refused for a reason that has nothing to do with
	// this test.
	require.Contains(t, w.heard(), "Name or password is incorrect")
	require.Contains(t, w.heard(), "connection refused")
}

// setText sets a field whose type is a kind of text.
func setText(c *destination.Config, field, text string) error {
	f := reflect.ValueOf(c).Elem().FieldByName(field)
	if f.Kind() != reflect.String {
		return fmt.Errorf("%s is no text", field)
	}
	f.SetString(text)
	return nil
}

// Changes of settings are told without them.
func TestNoSecretIsToldByACatalog(t *testing.T) {
	t.Parallel()
	w := &witness{t: t}
	sys := rfctest.NewSystem(t)
	s, c, told := opened(t)
	c.Logger = w.logger()
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	requireSystem(t, "GOR", d)
	for _, more := range [][]string{
		{destination.KeyPasswd, strings.Repeat(w.secret("passwd"), 5)},
		{"jco.client.pasword", w.secret("pasword")},
		{destination.KeyMySAPSSO2, w.secret("sso")},
		{destination.KeySAProuter, "/H//W/" + w.secret("route")},
		{destination.KeyRepositoryPasswd, w.secret("meta")},
	} {
		require.NoError(t, s.Set("A4H", settingsOf(sys, more...)))
		w.hears(next(t, told, destination.EventFailed), c)
	}
	require.NoError(t, s.Set("A4H", settingsOf(sys, destination.KeyPasswd, w.secret("other"))))
	w.hears(next(t, told, destination.EventChanged))
	_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
	w.hears(err, d, d.Snapshot())
	s.Delete("A4H")
	w.hears(next(t, told, destination.EventDeleted))
	_, err = d.Pin(t.Context())
	w.hears(err, d.Snapshot())
	w.swears()
}
