package msgserver

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// HTTP asks message servers over their text interface, which not every system has switched
// on. It is safe for concurrent use as long as its fields are left alone.
type HTTP struct {
	// Dial replaces the network; it gets host:port. Default: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds an exchange. Default DefaultTimeout.
	Timeout time.Duration
	// TLS is for https addresses. Default: the certificates that the machine trusts.
	TLS *tls.Config
}

// CheckURL reports whether a text is the address of a text interface: http://host:port or
// https://host:port, and nothing behind it.
func CheckURL(base string) error {
	_, err := parseURL(base)
	return err
}

func parseURL(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no URL", shown(base))
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Port() == "", u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("%q: http://host:port or https://host:port required", shown(u.Redacted()))
	}
	u.Path = ""
	return u, nil
}

// Group asks for an application server of a logon group; an empty name is DefaultGroup. base
// is http://host:port. The error is an *Error.
func (h *HTTP) Group(ctx context.Context, base, group string) (Target, error) {
	if group == "" {
		group = DefaultGroup
	}
	if err := CheckGroup(group); err != nil {
		return Target{}, &Error{kind: kindConfig, Text: err.Error()}
	}
	text, err := h.get(ctx, base, "logon", url.Values{"version": {"1.2"}, "group": {group}})
	var t Target
	if err == nil {
		t, err = parseLogonText(text, group)
	}
	if err != nil {
		return Target{}, fromHTTP(err, base, group)
	}
	return t, nil
}

// fromHTTP completes an error. An address that is no URL of ours is not repeated: it may hold
// a password.
func fromHTTP(err error, base, group string) error {
	e := *asError(err)
	if CheckURL(base) == nil {
		e.Server, e.Group = base, group
	}
	return &e
}

// GroupNames asks for the list of logon groups.
func (h *HTTP) GroupNames(ctx context.Context, base string) ([]GroupInfo, error) {
	return list(ctx, h, base, "lglist", parseGroupText)
}

// ServerNames asks for the list of application servers.
func (h *HTTP) ServerNames(ctx context.Context, base string) ([]ServerInfo, error) {
	return list(ctx, h, base, "aslist", parseServerText)
}

func list[T any](ctx context.Context, h *HTTP, base, path string, parse func(string) ([]T, error)) ([]T, error) {
	text, err := h.get(ctx, base, path, nil)
	var out []T
	if err == nil {
		out, err = parse(text)
	}
	if err != nil {
		return nil, fromHTTP(err, base, "")
	}
	return out, nil
}

// get asks for a page. Redirects are answers like any other, and no proxy is used.
func (h *HTTP) get(ctx context.Context, base, path string, query url.Values) (string, error) {
	u, err := parseURL(base)
	if err != nil {
		return "", &Error{kind: kindConfig, Text: err.Error()}
	}
	u.Path, u.RawQuery = "/msgserver/text/"+path, query.Encode()
	timeout := h.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", &Error{kind: kindConfig, Text: "the address is no URL", Err: err}
	}
	transport := &http.Transport{DialContext: h.Dial, DisableKeepAlives: true, TLSClientConfig: h.TLS, MaxResponseHeaderBytes: 16 << 10}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxHTTPAnswer+1))
	switch {
	case err != nil:
		return "", err
	case len(body) > maxHTTPAnswer:
		return "", protocolError(fmt.Sprintf("at most %d bytes", maxHTTPAnswer), "more")
	case res.StatusCode == http.StatusNotFound && path == "logon":
		return "", noServer(query.Get("group"), "status 404; or the text interface is not switched on there")
	case res.StatusCode == http.StatusForbidden, res.StatusCode == http.StatusUnauthorized:
		return "", &Error{kind: kindDenied, remote: true, Text: "it answered HTTP status " + res.Status}
	case res.StatusCode != http.StatusOK:
		return "", &Error{kind: kindCommunication, remote: true, Text: "it answered HTTP status " + shown(res.Status)}
	}
	return string(body), nil
}
