package connectivity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/rfc"
)

// The steps of errors: fetching a token, and looking a destination up.
const (
	StepToken  rfc.Step = "token"
	StepLookup rfc.Step = "destination service"
)

// StatusError is an answer of a service that is no success. It is the cause of an *rfc.Error.
type StatusError struct {
	// Service is "token service", "destination service" or "connectivity proxy", Host where it
	// is.
	Service, Host string
	// Status is the HTTP status.
	Status int
	// RetryAfter is how long the service wants to be left alone; 0 if it did not say.
	RetryAfter time.Duration
	// Text is what the service said, bounded and without secrets; may be empty.
	Text string
}

// Error says what the answer means and what to do.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s answered %d", e.Service, e.Status)
	if name := http.StatusText(e.Status); name != "" {
		text += " (" + name + ")"
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	if hint := e.hint(); hint != "" {
		text += "; " + hint
	}
	return text
}

func (e *StatusError) hint() string {
	switch {
	case e.Status >= 300 && e.Status < 400:
		return "credentials do not follow a redirect; is the URL in the binding right?"
	case e.Status == http.StatusUnauthorized && e.Service == serviceToken:
		return "the client of the binding is not known there, or its secret or certificate is an old one; bind the service anew"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "it refused the client of the binding"
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return "try again after " + e.RetryAfter.String()
	case e.Status == http.StatusTooManyRequests:
		return "try again later"
	}
	return ""
}

const (
	serviceToken       = "token service"
	serviceDestination = "destination service"
	serviceProxy       = "connectivity proxy"
)

// asError gives a status its class: 401 and 403 are a refused client (D-15), 429 and 503 may
// pass, a redirect is a matter of security.
func (e *StatusError) asError(step rfc.Step) *rfc.Error {
	out := &rfc.Error{Step: step, Outcome: rfc.NotSent, Address: e.Host, Message: e.Error(), Err: e}
	switch {
	case e.Status >= 300 && e.Status < 400:
		out.Class, out.Key = rfc.ClassSecurity, "RFC_COMMUNICATION_FAILURE"
	case e.Status == http.StatusTooManyRequests:
		out.Class, out.Key = rfc.ClassResource, "RFC_RESOURCE"
	case e.Status >= 500:
		out.Class, out.Key = rfc.ClassCommunication, "RFC_COMMUNICATION_FAILURE"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Service == serviceToken:
		out.Class, out.Key = rfc.ClassLogon, "RFC_LOGON_FAILURE"
	case e.Status == http.StatusBadRequest, e.Status == http.StatusNotFound:
		out.Class, out.Key = rfc.ClassConfig, "RFC_INVALID_PARAMETER"
	default:
		out.Class, out.Key = rfc.ClassProtocol, "RFC_INVALID_PROTOCOL"
	}
	return out
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.Atoi(v); err == nil && n >= 0 && n <= 86_400 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(time.Until(at), 0), 24*time.Hour)
	}
	return 0
}

// networkError is the error of a request that got no answer. A *url.Error is taken off: it
// repeats the address.
func networkError(step rfc.Step, service, host string, err error) *rfc.Error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	e := rfc.SetupError(err, step)
	e.Step, e.Address, e.Outcome = step, host, rfc.NotSent
	switch {
	case errors.Is(err, context.Canceled):
		return e
	case errors.Is(err, context.DeadlineExceeded), e.Class == rfc.ClassTimeout:
		e.Class, e.Message = rfc.ClassTimeout, service+" did not answer in time"
	case isTLS(err):
		e.Class, e.Key = rfc.ClassSecurity, "RFC_COMMUNICATION_FAILURE"
		e.Message = fmt.Sprintf("%s: %s", service, err)
	default:
		e.Class, e.Key = rfc.ClassCommunication, "RFC_COMMUNICATION_FAILURE"
		e.Message = fmt.Sprintf("%s gave no answer: %s", service, err)
	}
	return e
}

// isTLS reports whether the two sides did not come to trust each other.
func isTLS(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		alert   tls.AlertError
		record  tls.RecordHeaderError
	)
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) ||
		errors.As(err, &alert) || errors.As(err, &record) || strings.Contains(err.Error(), "tls: ")
}

// answerError is the error of an answer that is no answer.
func answerError(step rfc.Step, class rfc.Class, host, format string, args ...any) *rfc.Error {
	key := "RFC_INVALID_PROTOCOL"
	if class == rfc.ClassLimit {
		key = "RFC_MEMORY_INSUFFICIENT"
	}
	return &rfc.Error{Class: class, Step: step, Outcome: rfc.NotSent, Key: key, Address: host, Message: fmt.Sprintf(format, args...)}
}

// withoutSecrets takes what was sent out of what a service said; some repeat it.
func withoutSecrets(text string, secrets ...string) string {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for _, form := range []string{s, url.QueryEscape(s)} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	return printable(text)
}
