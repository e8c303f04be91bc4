// Package proxy reaches a partner through a proxy: SOCKS5 as the connectivity service of SAP
// BTP speaks it, with a token and the id of a Cloud Connector (method 0x80) or without either
// (method 0x00), and HTTP CONNECT. A Dialer is a DialContext; Connect does the same on a
// connection that exists. What runs through the tunnel is the partner's own byte stream.
//
// Server is the other side: a proxy with Cloud Connectors behind it, as a double for tests and
// for rfcping. It knows virtual hosts, denied ones, tokens and locations.
//
// Wire documents: spec 14 sections 2, 3 and 10; RFC 1928 for SOCKS5, RFC 9110 section 9.3.6
// for CONNECT. Tokens are fetched elsewhere, behind TokenSource. The package does not speak
// the RFC proxy of the connectivity service, whose protocol is not public, and not RFC 1929.
package proxy
