package connectivitytest

import (
	"net/http"
	"strings"
)

// HTTPProxy is a double of the HTTP proxy of the connectivity service with Cloud Connectors
// behind it. It is an http.Handler for requests with absolute http URLs.
type HTTPProxy struct {
	Faults
	// XSUAA judges the tokens; Client is the client they have to be of.
	XSUAA  *XSUAA
	Client string
	// Trusted is the mode in which no token is wanted.
	Trusted bool
	// Locations are the Cloud Connectors by their location id, each with the systems behind its
	// virtual host:port.
	Locations map[string]map[string]http.Handler
}

// PropagatedUser is the header in which a system behind the double finds whom the Cloud
// Connector logged on. A real one gets a certificate.
const PropagatedUser = "X-Propagated-User"

// ServeHTTP implements http.Handler.
func (p *HTTPProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.next(w, r) {
		return
	}
	if r.Method == http.MethodConnect || r.URL.Scheme != "http" {
		http.Error(w, "http URLs only", http.StatusMethodNotAllowed)
		return
	}
	var caller Grant
	if !p.Trusted {
		var err error
		if caller, err = p.XSUAA.Check(bearer(r.Header, "Proxy-Authorization")); err != nil || caller.Client != p.Client {
			http.Error(w, "no valid token for the connectivity proxy", http.StatusProxyAuthRequired)
			return
		}
	}
	user := caller.User
	for _, name := range []string{"SAP-Connectivity-Authentication", "SAP-Connectivity-Technical-Authentication"} {
		if r.Header.Get(name) == "" {
			continue
		}
		g, err := p.XSUAA.Check(bearer(r.Header, name))
		if err != nil || caller.User != "" {
			http.Error(w, name+": not valid, or together with an exchanged token", http.StatusUnauthorized)
			return
		}
		if user = g.User; user == "" {
			user = g.Client
		}
	}
	if user != "" && r.Header.Get("Authorization") != "" {
		http.Error(w, "Authorization together with propagation", http.StatusBadRequest)
		return
	}
	systems, ok := p.Locations[r.Header.Get("SAP-Connectivity-SCC-Location_ID")]
	if !ok {
		http.Error(w, "no Cloud Connector for the subaccount and location", http.StatusServiceUnavailable)
		return
	}
	system, ok := systems[r.URL.Host]
	if !ok {
		http.Error(w, "Access denied to "+r.URL.Host+"; the Cloud Connector exposes no such host", http.StatusForbidden)
		return
	}
	r = r.Clone(r.Context())
	for name := range r.Header {
		if name == "Proxy-Authorization" || strings.HasPrefix(strings.ToLower(name), "sap-connectivity-") {
			r.Header.Del(name)
		}
	}
	r.Header.Del(PropagatedUser)
	if user != "" {
		r.Header.Set(PropagatedUser, user)
	}
	system.ServeHTTP(w, r)
}
