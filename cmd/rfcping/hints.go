package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/purerfc/purerfc/cpic"
	"github.com/purerfc/purerfc/rfc"
)

// hinted is an error with advice.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func withHint(name rfc.Step, err error) error {
	if text := hint(name, err, exitCode(context.Background(), err)); text != "" {
		return &hinted{err, text}
	}
	return err
}

// hint says what to look at. It never repeats what a partner said.
func hint(name rfc.Step, err error, code int) string {
	switch code {
	case exitInterrupted:
		return ""
	case exitTimeout:
		return timeoutHint(name)
	case exitRoute:
		if name == rfc.StepRoute {
			return routeHint(err)
		}
		return "a SAProuter answered in place of the gateway: set jco.client.saprouter, and as ashost the server behind it"
	case exitAuthorization:
		return authorizationHint(err)
	}
	switch name {
	case rfc.StepConfig:
		return configHint(err)
	case stepPool:
		return poolHint(err)
	case rfc.StepDNS:
		return "check the spelling of ashost or gwhost; inside a container check its DNS; an IP address works as well"
	case rfc.StepTCP:
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return "nothing listens there: is it port 33NN of the gateway and not 32NN of the dispatcher, is sysnr right, does the instance run?"
		case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
			return "there is no route to that host: VPN, routing table, or another network in a container"
		}
		return "check address, port and firewall"
	case rfc.StepMessageServer:
		return "is msserv port 36NN of the message server (NN is its own instance, often 01)? the group as in SMLG, case included"
	case rfc.StepTLS:
		if code != exitLogon {
			return tlsHint(err)
		}
		return "check user, password and client; wrong passwords count and lock the user, so nothing was tried again"
	case rfc.StepNI:
		return niHint(err)
	case rfc.StepGateway:
		return gatewayHint(err)
	case rfc.StepLogon:
		if code == exitLogon {
			return "check user, password and client; wrong passwords count and lock the user, so nothing was tried again; names and passwords are case sensitive for some users"
		}
		return "the connection broke during the logon: see the gateway log (SMGW) and the system log (SM21)"
	case rfc.StepMetadata:
		return "the system describes its modules through RFC_METADATA_GET, RFC_GET_FUNCTION_INTERFACE or DDIF_FIELDINFO_GET: grant S_RFC for the function groups RFC_METADATA, RFC1, SDIFRUNTIME"
	case stepSerial:
		if _, other := errors.AsType[*changed](err); other {
			return "values change on the way: use the format rowBased, and report the recording (--record)"
		}
		return "the step needs the module " + structureFunction + " (S_RFC)"
	case stepEcho:
		if _, changed := errors.AsType[*mismatch](err); changed {
			return "a code page mismatch between here and the system, or something that changes bytes on the way"
		}
	default:
	}
	switch code {
	case exitUsage:
		if e, ok := errors.AsType[*rfc.Error](err); ok && e.Function != "" {
			return "rfcping describe " + e.Function + " shows what the module takes"
		}
	case exitABAP:
		return abapHint(err)
	case exitProtocol:
		return "the bytes break the protocol: record them with --record FILE.pcapng and look with rfcping decode"
	case exitGateway:
		return "the connection broke: see the gateway log (SMGW), the system log (SM21) and short dumps (ST22)"
	}
	return ""
}

func timeoutHint(name rfc.Step) string {
	switch name {
	case rfc.StepDNS:
		return "the name server did not answer: DNS of the machine or container; an IP address works as well"
	case rfc.StepTCP:
		return "a firewall or a wrong address swallows the connection"
	case rfc.StepNI:
		return "connected, but the peer is silent: probably no gateway (is it port 33NN?), or a middlebox that accepts everything"
	case rfc.StepRoute:
		return "connected, but no answer to the route: is that the port of a SAProuter (3299) or of the proxy (20004)? the next hop may swallow the connection"
	case rfc.StepTLS:
		return "connected, but no TLS comes about: is wsport an HTTPS port? a middlebox may accept everything"
	case rfc.StepMessageServer:
		return "the message server does not answer: is msserv port 36NN, not 39NN or 81NN? a firewall may swallow it"
	case rfc.StepGateway:
		return "the gateway does not answer: overloaded, or it cannot reach the application server by the name given as ashost"
	case rfc.StepLogon:
		return "no answer to the logon: are work processes free (SM50)? a refused password is answered late on purpose; do not repeat it in a loop"
	default:
		return "no answer in time: are work processes free (SM50)? a slow network needs a larger --step-timeout"
	}
}

func niHint(err error) string {
	text := err.Error()
	for _, p := range []struct{ first, who string }{
		{"HTTP", "a web server"}, {"SSH-", "an SSH server"}, {"220 ", "a mail or FTP server"},
	} {
		if strings.Contains(text, fmt.Sprintf("% x", p.first)) || strings.Contains(text, fmt.Sprintf("%x", p.first)) || strings.Contains(text, p.first) {
			return "the peer is no NI speaker but looks like " + p.who + ": the gateway listens on port 33NN"
		}
	}
	if hungUp(err) {
		return "the peer closed the connection at once: no gateway, an address list in front of it, or TLS expected there"
	}
	return "the peer is no NI speaker: the gateway listens on port 33NN (not 32NN dispatcher, 36NN message server, 80NN HTTP, 443NN HTTPS)"
}

// hungUp reports a peer that closed the connection, in order or with a reset.
func hungUp(err error) bool {
	return errors.Is(err, rfc.ErrPeerClosed) || errors.Is(err, syscall.ECONNRESET)
}

func gatewayHint(err error) string {
	g, ok := errors.AsType[*cpic.Error](err)
	switch {
	case ok && g.Exhausted():
		return "the gateway is at its maximum of conversations (gw/max_conn, gw/max_overflow_size): try later, find who holds them in SMGW"
	case ok && slices.Contains([]int32{cpic.RCRegisteredDenied, cpic.RCRegistrationDenied, cpic.RCProxyDenied}, g.SAPReturnCode):
		return "an access list of the gateway refuses this host or program: secinfo, reginfo or prxyinfo, log in SMGW"
	case hungUp(err):
		return "the gateway hung up: access list (gw/acl_file, secinfo) or a filter in front of it"
	}
	return "the gateway refused: is ashost a name the gateway can resolve, is sysnr that of the instance, what do secinfo and the log in SMGW say?"
}

func authorizationHint(err error) string {
	function := ""
	if e, ok := errors.AsType[*rfc.Error](err); ok {
		function = e.Function
	}
	if function == "" {
		return "the user lacks an authorization: S_RFC for the function group; transaction SU53 shows what was checked last"
	}
	return fmt.Sprintf("the user may not call %s: S_RFC for the module or its function group (SYST, SRFC, RFC1, STFC); SU53 shows what was checked last; UCON may block it, too", function)
}

func abapHint(err error) string {
	e, ok := errors.AsType[*rfc.Error](err)
	if !ok {
		return ""
	}
	switch {
	case e.Key == "FU_NOT_FOUND" || e.Class == rfc.ClassMetadata:
		return "the system has no such function module, or it is not remote enabled: rfcping search PATTERN lists names"
	case e.Class == rfc.ClassABAPRuntime:
		return "the module ended in a short dump: transaction ST22 on the system"
	case e.Class == rfc.ClassABAPException && e.Function != "":
		return "the module raised an exception it declares: rfcping describe " + e.Function + " lists them"
	}
	return ""
}

var (
	jcoKey = regexp.MustCompile(`jco\.client\.([a-z]+)`)
	// nearestKey is what an unknown name was meant to be: correcting it is the remedy, not a
	// flag.
	nearestKey = regexp.MustCompile(`did you mean jco\.[a-z._]+`)
)

// configHint names the flags behind the settings of an error.
func configHint(err error) string {
	text := nearestKey.ReplaceAllString(err.Error(), "")
	var flags []string
	add := func(name string) {
		if !slices.Contains(flags, name) {
			flags = append(flags, name)
		}
	}
	for _, m := range jcoKey.FindAllStringSubmatch(text, -1) {
		add(m[1])
	}
	for _, w := range []struct{ word, flag string }{{"client \"", "client"}, {"user has", "user"}, {"user:", "user"}} {
		if strings.Contains(text, w.word) {
			add(w.flag)
		}
	}
	var list []string
	for _, k := range keys() {
		if slices.Contains(flags, k.flag) {
			list = append(list, fmt.Sprintf("--%s or $%s (%s)", k.flag, k.variable(), k.Key))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "set " + strings.Join(list, ", ") + "; rfcping --embedded needs no settings"
}
