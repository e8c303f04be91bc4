package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// shutdownLimit is how long running calls may take after an interrupt.
const shutdownLimit = 5 * time.Second

type serving struct {
	*app
	cpic, user, passwordEnv, passwordFile, sysid string
	ws, router, certificate                      string
	selfSigned                                   bool
	clients                                      []string
}

func (a *app) serveCommand() *cobra.Command {
	s := serving{app: a}
	cmd := &cobra.Command{
		Use:   "serve --cpic ADDR --user USER --password-env VAR",
		Short: "Run the built-in system until interrupted",
		Long: `serve runs the built-in system: a gateway and the usual test modules, so that any RFC
connector can be tried without an ABAP system. It prints "ready cpic=ADDR" with the address it
listens on, and ends with exit code 0 when it is interrupted. With --ws it serves WebSocket RFC as
well, with --router a SAProuter that leads to it and nowhere else; their addresses follow.

An address without a host means loopback. An explicit host is the permission to be reached from
there: 0.0.0.0:3300 serves every interface.`,
		Example: `  RFC_PASSWORD=secret rfcping serve --cpic 127.0.0.1:3300 --user DEVELOPER --password-env RFC_PASSWORD
  rfcping serve --ws :44300 --tls-self-signed --tls-certificate ca.pem --user DEVELOPER --password-env RFC_PASSWORD
  rfcping serve --router 127.0.0.1:3299 --user DEVELOPER --password-env RFC_PASSWORD
  rfcping serve --cpic :0 --user DEVELOPER --password-file pw.txt --client 100,200 --sysid A4H`,
		Args: arguments(cobra.NoArgs),
		RunE: s.run,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.cpic, "cpic", "127.0.0.1:3300", "address to listen on, host:port; port 0 takes a free one")
	f.StringVar(&s.ws, "ws", "", "address to serve WebSocket RFC on, host:port; needs --tls-self-signed")
	f.BoolVar(&s.selfSigned, "tls-self-signed", false, "make a certificate for localhost that only its own file vouches for")
	f.StringVar(&s.certificate, "tls-certificate", "", "file to write that certificate to, for clients (TrustStoreLocation)")
	f.StringVar(&s.router, "router", "", "address of a SAProuter that leads to --cpic, host:port")
	f.StringVar(&s.user, "user", "", "user that may log on (required)")
	f.StringVar(&s.passwordEnv, "password-env", "", "environment variable that holds the password of that user")
	f.StringVar(&s.passwordFile, "password-file", "", "file whose first line is the password of that user")
	f.StringSliceVar(&s.clients, "client", []string{rfctest.DefaultClient}, "client numbers that may be logged on to")
	f.StringVar(&s.sysid, "sysid", "GOR", "system id, three characters")
	return cmd
}

func (s *serving) run(cmd *cobra.Command, _ []string) error {
	ctx := cmd.Context()
	cfg, err := s.config(ctx)
	if err != nil {
		return err
	}
	sys, err := rfctest.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return usageError("--cpic %s: %w", s.cpic, err)
	}
	defer sys.Close()
	beside := settings{system: sys}
	defer beside.close()
	ready := facts{{"cpic", sys.Address()}}
	if s.ws != "" {
		ready.add("ws", sys.WebSocketAddress())
		if s.certificate != "" {
			if err := os.WriteFile(s.certificate, sys.WebSocketCertificate(), 0o644); err != nil { //nolint:gosec // it is public
				return usageError("--tls-certificate: %w", err)
			}
		}
	}
	if s.router != "" {
		a, err := s.routes(ctx, &beside)
		if err != nil {
			return usageError("--router %s: %w", s.router, err)
		}
		ready.add("router", a.String())
	}
	if s.json {
		err = s.writeJSON(append(facts{{"ready", true}}, ready...))
	} else {
		var line strings.Builder
		line.WriteString("ready")
		for _, f := range ready {
			line.WriteString(" " + f.Key + "=" + factText(f.Value))
		}
		err = s.line(line.String())
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-sys.Done():
		return &exitError{code: exitGateway, err: fmt.Errorf("the system stopped to accept: %w", sys.Close())}
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if err := sys.Shutdown(limit); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return &exitError{code: exitGateway, err: err}
	}
	return nil
}

// remote reports an address with a host: the permission to be reached there.
func remote(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && host != ""
}

// routes runs a router to the system.
func (s *serving) routes(ctx context.Context, beside *settings) (net.Addr, error) {
	host, port := beside.system.Addr()
	srv, err := routerFor(host, port, "")
	if err != nil {
		return nil, err
	}
	srv.AllowRemote = remote(s.router)
	if s.verbose {
		srv.Logger = slog.New(slog.NewTextHandler(s.err, nil))
	}
	return beside.start(context.WithoutCancel(ctx), srv, s.router)
}

// config checks the flags, all of them at once.
func (s *serving) config(ctx context.Context) (rfctest.Config, error) {
	var errs []error
	host, port, err := net.SplitHostPort(s.cpic)
	if err != nil || port == "" {
		errs = append(errs, fmt.Errorf("--cpic: value %.64q, host:port is required, for example 127.0.0.1:3300", s.cpic))
	}
	for _, x := range []struct{ flag, value string }{{"--ws", s.ws}, {"--router", s.router}} {
		if _, port, err := net.SplitHostPort(x.value); x.value != "" && (err != nil || port == "") {
			errs = append(errs, fmt.Errorf("%s: value %.64q, host:port is required, for example 127.0.0.1:44300", x.flag, x.value))
		}
	}
	if (s.ws != "") != s.selfSigned {
		errs = append(errs, errors.New("--ws and --tls-self-signed: exactly one of them is given; WebSocket RFC needs TLS, and serve has no other certificate"))
	}
	if s.certificate != "" && s.ws == "" {
		errs = append(errs, errors.New("--tls-certificate: it goes with --ws"))
	}
	if s.user == "" {
		errs = append(errs, errors.New("--user is missing: the user that may log on"))
	}
	var password rfc.Secret
	if s.passwordEnv == "" && s.passwordFile == "" {
		errs = append(errs, errors.New("--password-env VAR or --password-file FILE is missing"))
	} else {
		password, _, err = s.password(ctx, &connection{passwordEnv: s.passwordEnv, passwordFile: s.passwordFile}, s.user)
		if err != nil {
			errs = append(errs, err)
		}
	}
	if s.user != "" && password != "" {
		l := rfc.Logon{User: s.user, Password: password}
		if err := l.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("--user or password: %w", err))
		}
	}
	if len(s.sysid) != 3 || strings.Trim(s.sysid, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		errs = append(errs, fmt.Errorf("--sysid: value %.16q, three upper-case letters or digits are required, for example A4H", s.sysid))
	}
	for _, c := range s.clients {
		if len(c) != 3 || strings.Trim(c, "0123456789") != "" {
			errs = append(errs, fmt.Errorf("--client: value %.16q, three digits are required, for example 001", c))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return rfctest.Config{}, usageError("%w", err)
	}
	cfg := rfctest.Config{
		SystemID: s.sysid, Clients: s.clients, User: s.user, Password: password,
		Address: s.cpic, AllowRemote: host != "" || remote(s.ws), WebSocketAddress: s.ws,
	}
	if s.verbose {
		cfg.Logger = slog.New(slog.NewTextHandler(s.err, nil))
	}
	return cfg, nil
}
