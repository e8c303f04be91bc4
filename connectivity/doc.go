// Package connectivity reaches SAP systems from programs that run on SAP BTP: in Cloud
// Foundry, and in Kubernetes with bound services.
//
// ReadBindings finds the services that are bound to the program. Tokens fetches OAuth2 tokens
// with their credentials and keeps them. DestinationService looks destinations up; it is a
// destination.Provider. Proxy is the way through the connectivity service: for RFC through
// SOCKS5, for HTTP as Transport, an http.RoundTripper. Platform puts them together.
//
// It stands above package destination, which does not know it: programs that run elsewhere
// link none of it. Protocols are those of the public guide of the connectivity service [doc];
// what is not in there is marked. The RFC proxy protocol of the connectivity service (port
// 20001) is not public, so that users cannot be propagated over RFC: such destinations are
// refused.
package connectivity
